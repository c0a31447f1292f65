"""Where a fault can strike, by what it is found there, and what it can do. Read by `fault` and by the documentation.

A place is a point that every world passes: a call at the front door, a function's process, a job's process, an
endpoint coming up, a container's answer, a state machine's task.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

TEXT, WHOLE, NUMBER, FLAG = "text", "a whole number of at least 0", "a number of at least 0", "true or false"


@dataclass(frozen=True, slots=True)
class Effect:
    """One thing that a fault can do, with the members that say how."""

    members: Mapping[str, str]
    """Name → kind."""
    required: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Place:
    """One point at which faults strike."""

    facts: tuple[str, ...]
    """What can be matched there by a pattern with `*` and `?`."""
    effects: Mapping[str, Effect]


_AFTER = Effect({"afterMilliseconds": WHOLE})

PLACES: Mapping[str, Place] = {
    "call": Place(
        ("service", "operation", "principal"),
        {
            "throttle": Effect({}),
            "error": Effect({"code": TEXT, "message": TEXT, "status": WHOLE}, frozenset({"code"})),
            "unavailable": Effect({}),
            "delay": Effect({"milliseconds": WHOLE}, frozenset({"milliseconds"})),
            "drop": Effect({}),
            "lose-answer": Effect({}),
            "crash-caller": Effect({}),
        },
    ),
    "function": Place(("function", "version"), {"crash": _AFTER}),
    "job": Place(("job",), {"kill": _AFTER}),
    "endpoint": Place(
        ("endpoint",),
        {
            "fail": Effect({}),
            "never-up": Effect({"seconds": NUMBER}, frozenset({"seconds"})),
        },
    ),
    "answer": Place(
        ("endpoint",),
        {
            "status": Effect({"status": WHOLE}, frozenset({"status"})),
            "slow": Effect({"milliseconds": WHOLE}, frozenset({"milliseconds"})),
            "scale": Effect({"factor": NUMBER}, frozenset({"factor"})),
            "text": Effect({"text": TEXT}, frozenset({"text"})),
        },
    ),
    "task": Place(
        ("state", "machine"),
        {
            "time-out": Effect({"made": FLAG}, frozenset({"made"})),
            "hold": Effect({"made": FLAG}, frozenset({"made"})),
        },
    ),
}
