"""The timeline of an execution: one bar a state, drawn to the time it took. Called by the page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

WIDTH, ROW = 1000, 24
LEAST = 3


@dataclass(frozen=True, slots=True)
class Bar:
    """One visit to a state, in the coordinates of the drawing."""

    name: str
    left: int
    width: int
    top: int
    outcome: str
    """`done`, `failed` (another state or the end followed without an exit) or `running`."""
    seconds: float


def bars(events: Iterable[Mapping[str, Any]], status: str, now: datetime) -> list[Bar]:
    """The states of an execution in the order they were entered."""
    listed = list(events)
    if not listed:
        return []
    exits: dict[str, list[datetime]] = {}
    for event in listed:
        if "stateExitedEventDetails" in event:
            exits.setdefault(event["stateExitedEventDetails"]["name"], []).append(event["timestamp"])
    begin = listed[0]["timestamp"]
    end = now if status == "RUNNING" else listed[-1]["timestamp"]
    scale = WIDTH / max((end - begin).total_seconds(), 0.001)
    found: list[Bar] = []
    for event in listed:
        if "stateEnteredEventDetails" not in event:
            continue
        name, entered = event["stateEnteredEventDetails"]["name"], event["timestamp"]
        left = exits.get(name, [])
        ended = left.pop(0) if left else end
        outcome = "done" if ended is not end or left else ("running" if status == "RUNNING" else "failed")
        seconds = (ended - entered).total_seconds()
        x = int((entered - begin).total_seconds() * scale)
        width = max(LEAST, int(seconds * scale))
        found.append(Bar(name, min(x, WIDTH - LEAST), width, len(found) * ROW, outcome, seconds))
    return found
