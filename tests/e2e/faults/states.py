"""The machines' states, from their definitions. Read by the cases, the judge and the page."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from typing import Any

from localaws.stepfunctions.tasks import is_activity
from tests.statemachine.machines import definition

WORDS = {
    ("throttled", False): "throttled twice",
    ("unanswered", False): "no answer twice, not done",
    ("denied", False): "refused for good",
    ("timed out", False): "times out, not done",
    ("timed out", True): "times out, yet done",
    ("stopped", False): "execution stopped before it is done",
    ("stopped", True): "execution stopped after it is done",
}
"""Every kind of fault that is crossed with every state, and whether the request took effect: in words."""
KINDS = tuple(WORDS)
OF_CALLS = ("throttled", "unanswered")


def words_of(kind: str, made: bool) -> str:
    """A fault in words."""
    return WORDS[kind, made]


RELEASE, ROLLBACK = "release", "rollback"


def label(machine: str, state: str) -> str:
    """A state as the page names it; the two machines have some names in common."""
    return state if machine == RELEASE else f"Going back: {state}"


def kinds_of(task: dict[str, Any]) -> list[tuple[str, bool]]:
    """Every kind of fault that a task can meet; to wait for an activity's worker is no call that could be throttled."""
    return [kind for kind in KINDS if kind[0] not in OF_CALLS or not is_activity(task["Resource"])]


WATCHES = ("Watch Shift", "Decide Shift")
"""States for which nobody waits longer than once: traffic moves, and nobody watches."""


def passes(kind: str, state: str, task: dict[str, Any]) -> bool:
    """Whether a task is tried again until it is done, so that the machine goes on as if nothing had happened.

    A deployment that may have begun is looked for first; what is there already was made. A job is not.
    """
    resource = task["Resource"]
    if kind == "timed out":
        return state not in WATCHES and not resource.endswith(".sync") and not is_activity(resource)
    return kind in ("throttled", "unanswered", "crashed")


@cache
def tasks(machine: str = RELEASE) -> dict[str, dict[str, Any]]:
    """Every Task state of a machine, those of branches included, in the order of the file."""
    return dict(_tasks(json.loads(definition(machine))["States"]))


def _tasks(states: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, state in states.items():
        if state["Type"] == "Task":
            yield name, state
        for branch in state.get("Branches", ()):
            yield from _tasks(branch["States"])


def labels() -> list[str]:
    """Every Task state of both machines, as the page names and orders them."""
    return [label(machine, state) for machine in (RELEASE, ROLLBACK) for state in tasks(machine)]


@cache
def ends(machine: str = RELEASE) -> dict[str, str]:
    """Every end state of a machine and its type."""
    states = json.loads(definition(machine))["States"]
    return {name: state["Type"] for name, state in states.items() if state["Type"] in ("Succeed", "Fail")}
