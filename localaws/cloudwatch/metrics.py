"""Metric data and the store it is kept in. Written by CloudWatch and by services that publish metrics."""

from __future__ import annotations

import bisect
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

Dimensions = tuple[tuple[str, str], ...]
MAX_OBSERVATIONS = 20_000
"""Of one metric; the oldest go first."""
MAX_METRICS = 5_000
"""In all; the one longest not written goes first."""


@dataclass(frozen=True, slots=True)
class Datapoint:
    """One value of one metric, as a service publishes it."""

    name: str
    value: float
    timestamp: datetime
    dimensions: Dimensions = ()
    """Pairs of name and value; their order doesn't matter."""
    unit: str = "None"


@dataclass(frozen=True, slots=True, order=True)
class MetricKey:
    """What tells one metric from another."""

    namespace: str
    name: str
    dimensions: Dimensions
    """Sorted by name."""

    @classmethod
    def of(cls, namespace: str, name: str, dimensions: Iterable[tuple[str, str]]) -> MetricKey:
        """The key, whatever order the dimensions come in."""
        return cls(namespace, name, tuple(sorted(dimensions)))


@dataclass(frozen=True, slots=True)
class Observation:
    """What was published at one instant: values with their counts, or a statistic set without them."""

    at: float
    """Seconds since the epoch."""
    unit: str
    count: float
    total: float
    minimum: float
    maximum: float
    values: tuple[tuple[float, float], ...] | None
    """(value, count); None when only a statistic set is known and it hides more than one value."""

    @classmethod
    def of_values(cls, at: float, unit: str, values: Mapping[float, float]) -> Observation:
        """From values and how often each occurred."""
        return cls(
            at,
            unit,
            sum(values.values()),
            sum(value * count for value, count in values.items()),
            min(values),
            max(values),
            tuple(values.items()),
        )

    @classmethod
    def of_statistics(
        cls, at: float, unit: str, count: float, total: float, minimum: float, maximum: float
    ) -> Observation:
        """From a statistic set."""
        values = ((minimum, count),) if minimum == maximum else None
        return cls(at, unit, count, total, minimum, maximum, values)


class MetricStore:
    """Observations by metric, in order of time, bounded in number."""

    def __init__(self) -> None:
        self._series: dict[MetricKey, list[Observation]] = {}
        self._lock = threading.Lock()

    def add(self, key: MetricKey, observation: Observation) -> None:
        """Keep one observation; they may come in any order."""
        with self._lock:
            series = self._series.pop(key, None)
            if series is None:
                series = []
                if len(self._series) >= MAX_METRICS:
                    self._series.pop(next(iter(self._series)))
            self._series[key] = series  # now the one written last
            if not series or series[-1].at <= observation.at:
                series.append(observation)
            else:
                bisect.insort(series, observation, key=_at)
            if len(series) > MAX_OBSERVATIONS:
                del series[: MAX_OBSERVATIONS // 10]

    def between(self, key: MetricKey, start: float, end: float, unit: str | None = None) -> list[Observation]:
        """The observations of a metric with start <= at < end, of one unit if asked."""
        with self._lock:
            series = self._series.get(key, [])
            low = bisect.bisect_left(series, start, key=_at)
            high = bisect.bisect_left(series, end, key=_at)
            found = series[low:high]
        return [o for o in found if o.unit == unit] if unit else found

    def metrics(self) -> Iterator[tuple[MetricKey, float]]:
        """Every metric and when it was last observed, in order of their names."""
        with self._lock:
            held = [(key, series[-1].at) for key, series in self._series.items() if series]
        yield from sorted(held)


def _at(observation: Observation) -> float:
    return observation.at
