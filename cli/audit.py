"""`safe-deploy audit`: who did what with a release, when, and whether every entry is as it was written."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cli.stack import CliError, Stack
from cli.text import on_one_line

SHOWN = (
    "sourceIp",
    "via",
    "reason",
    "why",
    "firing",
    "sentTo",
    "notSentTo",
    "until",
    "approvalId",
    "evidenceDigest",
    "problem",
    "userAgent",
)
"""What is shown of an entry's detail, in this order."""
EXACT_INTEGERS = 2**53


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the trail."""

    at: str
    event: str
    actor: str
    detail: Mapping[str, Any]
    is_genuine: bool
    """Whether its content still has the digest that its key names."""

    @classmethod
    def from_item(cls, release_id: str, item: Mapping[str, Any]) -> Entry:
        """Read an item of the audit table."""
        at, _, named = item["sk"].partition("#")
        entry = {"event": item["event"], "actor": item["actor"], "detail": item["detail"]}
        found = digest({"release": release_id, "at": at, "entry": entry})
        return cls(at, item["event"], item["actor"], item["detail"], found == named)

    @property
    def line(self) -> str:
        """The entry for a terminal."""
        details = [f"{name}={on_one_line(self.detail[name])}" for name in SHOWN if self.detail.get(name)]
        warning = "" if self.is_genuine else "  !! CHANGED since it was written"
        return (
            f"{self.at}  {on_one_line(self.event)}  by {on_one_line(self.actor)}"
            + "".join(f"\n    {part}" for part in details)
            + warning
        )


def trail(stack: Stack, release_id: str) -> Iterator[Entry]:
    """The entries of a release, oldest first."""
    for item in stack.items("AuditTableName", f"AUDIT#{release_id}"):
        yield Entry.from_item(release_id, item)


def audit(stack: Stack, release_id: str, *, as_json: bool) -> str:
    """The whole trail as text. Raises CliError when there is none, or, with the trail, when an entry was changed."""
    entries = list(trail(stack, release_id))
    if not entries:
        raise CliError(f"nothing is on record about {release_id}")
    if as_json:
        names = ("at", "event", "actor", "detail", "is_genuine")
        text = json.dumps([{name: getattr(entry, name) for name in names} for entry in entries], indent=2)
    else:
        text = "\n".join(entry.line for entry in entries)
    if not all(entry.is_genuine for entry in entries):
        raise CliError("at least one entry is not what was written", text)
    return text


def digest(value: Any) -> str:
    """The SHA-256 of a value as the app spells it: sorted keys, no spaces, one spelling for each number."""
    text = json.dumps(_spelled(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _spelled(value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= EXACT_INTEGERS:
        return float(value)
    if isinstance(value, dict):
        return {name: _spelled(entry) for name, entry in value.items()}
    if isinstance(value, list):
        return [_spelled(entry) for entry in value]
    return value
