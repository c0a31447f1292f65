"""Compare quantiles of both versions' values, with anytime-valid intervals. Used by latency and predictions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from safe_deploy.domain.analysis.intervals import quantile_counts
from safe_deploy.domain.analysis.kept import Kept
from safe_deploy.domain.analysis.sketch import Sketch


class Compared(NamedTuple):
    """A quantile of both versions."""

    name: str
    champion: float
    champion_low: float
    champion_high: float
    candidate: float
    candidate_low: float
    candidate_high: float


class Pair(Kept):
    """A sketch of each version's values."""

    __slots__ = STATE = ("_sketches",)

    def __init__(self, centre: float) -> None:
        self._sketches = (Sketch(centre), Sketch(centre))

    @property
    def requests(self) -> list[int]:
        """Return how many values the champion and the candidate gave."""
        return [sketch.count for sketch in self._sketches]

    def add(self, served: bool, value: float) -> None:
        """Count a value; `served` says whether it's the candidate's."""
        self._sketches[served].add(value)

    def compare(self, shares: Sequence[float], level: float) -> list[Compared]:
        """Return the quantiles; their intervals hold together with probability 1 − level. Empty without values."""
        if not all(self.requests):
            return []
        part = level / (2 * len(shares))
        return [
            Compared("median" if share == 0.5 else f"p{100 * share:g}", *self._quantile(0, share, part), *rest)
            for share in shares
            for rest in [self._quantile(1, share, part)]
        ]

    def _quantile(self, version: int, share: float, level: float) -> tuple[float, float, float]:
        sketch = self._sketches[version]
        return sketch.quantile(share), *sketch.between(*quantile_counts(share, sketch.count, level))
