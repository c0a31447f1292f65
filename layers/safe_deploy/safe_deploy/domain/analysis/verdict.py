"""What the analysis says: pass, fail or insufficient evidence, with figures. Made by Analysis, read by its callers."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from math import inf
from typing import Any


class Status(StrEnum):
    """The three verdicts. Insufficient is never a pass."""

    PASS = "pass"  # noqa: S105 - no password
    FAIL = "fail"
    INSUFFICIENT = "insufficient evidence"


@dataclass(frozen=True, slots=True)
class Estimate:
    """How a figure of the candidate compares with the champion's; the interval holds at all times at once."""

    figure: str
    """What was estimated: "error rate", "p99 of the latency", …"""
    candidate: float
    champion: float
    change: float
    """Candidate minus champion; for latency candidate over champion."""
    low: float
    high: float
    level: float
    """Chance that the interval ever misses the true change."""
    unit: str
    """What the change counts: "points" (of a hundred), "times", "units"."""

    def sentence(self) -> str:
        """Return the estimate in words."""
        scale = 100 if self.unit == "points" else 1
        of = "%" if self.unit == "points" else ""
        change, low, high = (_number(scale * value) for value in (self.change, self.low, self.high))
        sign = "" if self.unit == "times" or self.change < 0 else "+"
        interval = f"{100 * (1 - self.level):g}% interval {low} to {high}"
        if self.low <= -inf and self.high >= inf:
            interval = "too few requests for an interval"
        return (
            f"{self.figure} {_number(scale * self.candidate)}{of} against the champion's "
            f"{_number(scale * self.champion)}{of}, {sign}{change} {self.unit} "
            f"({interval})"
        )

    def to_output(self) -> dict[str, Any]:
        """Return the estimate as JSON holds it: null where there is no bound."""
        return {
            "figure": self.figure,
            "candidate": self.candidate,
            "champion": self.champion,
            "change": self.change,
            "low": self.low if self.low > -inf else None,
            "high": self.high if self.high < inf else None,
            "level": self.level,
            "unit": self.unit,
        }


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found out about one metric."""

    metric: str
    candidate_requests: int
    champion_requests: int
    alarm: float
    """E-value against "within the tolerance"; large is bad."""
    proof: float
    """E-value against "outside the margin"; large is good."""
    is_proven: bool
    estimate: Estimate | None
    """None before both versions have answered."""

    def sentence(self) -> str:
        """Return the finding in words."""
        counts = f"{self.candidate_requests} requests of the candidate and {self.champion_requests} of the champion"
        return f"{self.metric}: {self.estimate.sentence() if self.estimate else 'nothing to compare'}, on {counts}"

    def to_output(self) -> dict[str, Any]:
        """Return the finding as JSON holds it."""
        return {
            "metric": self.metric,
            "candidateRequests": self.candidate_requests,
            "championRequests": self.champion_requests,
            "alarm": self.alarm,
            "proof": self.proof,
            "isProven": self.is_proven,
            "estimate": self.estimate.to_output() if self.estimate else None,
        }


@dataclass(frozen=True, slots=True)
class Verdict:
    """The analysis's answer at one moment."""

    status: Status
    metric: str | None
    """The metric that failed."""
    reason: str
    candidate_requests: int
    champion_requests: int
    findings: tuple[Finding, ...]

    def to_output(self) -> dict[str, Any]:
        """Return the verdict as JSON holds it."""
        return {
            "status": str(self.status),
            "metric": self.metric,
            "reason": self.reason,
            "candidateRequests": self.candidate_requests,
            "championRequests": self.champion_requests,
            "findings": [finding.to_output() for finding in self.findings],
        }


def _number(value: float) -> str:
    if abs(value) == inf:
        return "unbounded"
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"
