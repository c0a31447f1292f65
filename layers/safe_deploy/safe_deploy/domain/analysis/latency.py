"""Is the candidate slower than the champion, tolerance granted? One of the analysis's metrics.

The candidate's latencies are divided by one more than the tolerance. Their ranks in the champion's history are bet on,
and, as a rare event, requests far slower than the champion's slowest hundredth. Cold starts and failed requests
are left out by the caller, of both versions.
"""

from __future__ import annotations

from math import inf
from typing import Any, Self

from safe_deploy.domain.analysis.betting import Bets, Weight
from safe_deploy.domain.analysis.events import FAR_SLOWER, EventBets
from safe_deploy.domain.analysis.history import History
from safe_deploy.domain.analysis.passing import Proofs
from safe_deploy.domain.analysis.quantiles import Pair
from safe_deploy.domain.analysis.ranks import CELLS, LATENCY, above, cell, prior, table
from safe_deploy.domain.analysis.verdict import Estimate

SLOW = 2.5
"""Times the 99th percentile of the champion's history: far slower."""
SLOW_SHARE = 0.42
"""Share of the capital that is bet on far slower requests."""
PROVEN = (0.5, 0.95)
"""Quantiles of the champion beyond which the candidate is proven not to lie more often, by the margin."""
REPORTED = (0.5, 0.9, 0.99)
_RATES = tuple(1 - quantile for quantile in PROVEN)
_BEYOND = tuple(tuple(int(number >= above(quantile)) for quantile in PROVEN) for number in range(CELLS))


class Latency:
    """Bets on, proofs about and quantiles of the latencies."""

    __slots__ = ("_bets", "_divisor", "_history", "_pair", "_pending", "_proofs", "_served", "_slow", "_weight")

    def __init__(self, weight: float, tolerance: float, margin: float, level: float) -> None:
        self._weight = Weight(weight)
        self._divisor = 1 + tolerance
        self._bets = Bets(prior(LATENCY))
        self._slow = EventBets(FAR_SLOWER)
        self._proofs = Proofs(margin, len(PROVEN), level)
        self._history = History()
        self._pair = Pair(0.0)
        self._pending: list[tuple[float, float, bool]] = []
        self._served = 0

    @property
    def requests(self) -> list[int]:
        """Return how many requests of the champion and of the candidate were compared."""
        return self._pair.requests

    def remember(self, latency: float) -> None:
        """Take in a request that the champion answered before the shift."""
        rank = self._history.rank(latency)
        if self._history.is_ready:
            self._slow.learn(latency > SLOW * self._history.quantile(0.99))
        self._history.learn(latency, rank)

    def shift(self, weight: float) -> None:
        """Take note of another weight; what was waiting to be compared belongs to the one before."""
        self._weight = Weight(weight)
        self._proofs.drop()

    def observe(self, served: bool, latency: float) -> None:
        """Take in one request; `served` says whether the candidate served it."""
        self._pair.add(served, latency)
        value = latency / self._divisor if served else latency
        rank, is_slow = 0.5, False
        if self._history.is_ready:
            rank = self._history.rank(value)
            number = cell(rank)
            is_slow = value > SLOW * self._history.quantile(0.99)
            share = self._weight.assumed
            self._bets.place(table(LATENCY, share.most)[number][served])
            self._slow.observe(share, served, is_slow)
            self._proofs.observe(served, _BEYOND[number])
        if served:
            self._served += 1
        else:
            self._pending.append((value, rank, is_slow))

    def learn(self) -> None:
        """Let what was observed be the past."""
        self._weight.count(len(self._pending) + self._served, self._served)
        if self._served:
            self._bets.count(self._served)
            self._slow.count(self._served)
            self._served = 0
        self._proofs.close(_RATES)
        self._pending.sort()
        for value, rank, is_slow in self._pending:
            if self._history.is_ready:
                self._slow.learn(is_slow)
            self._history.learn(value, rank)
        self._pending.clear()

    @property
    def alarm(self) -> float:
        """Return the e-value against "no slower than tolerated"."""
        return (1 - SLOW_SHARE) * self._bets.evidence + SLOW_SHARE * self._slow.evidence

    @property
    def proof(self) -> float:
        """Return the e-value against "slower than tolerated by the margin"."""
        return self._proofs.evidence

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

    def to_state(self) -> dict[str, Any]:
        """Return everything as plain values."""
        return {
            "weight": self._weight.to_state(),
            "bets": self._bets.to_state(),
            "slow": self._slow.to_state(),
            "proofs": self._proofs.to_state(),
            "history": self._history.to_state(),
            "pair": self._pair.to_state(),
            "pending": [list(entry) for entry in self._pending],
            "served": self._served,
        }

    def restored(self, state: dict[str, Any]) -> Self:
        """Take over a state that `to_state` gave; return the metric."""
        self._weight.restored(state["weight"])
        self._bets.restored(state["bets"])
        self._slow.restored(state["slow"])
        self._proofs.restored(state["proofs"])
        self._history.restored(state["history"])
        self._pair.restored(state["pair"])
        self._pending = [(value, rank, is_slow) for value, rank, is_slow in state["pending"]]
        self._served = state["served"]
        return self
