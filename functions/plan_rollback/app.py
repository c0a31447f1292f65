"""Decide how production goes back, and take the lock for it. Called by the state `Plan Rollback`, as often as need be.

A rollback has precedence: it takes the lock from a release, whose version is then refused by check_version.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from safe_deploy import config, observability
from safe_deploy.domain.fields import Fields
from safe_deploy.domain.lock import Lock, is_abandoned, is_free_for, taken
from safe_deploy.domain.monitoring import iso
from safe_deploy.domain.names import check_release_id
from safe_deploy.domain.ports import ModelPackage, Outside
from safe_deploy.domain.release import Release, State
from safe_deploy.domain.rollback import Production, WayBack, moved_by_hand, package_needed, way_back
from safe_deploy.entry import task
from safe_deploy.errors import ConditionFailedError, InvalidRequestError, NoWayBackError
from safe_deploy.wiring import aws

logger = observability.logger()


@dataclass(frozen=True, slots=True)
class Request:
    """What a person asks for, and what the state machine knows."""

    rollback_id: str
    execution_arn: str
    reason: str
    by: str
    release_id: str | None
    """None for the predecessor."""
    stopped: str | None
    """The release whose shift this rollback has stopped; None also for one that is not on record."""
    decided: bool = False
    """Whether an earlier plan said where to, and stopped a shift on the way there."""

    @classmethod
    def from_event(cls, event: dict[str, Any]) -> Request:
        """Read the event. Raises InvalidRequestError, naming the field that is wrong."""
        given = Fields(event, "the request")
        asked = Fields(given.value("asked"), "the input")
        reason, by = asked.prose("reason", maximum=2000), asked.line("by", maximum=200)
        release_id = check_release_id(asked.value("releaseId")) if "releaseId" in asked else None
        asked.end()
        return cls(
            given.text("rollbackId"),
            given.text("executionArn"),
            reason,
            by,
            release_id if given.value("toReleaseId") is None else check_release_id(given.value("toReleaseId")),
            None if given.value("stopped") is None else check_release_id(given.value("stopped")),
            given.value("toReleaseId") is not None,
        )

    def to_item(self, outside: Outside) -> dict[str, str]:
        """Return who goes back and why, as it stands in the record of whom it concerns."""
        return {"rollbackId": self.rollback_id, "by": self.by, "reason": self.reason, "at": iso(outside.clock.now())}


@logger.inject_lambda_context
@task
def handler(event: dict[str, Any], _context: LambdaContext, *, outside: Outside | None = None) -> dict[str, Any]:
    """Return {"status": "refused" | "waiting" | "stop" | "back" | "shift" | "create", "reason", "from", "to", ...}."""
    try:
        answer = plan(Request.from_event(event), outside or aws())
    except (InvalidRequestError, NoWayBackError) as error:
        answer = {"status": "refused", "reason": str(error)}
    logger.info("rollback", extra={"rollback": str(event.get("rollbackId")), "answer": answer})
    return answer


def plan(request: Request, outside: Outside) -> dict[str, Any]:
    """Refuse what can't be before anything is touched; then take the lock, and look again."""
    way = look(request, outside)
    package_needed(way.target, outside)
    if way.step != "wait":
        reason = take_lock(request, outside)
        if reason:
            return {"status": "waiting", "reason": reason}
        way = look(request, outside)
    if way.step == "wait":
        return {"status": "waiting", "reason": "CodeDeploy is shifting traffic back already"}
    if way.step == "stop":
        stop_is_ours(way.leaving.release_id, request, outside)
    if way.step in ("stop", "back"):
        return remembered(described(way, way.step, request, None, outside), request, outside)
    # Whoever retires the target from now on finds that somebody else keeps it, and leaves it.
    kept = outside.releases.update(way.target.release_id, {"keeper": request.execution_arn}, outside.clock.now())
    if kept.state is State.PROMOTING:
        outside.releases.update(kept.release_id, {}, outside.clock.now(), state=State.LIVE)
    package = package_needed(kept, outside)
    answer = described(way, "create" if package else "shift", request, package, outside)
    return remembered(answer, request, outside)


def look(request: Request, outside: Outside) -> WayBack:
    """Look at production, and find the way back."""
    return way_back(request.release_id, request.decided, Production.seen(outside), config.model_name(), outside)


def take_lock(request: Request, outside: Outside) -> str | None:
    """Take the lock; return a sentence when another rollback has it, which alone is waited for."""
    now = outside.clock.now()
    before = outside.locks.read()
    holder = None if before is None or is_free_for(before, request.rollback_id) else before
    if holder is not None and is_abandoned(holder, outside.executions.status(holder.execution_arn), now):
        holder = None
    if holder is not None and holder.is_rollbacks:
        return f"{holder.words} is at it"
    lock = taken(before, request.rollback_id, request.execution_arn, now)
    try:
        outside.locks.write(lock, previous=before)
    except ConditionFailedError:
        return "somebody else was faster to take the lock"
    if holder is not None:
        tell_the_holder(holder, request, outside)
    return None


def tell_the_holder(lock: Lock, request: Request, outside: Outside) -> None:
    """Write down with the release that had the lock who took it, and why."""
    if outside.releases.find(lock.holder) is not None:
        stop_is_ours(lock.holder, request, outside)
        outside.releases.audit(lock.holder, "Lock lost", request.by, request.to_item(outside), outside.clock.now())


def stop_is_ours(release_id: str, request: Request, outside: Outside) -> None:
    """Write down with a release that is stopped on its way to production who did it, and why."""
    if outside.releases.find(release_id) is not None:
        outside.releases.update(release_id, {"stoppedBy": request.to_item(outside)}, outside.clock.now())


def remembered(answer: dict[str, Any], request: Request, outside: Outside) -> dict[str, Any]:
    """Write the plan down, and return it: should the execution be stopped, close_rollback goes by it."""
    asked = {"by": request.by, "reason": request.reason}
    plan = {"status": answer["status"], "asked": asked, "from": answer["from"], "to": answer["to"]}
    outside.rollbacks.write(request.rollback_id, {"executionArn": request.execution_arn, "plan": plan})
    return answer


def described(
    way: WayBack, status: str, request: Request, package: ModelPackage | None, outside: Outside
) -> dict[str, Any]:
    """Return the plan as the state machine reads it."""
    production, names = way.production, way.target.names
    left = left_behind(way, request)
    record = outside.releases.find(left) if left else None
    return {
        "status": status,
        "reason": None,
        "deploymentId": production.shift.deployment_id if production.shift else None,
        "currentVersion": production.alias.main.version,
        "liveEndpoint": production.alias.main.endpoint_name if production.alias.main.serves else None,
        "note": noted(way, request, record) if status in ("shift", "create") else "",
        "from": None if record is None else came_from(record),
        "to": {
            "releaseId": way.target.release_id,
            "version": way.version.version,
            "endpointName": names.production_endpoint,
            "model": names.model,
            "schedule": names.schedule,
            "capture": way.target.place("capture"),
            "image": package.image if package else None,
            "modelDataUrl": package.model_data_url if package else None,
        },
    }


def left_behind(way: WayBack, request: Request) -> str | None:
    """Return the release that one comes from: what production leaves; where that serves on, what was stopped."""
    if way.step == "back":
        return request.stopped
    return way.leaving.release_id if way.leaving.serves else None


def noted(way: WayBack, request: Request, record: Release | None) -> str:
    """Return what a person should know besides, of the release that production leaves and of one that was stopped."""
    stopped = "" if request.stopped in (None, way.leaving.release_id) else request.stopped
    on_the_way = f"On the way, the shift to release {stopped} was stopped." if stopped else ""
    return " ".join(filter(None, (on_the_way, moved_by_hand(way.leaving, record))))


def came_from(record: Release) -> dict[str, Any]:
    """Return what the state machine has to know of the release that one goes back from."""
    return {
        "releaseId": record.release_id,
        "schedule": record.names.schedule,
        "graceSeconds": record.section("graceSeconds"),
    }
