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

from safe_deploy.domain.analysis.kept import Kept

PRIOR = 8.0
"""Blocks that the first guess of mean and variance is worth."""
CAUTION = 0.7
"""Share of the fastest-growing λ that is bet: 9 % slower to prove, far less likely to lose the proof again."""
RARE_CAUTION = 0.85
"""The same for the λ of rare indicators, which is exact."""
BOLDEST = 0.9
"""Share of the greatest possible λ that is ever bet; one failure costs no more than this share of the capital."""


BITS = 32
"""Of a packed count: a block holds far fewer requests."""


def packed(indicators: Sequence[int]) -> int:
    """Return one request and its indicators, each 0 or 1, as a number that sums up: a count in every 32 bits."""
    return sum(value << BITS * place for place, value in enumerate((1, *indicators)))


class Proofs(Kept):
    """Capital against "the candidate is beyond the margin", for several indicators of one metric."""

    __slots__ = ("_blocks", "_capital", "_limit", "_margin", "_squares", "_sums", "candidate", "champion")
    STATE = ("_capital", "_blocks", "_sums", "_squares", "champion", "candidate")

    def __init__(self, margin: float, indicators: int, level: float) -> None:
        self._margin = margin
        self._limit = level**-3
        self._capital = [1.0] * indicators
        self._blocks = 0
        self._sums = [0.0] * indicators
        self._squares = [0.0] * indicators
        self.champion = self.candidate = 0
        """The requests of the block that is open, summed up."""

    def observe(self, served: bool, request: int) -> None:
        """Take in a request, see `packed`; `served` says whether the candidate served it."""
        if served:
            self.candidate += request
        else:
            self.champion += request

    def close(self, rates: Sequence[float]) -> None:
        """End the block if both have served in it; `rates` guess the champion's means, from its past."""
        if not self.candidate or not self.champion:
            return
        (candidates, *ours), (champions, *theirs) = self._counts(self.candidate), self._counts(self.champion)
        for i, rate in enumerate(rates):
            gap = self._margin - (ours[i] / candidates - theirs[i] / champions)
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
        self.champion = self.candidate = 0

    @property
    def evidence(self) -> float:
        """Return the least e-value: all have to be proven (intersection–union)."""
        return min(self._capital)

    def _counts(self, sums: int) -> list[int]:
        """Return how many requests there were, and how many of them had each indicator."""
        return [sums >> BITS * place & (1 << BITS) - 1 for place in range(len(self._capital) + 1)]
