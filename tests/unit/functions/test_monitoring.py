"""Captured traffic is found and compared; silence and drift are told."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import pytest
from safe_deploy.errors import InvalidRequestError, NotFoundError

from tests.fakes.story import ARTIFACTS, FIRST, MODEL, Story

EXECUTION = "arn:aws:states:eu-west-1:111122223333:execution:monitor:5b1d"
PRODUCTION = f"{MODEL}-{FIRST}-prod"


@pytest.fixture
def live(story: Story) -> Story:
    """A release that is live since noon; the monitor runs at five past two."""
    story.until_live()
    story.outside.executions.start = datetime(2026, 1, 31, 14, 5, tzinfo=UTC)
    return story


def plan(story: Story, **event: Any) -> dict[str, Any]:
    given = {"releaseId": FIRST, "start": None, "end": None, "executionArn": EXECUTION, **event}
    answer: dict[str, Any] = story.call("plan_monitoring", given)
    return answer


def capture_at(story: Story, hour: int, minute: int) -> None:
    story.outside.clock.time = datetime(2026, 1, 31, hour, minute, tzinfo=UTC)
    story.capture(PRODUCTION, "1,1\n", "2.0\n")


def test_two_runs_that_begin_in_the_same_second_have_jobs_and_folders_of_their_own(live: Story) -> None:
    capture_at(live, 14, 4)
    one, other = plan(live), plan(live, executionArn=f"{EXECUTION}-by-hand")
    assert plan(live) == one, "the same execution always gets the same names"
    assert one["jobName"] != other["jobName"]
    assert one["output"] != other["output"]


def test_the_last_full_hour_until_now_is_planned(live: Story) -> None:
    for hour, minute in ((12, 59), (13, 0), (13, 30), (14, 4), (14, 5), (14, 30)):
        capture_at(live, hour, minute)
    answer = plan(live)
    run = f"260131140500{sha256(EXECUTION.encode()).hexdigest()[:3]}"
    output = f"s3://{ARTIFACTS}/monitoring/{FIRST}/{run}"
    assert answer["status"] == "ready"
    assert (answer["start"], answer["end"]) == ("2026-01-31T13:00:00Z", "2026-01-31T14:05:00Z")
    assert answer["captureFiles"] == 3
    assert answer["jobName"] == f"{MODEL}-{FIRST}-m-{run}"
    assert answer["output"] == output
    assert answer["baseline"] == f"s3://{ARTIFACTS}/releases/{FIRST}/baseline"
    assert answer["source"].endswith("/src/")
    manifest = live.outside.objects.read_json(answer["captureManifest"])
    assert manifest[0] == {"prefix": f"s3://{ARTIFACTS}/capture/{PRODUCTION}/AllTraffic/"}
    assert [name[:19] for name in manifest[1:]] == [
        "2026/01/31/13/00-00",
        "2026/01/31/13/30-00",
        "2026/01/31/14/04-00",
    ]
    live.outside.clock.advance(600)
    assert plan(live) == answer


def test_a_window_can_be_asked_for_and_the_live_release_is_the_default(live: Story) -> None:
    capture_at(live, 10, 15)
    answer = plan(live, releaseId=None, start="2026-01-31T11:00:00+01:00", end="2026-01-31T10:30:00Z")
    assert (answer["status"], answer["releaseId"], answer["captureFiles"]) == ("ready", FIRST, 1)
    assert answer["start"] == "2026-01-31T10:00:00Z"


def test_no_release_is_no_release(story: Story) -> None:
    assert plan(story, releaseId=None) == {"status": "noRelease", "releaseId": None}


def test_silence_is_told_at_once_then_daily_until_traffic_comes(live: Story) -> None:
    def told() -> int:
        return sum("no traffic captured" in subject for subject, _ in live.outside.topic.sent)

    assert plan(live)["status"] == "noTraffic"
    assert told() == 1
    assert "Silence is not health" in live.outside.topic.sent[-1][1]
    plan(live)
    live.outside.clock.advance(23 * 3600)
    plan(live)
    assert told() == 1
    live.outside.clock.advance(3600)
    plan(live)
    assert told() == 2
    capture_at(live, 13, 30)
    assert plan(live)["status"] == "ready"
    live.outside.executions.start = datetime(2026, 1, 31, 17, 5, tzinfo=UTC)
    plan(live)
    assert told() == 3


@pytest.mark.parametrize(
    ("event", "words"),
    [
        ({"start": "yesterday"}, "start must be an ISO 8601 time"),
        ({"end": "2026-01-31T12:00:00"}, "end must have a time zone"),
        ({"start": "2026-01-31T12:00:00Z", "end": "2026-01-31T12:00:00Z"}, "must be before end"),
        ({"start": "2025-01-31T12:00:00Z"}, "31 days"),
        ({"releaseId": "latest"}, "releaseId must be like"),
    ],
)
def test_a_wrong_request_names_what_is_wrong(live: Story, event: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidRequestError, match=words):
        plan(live, **event)


# ---- drift ----

OUTPUT = f"s3://{ARTIFACTS}/monitoring/{FIRST}/20260131140500"
JOB = f"{MODEL}-{FIRST}-m-2601311405000a1"
DRIFT = {
    "feature_name": "size",
    "constraint_check_type": "baseline_drift_check",
    "description": "Baseline drift distance: 0.31 exceeds threshold: 0.1",
}


def analyzed(story: Story, violations: list[dict[str, str]] | None, **report: Any) -> None:
    content = {
        "outcome": "CompletedWithViolations" if violations else "Completed",
        "rows": 250,
        "unreadable": {},
        "outsideWindow": 0,
        "violations": len(violations or []),
        "metrics": {"feature_baseline_drift_size": 0.31, "feature_non_null_size": 250},
        **report,
    }
    story.outside.objects.put(f"{OUTPUT}/report.json", content)
    if violations is not None:
        story.outside.objects.put(f"{OUTPUT}/constraint_violations.json", {"violations": violations})


def report(story: Story) -> dict[str, Any]:
    event = {"releaseId": FIRST, "output": OUTPUT, "jobName": JOB}
    answer: dict[str, Any] = story.call("report_drift", event)
    return answer


def test_drift_becomes_metrics_and_a_notice_once(live: Story) -> None:
    analyzed(live, [DRIFT, {**DRIFT, "feature_name": "rooms", "constraint_check_type": "data_type_check"}])
    sent = len(live.outside.topic.sent)
    assert report(live) == {"violations": 2, "drifted": ["size"], "rows": 250}
    assert report(live) == {"violations": 2, "drifted": ["size"], "rows": 250}
    assert live.outside.metrics.written == [
        (
            {"ModelName": MODEL, "Release": FIRST},
            {"feature_baseline_drift_size": 0.31, "feature_non_null_size": 250, "Violations": 2, "Rows": 250},
        )
    ]
    assert len(live.outside.topic.sent) == sent + 1
    subject, text = live.outside.topic.sent[-1]
    assert subject == f"{MODEL}: drift in size"
    assert "distance: 0.31 exceeds threshold: 0.1" in text
    assert live.outside.releases.get(FIRST).item["monitoring"]["jobName"] == JOB


def test_no_violations_no_notice(live: Story) -> None:
    analyzed(live, [])
    sent = len(live.outside.topic.sent)
    assert report(live)["violations"] == 0
    assert len(live.outside.topic.sent) == sent


def test_a_run_without_rows_says_only_that(live: Story) -> None:
    analyzed(live, None, outcome="NoData", rows=0, metrics={})
    assert report(live)["rows"] == 0
    assert live.outside.metrics.written[0][1] == {"Violations": 0, "Rows": 0}


def test_records_that_could_not_be_read_are_told(live: Story) -> None:
    analyzed(live, [DRIFT], unreadable={"not JSON": 4, "not UTF-8": 3})
    report(live)
    assert "7 captured records could not be read" in live.outside.topic.sent[-1][1]


def test_results_that_are_missing_or_wrong_are_an_error(live: Story) -> None:
    with pytest.raises(InvalidRequestError, match="doesn't exist"):
        report(live)
    analyzed(live, None)
    with pytest.raises(InvalidRequestError, match="constraint_violations"):
        report(live)
    live.outside.objects.put(f"{OUTPUT}/report.json", json.dumps({"outcome": "Completed"}).encode())
    live.outside.objects.put(f"{OUTPUT}/constraint_violations.json", {"violations": []})
    with pytest.raises(InvalidRequestError, match=r"report\.json: metrics is missing"):
        report(live)


def test_an_unknown_release_is_the_callers_mistake(story: Story) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        report(story)
    assert isinstance(caught.value.__cause__, NotFoundError)
