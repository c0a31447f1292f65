"""The analysis of a traffic shift: takes observations, gives a verdict at any moment. Called while CodeDeploy shifts.

The alarm is the weighted mean of the metrics' e-values, hence an e-value itself: fail as soon as it reaches 1/alpha.
Pass needs every metric proven within its margin (intersection–union: Berger 1982), each at the same level.

    analysis = Analysis(AnalysisPolicy(), weight=0.1, history=champions_requests_before_the_shift)
    analysis.observe_many(observations)
    analysis.verdict().status

Feed requests in the order of their time (one that comes late counts as of now), and only up to a moment for which
both versions' requests are complete: a log that lags behind looks like traffic that went elsewhere.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, Self

from safe_deploy.domain.analysis.errors import Errors
from safe_deploy.domain.analysis.latency import Latency
from safe_deploy.domain.analysis.metric import Metric
from safe_deploy.domain.analysis.observation import CANDIDATE, CHAMPION, Observation
from safe_deploy.domain.analysis.policy import AnalysisPolicy
from safe_deploy.domain.analysis.predictions import Predictions
from safe_deploy.domain.analysis.verdict import Finding, Status, Verdict
from safe_deploy.errors import InvalidRequestError

VERSION = 2
MOMENT = 500
"""Requests of one moment that are taken as simultaneous; the bound of what a state has to hold."""


class Analysis:
    """Everything known about one shift, in bounded memory. What it hands out is frozen."""

    def __init__(self, policy: AnalysisPolicy, weight: float, history: Iterable[Observation] = ()) -> None:
        """Begin with the share of traffic asked for the candidate, and the champion's requests before the shift."""
        self._policy = policy
        self._weight = _checked(weight)
        self._shares = policy.shares()
        margin, level = policy.share_margin, policy.unproven
        self._errors = Errors(weight, policy.error_margin, level)
        slower, moved = policy.latency_tolerance, policy.prediction_tolerance
        self._latency = None if slower is None else Latency(weight, slower, margin, level)
        self._predictions = None if moved is None else Predictions(weight, moved, margin, level)
        given = {"errors": self._errors, "latency": self._latency, "predictions": self._predictions}
        self._metrics: dict[str, Metric] = {name: metric for name, metric in given.items() if metric is not None}
        self._time = -math.inf
        self._held = 0
        self._is_due = False
        self._failed = False
        for observation in history:
            self._remember(observation)

    def shift(self, weight: float) -> None:
        """Take note of the share of the traffic, between 0 and 1, that the alias gives the candidate from now on."""
        if _checked(weight) == self._weight:
            return
        self._learn()
        self._weight = weight
        for metric in self._metrics.values():
            metric.shift(weight)

    def observe_many(self, observations: Iterable[Observation]) -> Self:
        """Take in requests; in batches of any size the result is the same. Returns the analysis."""
        for observation in observations:
            self.observe(observation)
        return self

    def observe(self, observation: Observation) -> None:
        """Take in one request. Once failed, an analysis has its answer and looks no further."""
        time, version, error, latency, cold, prediction = observation
        if time != self._time or self._held == MOMENT:
            self._learn()
            self._time, self._held = time, 0
        if self._failed:
            return
        if version not in (CANDIDATE, CHAMPION):
            raise InvalidRequestError(f"an observation's version must be {CHAMPION} or {CANDIDATE}, not {version!r}")
        served = version == CANDIDATE
        self._is_due |= served
        self._held += 1
        error = error or (prediction is not None and not math.isfinite(prediction))
        self._errors.observe(served, error)
        if error:
            return
        if self._latency is not None and not cold and 0 <= latency < math.inf:
            self._latency.observe(served, latency)
        if self._predictions is not None and prediction is not None:
            self._predictions.observe(served, prediction)

    @property
    def has_failed(self) -> bool:
        """Return whether the alarm was ever reached, as of the last moment that is complete."""
        return self._failed

    @property
    def status(self) -> Status:
        """Return the verdict's status; cheap enough to look after every request."""
        if self._failed or self.alarm >= 1 / self._policy.alpha:
            return Status.FAIL
        if self._errors.requests[1] < self._policy.minimum_requests:
            return Status.INSUFFICIENT
        wanted = 1 / self._policy.unproven
        is_proven = all(metric.proof >= wanted for metric in self._metrics.values())
        return Status.PASS if is_proven else Status.INSUFFICIENT

    @property
    def alarm(self) -> float:
        """Return the e-value against "within every tolerance"."""
        return sum(share * self._metrics[name].alarm for name, share in self._shares.items())

    def verdict(self) -> Verdict:
        """Say what is known so far. Looking as often as one likes costs nothing."""
        findings = tuple(self._finding(name) for name in self._shares)
        champions, candidates = self._errors.requests
        status, metric = self.status, None
        if status is Status.FAIL:
            worst = max(findings, key=lambda finding: self._shares[finding.metric] * finding.alarm)
            metric, reason = worst.metric, f"The candidate is worse in {worst.sentence()}."
        elif status is Status.PASS:
            reason = f"Every metric is proven within its margin, on {candidates} requests of the candidate."
        else:
            missing = [finding.metric for finding in findings if not finding.is_proven]
            least = self._policy.minimum_requests
            lack = [f"{candidates} of at least {least} requests of the candidate"] if candidates < least else []
            lack += [f"no proof yet that {' and '.join(missing)} stay within the margin"] if missing else []
            reason = f"Not enough evidence: {'; '.join(lack)}."
            obstacle = self._predictions.obstacle if self._predictions and "predictions" in missing else None
            reason += f" {obstacle}" if obstacle else ""
        return Verdict(status, metric, reason, candidates, champions, findings)

    def to_state(self) -> dict[str, Any]:
        """Return everything as plain JSON values, some 100 KB at most; `from_state` goes on exactly from there."""
        return {
            "version": VERSION,
            "policy": self._policy.to_state(),
            "weight": self._weight,
            "time": self._time if self._time > -math.inf else None,
            "held": self._held,
            "due": self._is_due,
            "failed": self._failed,
            "metrics": {name: metric.to_state() for name, metric in self._metrics.items()},
        }

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Self:
        """Go on where another analysis stopped. Raises InvalidRequestError for a state of another format."""
        if state.get("version") != VERSION:
            raise InvalidRequestError(f"the analysis's state has version {state.get('version')!r}, not {VERSION}")
        analysis = cls(AnalysisPolicy(**state["policy"]), state["weight"])
        for name, metric in analysis._metrics.items():
            metric.restored(state["metrics"][name])
        analysis._time = -math.inf if state["time"] is None else state["time"]
        analysis._held, analysis._is_due, analysis._failed = state["held"], state["due"], state["failed"]
        return analysis

    def _remember(self, observation: Observation) -> None:
        if observation.version != CHAMPION:
            raise InvalidRequestError("the history before the shift holds the champion's requests only")
        prediction = observation.prediction
        error = observation.error or (prediction is not None and not math.isfinite(prediction))
        self._errors.remember(error)
        if error:
            return
        if self._latency is not None and not observation.cold and 0 <= observation.latency < math.inf:
            self._latency.remember(observation.latency)
        if self._predictions is not None and prediction is not None:
            self._predictions.remember(prediction)

    def _learn(self) -> None:
        """Let the requests of one moment be the past: look at the alarm, then learn from them."""
        if self._is_due:
            self._failed = self.alarm >= 1 / self._policy.alpha
            self._is_due = False
        if not self._failed:
            for metric in self._metrics.values():
                metric.learn()

    def _finding(self, name: str) -> Finding:
        metric = self._metrics[name]
        champions, candidates = metric.requests
        is_proven = metric.proof >= 1 / self._policy.unproven
        estimate = metric.estimate(self._policy.unproven)
        return Finding(name, candidates, champions, metric.alarm, metric.proof, is_proven, estimate)


def _checked(weight: float) -> float:
    if not 0 < weight < 1:
        raise InvalidRequestError(f"the candidate's share of the traffic must lie between 0 and 1, not {weight!r}")
    return weight
