"""Who gets which task of an activity, and an activity's Task in the interpreter."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from localaws.clock import Clock
from localaws.errors import AwsError
from localaws.stepfunctions import logs
from localaws.stepfunctions.activities import Activities
from localaws.stepfunctions.definition import parse
from localaws.stepfunctions.failures import Failure
from localaws.stepfunctions.integrations import table
from localaws.stepfunctions.integrations.api import service_model
from localaws.stepfunctions.reader import DefinitionError
from localaws.stepfunctions.tasks import Task, is_activity
from localaws.stepfunctions.testing import TaskError, run
from tests.unit.localaws.stepfunctions.machines import machine, passes, task

ARN = "arn:aws:states:us-east-1:123456789012:activity:decide"
WHOLE = {"truncated": False}


def there() -> bool:
    return False


def waiting(token: str, started: Callable[[str | None], bool] = lambda _: True) -> Task:
    return Task(
        state="S", resource=ARN, arguments=token, context={}, token=token, timeout=None, cancelled=threading.Event(),
        started=started, submitted=lambda _: True, settle=lambda _: True, beat=lambda: True,
    )  # fmt: skip


@pytest.fixture
def activities() -> Activities:
    """One activity; AWS time passes as ours does, so that whoever waits, waits for something else."""
    activities = Activities(Clock())
    activities.make(ARN, "decide", {})
    return activities


def asking(pool: ThreadPoolExecutor, activities: Activities) -> Future[Task | None]:
    """A worker that waits already."""
    waits = threading.Event()

    class Changed(threading.Condition):
        def wait(self, timeout: float | None = None) -> bool:
            waits.set()
            return super().wait(timeout)

    activities._changed = Changed()
    asked = pool.submit(activities.take, ARN, None, there)
    assert waits.wait(60)
    return asked


class TestWorkers:
    def test_the_oldest_task_is_first(self, activities: Activities) -> None:
        for token in "abc":
            activities.schedule(waiting(token))
        taken = [activities.take(ARN, None, there) for _ in range(3)]
        assert [part.token for part in taken if part] == ["a", "b", "c"]

    def test_a_worker_that_waits_gets_a_task_at_once(self, activities: Activities) -> None:
        with ThreadPoolExecutor(1) as pool:
            asked = asking(pool, activities)
            activities.schedule(waiting("a"))
            taken = asked.result(60)
        assert taken
        assert taken.token == "a"

    def test_a_task_that_has_ended_is_never_handed_out(self, activities: Activities) -> None:
        activities.schedule(waiting("ended", started=lambda _: False))
        activities.schedule(waiting("b"))
        taken = activities.take(ARN, None, there)
        assert taken
        assert taken.token == "b"

    def test_nor_one_that_was_withdrawn(self, activities: Activities) -> None:
        first = waiting("a")
        activities.schedule(first)
        activities.schedule(waiting("b"))
        activities.withdraw(first)
        activities.withdraw(first)
        taken = activities.take(ARN, None, there)
        assert taken
        assert taken.token == "b"

    def test_a_worker_that_has_gone_takes_nothing_with_it(self, activities: Activities) -> None:
        activities.schedule(waiting("a"))
        assert activities.take(ARN, None, lambda: True) is None
        taken = activities.take(ARN, None, there)
        assert taken
        assert taken.token == "a"

    def test_each_task_goes_to_one_worker(self, activities: Activities) -> None:
        with ThreadPoolExecutor(8) as pool:
            asked = [pool.submit(activities.take, ARN, None, there) for _ in range(40)]
            for number in range(40):
                activities.schedule(waiting(str(number)))
            taken = [part.result(60) for part in asked]
        assert sorted(int(part.arguments) for part in taken if part) == list(range(40))

    def test_the_end_sends_every_worker_away(self, activities: Activities) -> None:
        with ThreadPoolExecutor(1) as pool:
            asked = asking(pool, activities)
            activities.close()
            assert asked.result(60) is None
        assert activities.take(ARN, None, there) is None

    def test_a_deletion_sends_them_away_too(self, activities: Activities) -> None:
        with ThreadPoolExecutor(1) as pool:
            asked = asking(pool, activities)
            activities.delete(ARN)
            with pytest.raises(AwsError, match="Activity Does Not Exist"):
                asked.result(60)
        with pytest.raises(Failure, match=r"States\.Runtime"):
            activities.schedule(waiting("a"))


class TestDefinition:
    @pytest.mark.parametrize("arguments", [{}, {"any": ["thing"]}, "text", [1], "{% $states.input %}"])
    def test_arguments_are_free(self, arguments: Any) -> None:
        parse(machine(S=task(Resource=ARN, Arguments=arguments)), table.check)

    @pytest.mark.parametrize("arn", [ARN[:-6], ARN.replace("us-east-1", ""), f"{ARN}:1", ARN.replace("activity", "a")])
    def test_what_is_no_activity(self, arn: str) -> None:
        assert not is_activity(arn)
        with pytest.raises(DefinitionError, match="is not implemented by localaws"):
            parse(machine(S=task(Resource=arn)), table.check)


class TestMocked:
    def test_the_mock_answers_by_the_states_name(self) -> None:
        state = task(Resource=ARN, Arguments={"a": 1}, TimeoutSeconds=60, HeartbeatSeconds=10)
        outcome = run(machine(S=state), {}, {"S": {"o": 2}}, check_task=table.check)
        assert (outcome.output, outcome.requests) == ({"o": 2}, {"S": [{"a": 1}]})
        scheduled = next(event for event in outcome.events if event["type"] == "ActivityScheduled")
        assert scheduled["activityScheduledEventDetails"] == {
            "resource": ARN, "input": '{"a":1}', "inputDetails": WHOLE,
            "timeoutInSeconds": 60, "heartbeatInSeconds": 10,
        }  # fmt: skip

    def test_failures_are_tried_again_and_caught(self) -> None:
        handlers = {
            "Retry": [{"ErrorEquals": ["Busy"], "MaxAttempts": 1}],
            "Catch": [{"ErrorEquals": ["States.TaskFailed"], "Next": "P"}],
        }
        definition = machine(S=task(Resource=ARN, Next="P", **handlers), P=passes())
        outcome = run(definition, {}, {"S": [TaskError("Busy"), TaskError("No", "because")]})
        assert outcome.output == {"Error": "No", "Cause": "because"}
        failed = [event for event in outcome.events if event["type"] == "ActivityFailed"]
        assert failed[1]["activityFailedEventDetails"] == {"error": "No", "cause": "because"}

    def test_its_arguments_see_no_token(self) -> None:
        outcome = run(machine(S=task(Resource=ARN, Arguments="{% $states.context.Task.Token %}")), {}, {"S": 1})
        assert outcome.error == "States.QueryEvaluationError"

    def test_a_result_that_is_too_large(self) -> None:
        outcome = run(machine(S=task(Resource=ARN)), {}, {"S": "x" * 300_000})
        assert outcome.error == "States.DataLimitExceeded"
        assert ARN in str(outcome.cause)


@pytest.mark.parametrize(
    ("kind", "level"),
    [
        ("ActivityScheduled", "ALL"),
        ("ActivityStarted", "ALL"),
        ("ActivitySucceeded", "ALL"),
        ("ActivityFailed", "ERROR"),
        ("ActivityScheduleFailed", "ERROR"),
        ("ActivityTimedOut", "ERROR"),
    ],
)
def test_the_level_at_which_an_event_is_logged(kind: str, level: str) -> None:
    assert [logs.wanted(part, kind) for part in ("ALL", "ERROR", "FATAL")] == [True, level == "ERROR", False]


def test_every_event_is_in_awss_model() -> None:
    outcome = run(machine(S=task(Resource=ARN)), {}, {"S": 1})
    shape = service_model("stepfunctions").shape_for("HistoryEvent")
    for event in outcome.events:
        assert set(event) <= set(shape.members), json.dumps(event, default=str)
