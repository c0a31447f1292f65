"""Count values in cells that widen with the distance from a centre: quantiles in bounded memory. Used for reports.

After DDSketch (Masson, Rim & Lee 2019), with both signs: a value's distance from the centre is known to 2 %.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil, exp, inf, log
from typing import Any, Self

from safe_deploy.domain.analysis.kept import Kept

GROWTH = 0.04
LEAST, GREATEST = 1e-6, 1e12
_STEPS = 1 / GROWTH
_OFFSET = 1 - ceil(log(LEAST) / GROWTH)


class Sketch(Kept):
    """Counts of values; at most some 2,100 cells, whatever comes."""

    __slots__ = ("_cells", "_centre", "count")

    def __init__(self, centre: float = 0.0) -> None:
        self._centre = centre
        self._cells: dict[int, int] = {}
        self.count = 0

    def add(self, value: float) -> None:
        """Count a value."""
        size = value - self._centre
        if size >= LEAST:
            key = ceil(log(size if size < GREATEST else GREATEST) * _STEPS) + _OFFSET
        elif size <= -LEAST:
            key = -ceil(log(-size if -size < GREATEST else GREATEST) * _STEPS) - _OFFSET
        else:
            key = 0
        self._cells[key] = self._cells.get(key, 0) + 1
        self.count += 1

    def quantile(self, share: float) -> float:
        """Return the value below which a share of the values lie; there has to be one."""
        return next(self._at([max(1, ceil(share * self.count))]))

    def between(self, least: int, greatest: int) -> tuple[float, float]:
        """Return the least and the next value after the greatest in rank, infinite beyond the ends."""
        wanted = [max(least, 1), min(greatest + 1, self.count)]
        low, high = self._at(wanted)
        return (low if least else -inf), (high if greatest < self.count else inf)

    def _at(self, ranks: list[int]) -> Iterator[float]:
        """Yield the values of ascending ranks, counted from 1."""
        seen, waiting = 0, list(ranks)
        for key in sorted(self._cells):
            seen += self._cells[key]
            while waiting and seen >= waiting[0]:
                waiting.pop(0)
                yield self._value(key)

    def _value(self, key: int) -> float:
        if not key:
            return self._centre
        size = exp((abs(key) - _OFFSET - 0.5) * GROWTH)
        return self._centre + (size if key > 0 else -size)

    def to_state(self) -> dict[str, Any]:
        """Return the cells as plain values."""
        return {"centre": self._centre, "cells": [[key, count] for key, count in self._cells.items()]}

    def restored(self, state: dict[str, Any]) -> Self:
        """Take over a state that `to_state` gave; return the sketch."""
        self._centre = state["centre"]
        self._cells = {int(key): int(count) for key, count in state["cells"]}
        self.count = sum(self._cells.values())
        return self
