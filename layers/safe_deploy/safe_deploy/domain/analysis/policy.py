"""What the analysis may call a difference, and how sure it has to be. Made from the release policy."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

from safe_deploy.errors import InvalidRequestError

UNIT = ("alpha", "unproven", "error_margin", "share_margin")
SHARES = {"errors": 0.38, "latency": 0.38, "predictions": 0.24}
"""How the alarm's level is divided between the metrics that are judged."""


@dataclass(frozen=True, slots=True)
class AnalysisPolicy:
    """Levels, margins and minimums. None as a metric's tolerance leaves that metric out."""

    alpha: float = 0.01
    """Chance of ever rolling back a candidate that is within the tolerances."""
    unproven: float = 0.05
    """Chance of ever passing a candidate that is outside one of the margins."""
    error_margin: float = 0.01
    """To pass, the candidate's error rate is proven to be less than this above the champion's."""
    latency_tolerance: float | None = 0.1
    """By which share the candidate may be slower; its latencies are divided by one more than this."""
    prediction_tolerance: float | None = 0.25
    """By how many standard deviations of the champion's (`history.spread`) any quantile of the predictions may move."""
    share_margin: float = 0.05
    """To pass, less than this share more of the requests lie beyond the champion's quantiles, tolerance granted."""
    minimum_requests: int = 100
    """Of the candidate; with fewer there is no pass."""

    def __post_init__(self) -> None:
        """Raise InvalidRequestError, naming the value that can't be."""
        for name in UNIT:
            if not 0 < getattr(self, name) < 1:
                raise InvalidRequestError(f"the analysis's {name} must lie between 0 and 1")
        for name in ("latency_tolerance", "prediction_tolerance"):
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and value >= 0):
                raise InvalidRequestError(f"the analysis's {name} must be a finite number, not negative")
        if self.minimum_requests < 1:
            raise InvalidRequestError("the analysis's minimum_requests must be at least 1: silence is never a pass")

    def having_seen(self, shift: float) -> Self:
        """Return the policy for a candidate whose predictions' shift (see `largest_shift`) was approved."""
        if self.prediction_tolerance is None:
            return self
        return replace(self, prediction_tolerance=self.prediction_tolerance + shift)

    def shares(self) -> dict[str, float]:
        """Return each judged metric's share of the alarm's level; they sum to one."""
        judged = {
            "errors": True,
            "latency": self.latency_tolerance is not None,
            "predictions": self.prediction_tolerance is not None,
        }
        total = sum(share for name, share in SHARES.items() if judged[name])
        return {name: share / total for name, share in SHARES.items() if judged[name]}

    def to_state(self) -> dict[str, Any]:
        """Return the policy as plain values; `AnalysisPolicy(**state)` reads them."""
        return asdict(self)
