"""Decide whether a candidate's metrics keep the policy's gates. Used by check_gates."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from safe_deploy.domain import comparison
from safe_deploy.domain.fields import Fields
from safe_deploy.domain.policy import Gate, Policy

ROUNDING = 1e-9
"""Share of the champion's metric by which a candidate exactly at the limit may seem above it."""
OBSTACLE_LIMIT = 1000

Metrics = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """evaluation.json: both models' metrics on the same test rows."""

    test_rows: int
    candidate: Metrics
    champion: Metrics | None
    champion_obstacle: str = ""
    """Why a champion can't be measured on these rows: its contract was another one."""
    comparison: dict[str, Any] | None = None
    """Intervals and slices; None when the job left none."""

    @classmethod
    def parse(cls, document: Any) -> Evaluation:
        """Read evaluation.json. Raises InvalidRequestError, naming the key that is wrong."""
        given = Fields(document, "evaluation.json")
        metrics = given.object("metrics")
        champion = metrics.value("champion") if "champion" in metrics else None
        is_obstructed = "championObstacle" in given and given.value("championObstacle")
        return cls(
            given.integer("testRows", minimum=0, maximum=10**12),
            _finite(metrics.object("candidate")),
            None if champion is None else _finite(metrics.object("champion")),
            given.line("championObstacle", maximum=OBSTACLE_LIMIT) if is_obstructed else "",
            comparison.parse(given.object("comparison")) if "comparison" in given else None,
        )

    def of_the_champion(self) -> Evaluation:
        """Return the evaluation of the champion's own model, which a code-only release keeps.

        How it compared with its predecessor doesn't matter any more.
        """
        return replace(self, champion=self.candidate, champion_obstacle="", comparison=None)

    def to_output(self) -> dict[str, Any]:
        """Return the metrics as the state machine and the evidence hold them."""
        return {
            "candidate": dict(self.candidate),
            "champion": None if self.champion is None else dict(self.champion),
        }


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the gates say."""

    failures: tuple[str, ...]
    checked: int

    @property
    def passed(self) -> bool:
        """Return whether every gate was kept."""
        return not self.failures


def judge(evaluation: Evaluation, policy: Policy, *, has_champion: bool) -> Verdict:
    """Apply every gate. What can't be known (no rows, a metric left out) is a failure, never a pass.

    Gates relative to the champion don't apply without one, nor where its contract was another: then a person
    is told so beside the metrics.
    """
    failures = []
    if evaluation.test_rows == 0:
        failures.append("the evaluation had no test rows")
    if has_champion and evaluation.champion is None and not evaluation.champion_obstacle:
        failures.append("the champion was not evaluated, so there is nothing to compare with")
    for gate in policy.gates:
        failure = _failure(gate, evaluation, policy.better[gate.metric])
        if failure is not None and failure not in failures:
            failures.append(failure)
    return Verdict(tuple(failures), len(policy.gates))


def explain(evaluation: Evaluation, policy: Policy) -> list[dict[str, Any]]:
    """Return each gate with what was found, in the policy's order, for a person."""
    champions = evaluation.champion or {}
    return [
        {
            "metric": gate.metric,
            "limit": gate.limit,
            "value": gate.value,
            "found": evaluation.candidate.get(gate.metric),
            "champion": champions.get(gate.metric),
            "failure": _failure(gate, evaluation, policy.better[gate.metric]),
        }
        for gate in policy.gates
    ]


def _failure(gate: Gate, evaluation: Evaluation, better: str) -> str | None:
    value = evaluation.candidate.get(gate.metric)
    if value is None:
        return f"{gate.metric} was not measured"
    if gate.limit == "atMostWorseThanChampion":
        return None if evaluation.champion is None else _worse(gate, value, evaluation.champion, better)
    is_kept, words = (value <= gate.value, "above") if gate.limit == "atMost" else (value >= gate.value, "below")
    return None if is_kept else f"{gate.metric} {value:.6g} is {words} the limit {gate.value:g}"


def _worse(gate: Gate, value: float, champions: Metrics, better: str) -> str | None:
    champion = champions.get(gate.metric)
    if champion is None:
        return f"{gate.metric} was not measured for the champion"
    worse = value - champion if better == "lower" else champion - value
    if worse <= (gate.value + ROUNDING) * abs(champion):
        return None
    return f"{gate.metric} {value:.6g} is worse than the champion's {champion:.6g} by more than {gate.value:.4g} of it"


def _finite(section: Fields) -> Metrics:
    values = {name: section.value(name) for name in comparison.metric_names(section)}
    return {
        name: float(value)
        for name, value in values.items()
        if isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    }
