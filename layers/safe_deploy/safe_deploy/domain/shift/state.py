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

VERSION = 2


def place(release: Release, name: str) -> str:
    """Return the S3 URI of a file about a release's shift."""
    bucket, _ = split_uri(release.place("capture"))
    return f"s3://{bucket}/releases/{release.release_id}/shift/{name}"


def short(request_id: str) -> str:
    """Return a request's id, short enough to keep thousands."""
    return blake2b(request_id.encode(), digest_size=6).hexdigest()


@dataclass(slots=True)
class Span:
    """A time in which the alias was seen to give the candidate one share of the traffic."""

    weight: float
    since: int
    """The share was seen, so requests count, after this moment …"""
    until: int
    """… and up to this one."""


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
    """The candidate's share when last seen, to which the last span belongs; None where the next look begins another."""
    spans: list[Span] = field(default_factory=list)
    """What the log is yet to be read of, oldest first. What was served between two of them counts under neither."""
    read_until: int = 0
    """The first span has been read up to here."""
    behind: bool = False
    """Whether the last look left unread what it should have read: then the next goes on there, not looking back."""
    blind_until: int = 0
    """Until then the log may hold requests that the watch sent itself and whose ids nobody knows."""
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
        return cls(**{**found, "spans": [Span(**span) for span in found["spans"]]})

    def see(self, weight: float | None, before: int, after: int) -> None:
        """Note the share that the alias was read to give at some time between two moments; None where it's no share."""
        if weight is not None and weight == self.weight:
            self.spans[-1].until = before
        elif weight is not None:
            if self.spans and self.spans[-1].until <= self.spans[-1].since:
                self.spans.pop()
            since = max(after, self.blind_until)
            self.read_until = self.read_until if self.spans else since
            self.spans.append(Span(weight, since, since))
        self.weight = weight

    def due(self, settled: int) -> int | None:
        """Return up to when the first span is to be read now, of what has settled; None where there is nothing new."""
        while len(self.spans) > 1 and self.read_until >= self.spans[0].until and not self.behind:
            del self.spans[0]
            self.read_until = self.spans[0].since
        until = min(settled, self.spans[0].until) if self.spans else 0
        return until if until > self.read_until or (self.behind and until == self.read_until) else None

    def blind(self, until: int) -> None:
        """Leave out what is served from the last look on up to a moment."""
        self.weight, self.blind_until = None, until

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
