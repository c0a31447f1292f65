"""What a monitoring run found. Used by report_drift."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from safe_deploy.domain.fields import Fields

DRIFT_CHECK = "baseline_drift_check"
COMPARED = ("Completed", "CompletedWithViolations")


def has_comparison(report: Any) -> bool:
    """Return whether the analyzer had rows to compare, and so has written its violations."""
    return Fields(report, "report.json").text("outcome") in COMPARED


@dataclass(frozen=True, slots=True)
class Violation:
    """One entry of constraint_violations.json."""

    feature: str
    check: str
    description: str


@dataclass(frozen=True, slots=True)
class Findings:
    """The analyzer's report and violations."""

    rows: int
    unreadable: int
    violations: tuple[Violation, ...]
    metrics: dict[str, float]
    """feature_baseline_drift_<name> and feature_non_null_<name>, as Model Monitor calls them."""

    @classmethod
    def parse(cls, report: Any, violations: Any) -> Findings:
        """Read report.json and constraint_violations.json (None when there is none).

        Raises InvalidRequestError, naming the key that is wrong.
        """
        given = Fields(report, "report.json")
        metrics = given.object("metrics")
        unreadable = given.object("unreadable")
        found: tuple[Violation, ...] = ()
        if violations is not None:
            entries = Fields(violations, "constraint_violations.json").objects("violations", maximum=10_000)
            found = tuple(
                Violation(
                    entry.text("feature_name"),
                    entry.text("constraint_check_type"),
                    entry.text("description", maximum=10_000),
                )
                for entry in entries
            )
        return cls(
            given.integer("rows", minimum=0, maximum=10**15),
            sum(unreadable.integer(reason, minimum=0, maximum=10**15) for reason in unreadable),
            found,
            {name: value for name in metrics if math.isfinite(value := float(metrics.number(name)))},
        )

    @property
    def drifted(self) -> list[str]:
        """Return the features whose distribution has left the baseline's."""
        return sorted({entry.feature for entry in self.violations if entry.check == DRIFT_CHECK})

    def to_metrics(self) -> dict[str, float]:
        """Return what CloudWatch is given; without rows nothing is said about features."""
        return {**self.metrics, "Violations": float(len(self.violations)), "Rows": float(self.rows)}

    def to_output(self) -> dict[str, Any]:
        """Return the findings as the state machine reads them."""
        return {"violations": len(self.violations), "drifted": self.drifted, "rows": self.rows}
