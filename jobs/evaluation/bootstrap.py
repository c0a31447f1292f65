"""How sure a measured metric is: a paired bootstrap of any metric function. Called by comparison.py.

Both models are measured on the same resampled rows, so that what makes rows hard cancels out of their difference
(Efron & Tibshirani 1993, chapter 8). The work is bounded whatever the number of rows: a fixed number of
resamples, each of at most `rows` rows. Where there are more test rows than that, it is the m-out-of-n bootstrap
(Bickel, Götze & van Zwet 1997): the spread of resamples of m rows, times sqrt(m / n), since a metric's error
shrinks with the square root of the rows.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Numbers: TypeAlias = npt.NDArray[np.float64]
Metrics: TypeAlias = Callable[[Numbers, Numbers], dict[str, float]]
SEED = 20_260_131
CONFIDENCE = 0.95
UNDEFINED_SHARE = 0.05
"""Above this share of resamples on which a metric is undefined there is no interval."""


@dataclass(frozen=True)
class Effort:
    """How many resamples, of how many rows at most."""

    resamples: int
    rows: int


WHOLE = Effort(400, 20_000)
SLICE = Effort(200, 5_000)


@dataclass(frozen=True)
class Estimate:
    """A metric or a difference of two, with its 95 % interval; without one when it can't be known."""

    value: float
    low: float | None = None
    high: float | None = None
    error: float | None = None
    """Standard error."""

    def to_json(self) -> dict[str, float | None]:
        """Return the estimate as evaluation.json holds it."""
        return {"value": self.value, "low": self.low, "high": self.high}


class Undefined(Exception):  # noqa: N818 (an answer, not an error: some metrics need both classes, or spread)
    """The metric function has no answer for these rows."""


def measure(metrics: Metrics, labels: Numbers, predictions: Numbers) -> dict[str, float]:
    """Return the finite metrics of some rows. Raises Undefined when the function refuses the rows."""
    try:
        given = metrics(labels, predictions)
        found = {str(name): float(value) for name, value in given.items()}
    except (ArithmeticError, ValueError) as error:
        raise Undefined(f"{type(error).__name__}: {error}") from error
    return {name: value for name, value in found.items() if math.isfinite(value)}


def bootstrap(
    metrics: Metrics, names: Sequence[str], labels: Numbers, predictions: Sequence[Numbers], effort: Effort
) -> dict[str, list[Estimate]]:
    """Return for each name an estimate for each model, then one of the difference first − second if there are two.

    The same rows, the same seed: the same answer. Raises Undefined when the rows as they are can't be measured.
    """
    rows = len(labels)
    size = min(rows, effort.rows)
    whole = [measure(metrics, labels, scores) for scores in predictions]
    random = np.random.default_rng(SEED)
    draws: dict[str, list[list[float]]] = {name: [] for name in names}
    for _ in range(effort.resamples):
        chosen = random.integers(rows, size=size)
        try:
            drawn = [measure(metrics, labels[chosen], scores[chosen]) for scores in predictions]
        except Undefined:
            continue
        for name in names:
            if all(name in found for found in drawn):
                draws[name].append([found[name] for found in drawn])
    return {
        name: _estimates([found[name] for found in whole], np.array(draws[name]), effort, math.sqrt(size / rows))
        for name in names
        if all(name in found for found in whole)
    }


def _estimates(values: list[float], draws: Any, effort: Effort, shrink: float) -> list[Estimate]:
    if len(draws) < (1 - UNDEFINED_SHARE) * effort.resamples:
        return [Estimate(value) for value in (*values, *_differences(values))]
    columns = [draws[:, place] for place in range(len(values))]
    if len(values) == 2:
        columns.append(columns[0] - columns[1])
    centres = [*values, *_differences(values)]
    return [_estimate(value, column, shrink) for value, column in zip(centres, columns, strict=True)]


def _differences(values: list[float]) -> list[float]:
    return [values[0] - values[1]] if len(values) == 2 else []


def _estimate(value: float, draws: Numbers, shrink: float) -> Estimate:
    """Percentiles of the resamples, drawn towards the value as far as the whole has more rows than a resample."""
    tail = (1 - CONFIDENCE) / 2
    low, high = (float(edge) for edge in np.quantile(draws, [tail, 1 - tail]))
    return Estimate(
        value, value + (low - value) * shrink, value + (high - value) * shrink, float(np.std(draws)) * shrink
    )
