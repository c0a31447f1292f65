"""Figures as a person reads them, whatever the value is. Used by mails and pages."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TypeGuard

UNKNOWN = "unknown"
SPACE = "\u00a0"
"""One that no line breaks at."""
WRITTEN_OUT = 1e15


def is_known(value: Any) -> TypeGuard[float]:
    """Return whether a value is a finite number."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def figure(value: Any) -> str:
    """Return a number with at least four digits that count, `unknown` for what isn't one."""
    if not is_known(value):
        return UNKNOWN
    text = f"{value:,.0f}" if 1000 <= abs(value) < WRITTEN_OUT else f"{value:.4g}"
    return text.replace("-", "−") if text.startswith("-") else text


def count(value: Any) -> str:
    """Return a whole number with its thousands apart."""
    if not is_known(value):
        return UNKNOWN
    return f"{value:,.0f}" if abs(value) < WRITTEN_OUT else f"{value:.4g}"


def percent(share: Any, *, signed: bool = False) -> str:
    """Return a share as percent: 0.0123 as 1.2 %; a change may be signed."""
    if not is_known(share) or not is_known(share * 100.0):
        return UNKNOWN
    points = share * 100
    if abs(points) >= 10_000:
        text = f"{points:+.2g}" if signed else f"{points:.2g}"
    else:
        text = f"{points:+,.1f}" if signed else f"{points:,.1f}"
    return f"{text.replace('-', '−')}{SPACE}%"


def span(estimate: Mapping[str, Any] | None) -> str:
    """Return an estimate's interval, or that it isn't known."""
    if not estimate or not is_known(estimate.get("low")) or not is_known(estimate.get("high")):
        return f"interval {UNKNOWN}"
    return f"{figure(estimate['low'])} to {figure(estimate['high'])}"


def relative(estimate: Mapping[str, Any] | None, base: Any) -> dict[str, float | None] | None:
    """Return an estimate as shares of a base; None when there is no such share."""
    if not estimate or not is_known(base) or base == 0:
        return None
    size = abs(float(base))
    return {key: value / size if is_known(value := estimate.get(key)) else None for key in ("value", "low", "high")}


def duration(seconds: Any) -> str:
    """Return a length of time in the largest unit that it fills."""
    if not is_known(seconds):
        return UNKNOWN
    for size, unit in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= size:
            number = seconds / size
            return f"{number:.3g} {unit}{'' if number == 1 else 's'}"
    return f"{seconds:.3g} seconds"


def moment(time: datetime) -> str:
    """Return a time for people: to the minute, with its zone."""
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
