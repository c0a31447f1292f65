"""When an alarm changes its state: AWS's rules for M out of N data points and missing ones. Called by alarms.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

OK, ALARM, INSUFFICIENT_DATA = "OK", "ALARM", "INSUFFICIENT_DATA"
EXTRA_PERIODS = 2
"""How much further back than its evaluation periods an alarm looks for data."""
COMPARISONS: dict[str, tuple[str, Callable[[float, float], bool]]] = {
    "GreaterThanThreshold": ("greater than", lambda value, limit: value > limit),
    "GreaterThanOrEqualToThreshold": ("greater than or equal to", lambda value, limit: value >= limit),
    "LessThanThreshold": ("less than", lambda value, limit: value < limit),
    "LessThanOrEqualToThreshold": ("less than or equal to", lambda value, limit: value <= limit),
}


def next_state(breaching: Sequence[bool | None], needed: int, periods: int, missing: str) -> str | None:
    """The state that follows from the data points, oldest first; None when the present one is kept.

    `breaching` covers the evaluation range: True beyond the threshold, False within, None without data.
    `needed` (DatapointsToAlarm) out of `periods` (EvaluationPeriods) make an alarm; `missing` is
    TreatMissingData.
    """
    known = [point for point in breaching if point is not None]
    if len(known) >= periods:  # enough real data, if from further back: what is missing doesn't matter
        return ALARM if sum(known[-periods:]) >= needed else OK
    if missing in ("breaching", "notBreaching"):
        filled = periods - len(known) if missing == "breaching" else 0
        return ALARM if sum(known) + filled >= needed else OK
    if not known:
        return INSUFFICIENT_DATA if missing == "missing" else None
    if sum(known) >= needed:
        return ALARM
    if not all(known):
        return OK
    oldest = len(breaching) - list(breaching).index(True)
    return ALARM if missing == "missing" and oldest >= needed else None
