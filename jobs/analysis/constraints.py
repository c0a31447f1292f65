"""constraints.json in Model Monitor's schema: suggested from a baseline, or read. Called by job.py."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from jobs.analysis.drift import ROBUST, SIMPLE
from jobs.analysis.profile import STRING, UNKNOWN, Profile
from jobs.outcome import JobError

DOMAIN_LIMIT = 100


@dataclass(frozen=True)
class Comparison:
    """How far a distribution may be from the baseline's, and by which of Deequ's methods it is measured."""

    threshold: float = 0.1
    method: str = ROBUST

    def __post_init__(self) -> None:
        if self.method not in (SIMPLE, ROBUST):
            raise JobError(f"comparison_method is {self.method}; use {SIMPLE} or {ROBUST}.")
        if not 0 <= self.threshold <= 1:
            raise JobError(f"comparison_threshold is {self.threshold}; it is a distance, from 0 to 1.")


def suggest(profiles: list[Profile], comparison: Comparison) -> dict[str, Any]:
    """Return constraints that the baseline itself meets."""
    return {
        "version": 0,
        "features": [suggest_feature(profile) for profile in profiles],
        "monitoring_config": {
            "evaluate_constraints": "Enabled",
            "emit_metrics": "Enabled",
            "datatype_check_threshold": 1.0,
            "domain_content_threshold": 1.0,
            "distribution_constraints": {
                "perform_comparison": "Enabled",
                "comparison_threshold": comparison.threshold,
                "comparison_method": comparison.method,
                "categorical_comparison_threshold": comparison.threshold,
                "categorical_drift_method": "LInfinity",
            },
        },
    }


def suggest_feature(profile: Profile) -> dict[str, Any]:
    """Return a feature's constraints. `is_non_negative` describes; like Model Monitor, we don't check it."""
    kind = profile.inferred_type
    entry: dict[str, Any] = {
        "name": profile.name,
        "inferred_type": kind,
        "completeness": profile.completeness,
    }
    if kind == STRING:
        few = len(profile.texts) <= DOMAIN_LIMIT
        entry["string_constraints"] = {"domains": sorted(profile.texts) if few else []}
    elif kind != UNKNOWN:
        entry["num_constraints"] = {"is_non_negative": profile.numbers.minimum >= 0}
    return entry


class Constraints:
    """A constraints.json, ours or one that a person has edited."""

    def __init__(self, given: dict[str, Any]) -> None:
        self._config: dict[str, Any] = given.get("monitoring_config", {})
        try:
            self.features = {str(entry["name"]): entry for entry in given["features"]}
        except (KeyError, TypeError) as error:
            raise JobError(f"the baseline's constraints.json lists no features: {error!r}.") from error

    @property
    def names(self) -> list[str]:
        """Return the features' names in the order of the columns."""
        return list(self.features)

    def config(self, name: str) -> dict[str, Any]:
        """Return the monitoring_config as it holds for a feature: its own overrides go first."""
        own = self.features[name].get("monitoringConfigOverrides") or {}
        distribution = {
            **self._config.get("distribution_constraints", {}),
            **own.get("distribution_constraints", {}),
        }
        return {**self._config, **own, "distribution_constraints": distribution}

    def comparison(self, name: str) -> Comparison:
        """Return how a feature's distribution is compared. Raises JobError for what we don't offer."""
        given = self.config(name)["distribution_constraints"]
        if self.features[name].get("inferred_type") != STRING:
            return Comparison(
                float(given.get("comparison_threshold", 0.1)), str(given.get("comparison_method", ROBUST))
            )
        if given.get("categorical_drift_method", "LInfinity") != "LInfinity":
            raise JobError(f"constraints.json: {name}: categorical_drift_method can only be LInfinity here.")
        return Comparison(
            float(given.get("categorical_comparison_threshold", 0.1)),
            str(given.get("comparison_method", ROBUST)),
        )
