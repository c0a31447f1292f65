"""What somebody has changed of production by hand. Used by check_production; register_drop and take_lock read it.

Only releases and rollbacks move production. Each leaves a record, and what was seen is compared with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from safe_deploy.domain.deployment import endpoint_failure
from safe_deploy.domain.live import ALIAS_IS_GONE, Alias
from safe_deploy.domain.ports import Endpoints
from safe_deploy.domain.release import Release, State

ALIAS_GONE, ALIAS_MOVED, WEIGHTS_LEFT = "alias-gone", "alias-moved", "weights-left"
ENDPOINT, ENDPOINT_CONFIG, ENVIRONMENT = "endpoint", "endpoint-config", "environment"
SCALING, SCHEDULE = "scaling", "schedule"
OF_WHAT_SERVES = (ENDPOINT, ENDPOINT_CONFIG, ENVIRONMENT, SCALING, SCHEDULE)
IDS = (ALIAS_GONE, ALIAS_MOVED, WEIGHTS_LEFT, *OF_WHAT_SERVES)
NO_OBSTACLE = (SCALING, SCHEDULE)
"""Findings that don't change what a candidate is compared with: they are told, and hold up nobody."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that isn't as the last release or rollback left it."""

    id: str
    text: str

    def to_item(self) -> dict[str, str]:
        """Return the finding as it stands in the records."""
        return {"id": self.id, "text": self.text}


def alias_gone(last: Mapping[str, Any]) -> Finding:
    """Return the finding when there is no alias, which `last` may have seen."""
    since = f"; before it was version {last['version']}" if last.get("version") else ""
    return Finding(ALIAS_GONE, f"{ALIAS_IS_GONE}, so nothing answers predictions{since}")


def alias_moved(alias: Alias, record: Release | None, last: Mapping[str, Any]) -> Finding | None:
    """Return a finding when the alias points to a version that nobody has recorded to be live.

    `last` is what the check before saw. A version that is new since then must be that of a release which went live,
    or was gone back to, at that time or later.
    """
    main, seen = alias.main, last.get("version")
    if main.version == seen:
        return None
    what = None
    if not main.serves:
        if seen is not None and not last.get("abandoned"):
            what = "which serves nothing"
    elif record is None:
        what = "of no release on record"
    elif record.state is not State.LIVE:
        what = f"of release {record.release_id}, which is {record.state}"
    elif seen is not None and _moved_at(record) < str(last.get("at")):
        what = f"of release {record.release_id}, though no release or rollback moved it there"
    if what is None:
        return None
    since = f"; before it was version {seen}" if seen else ""
    return Finding(ALIAS_MOVED, f"the alias points to version {main.version}, {what}{since}")


def _moved_at(record: Release) -> str:
    """Return when production was last moved to a release: as AWS spells times, which sort."""
    return max(str(record.item.get("closedAt") or ""), str((record.item.get("restored") or {}).get("at") or ""))


def serving(alias: Alias, record: Release | None, endpoints: Endpoints) -> Iterator[Finding]:
    """Yield what isn't as it should be of the endpoint that serves, and of what surrounds it."""
    main = alias.main
    if not main.serves:
        return
    name = main.endpoint_name
    if record is not None and record.item.get("names") and name != record.names.production_endpoint:
        wrong = f"version {main.version} names the endpoint {name}; its release's is {record.names.production_endpoint}"
        yield Finding(ENVIRONMENT, wrong)
    endpoint = endpoints.describe(name)
    failure = endpoint_failure(endpoint, name)
    if failure:
        yield Finding(ENDPOINT, failure)
    if endpoint is None:
        return
    if endpoint.config_name not in ("", name):
        yield Finding(ENDPOINT_CONFIG, f"the endpoint {name} has the configuration {endpoint.config_name}, not its own")
    if not endpoints.is_scaled(name):
        yield Finding(SCALING, f"the endpoint {name} doesn't scale with traffic any more")
    if record is not None and record.item.get("names") and not endpoints.is_scheduled(record.names.schedule):
        yield Finding(SCHEDULE, f"nothing monitors release {record.release_id}: its schedule is gone or off")


def unacknowledged(last: Mapping[str, Any], acknowledged: Sequence[str]) -> str | None:
    """Return a sentence when production was changed by hand and a manifest doesn't say that it knows."""
    known = {*NO_OBSTACLE, *acknowledged} - {ALIAS_GONE}
    found = [f for f in last.get("findings") or () if f["id"] not in known]
    if not found:
        return None
    told = "; ".join(f"{entry['text']} ({entry['id']})" for entry in found)
    if any(entry["id"] == ALIAS_GONE for entry in found):
        return f"production was changed by hand: {told}. Put it right: no release can build on that"
    ids = ", ".join(f'"{entry["id"]}"' for entry in found)
    return f'production was changed by hand: {told}. Put it right, or say in manifest.json "acknowledge": [{ids}]'
