"""How far a release's training data are from the champion's: the baseline job's report. Used by the evidence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from safe_deploy.domain.fields import Fields
from safe_deploy.domain.ports import Objects
from safe_deploy.domain.release import Release
from safe_deploy.errors import NotFoundError

PREFIX = "feature_baseline_drift_"
VIOLATIONS_SHOWN = 50


def is_distance(violation: Mapping[str, Any]) -> bool:
    """Return whether a violation says what `features` says, too; such come last, since not all of them are kept."""
    return str(violation["description"]).startswith("Baseline drift")


def read_drift(release: Release, objects: Objects) -> dict[str, Any] | None:
    """Return each feature's distance from the champion's baseline, the farthest first.

    None when it isn't known: there is no champion, its baseline is gone, or the job left no report.
    """
    if release.champion is None or not release.champion.baseline_url:
        return None
    try:
        report = Fields(objects.read_json(release.place("baseline", "report.json")), "report.json")
        found = Fields(
            objects.read_json(release.place("baseline", "constraint_violations.json")), "constraint_violations.json"
        )
    except NotFoundError:
        return None
    metrics, means = report.object("metrics"), report.object("means")
    features = [
        {
            "name": name.removeprefix(PREFIX),
            "distance": metrics.number(name, minimum=0, maximum=1),
            **_means(means, name.removeprefix(PREFIX)),
        }
        for name in metrics
        if name.startswith(PREFIX)
    ]
    violations = [
        {"feature": entry.text("feature_name"), "description": entry.text("description", maximum=10_000)}
        for entry in found.objects("violations")
    ]
    return {
        "threshold": release.policy.drift_threshold,
        "method": release.policy.drift_method,
        "rows": report.integer("rows", minimum=0, maximum=10**12),
        "features": sorted(features, key=lambda entry: (-entry["distance"], entry["name"])),
        "violations": sorted(violations, key=is_distance)[:VIOLATIONS_SHOWN],
        "violationsInAll": len(violations),
    }


def _means(means: Fields, name: str) -> dict[str, float | None]:
    if name not in means:
        return {"mean": None, "championMean": None}
    given = means.object(name)
    return {
        key: None if given.value(source) is None else given.number(source)
        for key, source in (("mean", "current"), ("championMean", "baseline"))
    }
