"""Signs of life for tests of heartbeats: on a busy machine who beats may fall silent without wanting to."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

import pytest

T = TypeVar("T")
TRIES = 5


class Beating:
    """Beats for longer than a limit, in seconds, and knows its longest silence since it was made."""

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self._longest = 0.0
        self._last = time.monotonic()

    def beat(self, once: Callable[[], object], ended: threading.Event) -> None:
        """Beat until a quarter more than the limit has passed, or until the task has ended."""
        until = time.monotonic() + 1.25 * self._limit
        while time.monotonic() < until and not ended.wait(self._limit / 20):
            began = time.monotonic()
            once()
            self._longest = self.silence()
            self._last = began

    def silence(self) -> float:
        """The longest so far, and never less than it really was: from before a beat to after the next, or to now."""
        return max(self._longest, time.monotonic() - self._last)


def undisturbed(attempt: Callable[[Beating], T], limit: float) -> T:
    """What an attempt returns; one that fails says nothing if its own silence lasted for the limit: once more then."""
    for _ in range(TRIES):
        beating = Beating(limit)
        try:
            return attempt(beating)
        except AssertionError:
            if beating.silence() < limit:
                raise
    pytest.skip(f"{TRIES} times this machine stood still for {limit} s")
