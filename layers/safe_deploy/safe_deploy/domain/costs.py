"""What a release will cost: instances and hours, and money where the policy gives prices. Used by the approval page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from safe_deploy.domain.figures import UNKNOWN

HOURS_A_MONTH = 730
MONITOR_MINUTES = 10
"""Of an hourly monitoring job, at most; its instance takes most of them to start. AWS's sample of such a monitor
(aws-samples/amazon-sagemaker-drift-detection) reckons with less than a dollar a day of an ml.m5.xlarge: 11 minutes."""


@dataclass(frozen=True, slots=True)
class Cost:
    """One line of the reckoning."""

    what: str
    instance_type: str
    """Empty for a total."""
    least_hours: float
    most_hours: float
    """Instance hours."""
    least: float | None
    most: float | None
    """Money, None without a price."""


@dataclass(frozen=True, slots=True)
class BothServe:
    """For how long champion and candidate both have an endpoint."""

    shift_hours: tuple[float, float] | None
    """At least and at most; None when that isn't known."""
    grace_hours: float | None
    """After the shift, until the champion's endpoint goes."""


def reckon(hosting: Mapping[str, Any], prices: Mapping[str, float], both: BothServe | None) -> list[Cost]:
    """Return what comes every month and the sum of that; then what comes once: champion and dev endpoint.

    Without a champion `both` is None.
    """
    least, most = hosting["minimumInstances"], hosting["maximumInstances"]
    endpoint, jobs = hosting["endpointInstanceType"], hosting.get("jobInstanceType") or UNKNOWN

    def cost(what: str, kind: str, low: float, high: float) -> Cost:
        price = prices.get(kind)
        return Cost(what, kind, low, high, *(None if price is None else hours * price for hours in (low, high)))

    monthly = [
        cost("Production endpoint, a month", endpoint, least * HOURS_A_MONTH, most * HOURS_A_MONTH),
        cost("Hourly monitoring, a month", jobs, 0, HOURS_A_MONTH * MONITOR_MINUTES / 60),
    ]
    once = []
    if both and both.shift_hours and both.shift_hours[1]:
        low, high = both.shift_hours
        once.append(cost("Champion beside it during the shift, once", endpoint, least * low, most * high))
    if both and both.grace_hours is not None:
        hours = both.grace_hours
        once.append(cost("Champion kept warm after the shift, once", endpoint, least * hours, most * hours))
    waiting = hosting["approvalSeconds"] / 3600
    once.append(cost("Dev endpoint while you decide, once", hosting["devInstanceType"], 0, waiting))
    return [*monthly, _total("Total, a month", monthly), *once]


def _total(what: str, lines: list[Cost]) -> Cost:
    def money(amounts: list[float | None]) -> float | None:
        known = [amount for amount in amounts if amount is not None]
        return sum(known) if len(known) == len(amounts) else None

    return Cost(
        what,
        "",
        sum(line.least_hours for line in lines),
        sum(line.most_hours for line in lines),
        money([line.least for line in lines]),
        money([line.most for line in lines]),
    )
