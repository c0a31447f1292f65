"""Candidate and champion beside each other, with intervals, overall and slice by slice. Called by job.py."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from statistics import NormalDist
from typing import Any

import numpy as np

from jobs.evaluation.bootstrap import (
    CONFIDENCE,
    SEED,
    SLICE,
    WHOLE,
    Estimate,
    Metrics,
    Numbers,
    Undefined,
    bootstrap,
    measure,
)
from jobs.evaluation.slices import Slicing
from jobs.outcome import one_line

FEWEST_ROWS = 30
"""A slice with fewer rows is shown without a judgement."""
NOTE_LIMIT = 200
BETTER, WORSE, SAME, UNKNOWN = "better", "worse", "same", "unknown"


@dataclass
class Answers:
    """What each model answered on the test rows. The first model is the candidate, the second the champion."""

    labels: Numbers
    predictions: list[Numbers]
    columns: dict[str, Numbers] = field(default_factory=dict)
    """The columns that slices cut by."""


def compare(metrics: Metrics, better: dict[str, str], slicings: Iterable[Slicing], answers: Answers) -> dict[str, Any]:
    """Return evaluation.json's `comparison`. `better` says of each metric whether lower or higher is; the first
    of them is the one that slices are measured by."""
    names = list(better)
    found = bootstrap(metrics, names, answers.labels, answers.predictions, WHOLE)
    slices = [_slice(metrics, names[0], entry, answers) for entry in _cuts(slicings, answers)]
    return {
        "method": {"resamples": WHOLE.resamples, "rowsEach": min(len(answers.labels), WHOLE.rows),
                   "sliceResamples": SLICE.resamples, "sliceRowsEach": SLICE.rows,
                   "confidence": CONFIDENCE, "seed": SEED},
        "metrics": {name: _overall(estimates, better[name]) for name, estimates in found.items()},
        "sliceMetric": names[0],
        "slices": _ranked(slices, better[names[0]]),
    }  # fmt: skip


def _overall(estimates: list[Estimate], better: str) -> dict[str, Any]:
    difference = estimates[2] if len(estimates) == 3 else None
    return {
        "better": better,
        "candidate": estimates[0].to_json(),
        "champion": estimates[1].to_json() if difference else None,
        "difference": difference.to_json() if difference else None,
        "verdict": UNKNOWN if difference is None else _by_interval(difference, better),
    }


def _by_interval(difference: Estimate, better: str) -> str:
    """A difference counts when its interval leaves out nought."""
    if difference.low is None or difference.high is None:
        return UNKNOWN
    if difference.low <= 0 <= difference.high:
        return SAME
    return BETTER if (difference.value < 0) == (better == "lower") else WORSE


@dataclass
class Slice:
    """The rows of one slice, and what was found on them."""

    name: str
    value: str
    rows: int
    estimates: list[Estimate] = field(default_factory=list)
    note: str = ""

    def worseness(self, better: str) -> float:
        """Return by what share of the champion's metric the candidate is worse, or without a champion its metric."""
        sign = 1 if better == "lower" else -1
        if not self.estimates:
            return -math.inf
        if len(self.estimates) < 3:
            return sign * self.estimates[0].value
        return sign * self.estimates[2].value / (abs(self.estimates[1].value) or 1.0)

    def verdict(self, better: str, limit: float) -> str:
        """Return what the difference says; `limit` is how many standard errors it has to be from nought."""
        if len(self.estimates) < 3 or self.rows < FEWEST_ROWS or self.estimates[2].error is None:
            return UNKNOWN
        difference = self.estimates[2]
        if abs(difference.value) <= limit * (difference.error or 0.0):
            return SAME
        return BETTER if (difference.value < 0) == (better == "lower") else WORSE


def _cuts(slicings: Iterable[Slicing], answers: Answers) -> Iterable[tuple[str, str, Any]]:
    for slicing in slicings:
        for value, mask in slicing.cut(answers.columns[slicing.column]):
            yield slicing.name, value, np.flatnonzero(mask)


def _slice(metrics: Metrics, name: str, entry: tuple[str, str, Any], answers: Answers) -> Slice:
    title, value, places = entry
    found = Slice(title, value, len(places))
    labels, scores = answers.labels[places], [column[places] for column in answers.predictions]
    try:
        if found.rows < FEWEST_ROWS:
            found.note = f"fewer than {FEWEST_ROWS} rows"
            values = [measure(metrics, labels, column).get(name) for column in scores]
            known = [value for value in values if value is not None]
            found.estimates = [Estimate(value) for value in known] if len(known) == len(values) else []
            if len(found.estimates) == 2:
                found.estimates.append(Estimate(known[0] - known[1]))
        else:
            found.estimates = bootstrap(metrics, [name], labels, scores, SLICE).get(name, [])
    except Undefined as error:
        found.note = one_line(f"{name} can't be measured: {error}", NOTE_LIMIT)
    if not found.estimates and not found.note:
        found.note = f"{name} is not defined on these rows"
    return found


def _ranked(slices: list[Slice], better: str) -> list[dict[str, Any]]:
    """Worst regressions first, what can't be judged last.

    With many slices some look bad by chance, so each is held to its share of the 5 % (Bonferroni).
    """
    judged = sum(1 for entry in slices if entry.rows >= FEWEST_ROWS and entry.estimates)
    limit = NormalDist().inv_cdf(1 - (1 - CONFIDENCE) / 2 / max(1, judged))
    order = {WORSE: 0, SAME: 1, BETTER: 2, UNKNOWN: 3}
    ranked = sorted(slices, key=lambda entry: (order[entry.verdict(better, limit)], -entry.worseness(better)))
    return [
        {
            "slice": entry.name,
            "value": entry.value,
            "rows": entry.rows,
            "candidate": entry.estimates[0].to_json() if entry.estimates else None,
            "champion": entry.estimates[1].to_json() if len(entry.estimates) == 3 else None,
            "difference": entry.estimates[2].to_json() if len(entry.estimates) == 3 else None,
            "verdict": entry.verdict(better, limit),
            "note": entry.note,
        }
        for entry in ranked
    ]
