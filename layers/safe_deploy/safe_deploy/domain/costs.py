"""What a release's endpoints will cost: instances and hours, and money only where the user gave prices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

HOURS_A_MONTH = 730


@dataclass(frozen=True, slots=True)
class Cost:
    """One line of the reckoning."""

    what: str
    instance_type: str
    least_hours: float
    most_hours: float
    """Instance hours."""
    least: float | None
    most: float | None
    """Money, None without a price."""


def reckon(hosting: Mapping[str, Any], prices: Mapping[str, float], grace_minutes: float | None) -> list[Cost]:
    """Return what hosting costs: a month of production, the predecessor's grace time, the wait for a decision."""
    least, most = hosting["minimumInstances"], hosting["maximumInstances"]
    endpoint, dev = hosting["endpointInstanceType"], hosting["devInstanceType"]
    lines = [("Production endpoint, a month", endpoint, least * HOURS_A_MONTH, most * HOURS_A_MONTH)]
    if grace_minutes is not None:
        hours = grace_minutes / 60
        lines.append(("Champion kept warm after the shift, once", endpoint, least * hours, most * hours))
    lines.append(("Dev endpoint while you decide, once", dev, 0, hosting["approvalSeconds"] / 3600))
    return [
        Cost(what, kind, low, high, *(hours * prices[kind] if kind in prices else None for hours in (low, high)))
        for what, kind, low, high in lines
    ]
