"""Prove that the candidate is within a margin. Used by every metric of the analysis.

Each request of the candidate is held against the champion's requests around it: a block closes as soon as both
versions have served in it, and gives D = (candidate's mean) − (champion's mean) of some indicator. Blocks end by who
served, not by what came out, so E[D] is the true difference whatever the weight is, and outages of both versions
cancel. When the weight changes, the block that is open is dropped: live requests of the one version and replayed ones
of the other have no difference in common. To prove that it is below the margin m, bet against "it is m or more":

    K ← K·(1 + λ(m − D)),   0 ≤ λ < 1/(1 − m),

a supermartingale where that is true; K ≥ 1/0.05 proves the contrary at 5 % (Waudby-Smith & Ramdas 2024). λ is their
growth-rate adaptive guess, μ/(σ² + μ²), from earlier blocks. That approximation bets too much where the indicator is
rare: one event of the candidate costs what many blocks have earned, and proofs are lost again by chance. There capital
grows fastest at μ/(a(1 − a)), a = m + the champion's mean (Kelly 1956, for the two outcomes a and a − 1). Without
requests of the candidate no block closes: nothing is ever proven by silence. K is capped, so that a proof is lost soon
after the candidate goes bad.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

PRIOR = 8.0
"""Blocks that the first guess of mean and variance is worth."""
CAUTION = 0.7
"""Share of the fastest-growing λ that is bet: 9 % slower to prove, far less likely to lose the proof again."""
RARE_CAUTION = 0.85
"""The same for the λ of rare indicators, which is exact."""
BOLDEST = 0.9
"""Share of the greatest possible λ that is ever bet; one failure costs no more than this share of the capital."""


class Proofs:
    """Capital against "the candidate is beyond the margin", for several indicators of one metric."""

    __slots__ = ("_blocks", "_candidate", "_capital", "_champion", "_limit", "_margin", "_squares", "_sums")

    def __init__(self, margin: float, indicators: int, level: float) -> None:
        self._margin = margin
        self._limit = level**-3
        self._capital = [1.0] * indicators
        self._blocks = 0
        self._sums = [0.0] * indicators
        self._squares = [0.0] * indicators
        self._champion = [0] * (indicators + 1)
        self._candidate = [0] * (indicators + 1)

    def observe(self, served: bool, indicators: Sequence[int]) -> None:
        """Take in a request's indicators, each 0 or 1; `served` says whether the candidate served it."""
        held = self._candidate if served else self._champion
        held[0] += 1
        for i, value in enumerate(indicators, 1):
            held[i] += value

    def close(self, rates: Sequence[float]) -> None:
        """End the block if both versions served in it; `rates` guess the champion's means, from its past."""
        candidates, champions = self._candidate[0], self._champion[0]
        if not candidates or not champions:
            return
        for i, rate in enumerate(rates):
            gap = self._margin - (self._candidate[i + 1] / candidates - self._champion[i + 1] / champions)
            doubt = PRIOR * (1.25 * rate * (1 - rate) + self._margin**2)
            mean = (PRIOR * self._margin + self._sums[i]) / (PRIOR + self._blocks)
            square = (doubt + self._squares[i]) / (PRIOR + self._blocks)
            bet = min(CAUTION * max(mean, 0.0) / square, BOLDEST / (1 - self._margin))
            gain = self._margin + rate
            if gain < 0.5:
                bet = min(bet, RARE_CAUTION * max(mean, 0.0) / (gain * (1 - gain)))
            self._capital[i] = min(self._capital[i] * (1 + bet * gap), self._limit)
            self._sums[i] += gap
            self._squares[i] += gap * gap
        self._blocks += 1
        self.drop()

    def drop(self) -> None:
        """Leave the block that is open: its requests and those that follow don't belong together."""
        self._candidate = [0] * len(self._candidate)
        self._champion = [0] * len(self._champion)

    @property
    def evidence(self) -> float:
        """Return the least e-value: all have to be proven (intersection–union)."""
        return min(self._capital)

    def to_state(self) -> dict[str, Any]:
        """Return capital and blocks as plain values."""
        return {
            "capital": list(self._capital),
            "blocks": self._blocks,
            "sums": list(self._sums),
            "squares": list(self._squares),
            "champion": list(self._champion),
            "candidate": list(self._candidate),
        }

    def restored(self, state: dict[str, Any]) -> Self:
        """Take over a state that `to_state` gave; return the proofs."""
        self._capital, self._blocks = list(state["capital"]), state["blocks"]
        self._sums, self._squares = list(state["sums"]), list(state["squares"])
        self._champion, self._candidate = list(state["champion"]), list(state["candidate"])
        return self
