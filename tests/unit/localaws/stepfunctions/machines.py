"""Small state machines for the tests of the interpreter."""

from __future__ import annotations

from typing import Any

LAMBDA = "arn:aws:states:::lambda:invoke"
TOKEN = f"{LAMBDA}.waitForTaskToken"


def machine(start: str | None = None, **states: dict[str, Any]) -> dict[str, Any]:
    """A definition whose states end where they don't say what is next."""
    return {"QueryLanguage": "JSONata", **workflow(start, **states)}


def workflow(start: str | None = None, **states: dict[str, Any]) -> dict[str, Any]:
    """The inside of a definition, a branch or a Map."""
    closed = {name: state | _end(state) for name, state in states.items()}
    return {"StartAt": start or next(iter(states)), "States": closed}


def task(**fields: Any) -> dict[str, Any]:
    """A Task that invokes a function."""
    return {"Type": "Task", "Resource": LAMBDA, "Arguments": {}, **fields}


def passes(**fields: Any) -> dict[str, Any]:
    """A Pass."""
    return {"Type": "Pass", **fields}


def _end(state: dict[str, Any]) -> dict[str, Any]:
    ends_itself = state["Type"] in {"Succeed", "Fail", "Choice"}
    return {} if ends_itself or "Next" in state or "End" in state else {"End": True}
