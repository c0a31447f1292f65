"""The faults that stand in a world. Asked at every place; costs one look at an empty tuple while there are none."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Mapping
from typing import Any

from localaws.faults.fault import Fault

NOTHING: Mapping[str, Any] = {}


class Faults:
    """Adds, removes, and says what strikes. Safe to use from any thread."""

    def __init__(self) -> None:
        self._standing: tuple[Fault, ...] = ()
        self._numbers = itertools.count(1)
        self._changed = threading.Condition()

    def add(self, fault: Fault) -> Fault:
        """Let a fault stand; it gets its identity."""
        with self._changed:
            fault.identity = f"f-{next(self._numbers)}"
            self._standing = (*self._standing, fault)
        return fault

    def remove(self, identity: str | None = None) -> int:
        """Take one away, or all; whoever is held by one goes on. How many there were."""
        with self._changed:
            kept = tuple(f for f in self._standing if identity is not None and f.identity != identity)
            removed = len(self._standing) - len(kept)
            self._standing = kept
            self._changed.notify_all()
        return removed

    def standing(self) -> tuple[Fault, ...]:
        """Every fault there is."""
        return self._standing

    def strike(
        self, place: str, facts: Mapping[str, str], params: Mapping[str, Any] = NOTHING
    ) -> Mapping[str, Any] | None:
        """The effect of the first fault that strikes what passes `place`; None when none does."""
        if not self._standing:
            return None
        with self._changed:
            for fault in self._standing:
                if fault.place == place and fault.matches(facts, params) and fault.strikes():
                    return {**fault.effect, "id": fault.identity}
        return None

    def hold(self, identity: str, cancelled: threading.Event) -> None:
        """Return once the fault is taken away or `cancelled` is set."""
        with self._changed:
            while not cancelled.is_set() and any(fault.identity == identity for fault in self._standing):
                self._changed.wait(0.1)
