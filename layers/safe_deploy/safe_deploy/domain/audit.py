"""How an audit entry is named: by its release, its time and its content. Used by the audit trail's gateway."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from safe_deploy.domain.canonical import digest

NO_RELEASE = "unknown"
"""Whose trail an attempt stands in that opened nothing."""


def stamp(now: datetime) -> str:
    """Return a time to the millisecond, by which entries of one second list in their order."""
    return now.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def entry_key(release_id: str, entry: Mapping[str, Any], now: datetime) -> tuple[str, str]:
    """Return an entry's key: entries of a release sort by time, and no two different ones have the same key."""
    at = stamp(now)
    named = {"release": release_id, "at": at, "entry": dict(entry)}
    return f"AUDIT#{release_id}", f"{at}#{digest(named)}"
