"""Every way through the shipped rollback machine: back, made anew, stopped, refused, each failure."""

from __future__ import annotations

import json
from typing import Any

import pytest

from localaws.stepfunctions.testing import Outcome, TaskError, run
from tests.statemachine.machines import definition, machine, payload, runs
from tests.statemachine.requests import checked

MACHINE = json.loads(definition("rollback"))
TASKS = {name: state for name, state in MACHINE["States"].items() if state["Type"] == "Task"}
ASKED = {"reason": "fares look too low", "by": "Ada"}
DENIED = TaskError("Some.AccessDeniedException", "not allowed")
BAD, GOOD = "20261122-130501-a1b2", "20261101-090000-0000"
PLAN: dict[str, Any] = {
    "status": "shift",
    "reason": None,
    "deploymentId": None,
    "currentVersion": "3",
    "liveEndpoint": f"taxi-fare-{BAD}-prod",
    "note": "",
    "from": {"releaseId": BAD, "schedule": f"taxi-fare-{BAD}-monitor", "graceSeconds": 3600},
    "to": {
        "releaseId": GOOD,
        "version": "2",
        "endpointName": f"taxi-fare-{GOOD}-prod",
        "model": f"taxi-fare-{GOOD}",
        "schedule": f"taxi-fare-{GOOD}-monitor",
        "capture": "s3://artifacts/capture",
        "image": None,
        "modelDataUrl": None,
    },
}
ANEW = {
    **PLAN,
    "status": "create",
    "to": {
        **PLAN["to"],
        "image": "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:3.0-5",
        "modelDataUrl": "s3://artifacts/releases/r/model/j/output/model.tar.gz",
    },
}
STOP = {**PLAN, "status": "stop", "deploymentId": "d-BAD", "currentVersion": "2"}
BACK = {**PLAN, "status": "back", "currentVersion": "2"}
MAKING = {
    "Create Model",
    "Configure Production Endpoint",
    "Create Production Endpoint",
    "Read Production Endpoint",
    "Register Scaling Target",
    "Scale with Traffic",
}
PASSED = payload({"passed": True, "differences": [], "serving": "Production serves."})
DIFFERENT = payload({"passed": False, "differences": ["it captures 0 %"], "serving": "Production serves."})


def all_well() -> dict[str, Any]:
    """By state: the answers of a way back that goes well."""
    return {
        "Plan Rollback": payload(PLAN),
        "Stop the Shift": {"Status": "Pending"},
        "Read Live Endpoint": runs(DesiredInstanceCount=3, CurrentInstanceCount=2),
        "Clear the Place": [payload({"done": False}), payload({"done": True})],
        "Create Model": {"ModelArn": "arn"},
        "Configure Production Endpoint": {"EndpointConfigArn": "arn"},
        "Create Production Endpoint": {"EndpointArn": "arn"},
        "Read Production Endpoint": [{"EndpointStatus": "Creating"}, {"EndpointStatus": "InService"}],
        "Register Scaling Target": {},
        "Scale with Traffic": {},
        "Shift Back": {"DeploymentId": "d-BACK"},
        "Find the Shift": {"Deployments": []},
        "Read What Is Listed": {"DeploymentsInfo": []},
        "Read Deployment": [
            {"DeploymentInfo": {"Status": "InProgress"}},
            {"DeploymentInfo": {"Status": "Succeeded"}},
        ],
        "Start Monitoring": {"ScheduleArn": "arn"},
        "Stop Monitoring": {},
        "Verify Rollback": PASSED,
        "Call Off the Shift": {"Status": "Pending"},
        "Clean Up": [payload({"done": False}), payload({"done": True})],
        "Record Rollback": lambda task: payload({"outcome": task.arguments["Payload"]["outcome"]}),
        "Tell Without Record": {"MessageId": "m"},
        "Retire Release": [payload({"done": False, "keptBy": ""}), payload({"done": True, "keptBy": ""})],
        "Tell of Leftovers": {"MessageId": "m"},
    }


def rollback(plan: Any = None, given: Any = None, **answers: Any) -> Outcome:
    """Run the rollback machine; `answers` replace those of a good way back, states named with underscores."""
    tasks = all_well() | {name.replace("_", " "): answer for name, answer in answers.items()}
    if plan is not None:
        tasks["Plan Rollback"] = [payload(p) for p in plan] if isinstance(plan, list) else payload(plan)
    return run(machine("rollback"), ASKED if given is None else given, tasks)


def closed_as(outcome: Outcome) -> dict[str, Any]:
    """What was recorded and told at the end."""
    found: dict[str, Any] = outcome.requests["Record Rollback"][-1]["Payload"]
    return found


def test_production_goes_back_at_once_and_the_bad_release_is_retired_after_its_grace_time() -> None:
    outcome = rollback()
    assert (outcome.status, outcome.path[-1]) == ("SUCCEEDED", "Production Restored")
    assert outcome.output == {
        "status": "restored",
        "releaseId": GOOD,
        "version": "2",
        "endpointName": f"taxi-fare-{GOOD}-prod",
    }
    assert not MAKING & set(outcome.path), "the endpoint lives"
    assert "Clean Up" not in outcome.path
    recorded = outcome.path.index("Record Rollback")
    assert recorded < outcome.path.index("Keep Release Warm") < outcome.path.index("Retire Release")
    assert 3600 in outcome.waited
    assert outcome.requests["Retire Release"][0]["Payload"] == {
        "releaseId": BAD,
        "executionArn": "arn:aws:states:us-east-1:123456789012:execution:machine:test",
        "scope": "all",
        "retire": True,
    }


def test_the_plan_gets_what_was_asked_for_under_a_name_that_stays() -> None:
    outcome = rollback(given={**ASKED, "releaseId": GOOD})
    sent = outcome.requests["Plan Rollback"][0]["Payload"]
    assert sent["rollbackId"].startswith("rollback-20260101-000000-")
    assert len(sent["rollbackId"]) == len("rollback-20260101-000000-a1b2")
    assert sent["asked"] == {**ASKED, "releaseId": GOOD}
    assert (sent["toReleaseId"], sent["stopped"]) == (None, None)
    assert closed_as(outcome)["rollbackId"] == sent["rollbackId"]


def test_the_shift_asks_the_target_first_and_listens_to_no_alarm() -> None:
    request = rollback().requests["Shift Back"][0]
    assert request["DeploymentConfigName"] == "CodeDeployDefault.LambdaAllAtOnce"
    assert request["OverrideAlarmConfiguration"] == {"Enabled": False}
    spec = json.loads(request["Revision"]["AppSpecContent"]["Content"])
    properties = spec["Resources"][0]["Predict"]["Properties"]
    assert (properties["CurrentVersion"], properties["TargetVersion"]) == ("3", "2")
    assert [next(iter(hook)) for hook in spec["Hooks"]] == ["BeforeAllowTraffic"]


def but_while_it_waits(state: dict[str, Any]) -> dict[str, Any]:
    """A task's arguments without what a candidate needs for the time before it serves: a lease, and not to shrink."""
    return {name: value for name, value in state["Arguments"].items() if name not in ("Tags", "SuspendedState")}


def test_an_endpoint_that_is_gone_is_made_anew_as_a_release_makes_it() -> None:
    outcome = rollback(ANEW)
    assert outcome.path[-1] == "Production Restored"
    assert set(outcome.path) > MAKING
    assert outcome.path.count("Clear the Place") == 2, "what is left is waited for to go"
    release = json.loads(definition("release"))["States"]
    for state in ("Configure Production Endpoint", "Register Scaling Target", "Scale with Traffic"):
        ours, theirs = (json.dumps(but_while_it_waits(states[state])) for states in (MACHINE["States"], release))
        renamed = (
            theirs.replace("$release.names.productionEndpoint", "$plan.to.endpointName")
            .replace("$release.names.model", "$plan.to.model")
            .replace("$release.uris.capture", "$plan.to.capture")
            .replace("$releaseId", "$plan.to.releaseId")
        )
        assert ours == renamed, f"{state} makes another endpoint than a release does"
    assert outcome.requests["Create Model"][0]["PrimaryContainer"] == {
        "Image": ANEW["to"]["image"],
        "ModelDataUrl": ANEW["to"]["modelDataUrl"],
    }


@pytest.mark.parametrize(
    ("live", "serving", "instances"),
    [
        ("e", runs(DesiredInstanceCount=3, CurrentInstanceCount=2), 3),
        ("e", runs(DesiredInstanceCount=9), 4),
        ("e", runs(), 1),
        ("e", TaskError("SageMaker.SageMakerException", 'Could not find endpoint "arn:e".'), 1),
        ("e", DENIED, 1),
        (None, DENIED, 1),
    ],
)
def test_an_endpoint_that_is_made_anew_is_as_large_as_the_one_that_serves_if_that_can_be_seen(
    live: str | None, serving: Any, instances: int
) -> None:
    outcome = rollback({**ANEW, "liveEndpoint": live}, Read_Live_Endpoint=serving)
    assert outcome.path[-1] == "Production Restored"
    assert ("Read Live Endpoint" in outcome.path) == (live is not None)
    (variant,) = outcome.requests["Configure Production Endpoint"][0]["ProductionVariants"]
    assert variant["InitialInstanceCount"] == instances
    assert outcome.path.index("Clear the Place") < outcome.path.index("Configure Production Endpoint")
    assert "error" not in closed_as(outcome)
    unread = live is not None and isinstance(serving, TaskError)
    assert (f"could not be read ({DENIED.error})" in closed_as(outcome)["note"]) == (unread and serving is DENIED)
    assert closed_as(outcome)["note"].endswith("with the fewest.") == unread


def test_a_shift_under_way_is_stopped_and_then_nothing_is_left_to_do() -> None:
    outcome = rollback([STOP, {"status": "waiting", "reason": "going back already"}, BACK])
    assert (outcome.status, outcome.path[-1]) == ("SUCCEEDED", "Shift Stopped")
    assert outcome.requests["Stop the Shift"][0] == {"DeploymentId": "d-BAD", "AutoRollbackEnabled": True}
    again = outcome.requests["Plan Rollback"][-1]["Payload"]
    assert (again["toReleaseId"], again["stopped"]) == (GOOD, BAD), "the target stays the one of the first plan"
    assert closed_as(outcome)["outcome"] == "stopped"
    assert "Verify Rollback" in outcome.path
    assert "Keep Release Warm" not in outcome.path, "the release that was shifting cleans up itself"


def test_a_shift_that_ended_before_it_could_be_stopped_is_gone_back_from() -> None:
    over = TaskError("CodeDeploy.DeploymentAlreadyCompletedException", "over")
    outcome = rollback([STOP, PLAN], Stop_the_Shift=over)
    assert outcome.path[-1] == "Production Restored"
    assert outcome.requests["Plan Rollback"][1]["Payload"]["toReleaseId"] == GOOD


def test_another_rollback_is_waited_for() -> None:
    waiting = {"status": "waiting", "reason": "the rollback x is at it"}
    outcome = rollback([waiting, waiting, PLAN])
    assert outcome.path[-1] == "Production Restored"
    assert outcome.waited.count(15) >= 2


@pytest.mark.parametrize("plan", [{"status": "waiting", "reason": "the rollback x is at it"}, STOP])
def test_what_never_comes_free_is_given_up(plan: dict[str, Any]) -> None:
    outcome = rollback(plan)
    assert outcome.path[-1] == "Rollback Failed"
    assert outcome.path.count("Plan Rollback") == 120
    assert closed_as(outcome)["error"]["Error"] == "RollbackBlocked"


def test_a_refusal_is_told_and_changes_nothing() -> None:
    outcome = rollback({"status": "refused", "reason": "there is no release x on record here"})
    assert (outcome.path[-1], outcome.cause) == ("Rollback Refused", "there is no release x on record here")
    assert closed_as(outcome)["outcome"] == "refused"
    assert set(outcome.requests) == {"Plan Rollback", "Record Rollback"}


@pytest.mark.parametrize("given", [{}, {"by": "Ada"}, [], "back!"])
def test_an_input_that_makes_no_sense_reaches_the_plan_which_says_so(given: Any) -> None:
    outcome = rollback({"status": "refused", "reason": "the input: reason is missing"}, given=given)
    assert outcome.path[-1] == "Rollback Refused"
    assert outcome.requests["Plan Rollback"][0]["Payload"]["asked"] == given


def test_a_plan_that_nobody_knows_fails_closed() -> None:
    outcome = rollback({"status": "perhaps", "reason": None})
    assert outcome.path[-1] == "Rollback Failed"
    assert "Shift Back" not in outcome.path


def test_where_nothing_was_live_nothing_is_retired() -> None:
    outcome = rollback({**PLAN, "from": None})
    assert outcome.path[-1] == "Production Restored"
    assert not {"Stop Monitoring", "Keep Release Warm"} & set(outcome.path)
    assert outcome.requests["Verify Rollback"][0]["Payload"]["leftReleaseId"] is None


@pytest.mark.parametrize("status", ["Failed", "OutOfService"])
def test_an_endpoint_that_fails_is_removed_again(status: str) -> None:
    failed = {"EndpointStatus": status, "FailureReason": "no capacity"}
    outcome = rollback(ANEW, Read_Production_Endpoint=failed)
    assert outcome.path[-1] == "Rollback Failed"
    assert "no capacity" in closed_as(outcome)["error"]["Cause"]
    assert outcome.requests["Clean Up"][0]["Payload"] == {"releaseId": GOOD, "scope": "all"}


IN_THE_WAY = payload({"done": False, "keptBy": "", "waitingFor": ["endpoint e, which is Deleting"]})


def test_what_can_not_be_removed_again_is_told() -> None:
    outcome = rollback(ANEW, Read_Production_Endpoint=DENIED, Clean_Up=IN_THE_WAY)
    assert outcome.path[-1] == "Rollback Failed"
    assert outcome.path.count("Clean Up") == 120
    assert closed_as(outcome)["cleanUp"]["Cause"] == "waited in vain for endpoint e, which is Deleting"


def test_what_one_came_from_and_can_not_be_retired_is_told() -> None:
    outcome = rollback(Retire_Release=IN_THE_WAY)
    assert outcome.path[-1] == "Restored but Not Settled"
    assert "could not be removed" in outcome.requests["Tell of Leftovers"][0]["Message"]


def test_a_hook_that_is_silent_does_not_hold_the_way_back_up() -> None:
    outcome = rollback(ANEW, Read_Deployment={"DeploymentInfo": {"Status": "InProgress"}})
    assert outcome.path[-1] == "Rollback Failed"
    assert outcome.path.count("Read Deployment") == 60
    assert outcome.path.index("Call Off the Shift") < outcome.path.index("Clean Up")
    assert "still InProgress after 5 minutes" in closed_as(outcome)["error"]["Cause"]


def test_an_endpoint_that_never_comes_up_is_given_up_and_removed() -> None:
    outcome = rollback(ANEW, Read_Production_Endpoint={"EndpointStatus": "Creating"})
    assert outcome.path[-1] == "Rollback Failed"
    assert outcome.path.count("Read Production Endpoint") == 120
    assert "Clean Up" in outcome.path


def test_a_place_that_never_clears_is_given_up() -> None:
    outcome = rollback(ANEW, Clear_the_Place=payload({"done": False}))
    assert (outcome.path[-1], closed_as(outcome)["state"]) == ("Rollback Failed", "Clear the Place")
    assert "Create Model" not in outcome.path


@pytest.mark.parametrize("status", ["Failed", "Stopped"])
@pytest.mark.parametrize("plan", [PLAN, ANEW])
def test_a_shift_that_fails_leaves_no_endpoint_that_was_made_for_it(status: str, plan: dict[str, Any]) -> None:
    info = {"DeploymentInfo": {"Status": status, "ErrorInformation": {"Code": "HOOK", "Message": "hook failed"}}}
    outcome = rollback(plan, Read_Deployment=info)
    assert outcome.path[-1] == "Rollback Failed"
    assert "hook failed" in closed_as(outcome)["error"]["Cause"]
    assert closed_as(outcome)["deploymentId"] == "d-BACK"
    assert ("Clean Up" in outcome.path) == (plan is ANEW), "an endpoint that lived stays with who keeps it"


def test_a_shift_that_can_not_be_watched_is_called_off_before_anything_is_removed() -> None:
    outcome = rollback(ANEW, Read_Deployment=DENIED)
    assert outcome.path[-1] == "Rollback Failed"
    assert outcome.path.index("Call Off the Shift") < outcome.path.index("Clean Up")
    assert closed_as(outcome)["state"] == "Read Deployment"


LOST = TaskError("States.Timeout", "")


@pytest.mark.parametrize("state", ["Create Model", "Configure Production Endpoint", "Create Production Endpoint"])
def test_what_a_call_whose_answer_was_lost_has_made_is_there(state: str) -> None:
    there = TaskError("SageMaker.SageMakerException", 'Cannot create already existing thing "arn:…".')
    outcome = rollback(ANEW, **{state.replace(" ", "_"): [LOST, *[there] * 5]})
    assert outcome.path[-1] == "Production Restored"
    assert "Clean Up" not in outcome.path
    assert "error" not in closed_as(outcome)


LISTED = {"Deployments": ["d-OTHER", "d-BACK"]}
BY_HAND = {"DeploymentId": "d-OTHER", "Status": "InProgress"}
NO_ANSWERS = [LOST, TaskError("CodeDeploy.SdkClientException", "the connection was lost")]


def described(outcome: Outcome) -> str:
    """What a rollback calls its deployment: the same in each run, as the execution's name is."""
    return str(outcome.requests["Shift Back"][0]["Description"])


@pytest.mark.parametrize("status", ["Succeeded", "InProgress"])
def test_a_shift_whose_answer_was_lost_is_found_and_followed(status: str) -> None:
    ours = {"DeploymentId": "d-BACK", "Status": status, "Description": described(rollback())}
    outcome = rollback(
        ANEW, Shift_Back=LOST, Find_the_Shift=LISTED, Read_What_Is_Listed={"DeploymentsInfo": [BY_HAND, ours]}
    )
    assert outcome.path[-1] == "Production Restored"
    assert set(outcome.requests["Find the Shift"][0]["CreateTimeRange"]) == {"Start"}, "all since this way back began"
    assert outcome.requests["Read What Is Listed"] == [{"DeploymentIds": ["d-OTHER", "d-BACK"]}]
    assert outcome.requests["Read Deployment"][0] == {"DeploymentId": "d-BACK"}
    assert closed_as(outcome)["deploymentId"] == "d-BACK"
    assert "error" not in closed_as(outcome)
    assert outcome.path.count("Shift Back") == 1
    assert "Clean Up" not in outcome.path


@pytest.mark.parametrize("lost", NO_ANSWERS)
def test_a_shift_that_was_never_created_is_asked_for_again(lost: TaskError) -> None:
    outcome = rollback(ANEW, Shift_Back=[lost, lost, {"DeploymentId": "d-BACK"}])
    assert outcome.path[-1] == "Production Restored"
    assert outcome.path.count("Shift Back") == 3
    assert "error" not in closed_as(outcome)


def test_a_shift_that_is_refused_is_not_asked_for_again() -> None:
    outcome = rollback(Shift_Back=[DENIED, {"DeploymentId": "d-BACK"}])
    assert outcome.path[-1] == "Rollback Failed"
    assert outcome.path.count("Shift Back") == 1


@pytest.mark.parametrize("description", [{}, {"Description": "by hand"}])
def test_what_somebody_else_shifts_is_not_taken_for_the_way_back(description: dict[str, str]) -> None:
    listed = {"DeploymentsInfo": [BY_HAND | description]}
    outcome = rollback(ANEW, Shift_Back=LOST, Find_the_Shift=LISTED, Read_What_Is_Listed=listed)
    assert outcome.path[-1] == "Rollback Failed"
    assert (closed_as(outcome)["state"], closed_as(outcome)["deploymentId"]) == ("Shift Back", None)
    assert outcome.path.count("Shift Back") == 4, "asked for thrice more, and no more"
    assert "Clean Up" in outcome.path
    assert "Call Off the Shift" not in outcome.path


@pytest.mark.parametrize(
    "unknown", [{"Find_the_Shift": DENIED}, {"Find_the_Shift": LISTED, "Read_What_Is_Listed": DENIED}]
)
@pytest.mark.parametrize("plan", [PLAN, ANEW])
def test_where_nobody_knows_whether_a_shift_goes_on_time_is_given_to_it(
    plan: dict[str, Any], unknown: dict[str, Any]
) -> None:
    outcome = rollback(plan, Shift_Back=DENIED, **unknown)
    assert outcome.path[-1] == "Rollback Failed"
    assert closed_as(outcome)["state"] == "Shift Back"
    assert 60 in outcome.waited, "the shift, and requests that it let through, come to their end"
    assert ("Clean Up" in outcome.path) == (plan is ANEW)


def test_what_the_record_says_of_the_outcome_counts() -> None:
    """A shift that could not be watched arrived all the same: then one is back."""
    outcome = rollback(Read_Deployment=DENIED, Record_Rollback=payload({"outcome": "restored"}))
    assert outcome.path[-1] == "Restored but Not as Planned"
    assert "Retire Release" in outcome.path


@pytest.mark.parametrize("state", ["Start Monitoring", "Stop Monitoring"])
def test_monitoring_that_can_not_be_moved_does_not_stop_the_way_back(state: str) -> None:
    outcome = rollback(**{state.replace(" ", "_"): DENIED}, Verify_Rollback=DIFFERENT)
    assert outcome.path[-1] == "Restored but Not as Planned"
    assert closed_as(outcome)["outcome"] == "restored"
    assert closed_as(outcome)["differences"] == ["it captures 0 %"]
    assert "Retire Release" in outcome.path


def test_a_target_that_is_monitored_already_and_a_release_that_never_was_are_no_failures() -> None:
    there, gone = TaskError("Scheduler.ConflictException"), TaskError("Scheduler.ResourceNotFoundException")
    assert rollback(Start_Monitoring=there, Stop_Monitoring=gone).path[-1] == "Production Restored"


def test_what_takes_a_moment_to_be_as_planned_is_looked_at_again() -> None:
    outcome = rollback(Verify_Rollback=[DIFFERENT, DIFFERENT, PASSED])
    assert outcome.path[-1] == "Production Restored"
    assert closed_as(outcome)["differences"] == []


def test_a_difference_that_stays_is_told_and_named() -> None:
    outcome = rollback(Verify_Rollback=DIFFERENT)
    assert (outcome.status, outcome.path[-1]) == ("FAILED", "Restored but Not as Planned")
    assert "it captures 0 %" in str(outcome.cause)
    assert outcome.path.count("Verify Rollback") == 6


def test_what_can_not_be_read_back_is_not_taken_for_good() -> None:
    outcome = rollback(Verify_Rollback=DENIED)
    assert outcome.path[-1] == "Restored but Not as Planned"
    assert closed_as(outcome)["outcome"] == "restored"
    stopped = rollback([STOP, BACK], Verify_Rollback=DENIED)
    assert (stopped.path[-1], closed_as(stopped)["outcome"]) == ("Restored but Not as Planned", "stopped")


NEVER_FATAL = {"Read Live Endpoint", "Start Monitoring", "Stop Monitoring", "Verify Rollback", "Retire Release"}
WAY_OUT = {
    "Find the Shift",
    "Read What Is Listed",
    "Clean Up",
    "Record Rollback",
    "Tell Without Record",
    "Tell of Leftovers",
    "Call Off the Shift",
}


@pytest.mark.parametrize("state", sorted(set(TASKS) - NEVER_FATAL - WAY_OUT))
def test_a_permanent_error_anywhere_is_cleaned_up_recorded_and_told(state: str) -> None:
    plan: Any = ANEW if state in MAKING | {"Clear the Place"} else [STOP, PLAN] if state == "Stop the Shift" else PLAN
    answers = {state.replace(" ", "_"): DENIED}
    outcome = rollback(None if state == "Plan Rollback" else plan, **answers)
    assert (outcome.status, outcome.path[-1]) == ("FAILED", "Rollback Failed")
    assert closed_as(outcome)["state"] == state
    assert closed_as(outcome)["error"]["Error"] == "Some.AccessDeniedException"
    assert ("Clean Up" in outcome.path) == (state in MAKING)
    assert state in str(outcome.cause)


@pytest.mark.parametrize("state", sorted(set(TASKS) - WAY_OUT))
def test_a_throttled_call_is_tried_again(state: str) -> None:
    names = [name for retry in TASKS[state]["Retry"] for name in retry["ErrorEquals"]]
    plans = [payload(STOP), payload(ANEW)]
    well = plans if state == "Plan Rollback" else all_well()[state]
    rest = well if isinstance(well, list) else [well]
    answers = {"Plan Rollback": plans, state: [TaskError(names[0], "slow down"), *rest]}
    outcome = rollback(**{name.replace(" ", "_"): answer for name, answer in answers.items()})
    assert outcome.path[-1] == "Production Restored"


@pytest.mark.parametrize("state", sorted(set(TASKS) - WAY_OUT))
def test_a_call_that_times_out_ends_in_a_named_state_and_is_told(state: str) -> None:
    late = TaskError("States.Timeout", "")
    plans = late if state == "Plan Rollback" else [payload(STOP), payload(ANEW)]
    answers = {"Plan Rollback": plans, **({} if state == "Plan Rollback" else {state: late})}
    outcome = rollback(**{name.replace(" ", "_"): answer for name, answer in answers.items()})
    assert MACHINE["States"][outcome.path[-1]]["Type"] in ("Fail", "Succeed")
    assert "Record Rollback" in outcome.path


def test_a_clean_up_that_fails_is_part_of_what_is_told() -> None:
    outcome = rollback(ANEW, Create_Model=DENIED, Clean_Up=TaskError("RefusedError", "endpoint is live"))
    assert outcome.path[-1] == "Rollback Failed"
    assert closed_as(outcome)["cleanUp"]["Cause"] == "endpoint is live"
    assert closed_as(outcome)["state"] == "Create Model", "the first failure stays the first"


@pytest.mark.parametrize(
    ("answers", "end", "words"),
    [
        ({}, "Restored but Not Settled", f"Production serves from release {GOOD}"),
        ({"Shift_Back": DENIED}, "Rollback Failed", "No traffic was moved by it. Shift Back: not allowed"),
        ({"Plan_Rollback": DENIED}, "Rollback Failed", "No traffic was moved by it. Plan Rollback: not allowed"),
        (
            {"Plan_Rollback": payload({"status": "refused", "reason": "never approved"})},
            "Rollback Refused",
            "never approved",
        ),
    ],
)
def test_what_can_not_be_recorded_is_mailed_directly(answers: dict[str, Any], end: str, words: str) -> None:
    outcome = rollback(**answers, Record_Rollback=DENIED)
    assert outcome.path[-1] == end
    assert words in outcome.requests["Tell Without Record"][0]["Message"]
    assert "Keep Release Warm" not in outcome.path, "the lock couldn't be given back; the end of the execution frees it"
    unheard = rollback(**answers, Record_Rollback=DENIED, Tell_Without_Record=DENIED)
    assert unheard.path[-1] == end


def test_a_release_that_serves_again_is_not_retired() -> None:
    outcome = rollback(Retire_Release=TaskError("LiveEndpointError", "it is live"))
    assert outcome.path[-1] == "Production Restored"


def test_a_release_that_somebody_else_keeps_warm_is_waited_for() -> None:
    kept = payload({"done": False, "keptBy": "arn:another"})
    outcome = rollback(Retire_Release=[kept, payload({"done": True, "keptBy": ""})])
    assert outcome.path[-1] == "Production Restored"
    assert outcome.waited.count(3600) == 2


@pytest.mark.parametrize("heard", [True, False])
@pytest.mark.parametrize("refused", [DENIED, TaskError("RefusedError", "delete the endpoint: AccessDeniedException")])
def test_a_release_that_can_not_be_retired_is_told(refused: TaskError, heard: bool) -> None:
    answers = {} if heard else {"Tell_of_Leftovers": DENIED}
    outcome = rollback(Retire_Release=refused, **answers)
    assert outcome.path[-2:] == ["Tell of Leftovers", "Restored but Not Settled"]
    message = outcome.requests["Tell of Leftovers"][0]["Message"]
    assert BAD in message
    assert str(refused.cause) in message


def test_every_request_satisfies_the_services_own_model() -> None:
    """GIVEN ways back that meet everything WHEN their requests are held to botocore's models THEN each one fits."""
    to_check = {name for name, state in TASKS.items() if ":lambda:invoke" not in state["Resource"]}
    runs = [
        rollback([STOP, ANEW]),
        rollback(Read_Deployment=DENIED, Record_Rollback=DENIED),
        rollback(Retire_Release=DENIED),
        rollback(Shift_Back=LOST, Find_the_Shift=LISTED),
    ]
    assert set().union(*(checked(outcome, TASKS) for outcome in runs)) == to_check
