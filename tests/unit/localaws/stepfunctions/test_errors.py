"""Retry, Catch, and which names mean which errors."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localaws.stepfunctions.failures import Failure, heartbeat_missed, timed_out
from localaws.stepfunctions.machine import Retrier
from localaws.stepfunctions.testing import Outcome, TaskError, run
from tests.unit.localaws.stepfunctions.machines import machine, passes, task, workflow

CAUGHT = passes(Output="{% {'caught': $states.input} %}")


def caught(*names: str, **fields: Any) -> list[dict[str, Any]]:
    return [{"ErrorEquals": list(names), "Next": "Caught", **fields}]


def with_catch(answer: Any, *names: str) -> Outcome:
    return run(machine(S=task(Catch=caught(*names), Next="Caught"), Caught=CAUGHT), {}, {"S": [answer]})


class TestRetry:
    def test_the_same_arguments_go_again(self) -> None:
        state = task(Arguments={"a": "{% $states.input %}"}, Retry=[{"ErrorEquals": ["Slow"]}])
        outcome = run(machine(S=state), 7, {"S": [TaskError("Slow"), TaskError("Slow"), "done"]})
        assert outcome.output == "done"
        assert outcome.requests == {"S": [{"a": 7}] * 3}
        assert outcome.waited == [1, 2]
        assert outcome.path == ["S"]

    def test_attempts_end(self) -> None:
        state = task(Retry=[{"ErrorEquals": ["Slow"], "MaxAttempts": 2}])
        outcome = run(machine(S=state), {}, {"S": TaskError("Slow", "so slow")})
        assert (outcome.status, outcome.error, outcome.cause) == ("FAILED", "Slow", "so slow")
        assert len(outcome.requests["S"]) == 3

    def test_never_again(self) -> None:
        state = task(Retry=[{"ErrorEquals": ["Slow"], "MaxAttempts": 0}, {"ErrorEquals": ["States.ALL"]}])
        assert len(run(machine(S=state), {}, {"S": TaskError("Slow")}).requests["S"]) == 1

    def test_each_retrier_counts_for_itself(self) -> None:
        retry = [
            {"ErrorEquals": ["A"], "MaxAttempts": 1},
            {"ErrorEquals": ["B"], "MaxAttempts": 1, "IntervalSeconds": 7},
        ]
        answers = [TaskError("A"), TaskError("B"), "done"]
        outcome = run(machine(S=task(Retry=retry)), {}, {"S": answers})
        assert outcome.output == "done"
        assert outcome.waited == [1, 7]

    def test_the_longest_delay(self) -> None:
        retry = [{"ErrorEquals": ["A"], "MaxAttempts": 4, "BackoffRate": 3, "MaxDelaySeconds": 5}]
        assert run(machine(S=task(Retry=retry)), {}, {"S": TaskError("A")}).waited == [1, 3, 5, 5]

    def test_full_jitter_stays_within_the_delay(self) -> None:
        retry = [{"ErrorEquals": ["A"], "MaxAttempts": 5, "JitterStrategy": "FULL"}]
        waited = run(machine(S=task(Retry=retry)), {}, {"S": TaskError("A")}).waited
        assert all(0 <= pause <= 2**index for index, pause in enumerate(waited))
        assert waited != [1, 2, 4, 8, 16]

    def test_the_retry_count_is_in_the_context(self) -> None:
        state = task(Arguments="{% $states.context.State.RetryCount %}", Retry=[{"ErrorEquals": ["A"]}])
        assert run(machine(S=state), {}, {"S": [TaskError("A"), 1]}).requests["S"] == [0, 1]

    def test_then_catch(self) -> None:
        state = task(Retry=[{"ErrorEquals": ["A"], "MaxAttempts": 1}], Catch=caught("A"), Next="Caught")
        outcome = run(machine(S=state, Caught=CAUGHT), {}, {"S": TaskError("A", "why")})
        assert outcome.path == ["S", "Caught"]
        assert len(outcome.requests["S"]) == 2

    @given(st.integers(1, 1000), st.floats(1, 10), st.integers(1, 500), st.integers(1, 100_000))
    def test_delays_never_shrink_nor_pass_the_longest(
        self, interval: int, rate: float, attempt: int, longest: int
    ) -> None:
        retrier = Retrier(error_equals=("A",), interval_seconds=interval, backoff_rate=rate, max_delay_seconds=longest)
        assert retrier.delay(attempt) <= retrier.delay(attempt + 1) <= longest


class TestCatch:
    def test_the_error_output_goes_on(self) -> None:
        assert with_catch(TaskError("Boom", "why"), "Boom").output == {"caught": {"Error": "Boom", "Cause": "why"}}

    def test_what_has_no_cause_has_no_cause(self) -> None:
        assert with_catch(timed_out(), "States.Timeout").output == {"caught": {"Error": "States.Timeout"}}

    def test_output_and_variables_of_the_catcher(self) -> None:
        catch = caught("A", Assign={"why": "{% $states.errorOutput.Cause %}"}, Output={"in": "{% $states.input %}"})
        states = machine(S=task(Catch=catch, Next="Caught"), Caught=passes(Output="{% [$why, $states.input] %}"))
        outcome = run(states, 1, {"S": TaskError("A", 'line 1\n"line 2"')})
        assert outcome.output == ['line 1\n"line 2"', {"in": 1}]

    def test_the_first_that_matches(self) -> None:
        catch = [
            {"ErrorEquals": ["B"], "Next": "Other"},
            *caught("A", "C"),
            {"ErrorEquals": ["States.ALL"], "Next": "Other"},
        ]
        states = machine(S=task(Catch=catch, Next="Caught"), Caught=CAUGHT, Other=passes())
        assert run(states, {}, {"S": TaskError("C")}).path == ["S", "Caught"]

    def test_an_output_that_can_not_be_evaluated_is_caught(self) -> None:
        state = task(Output="{% $states.result.absent %}", Catch=caught("States.QueryEvaluationError"), Next="Caught")
        assert run(machine(S=state, Caught=CAUGHT), {}, {"S": {}}).path == ["S", "Caught"]

    def test_arguments_that_can_not_be_evaluated_are_caught(self) -> None:
        state = task(Arguments="{% $states.input.absent %}", Catch=caught("States.ALL"), Next="Caught")
        outcome = run(machine(S=state, Caught=CAUGHT))
        assert outcome.path == ["S", "Caught"]
        assert outcome.requests == {}

    def test_a_catcher_that_fails_itself_ends_the_execution(self) -> None:
        catch = caught("A", Output="{% $states.errorOutput.absent %}")
        state = machine(S=task(Catch=catch, Next="Caught"), Caught=CAUGHT)
        assert run(state, {}, {"S": TaskError("A")}).error == "States.QueryEvaluationError"

    def test_a_fail_inside_a_branch(self) -> None:
        inside = {"Type": "Parallel", "Branches": [workflow(F={"Type": "Fail", "Error": "Inner"})]}
        states = machine(S=inside | {"Catch": caught("Inner"), "Next": "Caught"}, Caught=CAUGHT)
        assert run(states).path == ["S", "F", "Caught"]


@pytest.mark.parametrize(
    ("failure", "names", "expected"),
    [
        (Failure("A"), ["A"], True),
        (Failure("A"), ["B"], False),
        (Failure("A"), ["States.ALL"], True),
        (Failure("A"), ["States.TaskFailed"], True),
        (Failure(None), ["States.ALL"], True),
        (Failure("States.QueryEvaluationError"), ["States.TaskFailed"], True),
        (timed_out(), ["States.Timeout"], True),
        (timed_out(), ["States.ALL"], True),
        (timed_out(), ["States.TaskFailed"], False),
        (timed_out(), ["States.HeartbeatTimeout"], False),
        (heartbeat_missed(), ["States.HeartbeatTimeout"], True),
        (heartbeat_missed(), ["States.Timeout"], True),
        (heartbeat_missed(), ["States.TaskFailed"], False),
        (Failure("States.DataLimitExceeded"), ["States.ALL"], False),
        (Failure("States.DataLimitExceeded"), ["States.TaskFailed"], False),
        (Failure("States.DataLimitExceeded"), ["States.DataLimitExceeded"], True),
        (Failure("States.Runtime"), ["States.ALL"], False),
        (Failure("States.Runtime"), ["States.Runtime"], False),
    ],
)
def test_names(failure: Failure, names: list[str], expected: bool) -> None:
    assert failure.matches(names) is expected
