"""The shapes of a state machine. Built by `definition`, walked by `graph` and `interpreter`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

from localaws.stepfunctions.tasks import is_activity
from localaws.stepfunctions.templates import Template


@dataclass(frozen=True, slots=True, kw_only=True)
class Retrier:
    """How often, and after which delays, an error is tried again."""

    error_equals: tuple[str, ...]
    interval_seconds: int = 1
    max_attempts: int = 3
    backoff_rate: float = 2.0
    max_delay_seconds: int | None = None
    full_jitter: bool = False

    def delay(self, attempt: int) -> float:
        """Seconds before the retry after the `attempt`th failure (1, 2, …), jitter left out."""
        # 64 doublings are more than any longest delay, and far less than a float holds.
        seconds = self.interval_seconds * self.backoff_rate ** min(attempt - 1, 64)
        return seconds if self.max_delay_seconds is None else min(seconds, self.max_delay_seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Catcher:
    """Where an error that wasn't retried away leads to."""

    error_equals: tuple[str, ...]
    next: str
    output: Template | None = None
    assign: Template | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One of a Choice's ways out."""

    condition: Template
    next: str
    output: Template | None = None
    assign: Template | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What every state has. `next` is None where the state ends its workflow."""

    type: ClassVar[str]
    name: str
    next: str | None = None
    output: Template | None = None
    assign: Template | None = None

    def targets(self) -> Iterator[tuple[str, str]]:
        """Every state this one can lead to, with the field that says so."""
        if self.next is not None:
            yield self.next, "Next"

    def assigns(self) -> Iterator[Template]:
        """Every `Assign` that belongs to this state's scope."""
        if self.assign is not None:
            yield self.assign


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass(State):
    """Hands its input, or its `Output`, on."""

    type: ClassVar[str] = "Pass"


@dataclass(frozen=True, slots=True, kw_only=True)
class Succeed(State):
    """Ends its workflow well."""

    type: ClassVar[str] = "Succeed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fail(State):
    """Ends the execution, or its branch, with an error."""

    type: ClassVar[str] = "Fail"
    error: Template | None
    cause: Template | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait(State):
    """Waits for a number of seconds or until a moment."""

    type: ClassVar[str] = "Wait"
    seconds: Template | None
    timestamp: Template | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice(State):
    """Goes where the first rule that holds says. `next` is the `Default`."""

    type: ClassVar[str] = "Choice"
    rules: tuple[Rule, ...]

    def targets(self) -> Iterator[tuple[str, str]]:
        for index, rule in enumerate(self.rules):
            yield rule.next, f"Choices[{index}]/Next"
        if self.next is not None:
            yield self.next, "Default"

    def assigns(self) -> Iterator[Template]:
        yield from State.assigns(self)
        yield from (rule.assign for rule in self.rules if rule.assign is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Handled(State):
    """A state whose errors can be retried and caught."""

    retry: tuple[Retrier, ...] = ()
    catch: tuple[Catcher, ...] = ()

    def targets(self) -> Iterator[tuple[str, str]]:
        yield from State.targets(self)
        for index, catcher in enumerate(self.catch):
            yield catcher.next, f"Catch[{index}]/Next"

    def assigns(self) -> Iterator[Template]:
        yield from State.assigns(self)
        yield from (catcher.assign for catcher in self.catch if catcher.assign is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Task(Handled):
    """Has its resource do something."""

    type: ClassVar[str] = "Task"
    resource: str
    arguments: Template
    timeout_seconds: Template | None
    heartbeat_seconds: Template | None

    @property
    def is_activity(self) -> bool:
        """Whether a worker does it, who asks for it."""
        return is_activity(self.resource)

    @property
    def waits_for_token(self) -> bool:
        """Whether it ends when somebody sends its task token back."""
        return self.is_activity or self.resource.endswith(".waitForTaskToken")


@dataclass(frozen=True, slots=True, kw_only=True)
class Parallel(Handled):
    """Runs its branches side by side; its result is their outputs."""

    type: ClassVar[str] = "Parallel"
    branches: tuple[Workflow, ...]
    arguments: Template | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Map(Handled):
    """Runs its processor for each item; its result is the outputs in the order of the items."""

    type: ClassVar[str] = "Map"
    processor: Workflow
    items: Template | None
    item_selector: Template | None
    max_concurrency: Template | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Workflow:
    """States that lead to each other: the machine's own, a branch's, or a Map's."""

    start_at: str
    states: Mapping[str, State]


@dataclass(frozen=True, slots=True, kw_only=True)
class StateMachine(Workflow):
    """A whole definition."""

    timeout_seconds: int | None = None

    def scopes(self) -> Iterator[tuple[Workflow, str]]:
        """Every workflow in it with its location, outer ones first."""
        return _scopes(self, "")


def inner(state: State) -> tuple[tuple[Workflow, str], ...]:
    """The workflows that a state holds, with the field that each stands in."""
    if isinstance(state, Parallel):
        return tuple((branch, f"Branches[{index}]") for index, branch in enumerate(state.branches))
    return ((state.processor, "ItemProcessor"),) if isinstance(state, Map) else ()


def _scopes(workflow: Workflow, location: str) -> Iterator[tuple[Workflow, str]]:
    yield workflow, location
    for state in workflow.states.values():
        for part, field in inner(state):
            yield from _scopes(part, f"{location}/States/{state.name}/{field}")
