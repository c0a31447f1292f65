"""Which captured traffic a monitoring run looks at. Used by plan_monitoring."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from safe_deploy.domain.capture import endpoint_prefix
from safe_deploy.errors import InvalidRequestError

LONGEST = timedelta(days=31)
SILENCE_REMINDER = timedelta(hours=24)
"""A silent endpoint is told of at once, and again after this long; not every hour."""


@dataclass(frozen=True, slots=True)
class Window:
    """The time of a monitoring run: from `start` on, up to but not including `end`."""

    start: datetime
    end: datetime

    @classmethod
    def asked(cls, start: object, end: object, now: datetime) -> Window:
        """Return the window asked for; by default from the beginning of the last full hour until now.

        Raises InvalidRequestError for times without a zone, and for an empty or too long window.
        """
        until = now if end is None else parse_time(end, "end")
        hour = until.replace(minute=0, second=0, microsecond=0)
        since = hour - timedelta(hours=1) if start is None else parse_time(start, "start")
        if since >= until:
            raise InvalidRequestError(f"start ({iso(since)}) must be before end ({iso(until)})")
        if until - since > LONGEST:
            raise InvalidRequestError(f"the window may be {LONGEST.days} days long at most")
        return cls(since, until)


def parse_time(given: object, name: str) -> datetime:
    """Return a time in UTC. Raises InvalidRequestError, with the name of what was wrong."""
    try:
        time = datetime.fromisoformat(str(given))
    except ValueError as error:
        raise InvalidRequestError(f"{name} must be an ISO 8601 time such as 2026-01-31T12:00:00Z") from error
    if time.tzinfo is None:
        raise InvalidRequestError(f"{name} must have a time zone, such as the Z of 2026-01-31T12:00:00Z")
    return time.astimezone(UTC)


def iso(time: datetime) -> str:
    """Return a time as AWS spells it: UTC, whole seconds, Z."""
    return f"{time.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def run_name(started: datetime, execution_arn: str) -> str:
    """Return a run's name, which its job and its folder bear: its time, then what tells it from others of that second.

    yymmddhhmmssxxx: a job's name has room for 15 characters.
    """
    return f"{started.astimezone(UTC):%y%m%d%H%M%S}{sha256(execution_arn.encode()).hexdigest()[:3]}"


def capture_manifest(bucket: str, endpoint_name: str, keys: list[str]) -> list[Any]:
    """Return SageMaker's ManifestFile for captured files: a prefix, then what follows it in each key."""
    prefix = endpoint_prefix(endpoint_name)
    return [{"prefix": f"s3://{bucket}/{prefix}"}, *(key.removeprefix(prefix) for key in keys)]
