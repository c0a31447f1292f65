"""statistics.json in Model Monitor's schema: written from profiles, read as a baseline. Called by job.py."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from jobs.analysis.drift import Weighted
from jobs.analysis.profile import FRACTIONAL, INTEGRAL, STRING, Profile
from jobs.analysis.sketch import weighted
from jobs.outcome import JobError

BUCKETS = 10


@dataclass(frozen=True)
class BaselineFeature:
    """What a baseline's statistics say of a feature: one of the two distributions, or none."""

    numbers: Weighted | None
    texts: dict[str, int] | None
    mean: float | None = None


def to_json(profiles: list[Profile], rows: int) -> dict[str, Any]:
    """Return statistics.json for profiles of `rows` rows."""
    return {
        "version": 0,
        "dataset": {"item_count": rows},
        "features": [feature_statistics(profile) for profile in profiles],
    }


def feature_statistics(profile: Profile) -> dict[str, Any]:
    """Return a feature's entry. A feature without a single value has a type, Unknown, and no statistics."""
    kind = profile.inferred_type
    entry: dict[str, Any] = {"name": profile.name, "inferred_type": kind}
    common = {"num_present": profile.present, "num_missing": profile.missing}
    if kind == STRING:
        entry["string_statistics"] = {
            "common": common,
            "distinct_count": float(len(profile.texts)),
            "distribution": {
                "categorical": {
                    "buckets": [{"value": text, "count": count} for text, count in sorted(profile.texts.items())]
                }
            },
        }
    elif kind in (FRACTIONAL, INTEGRAL):
        entry["numerical_statistics"] = {
            "common": common,
            "mean": profile.numbers.mean,
            "sum": profile.numbers.total,
            "std_dev": profile.numbers.deviation,
            "min": profile.numbers.minimum,
            "max": profile.numbers.maximum,
            "distribution": {"kll": {"buckets": buckets(profile), "sketch": profile.sketch.to_json()}},
        }
    return entry


def buckets(profile: Profile) -> list[dict[str, float]]:
    """Return ten buckets of equal width, as Deequ makes them: upper bounds are exclusive but the last."""
    values, cumulated = profile.sketch.weighted()
    edges = np.linspace(profile.numbers.minimum, profile.numbers.maximum, BUCKETS + 1)
    below = np.concatenate([[0], cumulated])[np.searchsorted(values, edges, side="left")]
    below[-1] = cumulated[-1]
    return [
        {
            "lower_bound": float(edges[i]),
            "upper_bound": float(edges[i + 1]),
            "count": float(below[i + 1] - below[i]),
        }
        for i in range(BUCKETS)
    ]


def read_baseline(given: dict[str, Any]) -> dict[str, BaselineFeature]:
    """Return the distributions of a statistics.json. Raises JobError when one isn't in the schema."""
    found = {}
    for entry in given.get("features", []):
        try:
            found[str(entry["name"])] = _baseline_feature(entry)
        except (KeyError, TypeError, ValueError) as error:
            raise JobError(
                f"the baseline's statistics.json has no usable distribution for {entry.get('name')}: "
                f"{error!r}; make the baseline again."
            ) from error
    return found


def _baseline_feature(entry: dict[str, Any]) -> BaselineFeature:
    if "numerical_statistics" in entry:
        numbers = entry["numerical_statistics"]
        levels = [np.asarray(level, dtype=np.float64) for level in numbers["distribution"]["kll"]["sketch"]["data"]]
        return BaselineFeature(weighted(levels), None, None if numbers.get("mean") is None else float(numbers["mean"]))
    if "string_statistics" in entry:
        categories = entry["string_statistics"]["distribution"]["categorical"]["buckets"]
        return BaselineFeature(None, {str(bucket["value"]): int(bucket["count"]) for bucket in categories})
    return BaselineFeature(None, None)
