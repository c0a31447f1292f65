"""Runs a state machine with mocked tasks and no waiting. Called by the tests of state machines.

outcome = run(definition, {"drop": "d1"}, {"Prepare Data": [TaskError("SageMaker.ThrottlingException"), {}]})
assert outcome.path == ["Register Drop", "Prepare Data", "Notify"]
"""

from __future__ import annotations

import copy
import threading
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from localaws.stepfunctions import definition as definitions
from localaws.stepfunctions import machine as shapes
from localaws.stepfunctions.failures import RUNTIME, Failure, TaskError
from localaws.stepfunctions.history import Event, History
from localaws.stepfunctions.interpreter import Interpreter, Stop
from localaws.stepfunctions.tasks import Task

__all__ = ["InstantClock", "MockedTasks", "Outcome", "TaskError", "run"]

START = datetime(2026, 1, 1, tzinfo=UTC)
_STATES = "arn:aws:states:us-east-1:123456789012"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended, and by which way."""

    status: str
    output: Any
    error: str | None
    cause: str | None
    path: list[str]
    """The states in the order they were entered; a retry doesn't enter a state again."""
    requests: dict[str, list[Any]]
    """By the state's name: the arguments of each attempt at a Task."""
    waited: list[float]
    """Every Wait and every pause before a retry, in seconds."""
    events: list[Event]
    """The execution's history."""


class InstantClock:
    """Time that passes at once when somebody sleeps."""

    def __init__(self) -> None:
        self.waited: list[float] = []
        self._now = START
        self._mutex = threading.Lock()

    def now(self) -> datetime:
        """The start, and all that was slept since."""
        return self._now

    def real(self, seconds: float) -> float:
        """As long as it says: mocked tasks don't wait."""
        return seconds

    def sleep(self, seconds: float, cancelled: threading.Event | None = None) -> bool:
        """Be there already."""
        with self._mutex:
            self.waited.append(seconds)
            self._now += timedelta(seconds=seconds)
        return cancelled is None or not cancelled.is_set()


Answer = Any
"""A result, a `TaskError` to raise, or a function of the task that returns one of these."""


class MockedTasks:
    """Answers per state: a list is answered one by one, anything else each time.

    A Task that has no answer left ends the run with `States.Runtime`, which nothing catches, by name.
    """

    def __init__(self, answers: Mapping[str, Answer]) -> None:
        self.requests: defaultdict[str, list[Any]] = defaultdict(list)
        self._answers = {name: [*part] if isinstance(part, list) else part for name, part in answers.items()}
        self._mutex = threading.Lock()

    def run(self, task: Task) -> Any:
        """The next answer of the task's state."""
        answer = self._next(task)
        if callable(answer):
            answer = answer(task)
        if isinstance(answer, Failure):
            raise answer
        return copy.deepcopy(answer)

    def _next(self, task: Task) -> Answer:
        with self._mutex:
            self.requests[task.state].append(task.arguments)
            answers = self._answers.get(task.state, [])
            if not isinstance(answers, list):
                return answers
            if not answers:
                return Failure(RUNTIME, f"no mocked answer is left for the state '{task.state}'")
            return answers.pop(0)


def run(
    definition: str | dict[str, Any] | shapes.StateMachine,
    value: Any = None,
    tasks: Mapping[str, Answer] | None = None,
    *,
    name: str = "test",
    check_task: definitions.TaskCheck = lambda *_: (),
) -> Outcome:
    """Run a state machine from its input to its end, with `tasks` for its Task states."""
    machine = definition
    if not isinstance(machine, shapes.StateMachine):
        machine = definitions.parse(machine, check_task)
    mocked = MockedTasks(_known(machine, tasks or {}))
    clock = InstantClock()
    history = History(clock.now)
    value = {} if value is None else value
    context = {
        "Execution": {
            "Id": f"{_STATES}:execution:machine:{name}",
            "Input": value,
            "Name": name,
            "RoleArn": "arn:aws:iam::123456789012:role/test",
            "StartTime": "2026-01-01T00:00:00.000Z",
            "RedriveCount": 0,
        },
        "StateMachine": {"Id": f"{_STATES}:stateMachine:machine", "Name": "machine"},
    }
    stop = Stop()
    ended = Interpreter(machine, mocked, clock, history, context, stop).execute(value, context["Execution"]["RoleArn"])
    events = history.events()
    return Outcome(
        status=ended.status,
        output=ended.output,
        error=ended.error,
        cause=ended.cause,
        path=[event["stateEnteredEventDetails"]["name"] for event in events if "stateEnteredEventDetails" in event],
        requests=dict(mocked.requests),
        waited=clock.waited,
        events=events,
    )


def _known(machine: shapes.StateMachine, answers: Mapping[str, Answer]) -> Mapping[str, Answer]:
    """The answers, if they are all for Task states of the machine."""
    states = [state for workflow, _ in machine.scopes() for state in workflow.states.values()]
    unknown = sorted(set(answers) - {state.name for state in states if isinstance(state, shapes.Task)})
    if unknown:
        raise ValueError(f"no Task state is called {', '.join(unknown)}")
    return answers
