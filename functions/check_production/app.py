"""Look whether somebody has changed production by hand. Called every hour by a schedule, and by people.

A finding is told once, again when it changes, and when all is well again. While a release or a rollback holds the lock,
the alias is its business, and so is what it is about to serve from.
"""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from safe_deploy import config, observability
from safe_deploy.domain import notices
from safe_deploy.domain.leases import TIDYING
from safe_deploy.domain.live import Alias
from safe_deploy.domain.lock import Lock
from safe_deploy.domain.monitoring import iso
from safe_deploy.domain.out_of_band import (
    ALIAS_MOVED,
    OF_WHAT_SERVES,
    WEIGHTS_LEFT,
    Finding,
    alias_gone,
    alias_moved,
    serving,
)
from safe_deploy.domain.ports import Outside
from safe_deploy.domain.release import Release, State
from safe_deploy.errors import NotFoundError
from safe_deploy.wiring import aws

METRIC = "ChangesByHand"

logger = observability.logger()


@logger.inject_lambda_context
def handler(_event: dict[str, Any], _context: LambdaContext, *, outside: Outside | None = None) -> dict[str, Any]:
    """Return {"at", "version", "releaseId", "findings": [{"id", "text"}]}."""
    outside = outside or aws()
    now, last = outside.clock.now(), outside.upkeep.last()
    lock = outside.locks.read()
    try:
        alias = outside.functions.live()
    except NotFoundError:  # nobody deletes it but by hand, whoever holds the lock
        findings, seen = [alias_gone(last), *of_what_serves(last)], None
    else:
        findings, seen = look(alias, lock, last, outside)
    settled = {**seen, "at": iso(now)} if seen else {key: last.get(key) for key in ("version", "releaseId", "at")}
    item = {**settled, "findings": [finding.to_item() for finding in findings]}
    tell(findings, last, outside)
    outside.metrics.put({"ModelName": config.model_name()}, {METRIC: float(len(findings))}, now)
    outside.upkeep.write(item)
    logger.info("production", extra={"found": item})
    return item


def look(
    alias: Alias, lock: Lock | None, last: dict[str, Any], outside: Outside
) -> tuple[list[Finding], dict[str, str] | None]:
    """Return what is wrong, and what serves if that is as it should be; `lock` was read before `alias`."""
    record = outside.releases.find(alias.main.release_id) if alias.main.serves else None
    mover = who_moves(lock, outside)
    moving = mover is not None
    findings = traffic(alias, record, last, moving, outside)
    if mover not in ("", alias.main.release_id):
        findings += serving(alias, record, outside.endpoints)
    else:  # what serves is only just being made complete
        findings += of_what_serves(last)
    # A version that nobody answers for is not taken as what should be, however often it is seen.
    settled = not moving and not any(finding.id == ALIAS_MOVED for finding in findings)
    return findings, {"version": alias.main.version, "releaseId": alias.main.release_id} if settled else None


def who_moves(before: Lock | None, outside: Outside) -> str | None:
    """Return the release that moves production, empty for a rollback or one who has begun or ended since `before`.

    None when nobody does. A holder whose execution was stopped is tidied up after, and has an hour for that.
    """
    lock = outside.locks.read()
    if lock != before:
        return ""
    if lock is None or not lock.holder:
        return None
    try:
        execution = outside.executions.describe(lock.execution_arn)
    except NotFoundError:
        return None
    ended = execution.stopped is None or outside.clock.now() >= execution.stopped + TIDYING
    if execution.status != "RUNNING" and ended:
        return None
    return "" if lock.is_rollbacks else lock.holder


def traffic(
    alias: Alias, record: Release | None, last: dict[str, Any], moving: bool, outside: Outside
) -> list[Finding]:
    """Return what is wrong with the alias and its weights."""
    if moving:
        return [finding for finding in found_by(last) if finding.id == ALIAS_MOVED]
    left = outside.releases.find(str(last.get("releaseId") or "")) if last.get("releaseId") else None
    gone_back = left is not None and left.state is State.ROLLED_BACK
    moved = alias_moved(alias, record, {**last, "abandoned": gone_back})
    findings = [moved] if moved else []
    if alias.is_shifting and outside.deployments.under_way() is None:
        shares = ", ".join(f"{share:.0%} to version {version}" for version, share in alias.shares.items())
        findings.append(Finding(WEIGHTS_LEFT, f"the alias sends {shares}, though no deployment is in progress"))
    return findings


def found_by(last: dict[str, Any]) -> list[Finding]:
    """Return what the last check has found."""
    return [Finding(entry["id"], entry["text"]) for entry in last.get("findings") or ()]


def of_what_serves(last: dict[str, Any]) -> list[Finding]:
    """Return what the last check has found of what serves: nobody can look, or should, just now."""
    return [finding for finding in found_by(last) if finding.id in OF_WHAT_SERVES]


def tell(findings: list[Finding], last: dict[str, Any], outside: Outside) -> None:
    """Tell people what has changed since the last check."""
    before = found_by(last)
    if findings == before:
        return
    name, now = config.model_name(), outside.clock.now()
    new = [finding for finding in findings if finding not in before]
    notice = notices.changed_by_hand(name, [f.text for f in findings], [f.text for f in new])
    outside.topic.publish(notice.subject, notice.text)
    detail = {"findings": [finding.to_item() for finding in findings]}
    outside.releases.audit("production", "Checked", "check_production", detail, now)
