"""One visit to one state: its data, its place in the history, and what it hands on. Used by `states`."""

from __future__ import annotations

from collections import ChainMap
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from localaws.stepfunctions.cancellation import Cancellation
from localaws.stepfunctions.failures import DATA_LIMIT_EXCEEDED, QUERY_EVALUATION_ERROR, Failure
from localaws.stepfunctions.history import WHOLE, to_json, with_input, with_output
from localaws.stepfunctions.machine import Handled, State
from localaws.stepfunctions.templates import FillError, Slot, Template

if TYPE_CHECKING:
    from localaws.stepfunctions.interpreter import Interpreter

MOST_BYTES = 256 * 1024
"""AWS's limit on an input, a result, an output, and on what one `Assign` assigns."""
_JSON_NAMES = {bool: "boolean", int: "number", float: "number", str: "string", list: "array", dict: "object"}


@dataclass(slots=True)
class Track:
    """One thread of control: the execution's own, a branch's or an iteration's."""

    variables: ChainMap[str, Any]
    """Its own, then those around it, which it only reads."""
    cancelled: Cancellation
    previous: int
    """The id of its latest event."""
    item: dict[str, Any] | None = None
    """`Item` of `$states.context.Map`."""
    current: State | None = None
    """The state it is in."""


@dataclass(frozen=True, slots=True)
class Step:
    """How a visit ends: what it hands on, and where to."""

    output: Any
    next: str | None
    assigned: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Visit:
    """A state, with the data it was entered with."""

    interpreter: Interpreter
    track: Track
    state: State
    value: Any
    entered: int = 0
    entered_time: str = ""
    retries: int = 0

    def record(self, kind: str, details: dict[str, Any] | None = None) -> int:
        """Add an event that follows from this track's latest."""
        self.track.previous = self.interpreter.history.add(kind, self.track.previous, details)
        return self.track.previous

    def enter(self) -> None:
        """Begin the visit."""
        self.track.current = self.state
        self.entered_time = timestamp(self.interpreter.clock.now())
        details = {"name": self.state.name, **with_input(self.value)}
        self.entered = self.record(f"{self.state.type}StateEntered", details)

    def leave(self, step: Step) -> None:
        """End the visit well: assign its variables, and hand its output on."""
        details = {"name": self.state.name, **with_output(step.output)}
        if step.assigned:
            details["assignedVariables"] = {name: to_json(part) for name, part in step.assigned.items()}
            details["assignedVariablesDetails"] = WHOLE
        self.track.variables.update(step.assigned)
        self.record(f"{self.state.type}StateExited", details)
        self.track.current = None

    def step(
        self, output: Template | None, assign: Template | None, to: str | None, default: Any, **found: Any
    ) -> Step:
        """Evaluate `Output` and `Assign`, both with the variables as they were when the state was entered."""
        assigned = {} if assign is None else self.fill(assign, **found)
        value = default if output is None else self.fill(output, **found)
        self.check_size(assigned, "assigned variables")
        self.check_size(value, "an output")
        return Step(value, to, assigned)

    def context(self, token: str | None = None, item: dict[str, Any] | None = None) -> dict[str, Any]:
        """`$states.context`."""
        state: dict[str, Any] = {"Name": self.state.name, "EnteredTime": self.entered_time}
        if isinstance(self.state, Handled):
            state["RetryCount"] = self.retries
        context = {**self.interpreter.context, "State": state}
        if token is not None:
            context["Task"] = {"Token": token}
        if (item or self.track.item) is not None:
            context["Map"] = {"Item": item or self.track.item}
        return context

    def fill(self, template: Template, *, context: dict[str, Any] | None = None, **found: Any) -> Any:
        """A template's value here. `found` is `result` or `errorOutput`."""
        reserved = {"input": self.value, "context": context or self.context(), **found}
        try:
            return template.fill({**self.track.variables, "states": reserved})
        except FillError as error:
            raise self.evaluation_failed(str(error), error.field) from error

    def fill_as(self, template: Template, kind: type | tuple[type, ...]) -> Any:
        """A template's value, which must be of one kind; booleans aren't numbers."""
        value = self.fill(template)
        kinds = kind if isinstance(kind, tuple) else (kind,)
        if isinstance(value, kinds) and (bool in kinds or not isinstance(value, bool)):
            return value
        source = template.value.expression.source if isinstance(template.value, Slot) else template.value
        raise self.evaluation_failed(
            f"The JSONata expression '{source}' specified for the field '{template.field}' "
            f"returned an unexpected result type. Expected '{_JSON_NAMES[kinds[0]]}', "
            f"but was '{_JSON_NAMES.get(type(value), 'null')}' for value: {to_json(value)}",
            template.field,
        )

    def evaluation_failed(self, message: str, location: str) -> Failure:
        """The failure of an expression, recorded."""
        failure = self.failure(QUERY_EVALUATION_ERROR, message)
        where = {"location": location, "state": self.state.name}
        self.record("EvaluationFailed", {**failure.details(), **where})
        return failure

    def failure(self, error: str, message: str) -> Failure:
        """An error of Step Functions' own, with AWS's words on where it happened."""
        place = f"An error occurred while executing the state '{self.state.name}'"
        return Failure(error, f"{place} (entered at the event id #{self.entered}). {message}")

    def check_size(self, value: Any, what: str) -> None:
        """Raise `States.DataLimitExceeded` for more than AWS carries."""
        if len(to_json(value).encode()) > MOST_BYTES:
            text = (
                f"The state/task '{self.state.name}' returned {what} "
                "with a size exceeding the maximum number of bytes service limit."
            )
            raise self.failure(DATA_LIMIT_EXCEEDED, text)


def timestamp(moment: datetime) -> str:
    """A moment as AWS writes it into JSON."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"
