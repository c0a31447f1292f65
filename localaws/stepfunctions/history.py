"""What happened in an execution, as `GetExecutionHistory` tells it. Written by `interpreter`."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from datetime import datetime
from typing import Any

Event = dict[str, Any]

WHOLE = {"truncated": False}
"""Nothing is ever cut short here."""


def to_json(value: Any) -> str:
    """JSON as AWS writes it into histories and outputs: compact."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def with_input(value: Any) -> dict[str, Any]:
    """The members that carry an input."""
    return {"input": to_json(value), "inputDetails": WHOLE}


def with_output(value: Any) -> dict[str, Any]:
    """The members that carry an output."""
    return {"output": to_json(value), "outputDetails": WHOLE}


class History:
    """Events numbered from 1; `listener` is told of each one, in order."""

    def __init__(self, now: Callable[[], datetime], listener: Callable[[Event], None] = lambda _: None) -> None:
        self._now = now
        self._listener = listener
        self._events: list[Event] = []
        self._mutex = threading.Lock()

    def add(self, kind: str, previous: int, details: dict[str, Any] | None = None) -> int:
        """Record an event that followed from event `previous`; returns its id."""
        with self._mutex:
            event: Event = {
                "timestamp": self._now(),
                "type": kind,
                "id": len(self._events) + 1,
                "previousEventId": previous,
            }
            if details is not None:
                event[details_key(kind)] = details
            self._events.append(event)
            self._listener(event)
            return len(self._events)

    def events(self) -> list[Event]:
        """Every event so far."""
        with self._mutex:
            return list(self._events)


def details_key(kind: str) -> str:
    """The member of an event that holds the details of its type."""
    for suffix in ("StateEntered", "StateExited"):
        if kind.endswith(suffix):
            return f"s{suffix[1:]}EventDetails"
    return f"{kind[0].lower()}{kind[1:]}EventDetails"
