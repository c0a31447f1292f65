"""Every way through the shipped release machine: live, refused, each failure, what is told and cleaned up."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest

from localaws.autoscaling import TAGGED_TWICE
from localaws.stepfunctions.testing import Outcome, TaskError, run
from tests.statemachine.machines import (
    CHAMPIONS_MODEL,
    CHAMPIONS_PACKAGE,
    CODE,
    EVENT,
    RELEASE,
    all_well,
    definition,
    machine,
    payload,
    registered,
    runs,
)
from tests.statemachine.requests import checked, is_ours

MACHINE = json.loads(definition("release"))
TASKS = {name: state for name, state in MACHINE["States"].items() if state["Type"] == "Task"}


def inside(parallel: str) -> dict[str, Any]:
    """By name: the Task states of a Parallel's branches."""
    branches = [branch["States"].items() for branch in MACHINE["States"][parallel]["Branches"]]
    return {name: state for branch in branches for name, state in branch if state["Type"] == "Task"}


BRANCHES, ASKING, WATCHING = inside("Train and Baseline"), inside("Ask for Approval"), inside("Follow Shift")
DENIED = TaskError("Some.AccessDeniedException", "not allowed")
SIDE_BY_SIDE = {name for branch in MACHINE["States"]["Follow Shift"]["Branches"] for name in branch["States"]}
"""States of two branches, whose order among each other is chance."""
AFTER_LIVE = {"Start Monitoring", "Let It Scale In", "Announce Release", "Retire Predecessor"}
WAY_OUT = {
    "Find the Shift",
    "Read What Is Listed",
    "Clean Up",
    "Record Outcome",
    "Tell Without Record",
    "Stop Deployment",
    "Read Ended Deployment",
    "Confirm Rollback",
    "Verify Rollback",
    "Reject Model",
    "Drop Again",
    "Tell That Nobody Is Asked",
}
OWN_STEPS = {
    "deploymentConfig": "taxi-fare-canary-20-percent-7-minutes",
    "routing": {"Type": "TimeBasedCanary", "TimeBasedCanary": {"CanaryPercentage": 20, "CanaryInterval": 7}},
    "decideSeconds": 360,
}


def release(**answers: Any) -> Outcome:
    """Run the release machine; `answers` replace those of a good release, states named with underscores.

    `champion=False` makes it the first release, `shift` gives it other steps.
    """
    champion, shift = bool(answers.pop("champion", True)), answers.pop("shift", None)
    tasks = all_well(champion)
    if shift is not None:
        tasks["Register Drop"] = payload({**registered(champion), "shift": shift})
    tasks |= {name.replace("_", " "): answer for name, answer in answers.items()}
    return run(machine("release"), EVENT, tasks)


def closed_as(outcome: Outcome) -> dict[str, Any]:
    """What was recorded and told at the end of a failed release."""
    (request,) = outcome.requests["Record Outcome"]
    found: dict[str, Any] = request["Payload"]
    return found


def test_a_release_goes_live_and_its_predecessor_is_retired() -> None:
    outcome = release()
    assert (outcome.status, outcome.path[-1]) == ("SUCCEEDED", "Release Live")
    assert outcome.output["version"] == "3"
    assert outcome.requests["Retire Predecessor"][0]["Payload"] == {
        "releaseId": "20261101-090000-0000",
        "executionArn": "arn:aws:states:us-east-1:123456789012:execution:machine:test",
        "scope": "all",
        "retire": True,
    }
    assert 3600 in outcome.waited, "the predecessor is kept warm for its grace time"
    assert "Clean Up" not in outcome.path


def test_the_first_release_shifts_at_once_and_retires_nobody() -> None:
    outcome = release(champion=False)
    assert outcome.path[-2:] == ["Is There a Predecessor?", "Release Live"]
    assert "Read Live Endpoint" not in outcome.path
    assert comes_up_with(outcome) == 1
    assert outcome.requests["Shift Traffic"][0]["DeploymentConfigName"] == "CodeDeployDefault.LambdaAllAtOnce"
    assert "Decide Shift" not in outcome.path, "there is nobody to compare with"
    assert "--champion" not in outcome.requests["Evaluate Candidate"][0]["AppSpecification"]["ContainerArguments"]


def comes_up_with(outcome: Outcome) -> int:
    """Instances of the production endpoint."""
    (variant,) = outcome.requests["Configure Production Endpoint"][0]["ProductionVariants"]
    return int(variant["InitialInstanceCount"])


@pytest.mark.parametrize(
    ("serving", "instances"),
    [
        (runs(DesiredInstanceCount=3, CurrentInstanceCount=2), 3),
        (runs(DesiredInstanceCount=2, CurrentInstanceCount=4), 2),
        (runs(CurrentInstanceCount=2), 2),
        (runs(DesiredInstanceCount=0), 1),
        (runs(DesiredInstanceCount=9), 4),
        (runs(), 1),
        ({"EndpointStatus": "InService", "ProductionVariants": []}, 1),
        ({"EndpointStatus": "Failed"}, 1),
        (TaskError("SageMaker.SageMakerException", 'Could not find endpoint "arn:e".'), 1),
    ],
)
def test_the_candidate_comes_up_as_large_as_the_champion_within_the_stacks_bounds(serving: Any, instances: int) -> None:
    outcome = release(Read_Live_Endpoint=serving)
    assert outcome.path[-1] == "Release Live"
    assert outcome.requests["Read Live Endpoint"][0] == {"EndpointName": "taxi-fare-20261101-090000-0000-prod"}
    assert comes_up_with(outcome) == instances
    assert outcome.requests["Announce Release"][0]["Payload"]["error"] is None


def test_it_does_not_shrink_before_it_serves() -> None:
    outcome = release()
    target, later = (outcome.requests[state][0] for state in ("Register Scaling Target", "Let It Scale In"))
    assert target["SuspendedState"] == {"DynamicScalingInSuspended": True}
    assert later == {
        **{name: target[name] for name in ("ServiceNamespace", "ResourceId", "ScalableDimension")},
        "SuspendedState": {"DynamicScalingInSuspended": False},
    }, "tags would be refused, and the range stays"
    order = [outcome.path.index(state) for state in ("Follow Shift", "Let It Scale In", "Announce Release")]
    assert order == sorted(order)
    assert outcome.requests["Announce Release"][0]["Payload"]["scaling"] is None


@pytest.mark.parametrize("unwatched", [True, False])
def test_a_release_that_can_not_scale_in_serves_and_says_so(unwatched: bool) -> None:
    others = {"Start_Monitoring": TaskError("Scheduler.X", "no schedule")} if unwatched else {}
    outcome = release(Let_It_Scale_In=DENIED, **others)
    assert outcome.path[-1] == "Release Live"
    told = outcome.requests["Announce Release"][0]["Payload"]
    assert told["scaling"]["Cause"] == "not allowed"
    assert (told["error"] or {}).get("Cause") == ("no schedule" if unwatched else None)
    assert "Clean Up" not in outcome.path


def test_a_later_release_shifts_by_its_strategy_and_meets_the_champion() -> None:
    outcome = release()
    config = outcome.requests["Shift Traffic"][0]["DeploymentConfigName"]
    assert config == "CodeDeployDefault.LambdaCanary10Percent10Minutes"
    assert "Make Deployment Config" not in outcome.path
    inputs = outcome.requests["Evaluate Candidate"][0]["ProcessingInputs"]
    assert [i["InputName"] for i in inputs] == ["code", "test", "candidate", "champion"]


def test_the_new_baseline_is_held_against_the_champions() -> None:
    request = release().requests["Compute Baseline"][0]
    champion = request["ProcessingInputs"][-1]
    assert champion["InputName"] == "champion"
    assert champion["S3Input"]["S3Uri"] == "s3://artifacts/releases/20261101-090000-0000/baseline/"
    for name in ("statistics", "constraints"):
        assert request["Environment"][f"baseline_{name}"] == f"{champion['S3Input']['LocalPath']}/{name}.json"
    first = release(champion=False).requests["Compute Baseline"][0]
    assert [entry["InputName"] for entry in first["ProcessingInputs"]] == ["code", "baseline"]
    assert not [name for name in first["Environment"] if name.startswith("baseline_")]


def test_the_approver_is_told_what_this_execution_will_host() -> None:
    assert release().requests["Check Gates"][0]["Payload"]["hosting"] == {
        "endpointInstanceType": "ml.m5.large",
        "minimumInstances": 1,
        "maximumInstances": 4,
        "devInstanceType": "ml.t2.medium",
        "approvalSeconds": 72 * 3600,
        "jobInstanceType": "ml.m5.large",
    }


def test_the_release_id_comes_from_the_execution_and_sorts_by_time() -> None:
    outcome = release()
    asked = outcome.requests["Register Drop"][0]["Payload"]
    assert len(asked["releaseId"]) == len(RELEASE)
    assert asked["releaseId"].startswith("20260101-000000-")
    assert asked["event"] == EVENT


def test_only_two_variables_of_the_inference_function_change() -> None:
    outcome = release()
    request = outcome.requests["Point Inference at Release"][0]
    assert request["RevisionId"] == "r0"
    variables = request["Environment"]["Variables"]
    assert variables["MODEL_NAME"] == "taxi-fare"
    assert variables["ENDPOINT_NAME"] == f"taxi-fare-{RELEASE}-prod"
    assert set(variables) == {"MODEL_NAME", "ENDPOINT_NAME", "RELEASE_ID"}


def test_the_deployment_names_both_versions_and_both_hooks() -> None:
    content = release().requests["Shift Traffic"][0]["Revision"]["AppSpecContent"]["Content"]
    spec = json.loads(content)
    assert spec["version"] == 0.0
    properties = spec["Resources"][0]["Predict"]["Properties"]
    assert (properties["CurrentVersion"], properties["TargetVersion"]) == ("2", "3")
    assert [next(iter(hook)) for hook in spec["Hooks"]] == ["BeforeAllowTraffic", "AfterAllowTraffic"]


def test_the_deployment_is_watched_by_the_alarms_that_were_checked() -> None:
    outcome = release()
    assert outcome.requests["Check Alarms"][0]["Payload"] == {
        "releaseId": outcome.requests["Register Drop"][0]["Payload"]["releaseId"],
        "version": "3",
    }
    assert outcome.requests["Shift Traffic"][0]["OverrideAlarmConfiguration"] == {
        "Enabled": True,
        "IgnorePollAlarmFailure": False,
        "Alarms": [{"Name": "live-errors"}, {"Name": "own-errors"}],
    }


def test_a_single_alarm_is_still_a_list() -> None:
    outcome = release(Check_Alarms=payload({"status": "overridden", "reason": "x", "firing": [], "watched": ["own"]}))
    assert outcome.requests["Shift Traffic"][0]["OverrideAlarmConfiguration"]["Alarms"] == [{"Name": "own"}]
    assert outcome.path[-1] == "Release Live"


FIRING = {"status": "firing", "reason": "the alarm live-errors fires: 9 > 0", "firing": ["live-errors"], "watched": []}


def test_an_alarm_that_fires_is_told_and_nothing_shifts() -> None:
    outcome = release(Check_Alarms=payload(FIRING))
    assert outcome.path[-1] == "Release Failed"
    assert outcome.path.count("Check Alarms") == 10
    assert outcome.waited.count(30) >= 9
    closed = closed_as(outcome)
    assert (closed["state"], closed["error"]["Error"]) == ("Check Alarms", "AlarmFiring")
    assert closed["error"]["Cause"] == "traffic can't begin to shift: the alarm live-errors fires: 9 > 0"
    assert "Shift Traffic" not in outcome.path
    assert "Clean Up" in outcome.path


def test_an_alarm_that_falls_silent_in_time_lets_the_release_go_on() -> None:
    quiet = all_well()["Check Alarms"]
    outcome = release(Check_Alarms=[payload(FIRING), quiet])
    assert outcome.path[-1] == "Release Live"


def test_an_unknown_verdict_of_the_alarms_fails_closed() -> None:
    outcome = release(Check_Alarms=payload({"status": "no idea", "reason": "", "firing": [], "watched": []}))
    assert outcome.path[-1] == "Release Failed"
    assert outcome.path.count("Check Alarms") == 1


def test_the_same_event_again_ends_quietly() -> None:
    outcome = release(Register_Drop=payload({"status": "duplicate", "releaseId": RELEASE, "reason": None}))
    assert outcome.status == "SUCCEEDED"
    assert outcome.path == ["Name Release", "Register Drop", "Is It New?", "Already Registered"]


def test_a_refused_drop_is_told_with_its_reason() -> None:
    refusal = {**registered(), "status": "refused", "reason": "manifest.json is not JSON: line 1"}
    outcome = release(Register_Drop=payload(refusal))
    assert (outcome.path[-1], outcome.error) == ("Drop Refused", "DropRefused")
    assert closed_as(outcome)["outcome"] == "refused"
    assert "line 1" in closed_as(outcome)["error"]["Cause"]
    assert "Prepare Data" not in outcome.path


def test_failed_gates_stop_before_anything_is_registered() -> None:
    outcome = release(Check_Gates=payload({"passed": False, "failures": ["rmse 7.1 is above the limit 6.0"]}))
    assert outcome.path[-1] == "Release Failed"
    assert "rmse 7.1" in closed_as(outcome)["error"]["Cause"]
    assert "Register Model" not in outcome.path


def test_an_unknown_verdict_of_the_gates_fails_closed() -> None:
    outcome = release(Check_Gates=payload({"passed": False, "failures": []}))
    assert outcome.path[-1] == "Release Failed"


@pytest.mark.parametrize("stage", ["Dev", "Production"])
@pytest.mark.parametrize("status", ["Failed", "OutOfService", "RollingBack"])
def test_an_endpoint_that_fails_is_told_with_its_reason(stage: str, status: str) -> None:
    answers = {f"Read_{stage}_Endpoint": {"EndpointStatus": status, "FailureReason": "no memory"}}
    outcome = release(**answers)
    assert outcome.path[-1] == "Release Failed"
    assert "no memory" in closed_as(outcome)["error"]["Cause"]
    assert "Shift Traffic" not in outcome.path


@pytest.mark.parametrize("stage", ["Dev", "Production"])
def test_an_endpoint_that_never_comes_up_is_given_up(stage: str) -> None:
    outcome = release(**{f"Read_{stage}_Endpoint": {"EndpointStatus": "Creating"}})
    assert outcome.path[-1] == "Release Failed"
    assert outcome.path.count(f"Read {stage} Endpoint") == 120


def test_a_dev_endpoint_that_answers_badly_is_not_offered_to_a_person() -> None:
    outcome = release(Test_Dev_Endpoint=payload({"passed": False, "failures": ["row 3: nan"]}))
    assert outcome.path[-1] == "Release Failed"
    assert "Ask for Approval" not in outcome.path


@pytest.mark.parametrize(
    ("key", "source"),
    [
        ("drops/a/manifest.json", "drops/a/manifest.json"),
        ("drops/a b+é/manifest.json", "drops/a%20b%2B%C3%A9/manifest.json"),
    ],
)
def test_a_void_yes_asks_afresh_with_the_same_manifest(key: str, source: str) -> None:
    detail = {"bucket": {"name": "drops"}, "object": {"key": key, "version-id": "v1"}}
    tasks = all_well() | {"Take Release Lock": payload({"status": "stale", "reason": "the champion changed"})}
    outcome = run(machine("release"), {**EVENT, "detail": detail}, tasks)
    assert outcome.path[-2:] == ["Drop Again", "Evidence Stale"]
    (request,) = outcome.requests["Drop Again"]
    assert (request["Bucket"], request["Key"]) == ("drops", key)
    assert request["CopySource"] == f"drops/{source}?versionId=v1"
    assert checked(outcome, TASKS | BRANCHES | ASKING | WATCHING) >= {"Drop Again"}


def test_a_manifest_that_can_not_be_dropped_again_is_told() -> None:
    stale = payload({"status": "stale", "reason": "the champion changed"})
    outcome = release(Take_Release_Lock=stale, Drop_Again=DENIED)
    assert outcome.path[-2:] == ["Tell That Nobody Is Asked", "Evidence Stale"]
    assert "s3://drops/drops/a/manifest.json" in outcome.requests["Tell That Nobody Is Asked"][0]["Message"]
    outcome = release(Take_Release_Lock=stale, Drop_Again=DENIED, Tell_That_Nobody_Is_Asked=DENIED)
    assert outcome.path[-1] == "Evidence Stale"


def test_a_rejection_marks_the_model_and_cleans_up() -> None:
    no = {"decision": "rejected", "by": "Ada", "reason": "fares look odd", "evidenceDigest": "d"}
    outcome = release(Await_Decision=no)
    assert (outcome.path[-1], outcome.error) == ("Release Rejected", "ReleaseRejected")
    assert outcome.requests["Reject Model"][0]["ModelApprovalStatus"] == "Rejected"
    assert closed_as(outcome)["error"]["Cause"] == "Ada: fares look odd"
    assert "Take Release Lock" not in outcome.path


def test_an_answer_that_is_neither_yes_nor_no_is_a_no() -> None:
    outcome = release(Await_Decision={"decision": "maybe", "by": "Ada", "reason": "?"})
    assert outcome.path[-1] == "Release Rejected"


THERE_STILL = payload({"done": False, "keptBy": "", "waitingFor": ["traffic to leave the endpoint e"]})


def test_what_can_not_be_removed_is_told_and_holds_no_lock() -> None:
    outcome = release(Create_Production_Endpoint=DENIED, Clean_Up=THERE_STILL)
    assert outcome.path[-1] == "Release Failed"
    assert outcome.path.count("Clean Up") == 120
    assert closed_as(outcome)["cleanUp"]["Cause"] == "waited in vain for traffic to leave the endpoint e"


def test_a_dev_endpoint_that_can_not_be_removed_ends_the_release() -> None:
    outcome = release(Remove_Dev_Endpoint=THERE_STILL)
    assert (outcome.path[-1], closed_as(outcome)["state"]) == ("Release Failed", "Remove Dev Endpoint")
    assert "Clean Up" in outcome.path


def test_a_predecessor_that_is_not_removed_in_time_is_told() -> None:
    outcome = release(Retire_Predecessor=THERE_STILL)
    assert outcome.path[-1] == "Live but Not Settled"
    assert "could not be removed in time" in outcome.requests["Tell Without Record"][0]["Message"]


UP = TaskError("States.Timeout", "too late")


def test_an_approval_expires() -> None:
    outcome = release(Await_Decision=UP)
    assert (outcome.path[-1], closed_as(outcome)["outcome"]) == ("Approval Expired", "expired")
    assert outcome.requests["Look for a Decision"][0]["Payload"]["timeIsUp"] is True
    assert "Clean Up" in outcome.path


@pytest.mark.parametrize(("decision", "end"), [("approved", "Release Live"), ("rejected", "Release Rejected")])
def test_a_decision_that_was_recorded_and_not_handed_over_counts_when_the_time_is_up(decision: str, end: str) -> None:
    recorded = payload({"decision": decision, "by": "Ada", "reason": "late", "evidenceDigest": "d1"})
    outcome = release(Await_Decision=UP, Look_for_a_Decision=recorded)
    assert outcome.path[-1] == end


@pytest.mark.parametrize("failure", [DENIED, UP])
def test_where_nobody_knows_whether_it_was_decided_the_release_fails(failure: TaskError) -> None:
    outcome = release(Await_Decision=UP, Look_for_a_Decision=failure)
    assert (outcome.path[-1], closed_as(outcome)["state"]) == ("Release Failed", "Ask for Approval")


@pytest.mark.parametrize(("policy", "seconds"), [({}, 72 * 3600), ({"approvalSeconds": 7200}, 7200)])
def test_people_have_the_time_that_the_policy_gives_them_or_else_the_stack(
    policy: dict[str, int], seconds: int
) -> None:
    answer = registered()
    outcome = release(Register_Drop=payload({**answer, "limits": {**answer["limits"], **policy}}))
    assert outcome.requests["Send Request"][0]["Payload"]["expiresInSeconds"] == seconds
    assert outcome.requests["Await Decision"][0]["expiresInSeconds"] == seconds
    assert outcome.requests["Check Gates"][0]["Payload"]["hosting"]["approvalSeconds"] == seconds


LOST = payload({"status": "tokenLost"})
ASKED = payload({"status": "asked"})


def test_a_lost_token_asks_again_with_a_new_task() -> None:
    outcome = release(Send_Request=[LOST, LOST, ASKED])
    assert outcome.path[-1] == "Release Live"
    for state in ("Await Decision", "Send Request"):
        requests = [request.get("Payload", request) for request in outcome.requests[state]]
        assert [request["turn"] for request in requests] == [1, 2, 3]


def test_a_token_that_is_always_lost_ends_the_release() -> None:
    outcome = release(Send_Request=LOST)
    assert (outcome.path[-1], closed_as(outcome)["error"]["Error"]) == ("Release Failed", "TokenLost")
    assert len(outcome.requests["Send Request"]) == 3
    assert "Clean Up" in outcome.path


@pytest.mark.parametrize(
    ("failure", "error"), [(DENIED, DENIED.error), (TaskError("States.Timeout", ""), "RequestTimedOut")]
)
def test_a_request_that_can_not_be_sent_is_no_expiry(failure: TaskError, error: str) -> None:
    outcome = release(Send_Request=failure)
    assert (outcome.path[-1], closed_as(outcome)["error"]["Error"]) == ("Release Failed", error)
    assert closed_as(outcome)["state"] == "Ask for Approval"


def test_no_task_is_called_with_a_token() -> None:
    """What a task is called with stands in the execution's history."""
    assert "Task.Token" not in definition("release")


def test_a_second_release_waits_for_the_lock() -> None:
    waiting = payload({"status": "waiting", "holder": "another"})
    outcome = release(Take_Release_Lock=[waiting, waiting, payload({"status": "taken"})])
    assert outcome.path[-1] == "Release Live"
    assert outcome.path.count("Wait for Our Turn") == 2


def test_stale_evidence_voids_the_yes() -> None:
    outcome = release(Take_Release_Lock=payload({"status": "stale", "reason": "the champion changed"}))
    assert (outcome.path[-1], closed_as(outcome)["outcome"]) == ("Evidence Stale", "stale")
    assert "Configure Production Endpoint" not in outcome.path


def test_a_newer_release_ends_the_wait_of_an_older() -> None:
    waiting = payload({"status": "waiting", "holder": "another"})
    superseded = payload({"status": "superseded", "reason": "release x is newer"})
    outcome = release(Take_Release_Lock=[waiting, superseded])
    assert (outcome.path[-1], outcome.error) == ("Superseded by Newer", "Superseded")
    assert closed_as(outcome)["outcome"] == "superseded"
    assert "release x" in closed_as(outcome)["error"]["Cause"]
    assert "Configure Production Endpoint" not in outcome.path


UPDATED = all_well()["Read Inference Update"][-1]


def test_an_inference_update_that_fails_publishes_nothing() -> None:
    outcome = release(Read_Inference_Update={**UPDATED, "LastUpdateStatus": "Failed"})
    assert outcome.path[-1] == "Release Failed"
    assert "update is Failed" in closed_as(outcome)["error"]["Cause"]
    assert "Publish Version" not in outcome.path


@pytest.mark.parametrize("answer", [{}, TaskError("Lambda.PreconditionFailedException", "the revision has changed")])
def test_an_inference_update_that_somebody_overwrote_publishes_nothing(answer: Any) -> None:
    other = {**UPDATED, "Environment": {"Variables": {"ENDPOINT_NAME": "another"}}}
    outcome = release(Point_Inference_at_Release=answer, Read_Inference_Update=other)
    assert outcome.path[-1] == "Release Failed"
    assert "names endpoint another" in closed_as(outcome)["error"]["Cause"]
    assert "Publish Version" not in outcome.path


@pytest.mark.parametrize("state", sorted(set(TASKS) - AFTER_LIVE - WAY_OUT))
def test_a_permanent_error_anywhere_is_cleaned_up_recorded_and_told(state: str) -> None:
    outcome = release(shift=OWN_STEPS, **{state.replace(" ", "_"): DENIED})
    assert (outcome.status, outcome.path[-1]) == ("FAILED", "Release Failed")
    assert closed_as(outcome)["state"] == state
    assert closed_as(outcome)["error"]["Error"] == "Some.AccessDeniedException"
    assert "Clean Up" in outcome.path
    assert "Let Requests End" not in outcome.path, "no deployment was created"
    assert state in str(outcome.cause)


@pytest.mark.parametrize("state", sorted(BRANCHES))
def test_a_failed_job_of_the_parallel_pair_is_told_with_its_cause(state: str) -> None:
    cause = json.dumps({"FailureReason": "AlgorithmError: exit code 1"})
    outcome = release(**{state.replace(" ", "_"): TaskError("States.TaskFailed", cause)})
    assert outcome.path[-1] == "Release Failed"
    assert "AlgorithmError" in closed_as(outcome)["error"]["Cause"]


@pytest.mark.parametrize("state", sorted(set(TASKS) - WAY_OUT))
def test_a_throttled_call_is_tried_again(state: str) -> None:
    names = [name for retry in TASKS[state].get("Retry", []) for name in retry["ErrorEquals"]]
    well = all_well()[state]
    rest = well if isinstance(well, list) else [well]
    outcome = release(shift=OWN_STEPS, **{state.replace(" ", "_"): [TaskError(names[0], "slow down"), *rest]})
    assert outcome.path[-1] == "Release Live"


THERE = TaskError("SageMaker.SageMakerException", 'Cannot create already existing thing "arn:…".')
"""What SageMaker says, whatever it was that is there."""
REGISTERED = TaskError("ApplicationAutoScaling.ValidationException", TAGGED_TWICE)
CHANGED = TaskError("Lambda.PreconditionFailedException", "the revision has changed")
MADE_ONCE = {
    "Create Model": THERE,
    "Configure Dev Endpoint": THERE,
    "Create Dev Endpoint": THERE,
    "Configure Production Endpoint": THERE,
    "Create Production Endpoint": THERE,
    "Register Scaling Target": REGISTERED,
    "Point Inference at Release": CHANGED,
}
"""What is made or changed once, and how a call is refused when an earlier one has done it."""


@pytest.mark.parametrize(("state", "refused"), MADE_ONCE.items(), ids=list(MADE_ONCE))
def test_what_a_call_whose_answer_was_lost_has_done_is_there(state: str, refused: TaskError) -> None:
    outcome = release(**{state.replace(" ", "_"): [UP, *[refused] * 5]})
    assert outcome.path[-1] == "Release Live"
    assert TASKS[state]["Next"] in outcome.path
    assert outcome.path.count(state) == 1
    assert outcome.requests["Announce Release"][0]["Payload"]["error"] is None


@pytest.mark.parametrize("state", sorted(set(MADE_ONCE) - {"Point Inference at Release"}))
def test_what_is_not_there_and_can_not_be_made_is_a_failure(state: str) -> None:
    wrong = TaskError(MADE_ONCE[state].error, "Minimum capacity is above the maximum")
    outcome = release(**{state.replace(" ", "_"): wrong})
    assert outcome.path[-1] == "Release Failed"
    assert closed_as(outcome)["state"] == state
    assert "Minimum capacity" in closed_as(outcome)["error"]["Cause"]


def test_who_waits_for_long_looks_less_often_lest_the_history_is_full() -> None:
    waiting = payload({"status": "waiting", "reason": "another is at it"})
    outcome = release(Take_Release_Lock=[*[waiting] * 125, all_well()["Take Release Lock"]])
    assert outcome.path[-1] == "Release Live"
    assert (outcome.waited.count(30) >= 120, outcome.waited.count(300)) == (True, 5)


def test_a_release_that_can_not_be_watched_serves_and_says_so() -> None:
    outcome = release(Start_Monitoring=DENIED)
    assert outcome.path[-1] == "Release Live"
    assert outcome.requests["Announce Release"][0]["Payload"]["error"]["Error"] == "Some.AccessDeniedException"
    assert "Clean Up" not in outcome.path


def test_a_schedule_that_is_already_there_is_no_failure() -> None:
    outcome = release(Start_Monitoring=TaskError("Scheduler.ConflictException", "exists"))
    assert outcome.path[-1] == "Release Live"
    assert outcome.requests["Announce Release"][0]["Payload"]["error"] is None


def test_a_predecessor_that_serves_again_is_not_retired() -> None:
    outcome = release(Retire_Predecessor=TaskError("LiveEndpointError", "it is live"))
    assert (outcome.status, outcome.path[-1]) == ("SUCCEEDED", "Release Superseded")


def test_a_predecessor_that_somebody_else_keeps_warm_is_waited_for() -> None:
    kept = payload({"done": False, "keptBy": "arn:another"})
    outcome = release(Retire_Predecessor=[kept, payload({"done": True, "keptBy": ""})])
    assert outcome.path[-1] == "Release Live"
    assert outcome.waited.count(3600) == 2, "a grace time again, not a look every few seconds"


@pytest.mark.parametrize("refused", [DENIED, TaskError("RefusedError", "delete the endpoint: AccessDeniedException")])
def test_a_predecessor_that_can_not_be_retired_is_told(refused: TaskError) -> None:
    outcome = release(Retire_Predecessor=refused)
    assert (outcome.path[-2], outcome.path[-1]) == ("Which Outcome?", "Live but Not Settled")
    assert str(refused.cause) in outcome.requests["Tell Without Record"][0]["Message"]
    assert "Clean Up" not in outcome.path, "what serves stays"


def test_an_announcement_that_fails_is_told_and_nothing_is_torn_down() -> None:
    outcome = release(Announce_Release=DENIED)
    assert outcome.path[-1] == "Live but Not Settled"
    assert "Clean Up" not in outcome.path


def test_a_clean_up_that_fails_is_part_of_what_is_recorded() -> None:
    outcome = release(Create_Model=DENIED, Clean_Up=TaskError("RefusedError", "endpoint is live"))
    assert outcome.path[-1] == "Release Failed"
    assert closed_as(outcome)["cleanUp"]["Cause"] == "endpoint is live"
    assert closed_as(outcome)["state"] == "Create Model", "the first failure stays the first"


def test_a_record_that_can_not_be_written_is_mailed_directly() -> None:
    outcome = release(Create_Model=DENIED, Record_Outcome=DENIED)
    assert outcome.path[-1] == "Release Failed"
    (message,) = [request["Message"] for request in outcome.requests["Tell Without Record"]]
    assert "Create Model" in message


def test_the_state_still_has_its_name_when_not_even_a_mail_gets_through() -> None:
    outcome = release(Create_Model=DENIED, Record_Outcome=DENIED, Tell_Without_Record=DENIED)
    assert (outcome.status, outcome.path[-1]) == ("FAILED", "Release Failed")


CODE_ONLY = payload(registered(kind="code"))
NOT_FOR_CODE = {
    "Prepare Data",
    "Train and Baseline",
    "Train Model",
    "Compute Baseline",
    "Evaluate Candidate",
    "Register Model",
    "Approve Model",
    "Are Both Jobs Complete?",
    "Is Data Prepared?",
    "Is Candidate Evaluated?",
}


def test_code_alone_goes_live_by_the_same_road_without_jobs() -> None:
    whole, outcome = release(), release(Register_Drop=CODE_ONLY)
    assert outcome.path[-1] == "Release Live"
    assert [state for state in whole.path if state not in NOT_FOR_CODE | SIDE_BY_SIDE] == [
        state for state in outcome.path if state not in SIDE_BY_SIDE
    ]
    assert outcome.requests["Create Model"][0]["PrimaryContainer"]["ModelDataUrl"] == CHAMPIONS_MODEL
    assert outcome.requests["Test Dev Endpoint"][0]["Payload"]["modelPackageArn"] == CHAMPIONS_PACKAGE
    assert outcome.requests["Configure Production Endpoint"][0]["EndpointConfigName"] == f"taxi-fare-{RELEASE}-prod"
    assert comes_up_with(outcome) == 3


def test_code_alone_may_keep_a_model_whose_package_is_not_on_record() -> None:
    outcome = release(Register_Drop=payload({**registered(kind="code"), "modelPackageArn": None}))
    assert outcome.path[-1] == "Release Live"


def test_failed_gates_stop_a_code_release_too() -> None:
    failed = payload({"passed": False, "failures": ["rmse 7.1 is above the limit 6.0"]})
    outcome = release(Register_Drop=CODE_ONLY, Check_Gates=failed)
    assert outcome.path[-1] == "Release Failed"
    assert "Create Model" not in outcome.path


def test_rejected_code_leaves_the_models_package_as_it_is() -> None:
    no = {"decision": "rejected", "by": "Ada", "reason": "too slow", "evidenceDigest": "d"}
    outcome = release(Register_Drop=CODE_ONLY, Await_Decision=no)
    assert outcome.path[-1] == "Release Rejected"
    assert "Reject Model" not in outcome.path
    assert closed_as(outcome)["error"]["Cause"] == "Ada: too slow"


def test_a_kind_that_is_not_known_runs_the_jobs() -> None:
    outcome = release(Register_Drop=payload({**registered(), "kind": "other"}))
    assert "Train Model" in outcome.requests


@pytest.mark.parametrize("kind", ["data", "code"])
def test_only_the_code_that_was_tested_is_published(kind: str) -> None:
    outcome = release(Register_Drop=payload(registered(kind=kind)))
    request = outcome.requests["Publish Version"][0]
    assert (request["CodeSha256"], request["RevisionId"]) == (CODE, "r1")


def test_code_that_was_deployed_while_the_endpoint_came_up_makes_the_yes_stale() -> None:
    outcome = release(Read_Inference_Update={**UPDATED, "CodeSha256": "another"})
    assert (outcome.path[-1], closed_as(outcome)["outcome"]) == ("Evidence Stale", "stale")
    assert "deployed anew" in closed_as(outcome)["error"]["Cause"]
    assert "Publish Version" not in outcome.path
    assert "Clean Up" in outcome.path


@pytest.mark.parametrize("error", ["PreconditionFailedException", "InvalidParameterValueException"])
def test_code_that_was_deployed_in_the_last_moment_makes_the_yes_stale(error: str) -> None:
    outcome = release(Publish_Version=TaskError(f"Lambda.{error}", "CodeSHA256 (a) is different from current"))
    assert (outcome.path[-1], closed_as(outcome)["outcome"]) == ("Evidence Stale", "stale")
    assert "CodeSHA256" in closed_as(outcome)["error"]["Cause"]
    assert "Shift Traffic" not in outcome.path


SHARED = {"AdditionalVersionWeights": {"1": 0.5}}
NOT_SHARED: list[dict[str, Any]] = [
    {},
    {"RoutingConfig": {}},
    {"RoutingConfig": {"AdditionalVersionWeights": {}}},
    {"RoutingConfig": {"AdditionalVersionWeights": {"1": 0.0}}},
]


@pytest.mark.parametrize(
    ("alias", "words"),
    [
        ({"FunctionVersion": "1"}, "points to version 1; what was approved was compared with version 2 alone"),
        ({"FunctionVersion": "2", "RoutingConfig": SHARED}, "points to version 2, and others get a share"),
        ({"FunctionVersion": "1", "RoutingConfig": SHARED}, "points to version 1, and others get a share"),
    ],
)
@pytest.mark.parametrize("champion", [True, False])
def test_an_alias_that_was_moved_since_the_lock_makes_the_yes_stale(
    alias: dict[str, Any], words: str, champion: bool
) -> None:
    outcome = release(champion=champion, Read_Live_Alias=alias)
    assert (outcome.path[-1], closed_as(outcome)["outcome"]) == ("Evidence Stale", "stale")
    assert (closed_as(outcome)["state"], closed_as(outcome)["error"]["Error"]) == ("Read Live Alias", "EvidenceStale")
    assert words in closed_as(outcome)["error"]["Cause"]
    assert "Shift Traffic" not in outcome.path
    assert {"Clean Up", "Drop Again"} <= set(outcome.path)


@pytest.mark.parametrize("routing", NOT_SHARED)
@pytest.mark.parametrize("champion", [True, False])
def test_an_alias_that_points_where_it_did_may_be_shifted(routing: dict[str, Any], champion: bool) -> None:
    outcome = release(champion=champion, Read_Live_Alias={"FunctionVersion": "2", **routing})
    assert outcome.path[-1] == "Release Live"


def test_every_request_satisfies_the_services_own_model() -> None:
    """GIVEN a whole release WHEN its requests are held against botocore's models THEN each one fits."""
    every = TASKS | BRANCHES | ASKING | WATCHING
    to_check = {name for name, state in every.items() if not is_ours(state)}
    assert checked(release(shift=OWN_STEPS), every) == to_check - WAY_OUT
    lost = release(Shift_Traffic=TaskError("States.Timeout", ""), Find_the_Shift={"Deployments": ["d-1"]})
    assert {"Find the Shift", "Read What Is Listed"} <= checked(lost, every)


@pytest.mark.parametrize(
    ("state", "answer", "words"),
    [
        ("Prepare Data", {"ProcessingJobStatus": "Stopped"}, "-prepare ended as Stopped"),
        ("Train Model", {"TrainingJobStatus": "Stopped"}, "-train ended as Stopped"),
        ("Compute Baseline", {"ProcessingJobStatus": "Stopped"}, "-baseline ended as Stopped"),
        ("Evaluate Candidate", {"ProcessingJobStatus": "Stopped"}, "-evaluate ended as Stopped"),
    ],
)
def test_a_job_that_was_stopped_is_no_success(state: str, answer: dict[str, Any], words: str) -> None:
    """Step Functions' `.sync` succeeds when a SageMaker job is Stopped, be it by hand or by its time limit."""
    outcome = release(**{state.replace(" ", "_"): answer})
    assert outcome.path[-1] == "Release Failed"
    assert words in closed_as(outcome)["error"]["Cause"]
    assert "Check Gates" not in outcome.path


def tags_of(request: dict[str, Any]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in request["Tags"]}


@pytest.mark.parametrize(
    ("state", "stage", "hours"),
    [
        ("Create Model", "prod", 96),
        ("Configure Dev Endpoint", "dev", 96),
        ("Create Dev Endpoint", "dev", 96),
        ("Configure Production Endpoint", "prod", 6),
        ("Create Production Endpoint", "prod", 6),
    ],
)
def test_what_a_release_makes_has_an_owner_and_an_expiry(state: str, stage: str, hours: int) -> None:
    outcome = release()
    (entered,) = [
        event["timestamp"] for event in outcome.events if event.get("stateEnteredEventDetails", {}).get("name") == state
    ]
    tags = tags_of(outcome.requests[state][0])
    assert (tags["safe-deploy:model"], tags["safe-deploy:stage"]) == ("taxi-fare", stage)
    assert tags["safe-deploy:release"] == outcome.requests["Register Drop"][0]["Payload"]["releaseId"]
    left = datetime.fromisoformat(tags["safe-deploy:expires"]) - entered
    assert abs(left.total_seconds() - hours * 3600) < 1


def test_a_scaling_target_is_tagged_as_its_service_wants_it() -> None:
    tags = release().requests["Register Scaling Target"][0]["Tags"]
    assert (tags["safe-deploy:model"], tags["safe-deploy:stage"]) == ("taxi-fare", "prod")
    assert "safe-deploy:release" in tags
