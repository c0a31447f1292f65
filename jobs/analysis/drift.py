"""How far two distributions are apart. Called by violations.py with a baseline and what was captured.

Distances and their correction for sample size are Deequ's (`com.amazon.deequ.analyzers.Distance`), so that a
threshold means what it means in Model Monitor.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

SIMPLE, ROBUST = "Simple", "Robust"
Weighted = tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]


def numeric_distance(baseline: Weighted, current: Weighted, method: str) -> float:
    """Return the largest gap between two cumulated distributions (Kolmogorov–Smirnov's statistic)."""
    points = np.union1d(baseline[0], current[0])
    gap = float(np.max(np.abs(_shares_up_to(baseline, points) - _shares_up_to(current, points))))
    return corrected(gap, int(baseline[1][-1]), int(current[1][-1]), method)


def categorical_distance(baseline: Mapping[str, int], current: Mapping[str, int], method: str) -> float:
    """Return the largest gap between the shares of a value (Deequ's LInfinity)."""
    n, m = sum(baseline.values()), sum(current.values())
    gap = max(abs(baseline.get(value, 0) / n - current.get(value, 0) / m) for value in {*baseline, *current})
    return corrected(gap, n, m, method)


def corrected(gap: float, n: int, m: int, method: str) -> float:
    """Return the gap as it is (Simple), or less what chance alone makes of samples of n and m (Robust).

    1.8 is the critical value of Kolmogorov and Smirnov's two-sample test at 0.3 %.
    """
    return max(0.0, gap - 1.8 * math.sqrt((n + m) / (n * m))) if method == ROBUST else gap


def _shares_up_to(distribution: Weighted, points: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    values, cumulated = distribution
    places = np.searchsorted(values, points, side="right")
    shares: npt.NDArray[np.float64] = np.concatenate([[0], cumulated])[places] / cumulated[-1]
    return shares
