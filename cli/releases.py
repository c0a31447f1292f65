"""`safe-deploy releases` and `status`: what there is, and where one stands."""

from __future__ import annotations

import json
from itertools import islice
from typing import Any

from cli.stack import Stack
from cli.text import on_one_line

SECTIONS = ("state", "reason", "createdAt", "updatedAt", "executionArn", "evidenceDigest", "decision", "closing")


def releases(stack: Stack, count: int) -> str:
    """The newest releases, one a line: id, state, reason."""
    found = islice(stack.items("TableName", "RELEASE", newest_first=True), count)
    lines = [
        f"{item['releaseId']}  {item['state']:<17} {on_one_line(item.get('reason', ''))}".rstrip() for item in found
    ]
    return "\n".join(lines) or "There is no release yet."


def status(stack: Stack, release_id: str) -> str:
    """What the record says of a release."""
    record = stack.release(release_id)
    return "\n".join(f"{name}: {_shown(record[name])}" for name in SECTIONS if record.get(name))


def _shown(value: Any) -> str:
    return on_one_line(value) if isinstance(value, str) else json.dumps(value, indent=2)
