"""What one look at a shift hands to the next: the analysis, how far the log was read, what was counted.

Kept as JSON in the artifact bucket by watch_shift. Times are milliseconds since the epoch, as CloudWatch Logs has them.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from hashlib import blake2b
from typing import Any, Self

from safe_deploy.domain.fields import parse_json
from safe_deploy.domain.names import split_uri
from safe_deploy.domain.release import Release
from safe_deploy.errors import InvalidRequestError

VERSION = 1


def place(release: Release, name: str) -> str:
    """Return the S3 URI of a file about a release's shift."""
    bucket, _ = split_uri(release.place("capture"))
    return f"s3://{bucket}/releases/{release.release_id}/shift/{name}"


def short(request_id: str) -> str:
    """Return a request's id, short enough to keep thousands."""
    return blake2b(request_id.encode(), digest_size=6).hexdigest()


@dataclass(slots=True)
class ShiftState:
    """Everything about one deployment's watch."""

    analysis: dict[str, Any]
    look: int = 0
    answer: dict[str, Any] = field(default_factory=dict)
    """What look number `look` answered: a retried look answers the same …"""
    record: dict[str, Any] = field(default_factory=dict)
    """… and records the same (the section of `shift.record`): the first attempt may have died before it did so …"""
    looked: int = 0
    """… as of the same time, so that what it did record isn't told twice."""
    began: int = 0
    """When the first look was."""
    weight: float | None = None
    """The candidate's share when last seen; None before it had one, and after it had all."""
    since: int = 0
    """From when on requests count: the share was seen to be `weight` from here …"""
    seen_until: int = 0
    """… to here. What was served between two looks that saw different shares counts under neither."""
    read_until: int = 0
    """The log has been read up to here."""
    behind: bool = False
    """Whether the last reading was cut short; then the next one goes on there, and doesn't look back."""
    lag: int = 0
    """The longest that a line took into the log, of those read."""
    counted: dict[str, int] = field(default_factory=dict)
    """Requests that were read lately, by short id, with their times: so that none counts twice."""
    replaying: bool = False
    """Whether a look that never finished had begun to replay: what it sent can't be told from live requests."""
    replayed: int = 0
    live: list[int] = field(default_factory=lambda: [0, 0])
    """Live requests counted, of champion and candidate."""

    def encoded(self) -> bytes:
        """Return the state as it is stored."""
        return json.dumps({"version": VERSION, **asdict(self)}, separators=(",", ":")).encode()

    @classmethod
    def parse(cls, content: bytes) -> Self:
        """Read what `encoded` gave. Raises InvalidRequestError for a state of another format."""
        found = parse_json(content, "the shift's state")
        if not isinstance(found, dict) or found.pop("version", None) != VERSION:
            raise InvalidRequestError(f"the shift's state isn't of version {VERSION}")
        return cls(**found)

    def count(self, request_id: str, at: int) -> bool:
        """Note a request; return whether it is new."""
        key = short(request_id)
        if key in self.counted:
            return False
        self.counted[key] = at
        return True

    def forget(self, before: int) -> None:
        """Drop the requests that can't be read again."""
        self.counted = {key: at for key, at in self.counted.items() if at >= before}
