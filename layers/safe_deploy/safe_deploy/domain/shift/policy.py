"""The section `canary` of policy.json: how traffic shifts, what counts as worse, what silence leads to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

from safe_deploy.domain.analysis import AnalysisPolicy
from safe_deploy.domain.fields import Fields
from safe_deploy.domain.shift.strategy import Strategy

ON_INSUFFICIENT = ("rollBack", "hold")


@dataclass(frozen=True, slots=True)
class CanaryPolicy:
    """What a shift may and must."""

    strategy: Strategy
    analysis: AnalysisPolicy
    replay_requests: int
    """Captured requests of the champion that are sent again, at most, where live traffic proves too little."""
    holds: bool
    """Whether too little evidence leads to another window; else, and after the last one, to the champion."""
    windows: int
    """Further windows, each as long as the strategy."""

    @classmethod
    def parse(cls, given: Fields) -> Self:
        """Read the section. Raises InvalidRequestError, naming the key that is wrong."""

        def tolerance(key: str) -> float | None:
            return None if given.value(key) is None else given.number(key, minimum=0, maximum=100)

        policy = cls(
            Strategy.parse(given.object("strategy")),
            AnalysisPolicy(
                error_margin=given.number("errorMargin", above=0, below=1),
                share_margin=given.number("shareMargin", above=0, below=0.5),
                latency_tolerance=tolerance("latencyTolerance"),
                prediction_tolerance=tolerance("predictionTolerance"),
                minimum_requests=given.integer("minimumRequests", minimum=1, maximum=10**6),
            ),
            given.integer("replayRequests", minimum=0, maximum=20_000),
            given.choice("onInsufficientEvidence", ON_INSUFFICIENT) == "hold",
            given.integer("windows", minimum=0, maximum=10),
        )
        given.end()
        return policy

    def to_output(self) -> dict[str, Any]:
        """Return what a shift has to prove, for the evidence. The strategy may be the manifest's, so it isn't here."""
        return {
            "errorMargin": self.analysis.error_margin,
            "shareMargin": self.analysis.share_margin,
            "latencyTolerance": self.analysis.latency_tolerance,
            "predictionTolerance": self.analysis.prediction_tolerance,
            "minimumRequests": self.analysis.minimum_requests,
            "replayRequests": self.replay_requests,
            "onInsufficientEvidence": "hold" if self.holds else "rollBack",
            "furtherWindows": self.further_windows,
        }

    @property
    def further_windows(self) -> int:
        """Return how often a shift may be begun again for want of evidence."""
        return self.windows if self.holds else 0
