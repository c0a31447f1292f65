"""Runs a state machine. Called by the service for an execution and by `testing` for a test.

One thread walks the states of one workflow; Parallel and Map start more. `states` says what each type does.
"""

from __future__ import annotations

import threading
from collections import ChainMap
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from localaws.stepfunctions import states
from localaws.stepfunctions.cancellation import Cancellation
from localaws.stepfunctions.failures import TIMEOUT, Aborted, Failure
from localaws.stepfunctions.history import History, with_input, with_output
from localaws.stepfunctions.machine import StateMachine, Workflow
from localaws.stepfunctions.tasks import Clock, TaskRunner
from localaws.stepfunctions.visit import Track, Visit


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an execution ended; `status` is AWS's."""

    status: str
    output: Any = None
    error: str | None = None
    cause: str | None = None


@dataclass(slots=True)
class Stop:
    """Ends an execution from outside, once."""

    cancelled: Cancellation = field(default_factory=Cancellation)
    outcome: Outcome | None = None
    _mutex: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, outcome: Outcome) -> None:
        """End the execution like this."""
        with self._mutex:
            self.outcome = self.outcome or outcome
        self.cancelled.set()


@dataclass(frozen=True, slots=True)
class Interpreter:
    """One execution of a state machine."""

    machine: StateMachine
    tasks: TaskRunner
    clock: Clock
    history: History
    context: dict[str, Any]
    """`Execution` and `StateMachine` of `$states.context`."""
    stop: Stop = field(default_factory=Stop)
    has_activity: Callable[[str], bool] = lambda _: True
    """Whether an ARN is an activity's."""

    def execute(self, value: Any, role: str) -> Outcome:
        """Run from the first state to the end, history and all. Never raises what a definition can cause."""
        self.history.add("ExecutionStarted", 0, {**with_input(value), "roleArn": role})
        track = Track(ChainMap(), self.stop.cancelled, previous=0)
        limit = self._limit()
        try:
            outcome = Outcome("SUCCEEDED", self.walk(self.machine, value, track))
        except Failure as failure:
            outcome = Outcome("FAILED", error=failure.error, cause=failure.cause)
        except Aborted:
            outcome = self.stop.outcome or Outcome("ABORTED")
        finally:
            limit.cancel()
        self._close(outcome, track)
        return outcome

    def walk(self, workflow: Workflow, value: Any, track: Track) -> Any:
        """The output of a workflow's last state. Raises `Failure` and `Aborted`."""
        name: str | None = workflow.start_at
        while name is not None:
            if track.cancelled.is_set():
                raise Aborted
            visit = Visit(self, track, workflow.states[name], value)
            visit.enter()
            step = states.run(visit)
            visit.leave(step)
            value, name = step.output, step.next
        return value

    def _limit(self) -> threading.Timer:
        """The machine's own `TimeoutSeconds`, in real time."""
        seconds = self.machine.timeout_seconds
        limit = threading.Timer(seconds or 0, self.stop, (Outcome("TIMED_OUT", error=TIMEOUT),))
        limit.daemon = True
        if seconds is not None:
            limit.start()
        return limit

    def _close(self, outcome: Outcome, track: Track) -> None:
        if outcome.status == "SUCCEEDED":
            self.history.add("ExecutionSucceeded", track.previous, with_output(outcome.output))
            return
        why = {"error": outcome.error, "cause": outcome.cause}
        details = {name: text for name, text in why.items() if text is not None}
        if outcome.status == "FAILED":
            self.history.add("ExecutionFailed", track.previous, details)
        else:
            kind = "ExecutionTimedOut" if outcome.status == "TIMED_OUT" else "ExecutionAborted"
            self.history.add(kind, 0, details)
