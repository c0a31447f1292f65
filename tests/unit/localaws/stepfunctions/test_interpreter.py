"""Time-outs, heartbeats, stops, and the history of one task."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from localaws.clock import Clock
from localaws.stepfunctions.definition import parse
from localaws.stepfunctions.history import History
from localaws.stepfunctions.interpreter import Interpreter, Outcome, Stop
from localaws.stepfunctions.tasks import Task
from localaws.stepfunctions.testing import TaskError, run
from tests.unit.localaws.stepfunctions.beats import Beating, undisturbed
from tests.unit.localaws.stepfunctions.machines import LAMBDA, TOKEN, machine, passes, task, workflow

CONTEXT = {"Execution": {"Id": "arn:aws:states:us-east-1:123456789012:execution:m:e"}, "StateMachine": {}}


class Runner:
    """Does every task with one function."""

    def __init__(self, do: Callable[[Task], Any]) -> None:
        self.run = do


def start(
    definition: dict[str, Any], do: Callable[[Task], Any], scale: float = 1.0
) -> tuple[Stop, History, Callable[[], Outcome]]:
    """Begin an execution in a thread; returns how to stop it, its history, and how to wait for its end."""
    stop, history = Stop(), History(lambda: datetime.now(UTC))
    interpreter = Interpreter(parse(definition), Runner(do), Clock(scale), history, CONTEXT, stop)
    ended: list[Outcome] = []
    thread = threading.Thread(target=lambda: ended.append(interpreter.execute({}, "role")), daemon=True)
    thread.start()

    def wait() -> Outcome:
        thread.join(60)
        assert not thread.is_alive()
        return ended[0]

    return stop, history, wait


def types(history: History) -> list[str]:
    return [event["type"] for event in history.events()]


def until_cancelled(task: Task) -> None:
    task.cancelled.wait(60)


class TestTimeouts:
    def test_a_task_that_takes_too_long_is_told_to_end(self) -> None:
        told = threading.Event()

        def slow(task: Task) -> None:
            if task.cancelled.wait(60):
                told.set()

        _, history, wait = start(machine(S=task(TimeoutSeconds=1)), slow)
        assert wait() == Outcome("FAILED", error="States.Timeout")
        assert told.wait(60)
        assert types(history)[-2:] == ["TaskTimedOut", "ExecutionFailed"]
        assert history.events()[-2]["taskTimedOutEventDetails"] == {
            "resourceType": "lambda", "resource": "invoke", "error": "States.Timeout",
        }  # fmt: skip

    def test_only_the_time_of_a_token_is_scaled(self) -> None:
        _, _, wait = start(machine(S=task(Resource=TOKEN, TimeoutSeconds=3600)), until_cancelled, scale=36_000)
        assert wait().error == "States.Timeout"

    def test_the_time_of_other_tasks_is_real(self) -> None:
        _, _, wait = start(machine(S=task(TimeoutSeconds=10)), lambda task: task.cancelled.wait(0.05), scale=1000)
        assert wait().output is False

    def test_a_time_out_from_an_expression(self) -> None:
        outcome = run(machine(S=task(TimeoutSeconds="{% $states.input.limit %}")), {"limit": 30}, {"S": 1})
        scheduled = next(e for e in outcome.events if e["type"] == "TaskScheduled")
        assert scheduled["taskScheduledEventDetails"]["timeoutInSeconds"] == 30

    @pytest.mark.parametrize("limit", ["{% 0 %}", "{% 1.5 %}"])
    def test_a_time_out_that_is_none(self, limit: str) -> None:
        assert run(machine(S=task(TimeoutSeconds=limit)), {}, {"S": 1}).error == "States.Runtime"

    def test_the_machines_own(self) -> None:
        definition = machine(S={"Type": "Wait", "Seconds": 3600}) | {"TimeoutSeconds": 1}
        _, history, wait = start(definition, until_cancelled)
        assert wait() == Outcome("TIMED_OUT", error="States.Timeout")
        assert history.events()[-1]["type"] == "ExecutionTimedOut"


class TestHeartbeats:
    STATE = task(Resource=TOKEN, HeartbeatSeconds=60)

    def test_silence_is_a_time_out_of_its_own_name(self) -> None:
        catch = [{"ErrorEquals": ["States.HeartbeatTimeout"], "Next": "P"}]
        definition = machine(S=self.STATE | {"Catch": catch, "Next": "P"}, P=passes())
        _, _, wait = start(definition, until_cancelled, scale=600)
        assert wait().output == {"Error": "States.Timeout"}

    def test_a_heartbeat_without_a_time_out_sets_no_time_out(self) -> None:
        def lives(beating: Beating) -> None:
            def alive(task: Task) -> str:
                beating.beat(task.beat, task.cancelled)
                return "done"

            _, _, wait = start(machine(S=self.STATE), alive, scale=60)
            assert wait().output == "done"

        undisturbed(lives, limit=1.0)

    def test_the_time_out_comes_first_if_it_is_nearer(self) -> None:
        state = self.STATE | {"TimeoutSeconds": 61}
        # A tenth of a second here, for which a busy machine may well stand still; then again.
        state["Retry"] = [{"ErrorEquals": ["States.HeartbeatTimeout"], "MaxAttempts": 50, "BackoffRate": 1}]

        def alive(task: Task) -> None:
            while not task.cancelled.wait(0.02):
                task.beat()

        _, _, wait = start(machine(S=state), alive, scale=600)
        assert wait().error == "States.Timeout"


class TestStop:
    def test_during_a_task(self) -> None:
        began, told = threading.Event(), threading.Event()

        def work(task: Task) -> None:
            began.set()
            task.cancelled.wait(60)
            told.set()

        stop, history, wait = start(machine(S=task(Retry=[{"ErrorEquals": ["States.ALL"]}])), work)
        assert began.wait(60)
        stop(Outcome("ABORTED", error="Why", cause="so"))
        assert wait() == Outcome("ABORTED", error="Why", cause="so")
        assert told.wait(60)
        assert history.events()[-1]["executionAbortedEventDetails"] == {"error": "Why", "cause": "so"}

    def test_during_a_wait(self) -> None:
        stop, _, wait = start(machine(S={"Type": "Wait", "Seconds": 3600}), until_cancelled)
        stop(Outcome("ABORTED"))
        assert wait().status == "ABORTED"

    def test_during_the_pause_before_a_retry(self) -> None:
        failed = threading.Event()

        def fail(_: Task) -> None:
            failed.set()
            raise TaskError("A")

        retry = [{"ErrorEquals": ["A"], "IntervalSeconds": 3600}]
        stop, _, wait = start(machine(S=task(Retry=retry)), fail)
        assert failed.wait(60)
        stop(Outcome("ABORTED"))
        assert wait().status == "ABORTED"

    @pytest.mark.parametrize("outer", ["Parallel", "Map"])
    def test_during_branches(self, outer: str) -> None:
        inside = workflow(T=task())
        state: dict[str, Any] = {"Type": outer}
        state |= {"Branches": [inside]} if outer == "Parallel" else {"ItemProcessor": inside, "Items": [1, 2]}
        began = threading.Event()

        def work(task: Task) -> None:
            began.set()
            task.cancelled.wait(60)

        stop, history, wait = start(machine(S=state), work)
        assert began.wait(60)
        stop(Outcome("ABORTED"))
        assert wait().status == "ABORTED"
        assert "TaskStateAborted" in types(history)

    def test_the_first_reason_counts(self) -> None:
        stop, _, wait = start(machine(S={"Type": "Wait", "Seconds": 3600}), until_cancelled)
        stop(Outcome("ABORTED", error="first"))
        stop(Outcome("ABORTED", error="second"))
        assert wait().error == "first"

    def test_before_it_began(self) -> None:
        stop = Stop()
        stop(Outcome("ABORTED"))
        history = History(lambda: datetime.now(UTC))
        interpreter = Interpreter(parse(machine(S=passes())), Runner(until_cancelled), Clock(), history, CONTEXT, stop)
        assert interpreter.execute({}, "role").status == "ABORTED"


class TestTokens:
    def test_the_arguments_hold_the_token_that_the_runner_gets(self) -> None:
        seen: list[tuple[Any, str | None]] = []

        def work(task: Task) -> str:
            seen.append((task.arguments, task.token))
            return "done"

        state = task(
            Resource=TOKEN,
            Arguments={"t": "{% $states.context.Task.Token %}"},
            Retry=[{"ErrorEquals": ["A"]}],
        )
        _, _, wait = start(machine(S=state), work)
        wait()
        [(arguments, token)] = seen
        assert token
        assert arguments == {"t": token}

    def test_each_attempt_has_a_token_of_its_own(self) -> None:
        tokens: list[str | None] = []

        def work(task: Task) -> None:
            tokens.append(task.token)
            if len(tokens) < 3:
                raise TaskError("A")

        _, _, wait = start(machine(S=task(Resource=TOKEN, Retry=[{"ErrorEquals": ["A"]}])), work, scale=1000)
        wait()
        assert len(set(tokens)) == 3

    def test_other_tasks_have_none(self) -> None:
        outcome = run(machine(S=task(Arguments="{% $states.context.Task.Token %}")), {}, {"S": 1})
        assert outcome.error == "States.QueryEvaluationError"


class TestHistory:
    def test_of_a_task(self) -> None:
        outcome = run(machine(S=task(Arguments={"a": 1})), {"i": 1}, {"S": {"o": 2}})
        told = [{k: v for k, v in event.items() if k != "timestamp"} for event in outcome.events[1:]]
        lambda_ = {"resourceType": "lambda", "resource": "invoke"}
        whole = {"truncated": False}
        scheduled = {**lambda_, "region": "us-east-1", "parameters": '{"a":1}'}
        out = {"output": '{"o":2}', "outputDetails": whole}
        entered = {"name": "S", "input": '{"i":1}', "inputDetails": whole}
        left = {"name": "S", **out}
        expected: list[tuple[str, dict[str, Any]]] = [
            ("TaskStateEntered", {"stateEnteredEventDetails": entered}),
            ("TaskScheduled", {"taskScheduledEventDetails": scheduled}),
            ("TaskStarted", {"taskStartedEventDetails": lambda_}),
            ("TaskSucceeded", {"taskSucceededEventDetails": {**lambda_, **out}}),
            ("TaskStateExited", {"stateExitedEventDetails": left}),
            ("ExecutionSucceeded", {"executionSucceededEventDetails": out}),
        ]
        assert told == [
            {"type": kind, "id": number + 2, "previousEventId": number + 1 if number else 0, **details}
            for number, (kind, details) in enumerate(expected)
        ]

    def test_what_is_submitted_is_told(self) -> None:
        def work(task: Task) -> str:
            task.submitted({"Arn": "x"})
            return "done"

        _, history, wait = start(machine(S=task(Resource=f"{LAMBDA}.waitForTaskToken")), work)
        wait()
        assert types(history)[3:6] == ["TaskStarted", "TaskSubmitted", "TaskSucceeded"]

    def test_a_result_that_is_too_large(self) -> None:
        outcome = run(machine(S=task()), {}, {"S": "x" * 300_000})
        assert outcome.error == "States.DataLimitExceeded"

    def test_a_runner_that_breaks_ends_the_execution(self) -> None:
        def broken(_: Task) -> None:
            raise KeyError("bug")

        _, _, wait = start(machine(S=task(Catch=[{"ErrorEquals": ["States.ALL"], "Next": "S"}])), broken)
        assert wait() == Outcome("FAILED", error="States.Runtime", cause="KeyError: 'bug'")
