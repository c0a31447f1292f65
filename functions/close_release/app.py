"""Write down how a release ended, free the lock, tell people once.

Called by the states `Record Outcome` and `Announce Release` of the release machine and of the abandon machine.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from safe_deploy import config, observability
from safe_deploy.domain import notices
from safe_deploy.domain.decision import ApprovalState
from safe_deploy.domain.failures import reason_of
from safe_deploy.domain.fields import Fields
from safe_deploy.domain.figures import moment
from safe_deploy.domain.monitoring import iso, parse_time
from safe_deploy.domain.names import VARIANT, check_release_id
from safe_deploy.domain.ports import Outside
from safe_deploy.domain.release import Release, State
from safe_deploy.domain.shift.record import told
from safe_deploy.entry import task
from safe_deploy.errors import ConditionFailedError, TransientError
from safe_deploy.wiring import aws

STATES = {
    "live": State.LIVE,
    "refused": State.REFUSED,
    "failed": State.FAILED,
    "rejected": State.REJECTED,
    "expired": State.EXPIRED,
    "stale": State.STALE,
    "superseded": State.SUPERSEDED,
    "stopped": State.STOPPED,
    "rolledBack": State.ROLLED_BACK,
}
DUPLICATE = "duplicate"
DETAILS = ("state", "version", "previousVersion", "deploymentId")
UNREAD = {
    "unconfirmed": "Whether traffic went back could not be seen",
    "unverified": "Production could not be read back",
}
"""What could not be looked at after traffic went back: by the error's name in the request, in words."""

logger = observability.logger()


@dataclass(frozen=True, slots=True)
class Request:
    """What the state machine sends."""

    release_id: str
    outcome: str
    error: Any
    clean_up: Any
    """The error of a clean-up that failed, if one did."""
    scaling: Any
    """The error of a live release's endpoint that was not allowed to scale in, if it wasn't."""
    unread: dict[str, Any]
    """Errors of looks that failed, by their names in `UNREAD`."""
    details: dict[str, Any]

    @classmethod
    def from_event(cls, event: dict[str, Any]) -> Request:
        """Read the event. Raises InvalidRequestError, naming the field that is wrong."""
        given = Fields(event, "the request")
        return cls(
            check_release_id(given.value("releaseId")),
            given.choice("outcome", (*STATES, DUPLICATE)),
            event.get("error"),
            event.get("cleanUp"),
            event.get("scaling"),
            {key: event[key] for key in UNREAD if event.get(key) is not None},
            {key: event[key] for key in DETAILS if event.get(key) is not None},
        )


@logger.inject_lambda_context
@task
def handler(event: dict[str, Any], _context: LambdaContext, *, outside: Outside | None = None) -> dict[str, Any]:
    """Return {}."""
    request = Request.from_event(event)
    if request.outcome != DUPLICATE:
        close(request, outside or aws())
    return {}


def close(request: Request, outside: Outside) -> None:
    """Record the outcome, end what hangs on the release, and send the one notice."""
    state, now = STATES[request.outcome], outside.clock.now()
    free_lock(request.release_id, outside)
    reason = reason_for(request, outside.releases.find(request.release_id))
    if state is State.LIVE and outside.releases.get(request.release_id).item.get("rollback"):
        return  # somebody has gone back from it before it could be announced
    release = settle(request, state, reason, outside)
    if release.item.get("approvalId"):
        ended = ApprovalState.EXPIRED if state is State.EXPIRED else ApprovalState.WITHDRAWN
        outside.approvals.withdraw(release.item["approvalId"], ended)
    if state is State.LIVE and release.champion:
        outside.releases.update(release.champion.release_id, {"keeper": release.execution_arn}, now)
    if release.item.get("noticedAs") == str(state):
        return
    notice = notices.outcome(config.model_name(), release, reason, notes_of(request, release))
    outside.topic.publish(notice.subject, notice.text)
    outside.releases.audit(release.release_id, str(state), "close_release", {"reason": reason, **request.details}, now)
    outside.releases.update(release.release_id, {"noticedAs": str(state)}, now)
    logger.info("closed", extra={"release": release.release_id, "state": state, "reason": reason})


def settle(request: Request, state: State, reason: str, outside: Outside) -> Release:
    """Bring the record to its final state; a release that failed before it was registered gets one."""
    now = outside.clock.now()
    attributes = {"reason": reason, "closedAt": iso(now), "closing": request.details}
    early = state in (State.FAILED, State.REFUSED, State.STOPPED)
    if early and outside.releases.create(request.release_id, state, attributes, now):
        return outside.releases.get(request.release_id)
    release = outside.releases.get(request.release_id)
    if release.state is state and release.item.get("closedAt"):
        return release
    return outside.releases.update(request.release_id, attributes, now, state=state)


def reason_for(request: Request, release: Release | None) -> str:
    """Return why it ended so: the person's words, what the hooks found, or what the failed state said."""
    if release is not None and request.outcome == "refused" and release.item.get("reason"):
        return str(release.item["reason"])
    decision = (release.item.get("decision") or {}) if release else {}
    if request.outcome == "rejected" and decision:
        return f"{decision['by']}: {decision['reason']}"
    if request.outcome == "live":
        return ""
    said = reason_of(request.error)
    if request.outcome == "failed" and decision.get("decision") == "reject":
        said = f"rejected by {decision['by']}: {decision['reason']}; then {said}"
    stopped = (release.item.get("stoppedBy") or {}) if release else {}
    if stopped and request.outcome in ("rolledBack", "failed", "stale"):
        said = f"{stopped['by']} went back to what served before: {stopped['reason']}; {said}"
    if release is not None and request.outcome == "rolledBack":
        checks = [release.item.get(name) or {} for name in ("versionCheck", "trafficCheck")]
        found = [failure for check in checks for failure in check.get("failures", ())]
        said = "; ".join([*found, said])
    return said


def notes_of(request: Request, release: Release) -> list[str]:
    """Return what a person should know besides."""
    notes = []
    decision = release.item.get("decision") or {}
    if request.outcome == "live":
        if release.is_code_only:
            notes.append(f"It changes the inference code alone; the model stays that of release {release.trained_by}.")
        if decision:
            notes.append(f"Approved by {decision['by']} at {moment(parse_time(decision['at'], 'at'))}.")
        if request.error:
            notes.append(f"One thing is missing, and needs you: {reason_of(request.error)}")
        if request.scaling:
            notes.append(scale_in_note(request, release))
    notes.extend(break_glass_note(release))
    if request.outcome in ("live", "rolledBack"):
        notes += told(release)
    read_back = release.item.get("productionCheck") or {}
    if request.outcome != "live" and read_back:
        notes.append(f"Read back afterwards: {read_back['serving']}")
        notes.extend(f"Not as it should be: {sentence}" for sentence in read_back["differences"])
    notes.extend(f"{UNREAD[look]}: {reason_of(error)}" for look, error in request.unread.items())
    if request.clean_up:
        notes.append(f"Not everything could be removed, so look for leftovers: {reason_of(request.clean_up)}")
    if request.details.get("state"):
        notes.append(f"Ended in the state: {request.details['state']}")
    return notes


def scale_in_note(request: Request, release: Release) -> str:
    """Return what to do about an endpoint that only grows."""
    return (
        "Its endpoint grows with traffic but doesn't shrink, which costs, until you let it: "
        f"{reason_of(request.scaling)}\n"
        "aws application-autoscaling register-scalable-target --service-namespace sagemaker "
        "--scalable-dimension sagemaker:variant:DesiredInstanceCount "
        f"--resource-id endpoint/{release.names.production_endpoint}/variant/{VARIANT} "
        "--suspended-state DynamicScalingInSuspended=false"
    )


def break_glass_note(release: Release) -> list[str]:
    """Return what became of a broken glass, once the release had come to its alarms."""
    glass, check = release.break_glass, release.item.get("alarmCheck")
    if glass is None or not check:
        return []
    firing = ", ".join(check["firing"])
    found = f"although {firing} fired" if firing else "with the alarms on what was live left out; none fired"
    return [
        f"Break glass: traffic was allowed to shift {found}. Asked for by {glass.by}: {notices.quoted(glass.reason)}"
    ]


def free_lock(release_id: str, outside: Outside) -> None:
    """Free the lock, if this release holds it."""
    lock = outside.locks.read()
    if lock is None or lock.holder != release_id:
        return
    try:
        outside.locks.write(lock.released(), previous=lock)
    except ConditionFailedError as error:
        raise TransientError("the lock changed while it was freed") from error
