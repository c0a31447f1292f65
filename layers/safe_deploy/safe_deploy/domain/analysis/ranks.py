"""Bet on ranks: is the candidate's value higher than the champion's? Used by latency and predictions.

A value's rank u in the champion's history is uniform for the champion. Tilts hold the candidate's normal score
z = Φ⁻¹(u) to be shifted by δ: r = exp(δz − δ²/2). Steps hold it to lie above a quantile more often. Both rise in z, so
the evidence is against "the candidate is stochastically no higher", whatever the distributions. Ranks are put in
cells, within which r is constant and exact on average, so that factors come from a table.
"""

from __future__ import annotations

from bisect import bisect_right
from functools import lru_cache
from statistics import NormalDist

from safe_deploy.domain.analysis.betting import Factors, Share, factors

_NORMAL = NormalDist()
Steps = tuple[tuple[float, float], ...]
TILTS = (0.1, 0.2, 0.4, 0.8, 1.6)
"""Shifts of the normal score that are bet on."""
LATENCY: Steps = ((0.95, 6.0),)
PREDICTIONS: Steps = ((0.25, 1.28), (0.95, 6.0))
"""(quantile, how many times as often above it) that are bet on; the first finds a stuck output."""
QUANTILES = (0.1, 0.5, 0.9, 0.95)
_FINE = {_NORMAL.cdf(z / 5) for z in range(-16, 17)}
_CUTS = {cut for share in (0.25, *QUANTILES) for cut in (share, round(1 - share, 9))}
EDGES = tuple(sorted(_FINE | _CUTS))
CELLS = len(EDGES) + 1


def prior(steps: Steps) -> tuple[float, ...]:
    """Return each bet's share of the capital: equal ones."""
    count = len(TILTS) + len(steps)
    return (1 / count,) * count


def cell(rank: float) -> int:
    """Return the number of the cell that holds a rank."""
    return bisect_right(EDGES, rank)


def above(quantile: float) -> int:
    """Return the first cell that lies above a quantile, which has to be one of the edges."""
    return EDGES.index(quantile) + 1


def ratios(number: int, steps: Steps) -> tuple[float, ...]:
    """Return how many times as likely each bet holds a cell from the candidate."""
    low, high = (0.0, *EDGES)[number], (*EDGES, 1.0)[number]
    tilts = [(_tilted(high, tilt) - _tilted(low, tilt)) / (high - low) for tilt in TILTS]
    rest = [more if low >= quantile else (1 - more * (1 - quantile)) / quantile for quantile, more in steps]
    return (*tilts, *rest)


@lru_cache(maxsize=128)
def table(steps: Steps, weight: float) -> tuple[Factors, ...]:
    """Return the factors of each cell."""
    return tuple(factors(ratios(number, steps), Share(weight, weight)) for number in range(CELLS))


def _tilted(share: float, tilt: float) -> float:
    """Return the share of the candidate's values up to a quantile of the champion's, if it is shifted by `tilt`."""
    return share if share in (0.0, 1.0) else _NORMAL.cdf(_NORMAL.inv_cdf(share) - tilt)
