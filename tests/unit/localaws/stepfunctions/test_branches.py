"""Parallel and Map: scopes, order, concurrency, and how one failure ends the others."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from localaws.stepfunctions.tasks import Task
from localaws.stepfunctions.testing import TaskError, run
from tests.unit.localaws.stepfunctions.machines import TOKEN, machine, passes, task, workflow


def parallel(*branches: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"Type": "Parallel", "Branches": list(branches), **fields}


def mapped(processor: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"Type": "Map", "ItemProcessor": processor, **fields}


def waits_for_ever(task: Task) -> Any:
    task.cancelled.wait(30)
    return "never seen"


class TestParallel:
    def test_the_outputs_in_the_order_of_the_branches(self) -> None:
        first, second = (
            workflow(A=passes(Output=1)),
            workflow(B=passes(Output=2, Next="C"), C=passes(Output="{% $states.input + 1 %}")),
        )
        assert run(machine(S=parallel(first, second))).output == [1, 3]

    def test_every_branch_gets_the_arguments(self) -> None:
        state = parallel(workflow(A=passes()), workflow(B=passes()), Arguments={"v": "{% $states.input %}"})
        assert run(machine(S=state), 5).output == [{"v": 5}, {"v": 5}]

    def test_a_branch_reads_outer_variables_and_keeps_its_own(self) -> None:
        inside = workflow(A=passes(Assign={"inner": "{% $outer * 2 %}"}, Next="B"), B=passes(Output="{% $inner %}"))
        states = machine(
            P=passes(Assign={"outer": 4}, Next="S"),
            S=parallel(inside, Next="Q"),
            Q=passes(Output="{% [$outer, $exists($inner)] %}"),
        )
        outcome = run(states)
        assert outcome.output == [4, False]

    def test_branches_do_not_see_each_other(self) -> None:
        one = workflow(A=passes(Assign={"x": 1}, Next="B"), B=passes(Output="{% $x %}"))
        other = workflow(C=passes(Assign={"x": 2}, Next="D"), D=passes(Output="{% $x %}"))
        assert run(machine(S=parallel(one, other))).output == [1, 2]

    def test_a_failure_ends_the_other_branches(self) -> None:
        state = parallel(workflow(Bad=task()), workflow(Good=task(Next="After"), After=passes()))
        outcome = run(machine(S=state), {}, {"Bad": TaskError("Boom", "why"), "Good": waits_for_ever})
        assert (outcome.error, outcome.cause) == ("Boom", "why")
        assert "After" not in outcome.path
        types = [event["type"] for event in outcome.events]
        assert types[-4:] == [
            "TaskStateAborted",
            "TaskStateAborted",
            "ParallelStateFailed",
            "ExecutionFailed",
        ]
        boom = next(event["id"] for event in outcome.events if event["type"] == "TaskFailed")
        assert [event["previousEventId"] for event in outcome.events[-4:]] == [
            boom,
            boom,
            boom,
            len(types) - 1,
        ]

    def test_a_wait_ends_with_its_sibling(self) -> None:
        # The instant clock would not wait: a Task that is told to end stands for one.
        state = parallel(workflow(Bad=task()), workflow(Ask=task(Resource=TOKEN)))
        assert run(machine(S=state), {}, {"Bad": TaskError("Boom"), "Ask": waits_for_ever}).error == "Boom"

    def test_retry_runs_all_branches_again(self) -> None:
        state = parallel(workflow(A=task()), workflow(B=task()), Retry=[{"ErrorEquals": ["Boom"]}])
        outcome = run(machine(S=state), {}, {"A": [TaskError("Boom"), 1], "B": lambda _: 2})
        assert outcome.output == [1, 2]
        assert outcome.waited == [1]

    def test_a_catcher_assigns_outside(self) -> None:
        catch = [{"ErrorEquals": ["States.ALL"], "Next": "P", "Assign": {"why": "{% $states.errorOutput.Error %}"}}]
        states = machine(S=parallel(workflow(A=task()), Catch=catch, Next="P"), P=passes(Output="{% $why %}"))
        assert run(states, {}, {"A": TaskError("Boom")}).output == "Boom"

    def test_one_in_another(self) -> None:
        inner = workflow(P=parallel(workflow(A=task()), workflow(B=task())))
        outcome = run(
            machine(S=parallel(inner, workflow(C=task()))),
            {},
            {"A": TaskError("Deep"), "B": waits_for_ever, "C": waits_for_ever},
        )
        assert outcome.error == "Deep"
        types = [event["type"] for event in outcome.events]
        assert types.count("ParallelStateFailed") == 2

    def test_branches_run_side_by_side(self) -> None:
        meet = threading.Barrier(3, timeout=60)

        def together(_: Task) -> int:
            return meet.wait()

        branches = [workflow(None, **{name: task()}) for name in "ABC"]
        outcome = run(machine(S=parallel(*branches)), {}, dict.fromkeys("ABC", together))
        assert sorted(outcome.output) == [0, 1, 2]


class TestMap:
    def test_the_outputs_in_the_order_of_the_items(self) -> None:
        state = mapped(workflow(P=passes(Output="{% $states.input * 10 %}")), Items="{% $states.input.list %}")
        assert run(machine(S=state), {"list": [3, 1, 2]}).output == [30, 10, 20]

    def test_the_input_is_the_items(self) -> None:
        assert run(machine(S=mapped(workflow(P=passes()))), ["a", "b"]).output == ["a", "b"]

    def test_no_items(self) -> None:
        assert run(machine(S=mapped(workflow(P=passes()))), []).output == []

    def test_the_selector_sees_item_and_input(self) -> None:
        selector = {
            "item": "{% $states.context.Map.Item.Value %}",
            "index": "{% $states.context.Map.Item.Index %}",
            "of": "{% $count($states.input.list) %}",
        }
        state = mapped(workflow(P=passes()), Items="{% $states.input.list %}", ItemSelector=selector)
        outcome = run(machine(S=state), {"list": ["a", "b"]})
        assert outcome.output == [{"item": "a", "index": 0, "of": 2}, {"item": "b", "index": 1, "of": 2}]

    def test_states_inside_know_their_item(self) -> None:
        inside = workflow(P=passes(Output="{% $states.context.Map.Item.Index %}"))
        assert run(machine(S=mapped(inside)), ["a", "b"]).output == [0, 1]

    def test_items_that_are_no_list(self) -> None:
        outcome = run(
            machine(S=mapped(workflow(P=passes()), Items="{% $states.input.list[$ > 1] %}")), {"list": [1, 2]}
        )
        assert outcome.error == "States.QueryEvaluationError"
        assert "Expected 'array', but was 'number' for value: 2" in str(outcome.cause)

    def test_an_input_that_is_no_list(self) -> None:
        assert run(machine(S=mapped(workflow(P=passes()))), {}).error == "States.Runtime"

    def test_one_at_a_time(self) -> None:
        running = threading.Semaphore(1)

        def alone(_: Task) -> bool:
            free = running.acquire(blocking=False)
            running.release()
            return free

        state = mapped(workflow(T=task()), MaxConcurrency=1)
        outcome = run(machine(S=state), [1, 2, 3], {"T": alone})
        assert outcome.output == [True, True, True]
        started = [e for e in outcome.events if e["type"] == "MapIterationStarted"]
        exited = [e["id"] for e in outcome.events if e["type"] == "TaskStateExited"]
        assert [e["previousEventId"] for e in started[1:]] == exited[:-1]

    def test_a_failure_keeps_the_rest_from_starting(self) -> None:
        state = mapped(workflow(T=task()), MaxConcurrency=1)
        outcome = run(machine(S=state), [1, 2, 3], {"T": ["fine", TaskError("Boom")]})
        assert outcome.error == "Boom"
        assert len(outcome.requests["T"]) == 2

    def test_an_uncaught_time_out_keeps_its_name(self) -> None:
        outcome = run(machine(S=mapped(workflow(T=task()))), [1], {"T": TaskError("States.Timeout")})
        assert (outcome.error, outcome.cause) == ("States.Timeout", None)

    def test_the_history_of_a_failure(self) -> None:
        both = threading.Barrier(2, timeout=60)

        def answer(task: Task) -> Any:
            both.wait()
            return TaskError("Boom") if task.context["Map"]["Item"]["Index"] == 1 else waits_for_ever(task)

        outcome = run(machine(S=mapped(workflow(T=task()))), [1, 2], {"T": answer})
        types = [event["type"] for event in outcome.events]
        assert types[-6:] == [
            "MapIterationAborted", "TaskStateAborted", "MapIterationFailed", "TaskStateAborted",
            "MapStateFailed", "ExecutionFailed",
        ]  # fmt: skip

    @given(st.lists(st.integers(-1000, 1000), max_size=12), st.integers(0, 5))
    @settings(max_examples=25, deadline=None)
    def test_any_items_at_any_concurrency(self, items: list[int], limit: int) -> None:
        state = mapped(workflow(P=passes(Output="{% $states.input + 1 %}")), MaxConcurrency=limit)
        outcome = run(machine(S=state), items)
        assert outcome.output == [item + 1 for item in items]
        assert [event["id"] for event in outcome.events] == list(range(1, len(outcome.events) + 1))
        assert all(event["previousEventId"] < event["id"] for event in outcome.events)


@pytest.mark.parametrize("kind", ["Parallel", "Map"])
def test_a_failure_in_a_branch_is_caught_around_it(kind: str) -> None:
    inside = workflow(T=task())
    state = parallel(inside) if kind == "Parallel" else mapped(inside, Items=[1])
    state |= {"Catch": [{"ErrorEquals": ["States.TaskFailed"], "Next": "P"}], "Next": "P"}
    assert run(machine(S=state, P=passes()), {}, {"T": TaskError("Boom")}).path == ["S", "T", "P"]
