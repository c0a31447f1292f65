"""Remove what releases left behind, and say what costs money now. Called every hour by a schedule, and by people.

`{"dryRun": true}` changes nothing and answers what would be done. Deleting an endpoint takes minutes: its config and
its model go an hour later.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from safe_deploy import config, observability
from safe_deploy.domain import notices
from safe_deploy.domain.cleanup import clean_up
from safe_deploy.domain.fields import Fields
from safe_deploy.domain.leases import Standing, Verdict, cost_of, lease_to_set, release_of, verdict
from safe_deploy.domain.live import LiveVersion
from safe_deploy.domain.monitoring import iso
from safe_deploy.domain.names import Names
from safe_deploy.domain.ports import Held, Outside
from safe_deploy.domain.release import RETURNING, State
from safe_deploy.errors import NotFoundError, SafeDeployError
from safe_deploy.wiring import aws

MOST = 20
"""Releases that one run cleans up; the next hour goes on with those that follow."""

logger = observability.logger()


@dataclass(slots=True)
class Reaping:
    """What one run found and did."""

    removed: list[str] = field(default_factory=list)
    waiting_for: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    stays: dict[str, str] = field(default_factory=dict)
    goes: dict[str, str] = field(default_factory=dict)
    """Release to the reason, as of those that stay."""


@logger.inject_lambda_context
def handler(event: dict[str, Any], _context: LambdaContext, *, outside: Outside | None = None) -> dict[str, Any]:
    """Return {"dryRun", "stays", "goes", "removed", "waitingFor", "failures", "notOurs", "endpoints"}."""
    outside = outside or aws()
    given = Fields(event, "the request")
    dry_run = given.value("dryRun") if "dryRun" in given else False
    if not isinstance(dry_run, bool):
        given.fail("dryRun", "must be true or false")
    model_name, now = config.model_name(), outside.clock.now()
    belongings, not_ours = defaultdict[str, list[Held]](list), list[str]()
    for held in outside.inventory.held():
        release_id = release_of(held, model_name)
        if release_id is None:
            not_ours.append(f"{held.kind} {held.name}")
        else:
            belongings[release_id].append(held)
    found = verdicts(belongings, outside, now)
    reaping = Reaping(
        stays={release_id: entry.why for release_id, entry in found.items() if entry.stays},
        goes={release_id: entry.why for release_id, entry in found.items() if not entry.stays},
    )
    if not dry_run:
        for release_id, entry in found.items():
            if entry.stays:
                keep(entry, belongings[release_id], reaping, outside)
        for release_id in whose_turn(list(reaping.goes), now):
            remove(release_id, belongings[release_id], reaping, outside)
        tell(model_name, reaping, outside)
    answer = {
        "dryRun": dry_run,
        "at": iso(now),
        "stays": reaping.stays,
        "goes": reaping.goes,
        "removed": reaping.removed,
        "waitingFor": reaping.waiting_for,
        "failures": reaping.failures,
        "notOurs": not_ours,
        "endpoints": [
            cost_of(held, found[release_id].why, now)
            for release_id, entries in sorted(belongings.items())
            for held in entries
            if held.kind == "endpoint"
        ],
    }
    logger.info("leases", extra={"answer": answer})
    return answer


def verdicts(belongings: dict[str, list[Held]], outside: Outside, now: datetime) -> dict[str, Verdict]:
    """Return the verdict on each release, oldest first. Without the alias anything may be what should serve."""
    try:
        standing, _ = look(outside)
    except NotFoundError as error:
        logger.warning("nothing is removed: what is live can't be read", extra={"error": str(error)})
        return {release_id: Verdict(True, f"nobody knows what is live: {error}") for release_id in sorted(belongings)}
    return {
        release_id: verdict(release_id, held, standing, outside.releases, outside.executions, now)
        for release_id, held in sorted(belongings.items())
    }


def whose_turn(going: list[str], now: datetime) -> list[str]:
    """Return those that this hour's run cleans up: the window moves on, so what can't be removed starves nobody."""
    first = int(now.timestamp() // 3600) * MOST % max(len(going), 1)
    return (going[first:] + going[:first])[:MOST]


def look(outside: Outside) -> tuple[Standing, list[LiveVersion]]:
    """Return what production is now, and the versions that get a share of the traffic."""
    alias = outside.functions.live()
    shifting_to = [outside.functions.version(version) for version in alias.shares]
    live = outside.releases.find(alias.main.release_id) if alias.main.serves else None
    lock, mover = outside.locks.read(), ""
    if lock is not None and lock.holder and outside.releases.find(lock.holder) is None:
        mover = lock.holder if outside.executions.status(lock.execution_arn) == "RUNNING" else ""
    return Standing(alias, frozenset(version.release_id for version in shifting_to), live, mover), shifting_to


def keep(found: Verdict, belongings: list[Held], reaping: Reaping, outside: Outside) -> None:
    """Let the tags of what stays say until when."""
    for held in belongings:
        expires = lease_to_set(held, found)
        if expires is None:
            continue
        try:
            outside.inventory.lease(held, expires)
        except SafeDeployError as error:
            reaping.failures.append(str(error))


def remove(release_id: str, held: list[Held], reaping: Reaping, outside: Outside) -> None:
    """Remove what a release has, in AWS's order; a failure ends this one's turn, not the others'.

    Others were removed meanwhile, so it is looked at again. Whoever goes back to it from then on is its keeper, and
    ends this by that; or finds it retired, and makes it anew.
    """
    names, now = Names.of(config.model_name(), release_id), outside.clock.now()
    try:
        release = outside.releases.find(release_id)
        standing, shifting_to = look(outside)
        again = verdict(release_id, held, standing, outside.releases, outside.executions, now)
        if again.stays:
            del reaping.goes[release_id]
            reaping.stays[release_id] = again.why
            return
        if release is not None and release.state in RETURNING and release.state is not State.RETIRED:
            outside.releases.retire(release_id, release.keeper, now)
        result = clean_up(names, "all", outside.endpoints, outside.alarms, shifting_to)
    except SafeDeployError as error:
        reaping.failures.append(f"release {release_id}: {error}")
        return
    reaping.removed += result.removed
    reaping.waiting_for += result.waiting_for
    reaping.failures += [f"release {release_id}: {failure}" for failure in result.failures]
    if result.removed:
        detail = {"removed": result.removed, "why": reaping.goes[release_id]}
        outside.releases.audit(release_id, "Reaped", "reap_leases", detail, now)


def tell(model_name: str, reaping: Reaping, outside: Outside) -> None:
    """Send the one notice of a run that removed something, or could not."""
    if reaping.removed or reaping.failures:
        notice = notices.reaped(model_name, reaping.removed, reaping.goes, reaping.failures)
        outside.topic.publish(notice.subject, notice.text)
