"""Is the candidate slower than the champion, tolerance granted? One of the analysis's metrics.

The candidate's latencies are divided by one more than the tolerance. Their ranks in the champion's history are bet on,
and, as a rare event, requests far slower than the champion's slowest hundredth. Cold starts and failed requests
are left out by the caller, of both versions.
"""

from __future__ import annotations

from math import inf

from safe_deploy.domain.analysis.betting import Bets
from safe_deploy.domain.analysis.events import FAR_SLOWER, EventBets
from safe_deploy.domain.analysis.history import History
from safe_deploy.domain.analysis.metric import Metric
from safe_deploy.domain.analysis.passing import Proofs, packed
from safe_deploy.domain.analysis.quantiles import Pair
from safe_deploy.domain.analysis.ranks import CELLS, LATENCY, above, cell, prior, table
from safe_deploy.domain.analysis.verdict import Estimate

SLOW = 2.5
"""Times the 99th percentile of the champion's history: far slower."""
HIGH = 0.95
"""What is far slower has a higher rank than this; so for most requests that quantile isn't looked up."""
SLOW_SHARE = 0.42
"""Share of the capital that is bet on far slower requests."""
PROVEN = (0.5, 0.95)
"""Quantiles of the champion beyond which the candidate is proven not to lie more often, by the margin."""
REPORTED = (0.5, 0.9, 0.99)
_RATES = tuple(1 - quantile for quantile in PROVEN)
_BEYOND = tuple(packed([int(number >= above(quantile)) for quantile in PROVEN]) for number in range(CELLS))


class Latency(Metric):
    """Bets on, proofs about and quantiles of the latencies."""

    __slots__ = ("_bets", "_divisor", "_history", "_pair", "_slow")
    STATE = (*Metric.STATE, "_bets", "_slow", "_history", "_pair")

    def __init__(self, weight: float, tolerance: float, margin: float, level: float) -> None:
        super().__init__(weight, Proofs(margin, len(PROVEN), level))
        self._divisor = 1 + tolerance
        self._bets = Bets(prior(LATENCY))
        self._slow = EventBets(FAR_SLOWER)
        self._history = History(is_spread=False)
        self._pair = Pair(0.0)

    @property
    def requests(self) -> list[int]:
        """Return how many requests of the champion and of the candidate were compared."""
        return self._pair.requests

    def remember(self, latency: float) -> None:
        """Take in a request that the champion answered before the shift."""
        rank, is_slow = self._history.rank(latency), False
        if self._history.is_ready:
            is_slow = latency > SLOW * self._history.quantile(0.99)
        self._learn((latency, rank, is_slow))

    def observe(self, served: bool, latency: float) -> None:
        """Take in one request; `served` says whether the candidate served it."""
        self._pair.add(served, latency)
        history = self._history
        value = latency / self._divisor if served else latency
        rank, is_slow = 0.5, False
        if history.is_ready:
            rank = history.rank(value)
            number = cell(rank)
            is_slow = rank > HIGH and value > SLOW * history.quantile(0.99)
            share = self._weight.assumed
            self._bets.place(table(LATENCY, share.most)[number][served])
            self._slow.observe(share, served, is_slow)
            self._proofs.observe(served, _BEYOND[number])
        if served:
            self._served += 1
        else:
            self._pending.append((value, rank, is_slow))

    @property
    def alarm(self) -> float:
        """Return the e-value against "no slower than tolerated"."""
        return (1 - SLOW_SHARE) * self._bets.evidence + SLOW_SHARE * self._slow.evidence

    def estimate(self, level: float) -> Estimate | None:
        """Return the ratio of the quantile that rose most surely."""
        found = [
            Estimate(
                f"{quantile.name} of the latency in ms",
                quantile.candidate,
                quantile.champion,
                quantile.candidate / quantile.champion if quantile.champion else inf,
                max(quantile.candidate_low, 0.0) / quantile.champion_high,
                quantile.candidate_high / quantile.champion_low if quantile.champion_low > 0 else inf,
                level,
                "times",
            )
            for quantile in self._pair.compare(REPORTED, level)
        ]
        return max(found, key=lambda estimate: estimate.low if estimate.low > 1 else 0, default=None)

    def _count(self, requests: int) -> None:
        self._bets.count(requests)
        self._slow.count(requests)

    def _rates(self) -> tuple[float, ...]:
        return _RATES

    def _learn(self, entry: tuple[float, float, bool]) -> None:
        value, rank, is_slow = entry
        if self._history.is_ready:
            self._slow.learn(is_slow)
        self._history.learn(value, rank)
