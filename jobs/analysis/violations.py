"""constraint_violations.json in Model Monitor's schema: rows against their baseline. Called by job.py.

The descriptions have the wording that tools parse.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from jobs.analysis.constraints import Comparison, Constraints
from jobs.analysis.drift import categorical_distance, numeric_distance
from jobs.analysis.profile import STRING, UNKNOWN, Profile
from jobs.analysis.rows import Rows
from jobs.analysis.statistics import BaselineFeature

ENABLED = "Enabled"


@dataclass
class Findings:
    """Violations, and the distances of all features that could be compared."""

    violations: list[dict[str, str]] = field(default_factory=list)
    distances: dict[str, float] = field(default_factory=dict)

    def add(self, feature: str, check: str, description: str) -> None:
        """Note a violation."""
        self.violations.append({"feature_name": feature, "constraint_check_type": check, "description": description})


def check(
    rows: Rows, constraints: Constraints, baseline: dict[str, BaselineFeature], comparison: Comparison | None
) -> Findings:
    """Check all rows read. `comparison`, where given, goes before what the constraints say of drift."""
    findings = Findings()
    check_shape(findings, rows, constraints)
    for profile in rows.profiles:
        if profile.name not in constraints.features or profile.rows == 0:
            continue
        config = constraints.config(profile.name)
        if config.get("evaluate_constraints", ENABLED) != ENABLED:
            continue
        check_feature(findings, profile, constraints)
        if config["distribution_constraints"].get("perform_comparison", ENABLED) == ENABLED:
            rule = comparison or constraints.comparison(profile.name)
            check_drift(findings, profile, baseline.get(profile.name), rule)
    return findings


def check_shape(findings: Findings, rows: Rows, constraints: Constraints) -> None:
    """Check the columns, and that everything could be read at all."""
    expected = len(constraints.names)
    shape = "There are {} columns in current dataset. Number of columns in current dataset: {}, "
    shape += f"Number of columns in baseline constraints: {expected}"
    for name in constraints.names:
        if name not in rows.names:
            findings.add(name, "missing_column_check", shape.format("missing", len(rows.names)))
    for name in rows.names:
        if name not in constraints.features:
            findings.add(name, "extra_column_check", shape.format("extra", len(rows.names)))
    for width, count in sorted(rows.widths.items()):
        kind = "missing" if width < expected else "extra"
        text = f"{shape.format(kind, width)}. In {count} of {rows.read} rows."
        findings.add(f"{kind.capitalize()} columns", f"{kind}_column_check", text)
    if rows.unreadable:
        lost = rows.unreadable.total()
        reasons = "; ".join(f"{reason}: {count}" for reason, count in rows.unreadable.most_common(3))
        findings.add(
            "captureData",
            "data_type_check",
            "Data type match requirement is not met. Expected data type: captured rows, Expected match: "
            f"100.0%. Observed: {lost} unreadable records beside {rows.read} readable rows ({reasons}).",
        )


def check_feature(findings: Findings, profile: Profile, constraints: Constraints) -> None:
    """Check a feature's type, its blanks and its categories."""
    rule, config = constraints.features[profile.name], constraints.config(profile.name)
    expected = rule.get("inferred_type", UNKNOWN)
    share, least = profile.share_of_type(expected), float(config.get("datatype_check_threshold", 1.0))
    if expected != UNKNOWN and share < least:
        findings.add(
            profile.name,
            "data_type_check",
            f"Data type match requirement is not met. Expected data type: {expected}, Expected match: "
            f"{least * 100}%. Observed: Only {share * 100}% of data is {expected}.",
        )
    completeness = float(rule.get("completeness", 0.0))
    if profile.completeness < completeness:
        findings.add(
            profile.name,
            "completeness_check",
            f"Completeness requirement is not met. Expected completeness: {completeness * 100}%. "
            f"Observed: Only {profile.completeness * 100}% of data is present.",
        )
    domain = (rule.get("string_constraints") or {}).get("domains")
    if domain and profile.present:
        known = sum(profile.texts[value] for value in domain) / profile.present
        least = float(config.get("domain_content_threshold", 1.0))
        if known < least:
            findings.add(
                profile.name,
                "categorical_values_check",
                f"Value: {known} does not meet the constraint requirement! At least {least * 100}% of the "
                f"values must be among the {len(domain)} of the baseline.",
            )


def check_drift(findings: Findings, profile: Profile, baseline: BaselineFeature | None, comparison: Comparison) -> None:
    """Measure a feature's distance from the baseline, and check it."""
    distance = None
    if baseline and baseline.numbers and len(baseline.numbers[0]) and profile.numbers.count:
        distance = numeric_distance(baseline.numbers, profile.sketch.weighted(), comparison.method)
    elif baseline and baseline.texts and profile.texts and profile.inferred_type == STRING:
        distance = categorical_distance(baseline.texts, profile.texts, comparison.method)
    if distance is None:
        return
    findings.distances[profile.name] = distance
    if distance > comparison.threshold:
        findings.add(
            profile.name,
            "baseline_drift_check",
            f"Baseline drift distance: {distance} exceeds threshold: {comparison.threshold}",
        )
