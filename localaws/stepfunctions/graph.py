"""Whether a machine's states lead to each other, and whose variables are whose. Called by `definition`."""

from __future__ import annotations

from collections.abc import Iterator

from localaws.stepfunctions.machine import StateMachine, Workflow, inner
from localaws.stepfunctions.reader import SCHEMA, Diagnostic

MISSING_TARGET = "MISSING_TRANSITION_TARGET"


def check(machine: StateMachine) -> Iterator[Diagnostic]:
    """What is wrong with the way through a machine that is well formed otherwise."""
    seen: set[str] = set()
    for workflow, location in machine.scopes():
        yield from _targets(workflow, location)
        yield from _ends(workflow, location)
        for name in workflow.states:
            if name in seen:
                yield Diagnostic(SCHEMA, f"State name '{name}' is not unique", f"{location}/States/{name}")
            seen.add(name)
    yield from _variables(machine, "", frozenset())


def _targets(workflow: Workflow, location: str) -> Iterator[Diagnostic]:
    if workflow.start_at not in workflow.states:
        text = f"Missing 'StartAt' target: {workflow.start_at}"
        yield Diagnostic(MISSING_TARGET, text, f"{location}/StartAt")
    for state in workflow.states.values():
        for target, field in state.targets():
            if target not in workflow.states:
                kind = field.rpartition("/")[2]
                place = f"{location}/States/{state.name}/{field}"
                yield Diagnostic(MISSING_TARGET, f"Missing '{kind}' target: {target}", place)
    if workflow.start_at in workflow.states:
        reached = _reached(workflow)
        for name in workflow.states:
            if name not in reached:
                place = f"{location}/States/{name}"
                yield Diagnostic(MISSING_TARGET, f'State "{name}" is not reachable.', place)


def _ends(workflow: Workflow, location: str) -> Iterator[Diagnostic]:
    """There must be a way out: a state that leads nowhere once it is done."""
    if all(state.next is not None or state.type == "Choice" for state in workflow.states.values()):
        yield Diagnostic("MISSING_END_STATE", "No state ends this workflow.", f"{location}/States")


def _reached(workflow: Workflow) -> set[str]:
    reached: set[str] = set()
    ahead = [workflow.start_at]
    while ahead:
        name = ahead.pop()
        if name in workflow.states and name not in reached:
            reached.add(name)
            ahead.extend(target for target, _ in workflow.states[name].targets())
    return reached


def _variables(workflow: Workflow, location: str, outer: frozenset[str]) -> Iterator[Diagnostic]:
    """A branch or iteration may read the variables around it, never assign one of their names."""
    own: set[str] = set()
    for state in workflow.states.values():
        for template in state.assigns():
            for name in template.value:
                own.add(name)
                if name in outer:
                    place = f"{location}/States/{state.name}/{template.field}/{name}"
                    yield Diagnostic(SCHEMA, f"Variable '{name}' is assigned in an outer scope, too", place)
    for state in workflow.states.values():
        for part, field in inner(state):
            yield from _variables(part, f"{location}/States/{state.name}/{field}", outer | own)
