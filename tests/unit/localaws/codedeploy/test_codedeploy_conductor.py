"""How a deployment moves traffic, asks hooks, heeds alarms and goes back."""

from __future__ import annotations

import pytest

from localaws.codedeploy.conductor import HOOK_TIMEOUT, POLL, PortError
from localaws.codedeploy.deployment import FAILURE, ON_ALARM, ON_REQUEST
from tests.unit.localaws.codedeploy.stage import HOOKED, Stage

CANARY = "CodeDeployDefault.LambdaCanary10Percent5Minutes"
LINEAR = "CodeDeployDefault.LambdaLinear10PercentEvery1Minute"


def test_all_at_once_moves_the_alias_to_the_target() -> None:
    stage = Stage()

    deployment = stage.run()

    assert deployment.status == "Succeeded"
    assert stage.functions.shifts == [(0, "2", {})]
    assert stage.event_statuses() == ["Succeeded"] * 3
    assert deployment.weight == 1.0


def test_a_canary_keeps_the_alias_on_the_current_version_until_its_time_is_over() -> None:
    stage = Stage(CANARY)

    stage.run()

    assert stage.functions.shifts == [(0, "1", {"2": 0.1}), (300, "2", {})]


def test_a_linear_deployment_shifts_a_tenth_every_minute() -> None:
    stage = Stage(LINEAR)

    stage.run()

    assert [at for at, _, _ in stage.functions.shifts] == [60 * i for i in range(10)]
    assert [weights.get("2", 1.0) for _, _, weights in stage.functions.shifts] == pytest.approx(
        [0.1 * i for i in range(1, 11)]
    )
    assert stage.functions.shifts[-1] == (540, "2", {})


def test_hooks_are_invoked_before_and_after_the_traffic_with_their_execution_id() -> None:
    stage = Stage(CANARY, HOOKED)
    stage.answer_hooks("Succeeded", after=42)

    deployment = stage.run()

    assert deployment.status == "Succeeded"
    assert [(at, function) for at, function, _ in stage.functions.invoked] == [(0, "before"), (342, "after")]
    payloads = [payload for _, _, payload in stage.functions.invoked]
    assert all(payload["DeploymentId"] == "d-1" for payload in payloads)
    assert len({payload["LifecycleEventHookExecutionId"] for payload in payloads}) == 2
    assert stage.functions.shifts[0][0] == 42


def test_a_failed_first_hook_fails_the_deployment_before_any_traffic_moved() -> None:
    stage = Stage(CANARY, HOOKED, rollback_on=())
    stage.answer_hooks("Failed", after=1)

    deployment = stage.run()

    assert (deployment.status, stage.code) == ("Failed", "HOOK_EXECUTION_FAILURE")
    assert stage.functions.shifts == []
    assert stage.event_statuses() == ["Failed", "Skipped", "Skipped"]
    assert stage.undoing is None


def test_a_failed_last_hook_takes_the_traffic_back() -> None:
    stage = Stage(hooks={"AfterAllowTraffic": "after"}, rollback_on=(FAILURE,))
    stage.answer_hooks("Failed")

    deployment = stage.run()

    assert deployment.status == "Failed"
    assert stage.way_back.status == "Succeeded"
    assert (stage.functions.version, stage.functions.weights) == ("1", {})
    assert stage.seen == [
        ("d-1", "InProgress"),
        ("d-1", "Failed"),
        ("d-2", "InProgress"),
        ("d-2", "Succeeded"),
    ]


def test_a_silent_hook_fails_the_deployment_after_an_hour() -> None:
    stage = Stage(hooks={"BeforeAllowTraffic": "before"})

    deployment = stage.run()

    assert (deployment.status, stage.code) == ("Failed", "TIMEOUT")
    assert stage.clock.elapsed == HOOK_TIMEOUT


def test_a_hook_that_cannot_be_invoked_fails_the_deployment() -> None:
    stage = Stage(hooks={"BeforeAllowTraffic": "before"})

    def refuse(_function: str, _payload: dict[str, str]) -> None:
        raise PortError("IAM_ROLE_PERMISSIONS", "not allowed")

    stage.functions.on_invoke = refuse

    deployment = stage.run()

    assert (deployment.status, stage.code) == ("Failed", "HOOK_EXECUTION_FAILURE")
    assert "not allowed" in stage.message


def test_an_alarm_stops_the_canary_within_one_look_and_rolls_back_without_hooks() -> None:
    stage = Stage(CANARY, HOOKED, alarms=("errors", "latency"), rollback_on=(ON_ALARM,))
    stage.answer_hooks("Succeeded")
    stage.clock.at(130, lambda: stage.alarms.firing.append("errors"))

    deployment = stage.run()

    assert (deployment.status, stage.code) == ("Stopped", "ALARM_ACTIVE")
    assert stage.message.endswith("Activated alarms: <errors>")
    assert stage.event_statuses() == ["Succeeded", "Failed", "Skipped"]
    assert stage.functions.shifts == [(0, "1", {"2": 0.1}), (stage.clock.elapsed, "1", {})]
    assert 130 <= stage.clock.elapsed <= 130 + POLL
    assert [function for _, function, _ in stage.functions.invoked] == ["before"]
    assert [event.status for event in stage.way_back.events.values()] == ["Succeeded"] * 3


def test_an_alarm_that_fires_already_stops_the_deployment_at_once() -> None:
    stage = Stage(CANARY, HOOKED, alarms=("errors",), rollback_on=(ON_ALARM,))
    stage.alarms.firing.append("errors")

    deployment = stage.run()

    assert deployment.status == "Stopped"
    assert stage.functions.invoked == []
    assert stage.event_statuses() == ["Skipped"] * 3
    assert stage.functions.shifts == [(0, "1", {})]  # the rollback, which AWS starts here, too


def test_an_alarm_while_the_last_hook_works_still_stops_the_deployment() -> None:
    stage = Stage(hooks={"AfterAllowTraffic": "after"}, alarms=("errors",), rollback_on=(ON_ALARM,))
    stage.clock.at(20, lambda: stage.alarms.firing.append("errors"))

    deployment = stage.run()

    assert deployment.status == "Stopped"
    assert stage.functions.version == "1"


def test_an_alarm_without_rollback_leaves_the_weights_as_they_are() -> None:
    stage = Stage(CANARY, alarms=("errors",))
    stage.clock.at(10, lambda: stage.alarms.firing.append("errors"))

    stage.run()

    assert stage.undoing is None
    assert (stage.functions.version, stage.functions.weights) == ("1", {"2": 0.1})


@pytest.mark.parametrize(("ignored", "status"), [(True, "Succeeded"), (False, "Stopped")])
def test_alarms_whose_state_cannot_be_had(ignored: bool, status: str) -> None:
    stage = Stage(alarms=("gone",), ignore_alarm_failure=ignored)
    stage.alarms.error = PortError("INTERNAL_ERROR", "there is no alarm gone")

    assert stage.run().status == status


@pytest.mark.parametrize(
    ("asked", "configured", "rolled_back"),
    [(None, (), False), (None, (ON_REQUEST,), True), (True, (), True), (False, (ON_REQUEST,), False)],
)
def test_a_stop_on_request_rolls_back_as_asked_or_configured(
    asked: bool | None, configured: tuple[str, ...], rolled_back: bool
) -> None:
    stage = Stage(CANARY, rollback_on=configured)

    def stop() -> None:
        stage.deployment.stop_requested, stage.deployment.rollback_on_stop = True, asked
        stage.deployment.wake.set()

    stage.clock.at(100, stop)

    deployment = stage.run()

    assert (deployment.status, stage.code) == ("Stopped", "MANUAL_STOP")
    assert stage.clock.elapsed == 100
    assert (stage.undoing is not None) is rolled_back


@pytest.mark.parametrize(("version", "weights"), [("3", {}), ("1", {"9": 0.5})])
def test_an_alias_that_is_not_wholly_at_the_current_version_is_left_alone(
    version: str, weights: dict[str, float]
) -> None:
    stage = Stage(CANARY, rollback_on=(FAILURE,))
    stage.functions.version, stage.functions.weights = version, weights

    deployment = stage.run()

    assert (deployment.status, stage.code) == ("Failed", "INVALID_LAMBDA_CONFIGURATION")
    assert stage.functions.shifts == []


def test_a_refused_shift_fails_the_deployment_with_the_port_s_code() -> None:
    stage = Stage()
    stage.functions.error = PortError("IAM_ROLE_PERMISSIONS", "not allowed to lambda:UpdateAlias")

    deployment = stage.run()

    assert (deployment.status, stage.code) == ("Failed", "IAM_ROLE_PERMISSIONS")


def test_a_rollback_that_is_refused_fails_and_says_so() -> None:
    stage = Stage(CANARY, alarms=("errors",), rollback_on=(ON_ALARM,))

    def fire() -> None:
        stage.alarms.firing.append("errors")
        stage.functions.error = PortError("THROTTLED", "slow down")

    stage.clock.at(10, fire)

    stage.run()

    assert (stage.way_back.status, (stage.way_back.error or {})["code"]) == ("Failed", "THROTTLED")


def test_a_deployment_that_has_ended_can_be_changed_no_more() -> None:
    stage = Stage()
    deployment = stage.run()

    with pytest.raises(RuntimeError, match="is Succeeded"):
        deployment.halt("Failed", "X", "y", stage.clock.now())
