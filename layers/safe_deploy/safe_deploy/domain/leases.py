"""What of a release may stay, and why; and what costs money. Used by reap_leases.

The release machine tags what it makes with the time until which it should be needed at most. From then on only the
reaper changes that tag: it takes it off what is live, and gives what is kept warm the end of its grace time.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from safe_deploy.domain.live import Alias
from safe_deploy.domain.monitoring import iso, parse_time
from safe_deploy.domain.ports import Execution, Executions, Held, Releases
from safe_deploy.domain.release import Release, State, is_final
from safe_deploy.errors import InvalidRequestError, NotFoundError

OWNER, RELEASE, EXPIRES = "safe-deploy:model", "safe-deploy:release", "safe-deploy:expires"
OF_A_RELEASE = re.compile(r"(?P<id>[0-9]{8}-[0-9]{6}-[0-9a-f]{4})(-.*)?")
TIDYING = timedelta(hours=1)
"""How long the machine that tidies up after a stopped execution is left alone with what that left."""
TAGGED = ("endpoint", "endpoint config", "model")
"""Kinds that carry tags of their own. A schedule can't, and an alarm goes with its release: their names tell."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a release's resources stay."""

    stays: bool
    why: str
    until: datetime | None = None
    """The end of its lease, if it has one."""
    leases: bool = False
    """Whether the tags are to say so."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What production is, as far as a verdict needs to know."""

    alias: Alias
    shifting_to: frozenset[str]
    """Releases that get a share of the traffic."""
    live: Release | None
    """The record of the release that serves."""
    mover: str
    """A rollback that is moving production; empty when none is."""

    @property
    def predecessors(self) -> tuple[str, ...]:
        """Return the releases that production may go back to: where it came from, last time it was moved."""
        if self.live is None:
            return ()
        restored = self.live.item.get("restored") or {}
        if restored:
            return (str(restored.get("fromReleaseId") or ""),)
        return (self.live.champion.release_id,) if self.live.champion else ()

    @property
    def grace_ends(self) -> datetime | None:
        """Return until when they are kept warm; None while the live release has not been announced."""
        if self.live is None:
            return None
        moved = (self.live.item.get("restored") or {}).get("at") or self.live.item.get("closedAt")
        if not moved:
            return None
        return parse_time(str(moved), "closedAt") + timedelta(seconds=int(self.live.item.get("graceSeconds", 0)))


def release_of(held: Held, model_name: str) -> str | None:
    """Return the release that a resource belongs to, None when it isn't one of ours: by name, and by its tags."""
    found = OF_A_RELEASE.fullmatch(held.name.removeprefix(f"{model_name}-"))
    if found is None or not held.name.startswith(f"{model_name}-"):
        return None
    if held.kind in TAGGED and held.tags.get(OWNER) != model_name:
        return None
    return found["id"]


def expiry_of(tags: Mapping[str, str]) -> datetime | None:
    """Return until when a lease runs; None without one. A lease that can't be read has run out."""
    given = tags.get(EXPIRES)
    if given is None:
        return None
    try:
        return parse_time(given, EXPIRES)
    except InvalidRequestError:
        return datetime.min.replace(tzinfo=UTC)


def verdict(
    release_id: str, held: list[Held], standing: Standing, releases: Releases, executions: Executions, now: datetime
) -> Verdict:
    """Return whether a release's resources stay. What serves, what is owned and what one may go back to does."""
    main = standing.alias.main
    if main.release_id == release_id or main.endpoint_name.endswith(f"-{release_id}-prod"):
        return Verdict(True, "it is live", leases=True)
    if release_id in standing.shifting_to:
        return Verdict(True, "it gets a share of the traffic")
    if standing.mover:
        return Verdict(True, f"the rollback {standing.mover} is moving production")
    release = releases.find(release_id)
    if release is None:
        return _unknown(held, now)
    own, keeper = (_described(arn, executions) for arn in (release.execution_arn, release.keeper))
    for owner, words in ((own, "its execution runs"), (keeper, "an execution keeps it warm")):
        if owner is not None and owner.status == "RUNNING":
            return Verdict(True, f"it is {release.state}, and {words}")
    cut_off = own.stopped if own is not None and not is_final(release.state) else None
    return _unowned(release, standing, cut_off, now)


def _described(execution_arn: str, executions: Executions) -> Execution | None:
    """Return an execution; None for no name, and for one that AWS has forgotten."""
    try:
        return executions.describe(execution_arn) if execution_arn else None
    except NotFoundError:
        return None


def _unknown(held: list[Held], now: datetime) -> Verdict:
    ends = [expiry for entry in held if (expiry := expiry_of(entry.tags)) is not None]
    if ends and max(ends) > now:
        return Verdict(True, f"there is no such release, but its lease runs until {iso(max(ends))}", max(ends))
    return Verdict(False, "there is no such release, and no lease")


def _unowned(release: Release, standing: Standing, cut_off: datetime | None, now: datetime) -> Verdict:
    """Return the verdict on what nobody runs; `cut_off` is when an execution ended that recorded no end."""
    if cut_off is not None and now < cut_off + TIDYING:
        words = f"it is {release.state}, its execution ended at {iso(cut_off)}, and is being tidied up after"
        return Verdict(True, words)
    if standing.live is None and release.state is State.LIVE:
        return Verdict(True, "it is Live on record, and the alias was moved by hand to what is no release")
    if release.release_id not in standing.predecessors or release.item.get("retiredAt"):
        return Verdict(False, f"it is {release.state}, and nobody runs or keeps it")
    until = standing.grace_ends
    if until is not None and now >= until:
        return Verdict(False, f"its grace time ended at {iso(until)}")
    end = f"until {iso(until)}" if until else "until the live release is announced"
    return Verdict(True, f"production may go back to it {end}", until, leases=True)


def lease_to_set(held: Held, found: Verdict) -> str | None:
    """Return what the tag of a resource is to say; empty to take it off, None to leave it."""
    if not found.leases or held.kind not in TAGGED:
        return None
    wanted = iso(found.until) if found.until else ""
    return wanted if wanted != held.tags.get(EXPIRES, "") else None


def cost_of(held: Held, why: str, now: datetime) -> dict[str, Any]:
    """Return what an endpoint costs, in hours of instances: AWS's price list knows the rest."""
    hours = (now - held.since).total_seconds() / 3600 if held.since else 0.0
    return {
        "endpoint": held.name,
        "status": held.status,
        "instanceType": held.instance_type,
        "instances": held.instances,
        "since": iso(held.since) if held.since else None,
        "instanceHours": round(hours * held.instances, 1),
        "expires": held.tags.get(EXPIRES),
        "why": why,
    }
