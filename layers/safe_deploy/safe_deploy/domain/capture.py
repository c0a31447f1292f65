"""Data capture: where an endpoint's records lie, and what a line of them says.

Used by test_endpoint, check_traffic and plan_monitoring.
"""

from __future__ import annotations

import base64
import binascii
import csv
import io
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from safe_deploy.domain.fields import parse_json
from safe_deploy.domain.names import VARIANT
from safe_deploy.errors import InvalidRequestError

KEY_TIME = re.compile(r"(\d{4})/(\d{2})/(\d{2})/(\d{2})/(\d{2})-(\d{2})-(\d{3})-[^/]+\.jsonl")
HOUR = timedelta(hours=1)


def endpoint_prefix(endpoint_name: str) -> str:
    """Return the key prefix of everything captured of an endpoint, ending in a slash."""
    return f"capture/{endpoint_name}/{VARIANT}/"


def hour_prefixes(endpoint_name: str, start: datetime, end: datetime) -> Iterator[str]:
    """Yield the key prefix of every hour that the window [start, end) touches."""
    hour = start.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    while hour < end:
        yield f"{endpoint_prefix(endpoint_name)}{hour:%Y/%m/%d/%H}/"
        hour += HOUR


def captured_at(key: str) -> datetime | None:
    """Return the time in a capture file's name, or None when the key isn't a capture file's."""
    found = KEY_TIME.search(key)
    if found is None:
        return None
    *parts, milliseconds = (int(digits) for digits in found.groups())
    try:
        year, month, day, hour, minute, second = parts
        return datetime(year, month, day, hour, minute, second, milliseconds * 1000, tzinfo=UTC)
    except ValueError:
        return None


def within(key: str, start: datetime, end: datetime) -> bool:
    """Return whether a capture file was begun in the window [start, end)."""
    time = captured_at(key)
    return time is not None and start <= time < end


@dataclass(frozen=True, slots=True)
class CapturedCall:
    """One captured call: the rows that were sent and the scores that came back."""

    rows: tuple[tuple[float, ...], ...]
    scores: tuple[float, ...]


def parse_line(line: bytes) -> CapturedCall | None:
    """Read a line of a capture file; None for a call that failed or wasn't CSV in and out."""
    try:
        document = parse_json(line, "a capture line")
        data = document["captureData"]
        rows = _rows(_text(data["endpointInput"]))
        scores = [value for row in _rows(_text(data["endpointOutput"])) for value in row]
    except (InvalidRequestError, KeyError, TypeError, ValueError, csv.Error):
        return None
    if not rows or len(rows) != len(scores):
        return None
    return CapturedCall(rows, tuple(scores))


def _text(part: Any) -> str:
    encoding, data = part["encoding"], part["data"]
    if encoding == "BASE64":
        try:
            return base64.b64decode(data, validate=True).decode()
        except binascii.Error as error:
            raise ValueError("not base64") from error
    if encoding != "CSV":
        raise ValueError(f"captured as {encoding}")
    return str(data)


def _rows(text: str) -> tuple[tuple[float, ...], ...]:
    rows = tuple(tuple(float(cell) for cell in row) for row in csv.reader(io.StringIO(text)) if row)
    if not all(math.isfinite(value) for row in rows for value in row):
        raise ValueError("a value isn't finite")
    return rows
