"""The release machine's states, from its definition. Read by the cases, the judge and the page."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from typing import Any

from tests.statemachine.machines import definition

WORDS = {
    ("throttled", False): "throttled twice",
    ("denied", False): "refused for good",
    ("timed out", False): "times out, not done",
    ("timed out", True): "times out, yet done",
    ("stopped", False): "execution stopped before it is done",
    ("stopped", True): "execution stopped after it is done",
}
"""Every kind of fault that is crossed with every state, and whether the request took effect: in words."""
KINDS = tuple(WORDS)


def words_of(kind: str, made: bool) -> str:
    """A fault in words."""
    return WORDS[kind, made]


@cache
def tasks() -> dict[str, dict[str, Any]]:
    """Every Task state of the release machine, those of branches included, in the order of the file."""
    return dict(_tasks(json.loads(definition("release"))["States"]))


def _tasks(states: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, state in states.items():
        if state["Type"] == "Task":
            yield name, state
        for branch in state.get("Branches", ()):
            yield from _tasks(branch["States"])


@cache
def ends() -> dict[str, str]:
    """Every end state and its type."""
    states = json.loads(definition("release"))["States"]
    return {name: state["Type"] for name, state in states.items() if state["Type"] in ("Succeed", "Fail")}
