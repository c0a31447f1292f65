"""A sketch of a numeric distribution that stays small however many values it sees. Used by profile.py.

KLL (Karnin, Lang & Liberty, FOCS 2016) with the parameters that Deequ and Model Monitor write: k = 2048 and
c = 0.64. Up to 2,050 values it holds every one. Beyond, a value's rank is off by at most `error_bound()`,
always, and in practice by less than 0.25 % of the count.
"""

from __future__ import annotations

import math
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

K, C = 2048, 0.64
SEED = 2048

Numbers: TypeAlias = npt.NDArray[np.float64]


class Sketch:
    """Levels of values; each value of level i stands for 2**i of the values that were seen."""

    def __init__(self) -> None:
        self.count = 0
        self.levels: list[Numbers] = [np.empty(0)]
        self._compactions = [0]
        self._offsets = [0]
        self._inherited_error = 0
        self._random = np.random.default_rng(SEED)

    def update(self, values: Numbers) -> None:
        """Add values; they must be finite."""
        self.levels[0] = np.concatenate([self.levels[0], values])
        self.count += len(values)
        self._compress()

    def merge(self, other: Sketch) -> None:
        """Add what another sketch saw. The error bounds add up."""
        while len(self.levels) < len(other.levels):
            self._add_level()
        for level, values in enumerate(other.levels):
            self.levels[level] = np.concatenate([self.levels[level], values])
        self.count += other.count
        self._inherited_error += other.error_bound()
        self._compress()

    def error_bound(self) -> int:
        """Return by how many ranks any rank can be off at most: 2**i for each compaction of level i."""
        own = sum(compactions << level for level, compactions in enumerate(self._compactions))
        return self._inherited_error + own

    def weighted(self) -> tuple[Numbers, npt.NDArray[np.int64]]:
        """Return the values in order, and how many of the values seen are not above each."""
        return weighted(self.levels)

    def to_json(self) -> dict[str, Any]:
        """Return the sketch as statistics.json carries it."""
        return {
            "parameters": {"c": C, "k": float(K)},
            "data": [[float(value) for value in np.sort(level)] for level in self.levels],
        }

    def _capacity(self, level: int) -> int:
        depth = len(self.levels) - 1 - level
        return 2 * (math.ceil(K * C**depth / 2) + 1)

    def _add_level(self) -> None:
        self.levels.append(np.empty(0))
        self._compactions.append(0)
        self._offsets.append(0)

    def _compress(self) -> None:
        """Compact the lowest full level until everything fits."""
        while sum(map(len, self.levels)) > sum(map(self._capacity, range(len(self.levels)))):
            self._compact(next(i for i, values in enumerate(self.levels) if len(values) >= self._capacity(i)))

    def _compact(self, level: int) -> None:
        """Halve a level: every second value in order goes up with twice the weight, from a random start.

        The start is drawn anew at every other compaction and flipped in between, so that errors cancel.
        """
        if level + 1 == len(self.levels):
            self._add_level()
        values = self.levels[level]
        even = len(values) - len(values) % 2
        if self._compactions[level] % 2:
            self._offsets[level] = 1 - self._offsets[level]
        else:
            self._offsets[level] = int(self._random.integers(2))
        chosen = np.sort(values[:even])[self._offsets[level] :: 2]
        self.levels[level] = values[even:]
        self.levels[level + 1] = np.concatenate([self.levels[level + 1], chosen])
        self._compactions[level] += 1


def weighted(levels: list[Numbers]) -> tuple[Numbers, npt.NDArray[np.int64]]:
    """Return the values of all levels in order with their cumulated weights."""
    values = np.concatenate([np.asarray(level, dtype=np.float64) for level in levels])
    weights = np.concatenate([np.full(len(level), 1 << i, dtype=np.int64) for i, level in enumerate(levels)])
    order = np.argsort(values, kind="stable")
    return values[order], np.cumsum(weights[order])
