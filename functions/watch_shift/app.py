"""Watch traffic move to a candidate: compare it with the champion, see that no hook hangs, decide in time.

Called by the states `Watch Shift`, look by look, and `Decide Shift`, once before the last step.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from safe_deploy import config, observability
from safe_deploy.domain.fields import Fields
from safe_deploy.domain.names import check_release_id
from safe_deploy.domain.ports import Outside
from safe_deploy.domain.shift.evidence import Versions
from safe_deploy.domain.shift.record import decide
from safe_deploy.domain.shift.watch import LookRequest, Watch
from safe_deploy.entry import task
from safe_deploy.wiring import aws

logger = observability.logger()


@dataclass(frozen=True, slots=True)
class Request:
    """What the state machine sends."""

    release_id: str
    deployment_id: str
    look: int
    """From 1; 0 asks for the decision."""
    versions: Versions

    @classmethod
    def from_event(cls, event: dict[str, Any]) -> Request:
        """Read the event. Raises InvalidRequestError, naming the field that is wrong."""
        given = Fields(event, "the request")
        return cls(
            check_release_id(given.value("releaseId")),
            given.text("deploymentId"),
            given.integer("look", minimum=0, maximum=1_000_000),
            Versions(given.text("previousVersion"), given.text("version")),
        )


@logger.inject_lambda_context
@task
def handler(event: dict[str, Any], _context: LambdaContext, *, outside: Outside | None = None) -> dict[str, Any]:
    """Return {"status", "reason"}, for a look also {"verdict", "seconds"}: see `shift.watch` and `shift.record`."""
    request, outside = Request.from_event(event), outside or aws()
    return decision(request, outside) if request.look == 0 else look(request, outside)


def look(request: Request, outside: Outside) -> dict[str, Any]:
    """Look once; tell the audit trail when the verdict changes, and record what was found.

    In this order, since it is the record that shows the change: an attempt that dies between the two is repeated by
    the next, and the trail keeps the same entry once.
    """
    release = outside.releases.get(request.release_id)
    hooks = {
        "BeforeAllowTraffic": int(config.setting("CHECK_VERSION_SECONDS")),
        "AfterAllowTraffic": int(config.setting("CHECK_TRAFFIC_SECONDS")),
    }
    watch = Watch(release, LookRequest(request.deployment_id, request.look, request.versions), outside, hooks)
    before = watch.record
    answer = watch.look()
    after = watch.record
    if after.content != before.content:
        if after.content.get("status") != before.content.get("status"):
            detail = {key: after.content[key] for key in ("reason", "looks", "live", "replayed")}
            event = f"Shift: {after.status}"
            outside.releases.audit(release.release_id, event, "watch_shift", detail, watch.now)
        outside.releases.update(release.release_id, {"shift": after.to_item()}, watch.now)
    logger.info(
        "looked at the shift",
        extra={"release": release.release_id, "deployment": request.deployment_id, "look": request.look, **answer},
    )
    return answer


def decision(request: Request, outside: Outside) -> dict[str, Any]:
    """Decide at the deadline by what the looks have recorded."""
    answer = decide(outside.releases.get(request.release_id), request.deployment_id)
    outside.releases.audit(
        request.release_id, f"Shift decided: {answer['status']}", "watch_shift", answer, outside.clock.now()
    )
    logger.info("decided on the shift", extra={"release": request.release_id, **answer})
    return answer
