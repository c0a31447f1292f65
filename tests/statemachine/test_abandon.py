"""Every way through the shipped abandon machine, which tidies up after an execution that was stopped."""

from __future__ import annotations

import json
from typing import Any

import pytest

from localaws.stepfunctions.testing import Outcome, TaskError, run
from tests.statemachine.machines import BASE, RELEASE, definition, machine, payload

TASKS = [name for name, state in json.loads(definition("abandon"))["States"].items() if state["Type"] == "Task"]
ARN = f"arn:aws:states:us-east-1:123456789012:execution:stack-release:{RELEASE}"
DENIED = TaskError("Some.AccessDeniedException", "not allowed")
FOUND: dict[str, Any] = {
    "releaseId": RELEASE,
    "outcome": "stopped",
    "error": {"Error": "ExecutionStopped", "Cause": "its execution was stopped by hand (wrong data)"},
    "schedule": f"{BASE}-monitor",
    "endpointName": f"{BASE}-prod",
    "version": None,
    "backTo": None,
    "waitingFor": [],
}


def found(status: str, **changes: Any) -> dict[str, Any]:
    return payload({**FOUND, "status": status, **changes})


LIVE = found("live", outcome="live", version="3")


def abandon(**answers: Any) -> Outcome:
    """Run the machine; `answers` replace those of a release that was stopped in mid-shift."""
    well: dict[str, Any] = {
        "Stop Release": [found("stopping", waitingFor=["deployment d-1"], backTo="2"), found("stopped")],
        "Verify Rollback": payload({"passed": True, "differences": [], "serving": "Production serves."}),
        "Clean Up": [payload({"done": False, "waitingFor": ["endpoint e"]}), payload({"done": True, "waitingFor": []})],
        "Record Outcome": payload({}),
        "Start Monitoring": {"ScheduleArn": "arn"},
        "Let It Scale In": {"ScalableTargetARN": "arn"},
        "Announce Release": payload({}),
        "Tell of Leftovers": {"MessageId": "m"},
    }
    tasks = well | {name.replace("_", " "): answer for name, answer in answers.items()}
    return run(machine("abandon"), {"executionArn": ARN}, tasks)


def test_what_runs_is_stopped_then_removed_then_told() -> None:
    outcome = abandon()
    assert (outcome.status, outcome.path[-1]) == ("SUCCEEDED", "Release Abandoned")
    assert [request["Payload"] for request in outcome.requests["Stop Release"]] == [{"executionArn": ARN}] * 2
    assert outcome.requests["Clean Up"][0]["Payload"] == {"releaseId": RELEASE, "scope": "all"}
    (told,) = outcome.requests["Record Outcome"]
    assert told["Payload"] == {
        "releaseId": RELEASE,
        "outcome": "stopped",
        "error": FOUND["error"],
        "cleanUp": None,
        "unverified": None,
    }


def test_production_is_read_back_before_anything_goes_once_requests_have_ended() -> None:
    outcome = abandon()
    assert outcome.requests["Verify Rollback"][0]["Payload"] == {"version": "2", "leftReleaseId": RELEASE}
    order = [
        outcome.path.index(state) for state in ("Is It Stopped?", "Let Requests End", "Verify Rollback", "Clean Up")
    ]
    assert order == sorted(order)
    assert 60 in outcome.waited


@pytest.mark.parametrize("status", ["stopping", "stopped"])
def test_production_is_read_back_whether_the_shift_ended_by_itself_or_will_not_end(status: str) -> None:
    outcome = abandon(Stop_Release=found(status, backTo="2"))
    assert outcome.requests["Verify Rollback"][0]["Payload"]["version"] == "2"
    assert outcome.path[-1] == "Release Abandoned"


def test_a_release_that_shifted_nothing_is_cleaned_up_at_once() -> None:
    outcome = abandon(Stop_Release=found("stopped"))
    assert not {"Let Requests End", "Verify Rollback"} & set(outcome.path)
    assert outcome.path[-1] == "Release Abandoned"


def test_production_that_can_not_be_read_back_is_part_of_what_is_told() -> None:
    outcome = abandon(Verify_Rollback=DENIED)
    assert outcome.path[-1] == "Release Abandoned"
    assert outcome.requests["Record Outcome"][0]["Payload"]["unverified"]["Cause"] == "not allowed"
    assert "Clean Up" in outcome.path


def test_calls_that_were_under_way_come_to_their_end_first() -> None:
    assert abandon().path[0] == "Wait for Loose Ends"
    assert abandon().waited[0] == 30


def test_an_execution_that_ended_by_itself_needs_nothing() -> None:
    outcome = abandon(Stop_Release=found("ended"))
    assert outcome.path == ["Wait for Loose Ends", "Stop Release", "Is It Stopped?", "Nothing Left to Do"]
    assert outcome.status == "SUCCEEDED"


def test_a_release_that_serves_is_announced_and_watched_and_never_cleaned_up() -> None:
    outcome = abandon(Stop_Release=LIVE)
    assert (outcome.status, outcome.path[-1]) == ("SUCCEEDED", "Live All the Same")
    assert "Clean Up" not in outcome.path
    assert outcome.requests["Start Monitoring"][0]["Name"] == f"{BASE}-monitor"
    assert outcome.requests["Announce Release"][0]["Payload"] == {
        "releaseId": RELEASE,
        "outcome": "live",
        "version": "3",
        "error": FOUND["error"],
        "scaling": None,
    }
    assert outcome.requests["Let It Scale In"][0] == {
        "ServiceNamespace": "sagemaker",
        "ResourceId": f"endpoint/{BASE}-prod/variant/AllTraffic",
        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
        "SuspendedState": {"DynamicScalingInSuspended": False},
    }


def test_a_schedule_that_is_already_there_is_no_failure() -> None:
    outcome = abandon(Stop_Release=LIVE, Start_Monitoring=TaskError("Scheduler.ConflictException", "exists"))
    assert outcome.requests["Announce Release"][0]["Payload"]["error"] == FOUND["error"]


def test_a_live_release_without_a_watch_is_told_so() -> None:
    outcome = abandon(Stop_Release=LIVE, Start_Monitoring=DENIED)
    assert outcome.path[-1] == "Live All the Same"
    assert outcome.requests["Announce Release"][0]["Payload"]["error"]["Cause"] == "not allowed"


def test_a_live_release_that_can_not_scale_in_is_told_so() -> None:
    outcome = abandon(Stop_Release=LIVE, Let_It_Scale_In=DENIED)
    assert outcome.path[-1] == "Live All the Same"
    told = outcome.requests["Announce Release"][0]["Payload"]
    assert (told["scaling"]["Cause"], told["error"]) == ("not allowed", FOUND["error"])


def test_what_will_not_stop_is_not_waited_for_for_ever() -> None:
    outcome = abandon(Stop_Release=found("stopping", waitingFor=["deployment d-1"]))
    assert outcome.path.count("Stop Release") == 120
    assert outcome.path[-1] == "Release Abandoned"


def test_a_word_that_nobody_knows_leads_to_the_clean_up_which_spares_what_serves() -> None:
    assert "Clean Up" in abandon(Stop_Release=found("whatever")).path


def test_what_will_not_go_is_told() -> None:
    outcome = abandon(Clean_Up=payload({"done": False, "waitingFor": ["endpoint e, which is Creating"]}))
    assert outcome.path.count("Clean Up") == 120
    told = outcome.requests["Record Outcome"][0]["Payload"]["cleanUp"]
    assert told["Cause"] == "waited in vain for endpoint e, which is Creating"


def test_a_clean_up_that_fails_is_part_of_what_is_told() -> None:
    outcome = abandon(Clean_Up=TaskError("RefusedError", "endpoint is live"))
    assert outcome.requests["Record Outcome"][0]["Payload"]["cleanUp"]["Cause"] == "endpoint is live"
    assert outcome.path[-1] == "Release Abandoned"


@pytest.mark.parametrize("state", ["Stop Release", "Record Outcome", "Announce Release"])
@pytest.mark.parametrize("mailed", [True, False])
def test_what_can_not_be_put_in_order_is_mailed_with_the_way_to_try_again(state: str, mailed: bool) -> None:
    answers: dict[str, Any] = {"Stop_Release": LIVE} if state == "Announce Release" else {}
    answers[state.replace(" ", "_")] = DENIED
    outcome = abandon(**answers, **({} if mailed else {"Tell_of_Leftovers": DENIED}))
    assert (outcome.status, outcome.path[-1]) == ("FAILED", "Abandoning Failed")
    message = outcome.requests["Tell of Leftovers"][0]["Message"]
    assert state in message
    assert f'{{"executionArn": "{ARN}"}}' in message


@pytest.mark.parametrize("state", sorted(set(TASKS) - {"Tell of Leftovers"}))
def test_a_throttled_call_is_tried_again(state: str) -> None:
    names = json.loads(definition("abandon"))["States"][state]["Retry"][0]["ErrorEquals"]
    live = {"Stop_Release": LIVE} if state in ("Start Monitoring", "Let It Scale In", "Announce Release") else {}
    well = {"Stop Release": found("stopped", backTo="2"), "Clean Up": payload({"done": True, "waitingFor": []})}
    answers = {**live, state.replace(" ", "_"): [TaskError(names[0], "slow down"), well.get(state, payload({}))]}
    outcome = abandon(**answers)
    assert outcome.path[-1] == ("Live All the Same" if live else "Release Abandoned")
