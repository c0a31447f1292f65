"""Telling threads to end: an event that passes itself on to the events below it. Used by `interpreter`."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Cancellation(threading.Event):
    """Set once and for good; whoever listens is told in the setting thread."""

    def __init__(self) -> None:
        super().__init__()
        self._mutex = threading.Lock()
        self._listeners: dict[int, Callable[[], object]] = {}
        self._next = 0

    def set(self) -> None:
        """End everything below, and then wake up who waits."""
        with self._mutex:
            super().set()
            listeners, self._listeners = list(self._listeners.values()), {}
        for listener in listeners:
            listener()

    def listen(self, listener: Callable[[], object]) -> Callable[[], None]:
        """Call `listener` when this is set, now if it is already; returns what ends the listening."""
        with self._mutex:
            if not self.is_set():
                self._next += 1
                key = self._next
                self._listeners[key] = listener
                return lambda: self._forget(key)
        listener()
        return lambda: None

    def child(self) -> Cancellation:
        """A cancellation that is set when this one is, or alone."""
        child = Cancellation()
        forget = self.listen(child.set)
        child.listen(forget)
        return child

    def _forget(self, key: int) -> None:
        with self._mutex:
            self._listeners.pop(key, None)
