"""Remove what a release has made; what serves production stays. Called by `Clean Up` and the states like it.

Deleting an endpoint takes minutes: the answer says so, and the state machine waits and calls again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from safe_deploy import config, observability
from safe_deploy.domain.cleanup import SCOPES, clean_up
from safe_deploy.domain.fields import Fields
from safe_deploy.domain.monitoring import iso
from safe_deploy.domain.names import Names, check_release_id
from safe_deploy.domain.ports import Outside
from safe_deploy.domain.release import State
from safe_deploy.entry import task
from safe_deploy.wiring import aws

logger = observability.logger()


@dataclass(frozen=True, slots=True)
class Request:
    """What the state machine sends."""

    release_id: str
    scope: str
    retire: bool
    """Whether the release has had its time and is to be recorded as retired."""

    @classmethod
    def from_event(cls, event: dict[str, Any]) -> Request:
        """Read the event. Raises InvalidRequestError, naming the field that is wrong."""
        given = Fields(event, "the request")
        retire = given.value("retire") if "retire" in given else False
        if not isinstance(retire, bool):
            given.fail("retire", "must be true or false")
        return cls(check_release_id(given.value("releaseId")), given.choice("scope", SCOPES), retire)


@logger.inject_lambda_context
@task
def handler(event: dict[str, Any], _context: LambdaContext, *, outside: Outside | None = None) -> dict[str, Any]:
    """Return {"done", "removed", "waitingFor"}. Raises RefusedError rather than touch what serves."""
    outside = outside or aws()
    request = Request.from_event(event)
    names = Names.of(config.model_name(), request.release_id)
    alias = outside.functions.live()
    shifting_to = [outside.functions.version(version) for version, share in alias.others.items() if share > 0]
    result = clean_up(names, request.scope, outside.endpoints, alias, shifting_to)
    now, output = outside.clock.now(), result.to_output()
    if result.removed:
        detail = {"scope": request.scope, "removed": result.removed}
        outside.releases.audit(request.release_id, "Removed", "clean_up_release", detail, now)
    release = outside.releases.find(request.release_id)
    if result.done and request.retire and release is not None and release.state is State.LIVE:
        outside.releases.audit(request.release_id, "Retired", "clean_up_release", {}, now)
        outside.releases.update(request.release_id, {"retiredAt": iso(now)}, now, state=State.RETIRED)
    logger.info("clean-up", extra={"release": request.release_id, "result": output})
    return output
