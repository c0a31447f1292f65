"""EventBridge Scheduler: what is due is called, as the target's role, in scaled time."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from localaws.errors import AwsError
from localaws.scheduler.service import Scheduler
from localaws.service import Call
from localaws.world import World
from tests.localaws.stubs import LambdaStub, StepFunctionsStub

MACHINE = "arn:aws:states:us-east-1:123456789012:stateMachine:monitor"
FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:watch"
SOON = 40


class Tried:
    """A world with a role that the Scheduler may assume."""

    def __init__(self, world: World, role: str) -> None:
        self.world = world
        self.role = role
        self.client = world.client("scheduler")
        self.machine = world.service(StepFunctionsStub)

    def create(self, expression: str, name: str = "s", target: dict[str, Any] | None = None, **more: Any) -> None:
        wanted = {"Arn": MACHINE, "RoleArn": self.role, "Input": "{}", **(target or {})}
        window = {"Mode": "OFF"}
        more = {"FlexibleTimeWindow": window, **more}
        self.client.create_schedule(Name=name, ScheduleExpression=expression, Target=wanted, **more)

    def started(self, count: int = 1) -> list[Call]:
        """That many executions, once they are there."""
        self.machine.started.wait_for(lambda _: len(self.machine.started.items()) >= count, SOON)
        return self.machine.started.items()


@pytest.fixture
def tried(world_of: Callable[..., World], make_role: Callable[..., str]) -> Tried:
    world = world_of(StepFunctionsStub, LambdaStub, Scheduler, time_scale=600)
    return Tried(world, make_role(world, "scheduler", "scheduler.amazonaws.com"))


def test_a_rate_starts_executions_as_its_role_at_the_scaled_pace(tried: Tried) -> None:
    given = json.dumps({"at": "<aws.scheduler.scheduled-time>", "id": "<aws.scheduler.execution-id>"})
    began = time.monotonic()
    tried.create("rate(10 minutes)", target={"Input": given})
    first, second = tried.started(2)[:2]
    assert 0.9 <= time.monotonic() - began < 500
    assert (first.principal.arn, first.principal.session) == (tried.role, "Scheduler")
    inputs = [json.loads(call.params["input"]) for call in (first, second)]
    assert inputs[0]["id"] == first.params["name"] != inputs[1]["id"]
    at = datetime.strptime(inputs[0]["at"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    assert abs(datetime.now(UTC) - at) < timedelta(minutes=1)


def test_a_moment_an_hour_away_comes_in_seconds_and_deletes_its_schedule(tried: Tried) -> None:
    moment = (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%S")
    tried.create(f"at({moment})", ActionAfterCompletion="DELETE")
    assert len(tried.started()) == 1
    record = tried.world.service(Scheduler).deliveries.record
    assert record.wait_for(lambda d: d.status == "delivered", SOON).what == f"at({moment})"
    assert tried.client.list_schedules()["Schedules"] == []


def test_cron_comes_in_scaled_time_too(tried: Tried) -> None:
    tried.create("cron(0 * * * ? *)")
    assert tried.started(1)


def test_a_schedule_without_input_sends_the_default_event(tried: Tried) -> None:
    target = {"Arn": MACHINE, "RoleArn": tried.role}
    tried.client.create_schedule(
        Name="s", ScheduleExpression="rate(1 hour)", Target=target, FlexibleTimeWindow={"Mode": "OFF"}
    )
    event = json.loads(tried.started()[0].params["input"])
    assert (event["source"], event["detail-type"]) == ("aws.scheduler", "Scheduled Event")


def test_disabled_changed_and_deleted_schedules_keep_still(tried: Tried) -> None:
    tried.create("rate(1 hour)", name="off", State="DISABLED", target={"Input": '{"from": "off"}'})
    later = datetime.now(UTC) + timedelta(minutes=100)  # ten seconds here, enough for what follows
    tried.create("rate(1 day)", name="gone", StartDate=later, target={"Input": '{"from": "gone"}'})
    tried.client.delete_schedule(Name="gone")
    tried.create("rate(1 day)", name="changed", StartDate=later, target={"Input": '{"from": "old"}'})
    target = {"Arn": MACHINE, "RoleArn": tried.role, "Input": '{"from": "new"}'}
    tried.client.update_schedule(
        Name="changed", ScheduleExpression="rate(1 day)", Target=target, StartDate=later,
        FlexibleTimeWindow={"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 1},
    )  # fmt: skip
    moment = (datetime.now(UTC) + timedelta(minutes=150)).strftime("%Y-%m-%dT%H:%M:%S")
    tried.create(f"at({moment})", name="last", target={"Input": '{"from": "last"}'})
    for name in ("new", "last"):
        tried.machine.started.wait_for(lambda c, name=name: name in c.params["input"], SOON)  # type: ignore[misc]
    found = [json.loads(call.params["input"])["from"] for call in tried.machine.started.items()]
    assert sorted(found) == ["last", "new"]


def test_the_end_date_ends_it(tried: Tried) -> None:
    end = datetime.now(UTC) + timedelta(minutes=25)
    tried.create("rate(10 minutes)", EndDate=end, ActionAfterCompletion="DELETE")
    deadline = time.monotonic() + SOON
    record = tried.world.service(Scheduler).deliveries.record
    record.wait_for(lambda _: len(record.items()) == 3, SOON)
    assert tried.client.list_schedules()["Schedules"] == []
    assert time.monotonic() < deadline


def test_functions_and_universal_targets_are_called(tried: Tried) -> None:
    tried.create("rate(1 hour)", name="f", target={"Arn": FUNCTION, "Input": '{"n": 1}'})
    universal = json.dumps({"StateMachineArn": MACHINE, "Input": '{"u": 1}', "Name": "mine"})
    tried.create(
        "rate(1 hour)",
        name="u",
        target={"Arn": "arn:aws:scheduler:::aws-sdk:sfn:startExecution", "Input": universal},
    )
    name, payload, role, _ = tried.world.service(LambdaStub).invoked.wait_for(lambda i: True, SOON)
    assert (name, payload, role) == (FUNCTION, b'{"n": 1}', tried.role)
    [call] = tried.started()
    assert (call.params["name"], call.params["input"]) == ("mine", '{"u": 1}')


def test_a_throttled_target_is_tried_again(tried: Tried) -> None:
    tried.machine.failures = [AwsError("ThrottlingException", "slow down")]
    tried.create("rate(1 day)", target={"RetryPolicy": {"MaximumRetryAttempts": 3}})
    record = tried.world.service(Scheduler).deliveries.record
    assert record.wait_for(lambda d: d.status == "delivered", SOON).attempts == 2


def test_schedules_that_can_not_be_served_are_refused(tried: Tried) -> None:
    queue = "arn:aws:sqs:us-east-1:123456789012:q"
    cases: list[tuple[str, dict[str, Any], dict[str, Any], str]] = [
        ("rate(1 fortnight)", {}, {}, "Invalid Schedule Expression"),
        ("rate(1 hour)", {"Arn": queue}, {}, "schedule target arn:aws:sqs"),
        ("rate(1 hour)", {"Arn": "arn:aws:scheduler:::aws-sdk:ec2:stopInstances"}, {}, "aws-sdk:ec2"),
        ("rate(1 hour)", {"DeadLetterConfig": {"Arn": queue}}, {}, "DeadLetterConfig"),
        ("rate(1 hour)", {"Input": "{"}, {}, "well-formed JSON"),
        ("rate(1 hour)", {"RoleArn": "arn:aws:iam::123456789012:role/absent"}, {}, "assume the role"),
        ("rate(1 hour)", {}, {"ScheduleExpressionTimezone": "Nowhere"}, "Invalid ScheduleExpressionTimezone"),
    ]
    for expression, target, more, reason in cases:
        with pytest.raises(ClientError, match=reason):
            tried.create(expression, target=target, **more)
    assert tried.client.list_schedules()["Schedules"] == []
