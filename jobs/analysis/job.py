"""Describe a data set, or compare what was captured with a baseline. Called by jobs/analyze.py.

The interface is the one of Model Monitor's own container: environment variables in, three files out.

    dataset_format        {"csv": {"header": true}} or {"sagemakerCaptureJson": {}}
    dataset_source        folder to read
    output_path           folder for statistics.json, constraints.json, constraint_violations.json
    baseline_statistics, baseline_constraints   files; given, the data are compared with them
    start_time, end_time  of the captured requests to look at
    comparison_threshold, comparison_method     go before what the constraints say
    message_path          where SageMaker reads the exit message

A CSV data set with a baseline is described and compared: so a new baseline is held against the champion's.

Beside them it writes report.json: outcome, counts, what couldn't be read, metrics by Model Monitor's names, means.
Without a single record there is nothing to say: the outcome is NoData, and report.json is the only file. If
there were records but none could be read, that is a violation, and there are no statistics.

Only the requests' features are analysed. The answers would need a baseline of the model's own answers, and the
baseline is made while the model still trains.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jobs.analysis.constraints import Comparison, Constraints, suggest
from jobs.analysis.rows import Rows, Window, read_capture, read_csv_files
from jobs.analysis.statistics import read_baseline, to_json
from jobs.analysis.violations import Findings, check
from jobs.outcome import JobError, finish, write_json

NO_DATA, COMPLETED, WITH_VIOLATIONS = "NoData", "Completed", "CompletedWithViolations"


class Settings:
    """The job's environment. Raises JobError, naming the variable that is wrong."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self.source = Path(self._required("dataset_source"))
        self.output = Path(self._required("output_path"))
        self.captured = self._is_capture()
        constraints = self._json("baseline_constraints")
        statistics = self._json("baseline_statistics")
        if (constraints is None) != (statistics is None):
            raise JobError("give both baseline_constraints and baseline_statistics, or neither.")
        self.constraints = None if constraints is None else Constraints(constraints)
        self.baseline = {} if statistics is None else read_baseline(statistics)
        start, end = environment.get("start_time"), environment.get("end_time")
        self.window = Window.of(start, end) if start and end else None
        self.comparison = self._comparison()

    def _required(self, name: str) -> str:
        if not self._environment.get(name):
            raise JobError(f"the environment variable {name} is missing.")
        return self._environment[name]

    def _is_capture(self) -> bool:
        given = self._required("dataset_format")
        try:
            formats = json.loads(given)
            if "sagemakerCaptureJson" in formats:
                return True
            if formats["csv"]["header"] is True:
                return False
        except (ValueError, TypeError, KeyError):
            pass
        raise JobError(
            f'dataset_format is {given}; use {{"csv": {{"header": true}}}} or {{"sagemakerCaptureJson": {{}}}}.'
        )

    def _json(self, name: str) -> dict[str, Any] | None:
        path = self._environment.get(name)
        if not path:
            return None
        try:
            given: dict[str, Any] = json.loads(Path(path).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise JobError(f"{name} {path} can't be read: {error}") from error
        return given

    def _comparison(self) -> Comparison | None:
        threshold, method = (self._environment.get(f"comparison_{part}") for part in ("threshold", "method"))
        if not threshold and not method:
            return None
        try:
            standard = Comparison()
            return Comparison(float(threshold or standard.threshold), method or standard.method)
        except ValueError as error:
            raise JobError(f"comparison_threshold is {threshold}; it is a number.") from error

    def read(self) -> Rows:
        """Read the data set."""
        if not self.captured:
            return read_csv_files(self.source)
        if self.constraints is None:
            raise JobError("captured rows have no header: baseline_constraints must name their columns.")
        return read_capture(self.source, self.constraints.names, self.window)


def analyze(settings: Settings) -> str:
    """Do the job and return the exit message."""
    rows = settings.read()
    unread = f" {rows.unreadable.total():,} records could not be read." if rows.unreadable else ""
    if rows.read == 0 and not settings.captured:
        raise JobError(f"{settings.source} has no rows to describe.")
    if rows.read == 0 and not rows.unreadable:
        write_report(settings, rows, NO_DATA, Findings())
        return f"{NO_DATA}: no rows were captured, so nothing can be said.{_left_out(rows)}"
    if rows.read:
        write_json(settings.output / "statistics.json", to_json(rows.profiles, rows.profiled))
        suggested = suggest(rows.profiles, settings.comparison or Comparison())
        write_json(settings.output / "constraints.json", suggested)
    if settings.constraints is None:
        write_report(settings, rows, COMPLETED, Findings())
        return f"{COMPLETED}: Job completed successfully with a baseline of {rows.profiled:,} rows."
    findings = check(rows, settings.constraints, settings.baseline, settings.comparison)
    write_json(settings.output / "constraint_violations.json", {"violations": findings.violations})
    outcome = WITH_VIOLATIONS if findings.violations else COMPLETED
    write_report(settings, rows, outcome, findings)
    count = len(findings.violations) or "no"
    return f"{outcome}: Job completed successfully with {count} violations.{unread}{_left_out(rows)}"


def _left_out(rows: Rows) -> str:
    return f" {rows.outside_window:,} records lie outside the window." if rows.outside_window else ""


def write_report(settings: Settings, rows: Rows, outcome: str, findings: Findings) -> None:
    """Write report.json, the page that decides what to publish."""
    metrics = {f"feature_baseline_drift_{name}": value for name, value in findings.distances.items()}
    if rows.profiled:
        metrics |= {f"feature_non_null_{profile.name}": float(profile.present) for profile in rows.profiles}
    report = {
        "outcome": outcome,
        "rows": rows.read,
        "unreadable": dict(rows.unreadable.most_common()),
        "outsideWindow": rows.outside_window,
        "violations": len(findings.violations),
        "metrics": metrics,
        "means": means(rows, settings),
    }
    write_json(settings.output / "report.json", report)


def means(rows: Rows, settings: Settings) -> dict[str, dict[str, float | None]]:
    """Return the mean of each numeric feature, and the baseline's: a distance alone doesn't say which way."""
    return {
        profile.name: {
            "current": profile.numbers.mean,
            "baseline": settings.baseline[profile.name].mean if profile.name in settings.baseline else None,
        }
        for profile in rows.profiles
        if profile.numbers.count
    }


def main() -> int:
    """Run the job and return its exit code."""
    message = Path(os.environ.get("message_path", "/opt/ml/output/message"))  # noqa: SIM112
    return finish(message, lambda: analyze(Settings(os.environ)))
