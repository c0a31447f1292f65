"""Do the candidate's predictions lie elsewhere than tolerated? One of the analysis's metrics.

A retrained model predicts differently by design, so what is tested is not identity but a margin: no quantile of the
predictions may move by more than a number of the champion's standard deviations (see `history.spread`: a few wild
values don't widen what is tolerated). The candidate's predictions are moved towards innocence by that much, down to
test whether they lie higher and up to test whether they lie lower, and ranked in the champion's history. A stuck or a
wildly spread output breaks the margin at the outer quantiles.

Predictions of the champion that are all alike, but for one in a thousand, have no spread to tolerate a part of.
Then nothing is bet against the candidate, since how far it may move can't be said; proven it is if it predicts just the
same, but for the margin.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

from safe_deploy.domain.analysis.betting import Bets
from safe_deploy.domain.analysis.history import History, spread
from safe_deploy.domain.analysis.metric import Metric
from safe_deploy.domain.analysis.passing import Proofs, packed
from safe_deploy.domain.analysis.quantiles import Pair
from safe_deploy.domain.analysis.ranks import CELLS, PREDICTIONS, above, cell, prior, table
from safe_deploy.domain.analysis.verdict import Estimate

PROVEN = (0.1, 0.5, 0.9)
"""Quantiles of the champion beyond which the candidate is proven not to lie more often, by the margin."""
REPORTED = (0.1, 0.5, 0.9)
_RATES = tuple(1 - quantile for quantile in PROVEN) * 2
_BEYOND = tuple([int(number >= above(quantile)) for quantile in PROVEN] for number in range(CELLS))
_PACKED = tuple(tuple(packed([*higher, *lower]) for lower in _BEYOND) for higher in _BEYOND)


class Predictions(Metric):
    """Bets on, proofs about and quantiles of the predictions."""

    __slots__ = ("_down", "_history", "_pair", "_tolerance", "_up")
    STATE = (*Metric.STATE, "_up", "_down", "_history", "_pair")

    def __init__(self, weight: float, tolerance: float, margin: float, level: float) -> None:
        super().__init__(weight, Proofs(margin, 2 * len(PROVEN), level))
        self._tolerance = tolerance
        self._up, self._down = Bets(prior(PREDICTIONS)), Bets(prior(PREDICTIONS))
        self._history = History()
        self._pair: Pair | None = None

    @property
    def requests(self) -> list[int]:
        """Return how many predictions of the champion and of the candidate were compared."""
        return self._pair.requests if self._pair else [0, 0]

    def remember(self, prediction: float) -> None:
        """Take in a prediction that the champion made before the shift."""
        self._learn((prediction, self._history.rank(prediction)))

    def observe(self, served: bool, prediction: float) -> None:
        """Take in one prediction; `served` says whether it's the candidate's."""
        if self._pair is None:
            self._pair = Pair(prediction)
        self._pair.add(served, prediction)
        history = self._history
        up = history.rank(prediction)
        if history.is_ready:
            down = 1 - up
            if served:
                allowed = self._tolerance * history.spread
                up, down = history.rank(prediction - allowed), 1 - history.rank(prediction + allowed)
            higher, lower = cell(up), cell(down)
            if history.spread > 0:
                factors = table(PREDICTIONS, self._weight.assumed.most)
                self._up.place(factors[higher][served])
                self._down.place(factors[lower][served])
            self._proofs.observe(served, _PACKED[higher][lower])
        if served:
            self._served += 1
        else:
            self._pending.append((prediction, up))

    @property
    def alarm(self) -> float:
        """Return the e-value against "no quantile moved by more than tolerated"."""
        return 0.5 * self._up.evidence + 0.5 * self._down.evidence

    @property
    def obstacle(self) -> str | None:
        """Return why the candidate can't be proven unless it predicts the same; None where the champion's differ."""
        if not self._history.is_ready or self._history.spread > 0:
            return None
        return (
            f"The champion's last {len(self._history)} predictions are all alike, or nearly, so there is no spread to "
            "measure a move by, and only a candidate that predicts the same can pass: to replace such a champion, "
            'leave predictions out ("predictionTolerance": null in the policy), or shift all at once, with a reason.'
        )

    def estimate(self, level: float) -> Estimate | None:
        """Return the move of the quantile that moved most surely."""
        found = [
            Estimate(
                f"{quantile.name} of the predictions",
                quantile.candidate,
                quantile.champion,
                quantile.candidate - quantile.champion,
                quantile.candidate_low - quantile.champion_high,
                quantile.candidate_high - quantile.champion_low,
                level,
                "units",
            )
            for quantile in (self._pair.compare(REPORTED, level) if self._pair else [])
        ]
        found.sort(key=lambda estimate: not estimate.figure.startswith("median"))
        return max(found, key=lambda estimate: max(estimate.low, -estimate.high, 0.0), default=None)

    def restored(self, state: dict[str, Any]) -> Self:
        """Take over a state that `to_state` gave; return the metric."""
        self._pair = Pair(0.0) if state["pair"] else None
        return super().restored(state)

    def _count(self, requests: int) -> None:
        self._up.count(requests)
        self._down.count(requests)

    def _rates(self) -> tuple[float, ...]:
        return _RATES

    def _learn(self, entry: tuple[float, float]) -> None:
        self._history.learn(*entry)


def largest_shift(champion: Sequence[float], candidate: Sequence[float]) -> float:
    """Return by how many of the champion's standard deviations any quantile from p5 to p95 differs.

    This is what an approver sees in the evidence: both models' predictions on the same rows. See
    `AnalysisPolicy.having_seen`. Raises ValueError without predictions, or where the champion's are all alike.
    """
    if not champion or not candidate:
        raise ValueError("there are no predictions to compare")
    ours, theirs = sorted(champion), sorted(candidate)
    unit = spread(ours)
    if unit == 0:
        raise ValueError("the champion's predictions are all alike: there is no spread to measure a shift by")
    shares = [percent / 100 for percent in range(5, 96)]
    return max(abs(theirs[int(s * len(theirs))] - ours[int(s * len(ours))]) for s in shares) / unit
