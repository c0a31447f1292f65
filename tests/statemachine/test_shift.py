"""Every way through the shift: looked at, decided in time, stopped, held, ended by CodeDeploy."""

from __future__ import annotations

from typing import Any

import pytest

from localaws.stepfunctions.testing import Outcome, TaskError
from tests.statemachine.machines import looked, payload
from tests.statemachine.test_release import DENIED, OWN_STEPS, WATCHING, closed_as, release

WORSE = "The candidate is worse in errors: error rate 30% against the champion's 0.1%."
UNPROVEN = payload({"status": "stop", "reason": "Not proven in time, in 1 window."})
HELD = payload({"status": "hold", "reason": "Not proven in time, in 1 window."})
COMPLETED = TaskError("CodeDeploy.DeploymentAlreadyCompletedException", "The deployment is already complete.")


def rolled_back(outcome: Outcome, words: str) -> None:
    """Check that the deployment was stopped, traffic was seen to be back, and a person hears why."""
    assert (outcome.status, outcome.path[-1]) == ("FAILED", "Rolled Back")
    assert outcome.requests["Stop Deployment"] == [{"DeploymentId": "d-ABC", "AutoRollbackEnabled": True}]
    states = ("Stop Deployment", "Confirm Rollback", "Let Requests End", "Verify Rollback", "Clean Up")
    order = [outcome.path.index(state) for state in states]
    assert order == sorted(order)
    assert 60 in outcome.waited, "requests that the candidate got may still be asking its endpoint"
    assert outcome.requests["Verify Rollback"][0]["Payload"] == {
        "version": "2",
        "leftReleaseId": outcome.requests["Register Drop"][0]["Payload"]["releaseId"],
    }
    told = closed_as(outcome)
    assert (told["outcome"], told["state"]) == ("rolledBack", "Follow Shift")
    assert words in told["error"]["Cause"]
    assert words in str(outcome.cause)


def test_each_look_has_its_number_and_the_pause_that_the_last_one_asked_for() -> None:
    slow = payload({"status": "wait", "reason": "", "verdict": "", "seconds": 33})
    outcome = release(Watch_Shift=[looked("wait"), slow, looked("shifted")])
    assert outcome.path[-1] == "Release Live"
    asked = [request["Payload"] for request in outcome.requests["Watch Shift"]]
    assert [request["look"] for request in asked] == [1, 2, 3]
    assert asked[0]["deploymentId"] == "d-ABC"
    assert (asked[0]["version"], asked[0]["previousVersion"]) == ("3", "2")
    assert {10, 33, 540} <= set(outcome.waited)


def test_a_proven_worse_candidate_is_stopped_with_the_analysis_words() -> None:
    rolled_back(release(Watch_Shift=[looked("wait"), looked("stop", WORSE)]), WORSE)


def test_a_deadline_without_proof_stops() -> None:
    outcome = release(Watch_Shift=looked("wait"), Decide_Shift=UNPROVEN)
    rolled_back(outcome, "Not proven in time")
    assert outcome.requests["Decide Shift"][0]["Payload"]["look"] == 0


def test_a_held_shift_is_tried_again_with_the_same_candidate() -> None:
    outcome = release(
        Watch_Shift=looking(2),
        Decide_Shift=[HELD, payload({"status": "proven", "reason": "Every metric is proven."})],
    )
    assert outcome.path[-1] == "Release Live"
    assert outcome.path.count("Shift Traffic") == 2
    assert len(outcome.requests["Stop Deployment"]) == 1
    assert not {"Let Requests End", "Clean Up"} & set(outcome.path), "the candidate is kept"
    again = outcome.path.index("Shift Traffic", outcome.path.index("Stop Deployment"))
    assert outcome.path.index("Is Traffic Back?") < again
    assert outcome.requests["Announce Release"][0]["Payload"]["error"] is None, "what was missing was found"
    described = [request["Description"] for request in outcome.requests["Shift Traffic"]]
    assert [text.rpartition(", ")[2] for text in described] == ["window 1", "window 2"]


LOST = TaskError("States.Timeout", "")
NO_ANSWERS = [LOST, TaskError("CodeDeploy.SdkClientException", "the connection was lost")]
OTHERS = {"DeploymentId": "d-OTHER", "Status": "InProgress", "Description": "by hand"}


def listed(*deployments: dict[str, Any]) -> dict[str, Any]:
    """CodeDeploy's answers about deployments that there are."""
    return {
        "Find_the_Shift": {"Deployments": [each["DeploymentId"] for each in deployments]},
        "Read_What_Is_Listed": {"DeploymentsInfo": list(deployments)},
    }


@pytest.mark.parametrize("lost", NO_ANSWERS)
def test_a_shift_whose_answer_was_lost_is_found_and_watched(lost: TaskError) -> None:
    called = release().requests["Shift Traffic"][0]["Description"]
    ours = {"DeploymentId": "d-LOST", "Status": "InProgress", "Description": called}
    earlier = {**ours, "DeploymentId": "d-EARLIER", "Description": called.replace("window 1", "window 0")}
    outcome = release(Shift_Traffic=lost, **listed(earlier, OTHERS, ours))
    assert outcome.path[-1] == "Release Live"
    assert outcome.path.count("Shift Traffic") == 1
    assert {request["Payload"]["deploymentId"] for request in outcome.requests["Watch Shift"]} == {"d-LOST"}
    assert outcome.requests["Announce Release"][0]["Payload"]["error"] is None


@pytest.mark.parametrize("lost", NO_ANSWERS)
def test_a_shift_that_was_never_created_is_asked_for_again(lost: TaskError) -> None:
    outcome = release(Shift_Traffic=[lost, lost, {"DeploymentId": "d-ABC"}])
    assert outcome.path[-1] == "Release Live"
    assert outcome.path.count("Shift Traffic") == 3
    assert outcome.requests["Announce Release"][0]["Payload"]["error"] is None


@pytest.mark.parametrize(
    ("answers", "asked"),
    [
        ({"Shift_Traffic": LOST}, 4),
        ({"Shift_Traffic": LOST, **listed(OTHERS)}, 4),
        ({"Shift_Traffic": LOST, "Find_the_Shift": DENIED}, 1),
        ({"Shift_Traffic": LOST, **listed(OTHERS), "Read_What_Is_Listed": DENIED}, 1),
        ({"Shift_Traffic": DENIED}, 1),
    ],
)
def test_a_shift_that_can_not_be_had_ends_the_release(answers: dict[str, Any], asked: int) -> None:
    outcome = release(**answers)
    assert outcome.path[-1] == "Release Failed"
    assert outcome.path.count("Shift Traffic") == asked
    assert closed_as(outcome)["state"] == "Shift Traffic"
    assert "Clean Up" in outcome.path


def looking(windows: int) -> Any:
    """Watch Shift's answers: wait until the last window, in which all traffic is shifted at once."""
    begun = []

    def answer(task: Any) -> Any:
        if task.arguments["Payload"]["look"] == 1:
            begun.append(1)
        return looked("shifted" if len(begun) == windows else "wait")

    return answer


def test_a_hold_whose_rollback_is_never_seen_ends() -> None:
    weighted = {"FunctionVersion": "2", "RoutingConfig": {"AdditionalVersionWeights": {"3": 0.1}}}
    outcome = release(Watch_Shift=looked("wait"), Decide_Shift=HELD, Confirm_Rollback=weighted)
    assert outcome.path[-1] == "Rolled Back"
    assert outcome.path.count("Shift Traffic") == 1


@pytest.mark.parametrize("status", ["Failed", "Stopped"])
def test_a_deployment_that_codedeploy_ended_is_seen_to_be_back_before_clean_up(status: str) -> None:
    outcome = release(
        Watch_Shift=looked("ended", "deployment d-ABC is Failed: alarm fired"),
        Stop_Deployment=COMPLETED,
        Read_Ended_Deployment={"DeploymentInfo": {"Status": status}},
    )
    rolled_back(outcome, "alarm fired")
    assert outcome.path.count("Confirm Rollback") == 2, "weights were still there at the first look"


def test_a_deployment_that_succeeded_before_it_could_be_stopped_is_live_and_a_person_hears_why() -> None:
    outcome = release(
        Watch_Shift=looked("stop", WORSE),
        Stop_Deployment=COMPLETED,
        Read_Ended_Deployment={"DeploymentInfo": {"Status": "Succeeded"}},
    )
    assert outcome.path[-1] == "Release Live"
    assert outcome.requests["Announce Release"][0]["Payload"]["error"]["Cause"] == WORSE


@pytest.mark.parametrize("answer", [{}, {"status": "passed"}, {"status": None}])
def test_an_unknown_answer_fails_closed(answer: dict[str, Any]) -> None:
    for state in ("Watch_Shift", "Decide_Shift"):
        others = {"Watch_Shift": looked("wait")} | {state: payload(answer)}
        rolled_back(release(**others), "no answer that is known")


@pytest.mark.parametrize("state", sorted(WATCHING))
def test_when_nobody_can_look_the_shift_is_stopped(state: str) -> None:
    others = {"Watch_Shift": looked("wait")} | {state.replace(" ", "_"): DENIED}
    rolled_back(release(**others), "not allowed")


@pytest.mark.parametrize("state", sorted(WATCHING))
def test_a_throttled_look_is_tried_again(state: str) -> None:
    well = {"Watch Shift": [looked("wait"), looked("shifted")], "Decide Shift": [payload({"status": "proven"})]}[state]
    outcome = release(**{state.replace(" ", "_"): [TaskError("TransientError", "slow down"), *well]})
    assert outcome.path[-1] == "Release Live"


def test_a_stop_that_fails_for_good_still_waits_for_the_hooks_to_bring_traffic_back() -> None:
    outcome = release(Watch_Shift=looked("stop", WORSE), Stop_Deployment=DENIED)
    assert outcome.path[-1] == "Rolled Back"
    assert "Confirm Rollback" in outcome.path


def test_an_end_that_can_not_be_read_is_taken_for_a_rollback() -> None:
    outcome = release(Watch_Shift=looked("stop", WORSE), Stop_Deployment=COMPLETED, Read_Ended_Deployment=DENIED)
    assert outcome.path[-1] == "Rolled Back"


def test_a_rollback_that_can_not_be_confirmed_still_ends() -> None:
    weighted = {"FunctionVersion": "2", "RoutingConfig": {"AdditionalVersionWeights": {"3": 0.1}}}
    outcome = release(Watch_Shift=looked("stop", WORSE), Confirm_Rollback=weighted)
    rolled_back(outcome, WORSE)


@pytest.mark.parametrize(
    "stopped", [{"Watch_Shift": looked("stop", WORSE)}, {"Decide_Shift": HELD}], ids=["worse", "held"]
)
def test_a_rollback_that_can_not_be_seen_is_told_with_why_it_was_begun_and_read_back_all_the_same(
    stopped: dict[str, Any],
) -> None:
    outcome = release(**({"Watch_Shift": looked("wait")} | stopped), Confirm_Rollback=DENIED)
    rolled_back(outcome, WORSE if "Decide_Shift" not in stopped else "Not proven in time")
    assert closed_as(outcome)["unconfirmed"]["Cause"] == "not allowed"
    assert "unverified" not in closed_as(outcome)


def test_a_rollback_that_can_not_be_read_back_is_told_as_what_it_is() -> None:
    outcome = release(Watch_Shift=looked("stop", WORSE), Verify_Rollback=DENIED)
    rolled_back(outcome, WORSE)
    assert closed_as(outcome)["unverified"]["Cause"] == "not allowed"


def test_steps_that_codedeploy_has_not_are_made_once() -> None:
    for answer in ({"DeploymentConfigId": "c"}, TaskError("CodeDeploy.DeploymentConfigAlreadyExistsException", "")):
        outcome = release(shift=OWN_STEPS, Make_Deployment_Config=answer)
        assert outcome.path[-1] == "Release Live"
        (asked,) = outcome.requests["Make Deployment Config"]
        assert asked["DeploymentConfigName"] == OWN_STEPS["deploymentConfig"]
        assert asked["TrafficRoutingConfig"] == OWN_STEPS["routing"]
        assert outcome.requests["Shift Traffic"][0]["DeploymentConfigName"] == OWN_STEPS["deploymentConfig"]


def test_nobody_is_asked_for_a_shift_whose_steps_can_not_be_made() -> None:
    """An account may have few configurations, and they outlive their releases."""
    full = TaskError("CodeDeploy.DeploymentConfigLimitExceededException", "the limit of 50 is reached")
    outcome = release(shift=OWN_STEPS, Make_Deployment_Config=full)
    assert outcome.path[-1] == "Release Failed"
    assert closed_as(outcome)["error"]["Error"] == full.error
    assert "Ask for Approval" not in outcome.path
