"""Statistics of a metric over periods: from observations to one value a period. Called by queries."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

from localaws.cloudwatch.metrics import MetricKey, MetricStore, Observation
from localaws.errors import NotModelledError

Series = dict[int, float]
"""Values by the number of their period: the one that begins at `number * period`."""
PERCENTILE = re.compile(r"p(\d{1,2}(?:\.\d+)?|100)")
RANK = re.compile(r"PR\((\d+(?:\.\d+)?)?:(\d+(?:\.\d+)?)?\)")
"""Percentile rank: the percentage of values above the first bound and not above the second; either may be left out."""
SIMPLE: dict[str, Callable[[Sequence[Observation]], float]] = {
    "SampleCount": lambda seen: sum(o.count for o in seen),
    "Sum": lambda seen: sum(o.total for o in seen),
    "Average": lambda seen: sum(o.total for o in seen) / sum(o.count for o in seen),
    "Minimum": lambda seen: min(o.minimum for o in seen),
    "Maximum": lambda seen: max(o.maximum for o in seen),
}


def check_statistic(name: str) -> None:
    """Raise `NotModelledError` for a statistic that isn't known here."""
    rank = RANK.fullmatch(name)
    if name not in SIMPLE and not PERCENTILE.fullmatch(name) and not (rank and any(rank.groups())):
        raise NotModelledError(f"the CloudWatch statistic {name!r}")


def statistic(name: str, seen: Sequence[Observation]) -> float | None:
    """One statistic of one period. None when it can't be told: no data, or a percentile of statistic sets."""
    counted = [observation for observation in seen if observation.count > 0]
    if not counted:
        return None
    if name in SIMPLE:
        return SIMPLE[name](counted)
    if rank := RANK.fullmatch(name):
        return percentile_rank(counted, float(rank.group(1) or "-inf"), float(rank.group(2) or "inf"))
    found = PERCENTILE.fullmatch(name)
    assert found is not None
    return percentile(counted, float(found.group(1)) / 100)


def percentile_rank(seen: Iterable[Observation], above: float, most: float) -> float | None:
    """The percentage of the observed values that are above one bound and not above another."""
    ordered = _counted(seen)
    if ordered is None:
        return None
    return 100 * sum(count for value, count in ordered if above < value <= most) / sum(count for _, count in ordered)


def percentile(seen: Iterable[Observation], share: float) -> float | None:
    """The value below which a share of the observed values lies, interpolated between neighbours."""
    ordered = _counted(seen)
    if ordered is None:
        return None
    position = share * (sum(count for _, count in ordered) - 1)
    low = _value_at(ordered, math.floor(position))
    high = _value_at(ordered, math.ceil(position))
    return low + (high - low) * (position - math.floor(position))


def _counted(seen: Iterable[Observation]) -> list[tuple[float, float]] | None:
    """The observed values in their order, with their counts; None where only statistics of some are known."""
    counts: dict[float, float] = defaultdict(float)
    for observation in seen:
        if observation.values is None:
            return None
        for value, count in observation.values:
            counts[value] += count
    return sorted(counts.items())


def _value_at(ordered: list[tuple[float, float]], rank: float) -> float:
    """The value of a rank, counted from 0, among values with their counts."""
    passed = 0.0
    for value, count in ordered:
        passed += count
        if rank < passed:
            return value
    return ordered[-1][0]


def series(store: MetricStore, key: MetricKey, name: str, unit: str | None, period: float, numbers: range) -> Series:
    """A statistic of a metric in each of the periods with those numbers; periods without data are absent."""
    grouped: dict[int, list[Observation]] = defaultdict(list)
    for observation in store.between(key, numbers.start * period, numbers.stop * period, unit):
        grouped[math.floor(observation.at / period)].append(observation)
    found = {number: statistic(name, seen) for number, seen in sorted(grouped.items())}
    return {number: value for number, value in found.items() if value is not None}
