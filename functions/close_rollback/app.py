"""Write down how going back ended, give the lock back, tell people once.

Called by the state `Record Rollback`; and by EventBridge when an execution of the machine ended in any way but well,
for one that was stopped can't do it itself.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from safe_deploy import config, observability
from safe_deploy.domain import rollback_notice
from safe_deploy.domain.failures import reason_of
from safe_deploy.domain.fields import Fields
from safe_deploy.domain.lock import ROLLBACK
from safe_deploy.domain.monitoring import iso
from safe_deploy.domain.names import check_release_id, release_id_of
from safe_deploy.domain.ports import Outside
from safe_deploy.domain.production import serving_words
from safe_deploy.domain.release import State, may_precede
from safe_deploy.domain.rollback import is_forward
from safe_deploy.domain.rollback_notice import Ending
from safe_deploy.entry import task
from safe_deploy.errors import ConditionFailedError, SafeDeployError, TransientError
from safe_deploy.wiring import aws

logger = observability.logger()


@dataclass(frozen=True, slots=True)
class Request:
    """What the state machine sends."""

    rollback_id: str
    execution_arn: str
    outcome: str
    by: str
    reason: str
    left: str | None
    target: str | None
    details: dict[str, Any]
    """State and error of a failure, differences, deployment, notes: whatever there is."""

    @classmethod
    def from_event(cls, event: dict[str, Any]) -> Request:
        """Read the event. Raises InvalidRequestError, naming the field that is wrong."""
        given = Fields(event, "the request")
        sent = event.get("asked")
        asked = sent if isinstance(sent, dict) else {}
        return cls(
            given.text("rollbackId"),
            given.text("executionArn"),
            given.choice("outcome", rollback_notice.OUTCOMES),
            str(asked.get("by") or "somebody who gave no name")[:200],
            str(asked.get("reason") or "no reason was given")[:2000],
            _release_of(event.get("from")),
            _release_of(event.get("to")),
            {key: event[key] for key in ("state", "error", "cleanUp", "deploymentId", "note") if event.get(key)}
            | {"differences": [str(entry) for entry in event.get("differences") or []]},
        )


@logger.inject_lambda_context
@task
def handler(event: dict[str, Any], _context: LambdaContext, *, outside: Outside | None = None) -> dict[str, Any]:
    """Return {"outcome"}: the one that was sent, unless production is where it should not be any more."""
    outside = outside or aws()
    given = of_stopped(event["stoppedExecutionArn"], outside) if "stoppedExecutionArn" in event else event
    if given.get("told"):
        return {"outcome": given["outcome"]}
    request = as_it_is(Request.from_event(given), outside)
    close(request, outside)
    return {"outcome": request.outcome}


def of_stopped(execution_arn: Any, outside: Outside) -> dict[str, Any]:
    """Return what a stopped execution would have sent, from the plan that it left; its record if people were told.

    Raises TransientError while its shift goes on, which is stopped: Lambda calls again after a minute.
    """
    arn = Fields({"stoppedExecutionArn": execution_arn}, "the request").text("stoppedExecutionArn")
    execution = outside.executions.describe(arn)
    rollback_id = f"{ROLLBACK}{release_id_of(arn, execution.started)}"
    known = outside.rollbacks.find(rollback_id)
    if known.get("told"):
        return known
    plan: dict[str, Any] = known.get("plan") or {"status": "", "asked": {}, "from": None, "to": None}
    shift = outside.deployments.under_way()
    if shift is not None and plan["to"] and shift.target_version == plan["to"]["version"]:
        outside.deployments.stop(shift.deployment_id)
        raise TransientError(f"the deployment {shift.deployment_id} of {rollback_id} is being stopped")
    said = ": ".join(part for part in (execution.error, execution.cause) if part)
    shifts = plan["status"] in ("shift", "create")
    return {
        "rollbackId": rollback_id,
        "executionArn": arn,
        "outcome": "failed",
        "asked": plan["asked"],
        "from": plan["from"],
        "to": plan["to"],
        "error": {"Error": "ExecutionStopped", "Cause": f"its execution ended as {execution.status} ({said})"},
        "deploymentId": "of an execution that was stopped" if shifts else None,
        "note": "An endpoint that was made for it, and serves nothing, is removed within the hour." if shifts else "",
    }


def as_it_is(request: Request, outside: Outside) -> Request:
    """Return the request; one that tells of a failed shift, though traffic did arrive, as one that tells of that."""
    if request.outcome != "failed" or not request.details.get("deploymentId"):
        return request
    try:
        alias = outside.functions.live()
    except SafeDeployError:
        return request
    arrived = alias.main.release_id == request.target and not alias.is_shifting
    return replace(request, outcome="restored") if arrived else request


def close(request: Request, outside: Outside) -> None:
    """Bring the records to where production is, free the lock, and send the one notice."""
    now = outside.clock.now()
    if request.outcome == "restored":
        settle(request, outside)
    known = outside.rollbacks.find(request.rollback_id)
    ending = ending_of(request, outside)
    item = {
        **known,
        "executionArn": request.execution_arn,
        "outcome": request.outcome,
        "by": request.by,
        "reason": request.reason,
        "fromReleaseId": request.left or "",
        "toReleaseId": request.target or "",
        "endedAt": known.get("endedAt") or iso(now),
        "problem": ending.problem,
        **request.details,
    }
    outside.rollbacks.write(request.rollback_id, item | {"told": bool(known.get("told"))})
    free_lock(request.rollback_id, outside)
    if known.get("told"):
        return
    notice = rollback_notice.of(config.model_name(), ending)
    outside.topic.publish(notice.subject, notice.text)
    outside.rollbacks.write(request.rollback_id, item | {"told": True})
    logger.info("rollback closed", extra={"rollback": request.rollback_id, "outcome": request.outcome})


def settle(request: Request, outside: Outside) -> None:
    """Record the target as live, and the release that one came from as rolled back or as the predecessor again."""
    now = outside.clock.now()
    words = {"rollbackId": request.rollback_id, "by": request.by, "reason": request.reason, "at": iso(now)}
    if request.target:
        detail = {**words, "fromReleaseId": request.left or ""}
        outside.releases.restore(request.target, {"restored": detail}, now)
        outside.releases.audit(request.target, "Restored", request.by, detail, now)
    left = outside.releases.find(request.left) if request.left else None
    if left is None or request.target is None:
        return
    detail = {**words, "toReleaseId": request.target, "differences": request.details["differences"]}
    keeper = {"keeper": request.execution_arn}
    if is_forward(left.release_id, request.target):
        outside.releases.update(left.release_id, keeper, now)
        outside.releases.audit(left.release_id, "Replaced", request.by, detail, now)
    elif left.state in may_precede(State.ROLLED_BACK):
        reason = f"{request.by} went back to release {request.target}: {request.reason}"
        attributes = {**keeper, "rollback": detail, "reason": reason}
        outside.releases.update(left.release_id, attributes, now, state=State.ROLLED_BACK)
        outside.releases.audit(left.release_id, str(State.ROLLED_BACK), request.by, detail, now)


def ending_of(request: Request, outside: Outside) -> Ending:
    """Return what there is to tell."""
    try:
        serving = serving_words(outside.functions.live())
    except SafeDeployError as unreadable:
        serving = f"What production serves from could not be read: {unreadable}"
    error = request.details.get("error")
    problem = reason_of(error) if error else ""
    target = outside.releases.find(request.target) if request.target else None
    check = (target.item.get("versionCheck") or {}) if target else {}
    if check.get("deploymentId") != request.details.get("deploymentId"):
        check = {}
    if problem:
        problem = "; ".join([*check.get("failures", ()), problem])
    clean_up = request.details.get("cleanUp")
    return Ending(
        outcome=request.outcome,
        by=request.by,
        reason=request.reason,
        left=request.left or "",
        target=request.target or "",
        serving=serving,
        problem=problem,
        state=str(request.details.get("state") or ""),
        differences=request.details["differences"],
        notes=[
            str(request.details.get("note") or ""),
            *check.get("notes", ()),
            f"Not everything could be removed, so look for leftovers: {reason_of(clean_up)}" if clean_up else "",
        ],
    )


def free_lock(rollback_id: str, outside: Outside) -> None:
    """Free the lock, if this rollback holds it."""
    lock = outside.locks.read()
    if lock is None or lock.holder != rollback_id:
        return
    try:
        outside.locks.write(lock.released(), previous=lock)
    except ConditionFailedError as error:
        raise TransientError("the lock changed while it was freed") from error


def _release_of(given: Any) -> str | None:
    return check_release_id(given["releaseId"]) if isinstance(given, dict) else None
