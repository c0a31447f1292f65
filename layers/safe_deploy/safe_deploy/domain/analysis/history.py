"""The champion's recent values, bounded, in which a new value's rank is found. Used by latency and predictions."""

from __future__ import annotations

import sys
from bisect import bisect_left, bisect_right, insort
from collections import deque
from collections.abc import Iterable, Sequence
from math import sqrt
from operator import mul
from typing import Any, Self

from safe_deploy.domain.analysis.kept import Kept

WINDOW = 2048
LEAST = 20
"""Values without which a rank says nothing."""
KEPT = 64
"""Values that are kept when the rest no longer describes the champion."""
PACE = 1 / 32
TAILS = (0.01, 0.001)
"""Shares of the values at either end that count as the last one before them, when the spread is measured."""
HUGE = 1e150
"""The squares of larger values aren't finite."""
DRIFT = 0.17
"""Mean distance of the champion's own recent ranks from the middle (4.7 standard deviations) that betrays a change."""


class History(Kept):
    """A window of the champion's values, which forgets by itself when the champion changes."""

    __slots__ = ("_due", "_is_spread", "_ordered", "_recent", "_tilt", "is_ready", "spread")
    STATE = ("_recent", "_tilt", "_due", "spread")

    def __init__(self, values: Iterable[float] = (), *, is_spread: bool = True) -> None:
        """Begin with some values. Where nobody asks for their spread, it costs nothing."""
        self._is_spread = is_spread
        self._recent = deque(values, maxlen=WINDOW)
        self._ordered = sorted(self._recent)
        self._tilt = 0.0
        self._due = 0
        self.is_ready = len(self._ordered) >= LEAST
        """Whether there are enough values to rank by."""
        self.spread = spread(self._ordered)
        """Of the values, as it was within the last eighth of the window."""

    def __len__(self) -> int:
        """Return how many values there are."""
        return len(self._ordered)

    def rank(self, value: float) -> float:
        """Return the value's rank among the champion's, strictly between 0 and 1; ties count half."""
        below = bisect_left(self._ordered, value)
        upto = bisect_right(self._ordered, value, below)
        return (0.5 * (below + upto) + 0.5) / (len(self._ordered) + 1)

    def quantile(self, share: float) -> float:
        """Return the value below which a share of the values lie."""
        return self._ordered[min(int(share * len(self._ordered)), len(self._ordered) - 1)]

    def learn(self, value: float, rank: float) -> None:
        """Take in a value of the champion, and the rank it had when it came."""
        if len(self._recent) == WINDOW:
            del self._ordered[bisect_left(self._ordered, self._recent[0])]
        self._recent.append(value)
        insort(self._ordered, value)
        self._tilt += PACE * (rank - 0.5 - self._tilt)
        self._due -= 1
        if not -DRIFT <= self._tilt <= DRIFT and len(self._recent) > KEPT:
            self._recent = deque(list(self._recent)[-KEPT:], maxlen=WINDOW)
            self._ordered = sorted(self._recent)
            self._tilt, self._due = 0.0, 0
        if not self.is_ready:
            self.is_ready = len(self._ordered) >= LEAST
        if self._due <= 0 and self._is_spread:
            self.spread, self._due = spread(self._ordered), max(1, len(self._ordered) // 8)

    def restored(self, state: dict[str, Any]) -> Self:
        """Take over a state that `to_state` gave; return the history."""
        super().restored(state)
        self._ordered = sorted(self._recent)
        self.is_ready = len(self._ordered) >= LEAST
        return self


def spread(ordered: Sequence[float]) -> float:
    """Return the standard deviation of ascending values, the outermost ones drawn in: never infinite.

    Values beyond the 1st and the 99th percentile count as these (winsorised: Tukey 1962), at least one at either end,
    so a few wild ones don't widen it. For normal values that makes it 1.8 % less than the plain standard deviation.
    Where all but those are alike, one in a thousand is drawn in; 0 where that leaves no difference either.
    """
    count = len(ordered)
    for share in TAILS:
        drawn = min(max(1, int(share * count)), (count - 1) // 2)
        if drawn < 0 or ordered[drawn] == ordered[-1 - drawn]:
            continue
        low, high = ordered[drawn], ordered[-1 - drawn]
        largest = max(abs(low), abs(high))
        if largest > HUGE:
            return min(largest * spread([value / largest for value in ordered]), sys.float_info.max)
        inner = ordered[drawn : count - drawn]
        mean = (sum(inner) + drawn * (low + high)) / count
        apart = [value - mean for value in inner]
        return sqrt((sum(map(mul, apart, apart)) + drawn * ((low - mean) ** 2 + (high - mean) ** 2)) / count)
    return 0.0
