"""Remove what a release has made; what serves production stays. Called by `Clean Up` and the states like it.

Deleting an endpoint takes minutes: the answer says so, and the state machine waits and calls again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from safe_deploy import config, observability
from safe_deploy.domain.cleanup import SCOPES, CleanUp, check_not_live, clean_up
from safe_deploy.domain.fields import Fields
from safe_deploy.domain.live import Alias, LiveVersion
from safe_deploy.domain.names import Names, check_release_id
from safe_deploy.domain.ports import Outside
from safe_deploy.entry import task
from safe_deploy.errors import ConditionFailedError, TransientError
from safe_deploy.wiring import aws

logger = observability.logger()


@dataclass(frozen=True, slots=True)
class Request:
    """What the state machine sends."""

    release_id: str
    scope: str
    retire: bool
    """Whether the release has had its time and is to be recorded as retired."""
    execution_arn: str
    """Who kept a release that is to be retired warm; empty for a person."""

    @classmethod
    def from_event(cls, event: dict[str, Any]) -> Request:
        """Read the event. Raises InvalidRequestError, naming the field that is wrong."""
        given = Fields(event, "the request")
        retire = given.value("retire") if "retire" in given else False
        if not isinstance(retire, bool):
            given.fail("retire", "must be true or false")
        keeper = given.text("executionArn") if "executionArn" in given else ""
        return cls(check_release_id(given.value("releaseId")), given.choice("scope", SCOPES), retire, keeper)


@logger.inject_lambda_context
@task
def handler(event: dict[str, Any], _context: LambdaContext, *, outside: Outside | None = None) -> dict[str, Any]:
    """Return {"done", "removed", "waitingFor", "failures", "keptBy"}.

    A failure that left nothing running doesn't keep it from being done. Raises LiveEndpointError rather than touch what
    serves.
    """
    outside = outside or aws()
    request = Request.from_event(event)
    names = Names.of(config.model_name(), request.release_id)
    alias = outside.functions.live()
    if request.scope == "all":
        check_not_live(names, alias)
    keeper = retire(request, outside) if request.retire else ""
    if keeper:
        result = CleanUp(waiting_for=[f"{keeper}, which keeps release {request.release_id} warm"])
    else:
        result = clean_up(names, request.scope, outside.endpoints, outside.alarms, destinations(alias, outside))
    if result.removed or result.failures:
        detail = {"scope": request.scope, "removed": result.removed, "failures": result.failures}
        outside.releases.audit(request.release_id, "Removed", "clean_up_release", detail, outside.clock.now())
    output = {**result.to_output(), "keptBy": keeper}
    logger.info("clean-up", extra={"release": request.release_id, "result": output})
    return output


def destinations(alias: Alias, outside: Outside) -> list[LiveVersion]:
    """Return the versions that get a share of the traffic, and the one to which a deployment is about to move it."""
    versions = set(alias.shares)
    shift = outside.deployments.under_way()
    if shift is not None and not shift.undoes:
        versions.add(shift.target_version)
    return [outside.functions.version(version) for version in sorted(versions)]


def retire(request: Request, outside: Outside) -> str:
    """Note that a release is retired, before anything of it goes; or return who else keeps it warm for now.

    Whoever moves production away from a release becomes its keeper, and waits a grace time of its own. So an
    endpoint that somebody may still go back to isn't removed by one who came earlier.
    """
    release = outside.releases.find(request.release_id)
    if release is None:
        return ""
    other = release.keeper if release.keeper != request.execution_arn else ""
    if other and outside.executions.status(other) == "RUNNING":
        return other
    now = outside.clock.now()
    try:
        outside.releases.retire(release.release_id, release.keeper, now)
    except ConditionFailedError as error:
        raise TransientError(f"release {release.release_id} changed while it was retired") from error
    if not release.item.get("retiredAt"):
        outside.releases.audit(release.release_id, "Retired", "clean_up_release", {}, now)
    return ""
