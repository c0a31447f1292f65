"""Let one release at a time move production, and only on evidence that still holds.

Called by the state `Take Release Lock`, which waits and calls again while another release is at it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from safe_deploy import config, observability
from safe_deploy.domain import notices
from safe_deploy.domain.evidence import gather
from safe_deploy.domain.fields import Fields
from safe_deploy.domain.inference import LATEST, Inference
from safe_deploy.domain.live import ALIAS_IS_GONE, Alias, change_since
from safe_deploy.domain.lock import Lock, is_abandoned, is_free_for, taken
from safe_deploy.domain.monitoring import iso
from safe_deploy.domain.names import check_release_id
from safe_deploy.domain.out_of_band import unacknowledged
from safe_deploy.domain.ports import Outside
from safe_deploy.domain.release import Release, State
from safe_deploy.entry import task
from safe_deploy.errors import ConditionFailedError, InvalidRequestError, NotFoundError, RefusedError
from safe_deploy.wiring import aws

logger = observability.logger()


@dataclass(frozen=True, slots=True)
class Request:
    """What the state machine sends."""

    release_id: str
    execution_arn: str

    @classmethod
    def from_event(cls, event: dict[str, Any]) -> Request:
        """Read the event. Raises InvalidRequestError, naming the field that is wrong."""
        given = Fields(event, "the request")
        return cls(check_release_id(given.value("releaseId")), given.text("executionArn"))


@logger.inject_lambda_context
@task
def handler(event: dict[str, Any], _context: LambdaContext, *, outside: Outside | None = None) -> dict[str, Any]:
    """Return {"status": "taken" | "waiting" | "stale" | "superseded", "holder", "fencingToken", "reason"}."""
    outside = outside or aws()
    request = Request.from_event(event)
    release = outside.releases.get(request.release_id)
    if (release.item.get("decision") or {}).get("decision") != "approve":
        raise RefusedError(f"release {release.release_id} has not been approved")
    answer = take(request, release, outside)
    logger.info("lock", extra={"release": release.release_id, "answer": answer})
    return answer


def take(request: Request, release: Release, outside: Outside) -> dict[str, Any]:
    """Take the lock, then look whether the evidence still holds: nobody else moves production meanwhile."""
    now = outside.clock.now()
    before = outside.locks.read()
    holds = before is not None and before.holder == request.release_id
    newer = "" if holds else newer_in_line(request.release_id, outside)
    if newer:
        words = f"release {newer} is newer, approved too, and waits for its turn"
        return superseded(release, words, before, outside, now)
    reason = why_waiting(before, request, outside, now)
    lock = before
    if reason is None:
        lock = taken(before, request.release_id, request.execution_arn, now)
        try:
            outside.locks.write(lock, previous=before)
        except ConditionFailedError:
            lock, reason = outside.locks.read(), "another release was faster"
    mine = lock if reason is None else None
    alias = live(outside)
    newer = newer_that_serves(release, alias, outside)
    stale = None if newer else why_stale(release, alias, outside)
    if not newer and stale is None and reason is None:
        reason = why_unsafe(outside)
    if mine is not None and (newer or stale or reason):
        outside.locks.write(mine.released(), previous=mine)
    if newer:
        return superseded(release, f"release {newer} is newer, and production serves from it", lock, outside, now)
    if stale:
        outside.releases.audit(release.release_id, "Stale", "take_lock", {"reason": stale}, now)
        return answered("stale", lock, stale)
    if reason:
        stand_in_line(release, reason, outside, now)
    if reason or mine is None:
        return answered("waiting", lock, reason)
    outside.releases.audit(
        release.release_id, "Lock taken", request.execution_arn, {"fencingToken": mine.fencing_token}, now
    )
    outside.releases.update(release.release_id, {"fencingToken": mine.fencing_token}, now, state=State.PROMOTING)
    return answered("taken", mine, None)


def why_waiting(lock: Lock | None, request: Request, outside: Outside, now: datetime) -> str | None:
    """Return a sentence about the present holder, or None when the lock may be taken."""
    if lock is None or is_free_for(lock, request.release_id):
        return None
    if is_abandoned(lock, outside.executions.status(lock.execution_arn), now):
        logger.info("lock taken over", extra={"from": lock.holder})
        return None
    return f"{lock.words} is moving production"


def why_unsafe(outside: Outside) -> str | None:
    """Return a sentence when traffic moves, or may begin to, though nobody holds the lock who would say so."""
    running = outside.deployments.under_way()
    if running:
        return f"the deployment {running.deployment_id} is in progress, and its release doesn't hold the lock"
    if live(outside).is_shifting:
        return "traffic is being shifted by somebody who doesn't hold the lock"
    return None


def newer_in_line(release_id: str, outside: Outside) -> str:
    """Return the newer release that waits for the lock, empty when there is none. Ids sort by time."""
    other = outside.locks.waiting()
    if other <= release_id:
        return ""
    newer = outside.releases.find(other)
    if newer is None or newer.state is not State.APPROVED:
        return ""
    return other if outside.executions.status(newer.execution_arn) == "RUNNING" else ""


def newer_that_serves(release: Release, alias: Alias, outside: Outside) -> str:
    """Return the newer release that went live while this one waited, empty when there is none.

    What the alias was moved to by hand doesn't count. Nor, for new data, does newer code on the old model.
    """
    then, now = release.champion.release_id if release.champion else "", alias.main.release_id
    if not alias.main.serves or now == then or began(now) <= began(release.release_id):
        return ""
    newer = outside.releases.find(now)
    if newer is None or newer.state not in (State.PROMOTING, State.LIVE):
        return ""
    return now if release.is_code_only or began(newer.trained_by) > began(release.release_id) else ""


def began(release_id: str) -> str:
    """Return the second in which a release began. Of two in the same second neither is the newer."""
    return release_id.rpartition("-")[0]


def superseded(release: Release, reason: str, lock: Lock | None, outside: Outside, now: datetime) -> dict[str, Any]:
    """Record that a newer release took this one's place, and return the answer."""
    outside.releases.audit(release.release_id, "Superseded", "take_lock", {"reason": reason}, now)
    return answered("superseded", lock, reason)


def live(outside: Outside) -> Alias:
    """Return what the alias says. Raises RefusedError when there is none: there is nothing to shift then."""
    try:
        return outside.functions.live()
    except NotFoundError as error:
        raise RefusedError(f"{ALIAS_IS_GONE}: {error}. Put it right, then drop the release again") from error


def stand_in_line(release: Release, reason: str, outside: Outside, now: datetime) -> None:
    """Let everybody see who waits, and why; tell people once."""
    previous = outside.locks.waiting()
    if previous != release.release_id:
        try:
            outside.locks.wait(release.release_id, previous=previous)
        except ConditionFailedError:
            logger.info("another release came to wait at the same time; the next look finds who is newer")
    waited = release.item.get("waiting") or {}
    if not waited:
        notice = notices.waits(config.model_name(), release.release_id, reason)
        outside.topic.publish(notice.subject, notice.text)
    if waited.get("reason") != reason:
        since = waited.get("since") or iso(now)
        outside.releases.update(release.release_id, {"waiting": {"reason": reason, "since": since}}, now)
        outside.releases.audit(release.release_id, "Waiting", "take_lock", {"reason": reason}, now)


def why_stale(release: Release, alias: Alias, outside: Outside) -> str | None:
    """Return a sentence about what has changed since a person said yes, or None when nothing has."""
    by_hand = unacknowledged(outside.upkeep.last(), release.section("manifest").get("acknowledge") or ())
    if by_hand:
        return by_hand
    changed = change_since(release.champion, release.live_version, alias)
    if changed:
        return changed
    tested = release.tested_inference or Inference()
    deployed = tested.differences(outside.functions.version(LATEST).inference)
    if deployed:
        return f"the inference function was deployed anew since it was tested and approved: {'; '.join(deployed)}"
    return why_altered(release, outside)


def why_altered(release: Release, outside: Outside) -> str | None:
    """Return a sentence when the evidence isn't what a person has seen, or None when it is."""
    try:
        digest = gather(release, outside.objects).digest
    except NotFoundError as error:
        return f"part of the evidence is gone: {error}"
    except InvalidRequestError as error:
        return f"part of the evidence is not what was approved: {error}"
    if digest != release.section("decision")["evidenceDigest"]:
        return "the evidence is not what was approved: a file or the record has changed since"
    return None


def answered(status: str, lock: Lock | None, reason: str | None) -> dict[str, Any]:
    """Return the answer."""
    return {
        "status": status,
        "holder": lock.holder if lock else "",
        "fencingToken": lock.fencing_token if lock else 0,
        "reason": reason,
    }
