"""Every way through the shipped monitor machine."""

from __future__ import annotations

from typing import Any

import pytest

from localaws.stepfunctions.testing import Outcome, TaskError, run
from tests.statemachine.machines import RELEASE, machine, payload

PLAN = {
    "status": "ready",
    "releaseId": RELEASE,
    "endpointName": "e",
    "jobName": f"taxi-fare-{RELEASE}-m-2611221400000a1",
    "source": "s3://artifacts/code/abc/src/",
    "captureManifest": "s3://artifacts/monitoring/r/1/capture.manifest",
    "baseline": "s3://artifacts/releases/r/baseline",
    "output": "s3://artifacts/monitoring/r/1",
    "start": "2026-11-22T13:00:00Z",
    "end": "2026-11-22T14:00:00Z",
    "records": 12,
}


def monitor(**answers: Any) -> Outcome:
    """Run the monitor machine; `answers` replace those of a run that finds one drifted feature.

    `given` is its input.
    """
    given = answers.pop("given", {})
    well: dict[str, Any] = {
        "Plan Monitoring": payload(PLAN),
        "Analyze Capture": {"ProcessingJobStatus": "Completed"},
        "Report Drift": payload({"violations": 1, "drifted": ["congestion_surcharge"]}),
        "Tell of Failure": {"MessageId": "m"},
    }
    tasks = well | {name.replace("_", " "): answer for name, answer in answers.items()}
    return run(machine("monitor"), given, tasks)


def test_drift_is_reported() -> None:
    outcome = monitor()
    assert (outcome.status, outcome.path[-1]) == ("SUCCEEDED", "Monitored")
    assert outcome.output["drifted"] == ["congestion_surcharge"]
    assert outcome.output["output"] == PLAN["output"]


def test_the_window_and_release_asked_for_are_passed_on() -> None:
    outcome = monitor(given={"releaseId": RELEASE, "start": "2026-11-22T10:00:00Z"})
    asked = outcome.requests["Plan Monitoring"][0]["Payload"]
    assert (asked["releaseId"], asked["start"], asked["end"]) == (RELEASE, "2026-11-22T10:00:00Z", None)


@pytest.mark.parametrize("status", ["noTraffic", "noRelease"])
def test_nothing_to_compare_is_not_health(status: str) -> None:
    outcome = monitor(Plan_Monitoring=payload({"status": status, "releaseId": None}))
    assert outcome.output["status"] == status
    assert "Analyze Capture" not in outcome.path


@pytest.mark.parametrize("state", ["Plan Monitoring", "Analyze Capture", "Report Drift"])
def test_a_failure_is_told_and_named(state: str) -> None:
    outcome = monitor(**{state.replace(" ", "_"): TaskError("Some.AccessDeniedException", "no")})
    assert (outcome.status, outcome.path[-1]) == ("FAILED", "Monitoring Failed")
    assert state in outcome.requests["Tell of Failure"][0]["Message"]
