"""Does the candidate fail more often than the champion? One of the analysis's metrics."""

from __future__ import annotations

from typing import Any, Self

from safe_deploy.domain.analysis.betting import Weight
from safe_deploy.domain.analysis.events import ERRORS, EventBets
from safe_deploy.domain.analysis.intervals import rate_interval
from safe_deploy.domain.analysis.passing import Proofs
from safe_deploy.domain.analysis.verdict import Estimate


class Errors:
    """Bets on, proofs about and counts of failed requests."""

    __slots__ = ("_bets", "_errors", "_is_steady", "_pending", "_proofs", "_served", "_weight", "requests")

    def __init__(self, weight: float, margin: float, level: float) -> None:
        self._weight = Weight(weight)
        self._is_steady = True
        self._bets = EventBets(ERRORS)
        self._proofs = Proofs(margin, 1, level)
        self.requests = [0, 0]
        self._errors = [0, 0]
        self._pending: list[bool] = []
        self._served = 0

    def remember(self, error: bool) -> None:
        """Take in a request that the champion answered before the shift."""
        self._bets.learn(error)

    def shift(self, weight: float) -> None:
        """Take note of another weight; what was waiting to be compared belongs to the one before."""
        self._weight = Weight(weight)
        self._proofs.drop()
        self._is_steady = False

    def observe(self, served: bool, error: bool) -> None:
        """Take in one request; `served` says whether the candidate served it."""
        self._bets.observe(self._weight.assumed, served, error)
        self._proofs.observe(served, (error,))
        self.requests[served] += 1
        self._errors[served] += error
        if served:
            self._served += 1
        else:
            self._pending.append(error)

    def learn(self) -> None:
        """Let what was observed be the past."""
        self._weight.count(len(self._pending) + self._served, self._served)
        if self._served:
            self._bets.count(self._served)
            self._served = 0
        self._proofs.close((self._bets.rate,))
        self._pending.sort()
        for error in self._pending:
            self._bets.learn(error)
        self._pending.clear()

    @property
    def alarm(self) -> float:
        """Return the e-value against "fails no more often"."""
        return self._bets.evidence

    @property
    def proof(self) -> float:
        """Return the e-value against "fails more often by the margin"."""
        return self._proofs.evidence

    def estimate(self, level: float) -> Estimate | None:
        """Return the difference of the error rates.

        Three intervals share the level: of either version's rate, and of who served the failed requests. Where the last
        shows that the candidate fails at least R times as often, its rate p exceeds the champion's by p·(1 − 1/R) or
        more: a few failures say much, even before the champion's rate is well known. The last needs one share of the
        traffic for all requests. R is reckoned by the share that was asked: if it was less, R is only greater.
        """
        if not all(self.requests):
            return None
        part = level / 3
        (low0, high0), (low1, high1) = (rate_interval(self._errors[i], self.requests[i], part) for i in range(2))
        low, high = low1 - high0, high1 - low0
        if self._is_steady:
            rarest, _ = rate_interval(self._errors[1], sum(self._errors), part)
            odds = self._weight.asked / (1 - self._weight.asked)
            if rarest > odds * (1 - rarest):
                low = max(low, low1 * (1 - odds * (1 - rarest) / rarest))
        champion, candidate = (self._errors[i] / self.requests[i] for i in range(2))
        return Estimate("error rate", candidate, champion, candidate - champion, low, high, level, "points")

    def to_state(self) -> dict[str, Any]:
        """Return everything as plain values."""
        return {
            "weight": self._weight.to_state(),
            "bets": self._bets.to_state(),
            "proofs": self._proofs.to_state(),
            "requests": list(self.requests),
            "errors": list(self._errors),
            "pending": list(self._pending),
            "served": self._served,
            "steady": self._is_steady,
        }

    def restored(self, state: dict[str, Any]) -> Self:
        """Take over a state that `to_state` gave; return the metric."""
        self._weight.restored(state["weight"])
        self._bets.restored(state["bets"])
        self._proofs.restored(state["proofs"])
        self.requests, self._errors = list(state["requests"]), list(state["errors"])
        self._pending, self._served = list(state["pending"]), state["served"]
        self._is_steady = state["steady"]
        return self
