"""Does the candidate fail more often than the champion? One of the analysis's metrics."""

from __future__ import annotations

from safe_deploy.domain.analysis.events import ERRORS, EventBets
from safe_deploy.domain.analysis.intervals import rate_interval
from safe_deploy.domain.analysis.metric import Metric
from safe_deploy.domain.analysis.passing import Proofs, packed
from safe_deploy.domain.analysis.verdict import Estimate

_SUCCEEDED, _FAILED = packed((0,)), packed((1,))


class Errors(Metric):
    """Bets on, proofs about and counts of failed requests."""

    __slots__ = ("_bets", "_errors", "_is_steady", "_requests")
    STATE = (*Metric.STATE, *__slots__)

    def __init__(self, weight: float, margin: float, level: float) -> None:
        super().__init__(weight, Proofs(margin, 1, level))
        self._is_steady = True
        self._bets = EventBets(ERRORS)
        self._requests = [0, 0]
        self._errors = [0, 0]

    @property
    def requests(self) -> list[int]:
        """Return how many requests the champion and the candidate have answered."""
        return self._requests

    def remember(self, error: bool) -> None:
        """Take in a request that the champion answered before the shift."""
        self._bets.learn(error)

    def shift(self, weight: float) -> None:
        """Take note of another weight."""
        super().shift(weight)
        self._is_steady = False

    def observe(self, served: bool, error: bool) -> None:
        """Take in one request; `served` says whether the candidate served it."""
        self._bets.observe(self._weight.assumed, served, error)
        self._proofs.observe(served, _FAILED if error else _SUCCEEDED)
        self._requests[served] += 1
        self._errors[served] += error
        if served:
            self._served += 1
        else:
            self._pending.append(error)

    @property
    def alarm(self) -> float:
        """Return the e-value against "fails no more often"."""
        return self._bets.evidence

    def estimate(self, level: float) -> Estimate | None:
        """Return the difference of the error rates.

        Three intervals share the level: of either version's rate, and of who served the failed requests. Where the last
        shows that the candidate fails at least R times as often, its rate p exceeds the champion's by p·(1 − 1/R) or
        more: a few failures say much, even before the champion's rate is well known. The last needs one share of the
        traffic for all requests. R is reckoned by the share that was asked: if it was less, R is only greater.
        """
        if not all(self._requests):
            return None
        part = level / 3
        (low0, high0), (low1, high1) = (rate_interval(self._errors[i], self._requests[i], part) for i in range(2))
        low, high = low1 - high0, high1 - low0
        if self._is_steady:
            rarest, _ = rate_interval(self._errors[1], sum(self._errors), part)
            odds = self._weight.asked / (1 - self._weight.asked)
            if rarest > odds * (1 - rarest):
                low = max(low, low1 * (1 - odds * (1 - rarest) / rarest))
        champion, candidate = (self._errors[i] / self._requests[i] for i in range(2))
        return Estimate("error rate", candidate, champion, candidate - champion, low, high, level, "points")

    def _count(self, requests: int) -> None:
        self._bets.count(requests)

    def _rates(self) -> tuple[float, ...]:
        return (self._bets.rate,)

    def _learn(self, entry: bool) -> None:
        self._bets.learn(entry)
