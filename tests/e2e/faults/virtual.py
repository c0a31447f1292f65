"""Time that passes only while everybody waits: who wakes first wakes first, whichever thread slept first."""

from __future__ import annotations

import heapq
import itertools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

QUIET = 0.003
"""Real seconds without any news after which everybody is taken to wait."""
LOOK = 0.02
"""Real seconds between two looks at what nobody tells of."""


class VirtualTime:
    """Wakes the earliest sleeper once no task is being done; `passed` is told how much time that took."""

    def __init__(self, passed: Callable[[float], None]) -> None:
        self._passed = passed
        self._changed = threading.Condition()
        self._sleepers: list[tuple[float, int]] = []
        self._numbers = itertools.count()
        self._now = 0.0
        self._busy = 0
        self._news = 0

    @contextmanager
    def busy(self) -> Iterator[None]:
        """While something is being done, no time passes."""
        self._note(1)
        try:
            yield
        finally:
            self._note(-1)

    def sleep(self, seconds: float, cancelled: threading.Event | None) -> bool:
        """Wait. False when `cancelled` was set first."""
        with self._changed:
            mine = (self._now + seconds, next(self._numbers))
            heapq.heappush(self._sleepers, mine)
            self._news += 1
            while self._now < mine[0] and not (cancelled is not None and cancelled.is_set()):
                self._turn(mine)
            self._sleepers.remove(mine)
            heapq.heapify(self._sleepers)
            self._news += 1
            self._changed.notify_all()
            return cancelled is None or not cancelled.is_set()

    def _turn(self, mine: tuple[float, int]) -> None:
        if self._busy or self._sleepers[0] != mine or len(self._sleepers) < walkers():
            self._changed.wait(LOOK)
            return
        seen = self._news
        self._changed.wait(QUIET)
        if seen == self._news and not self._busy and self._sleepers[0] == mine:
            self._passed(mine[0] - self._now)
            self._now = mine[0]
            self._changed.notify_all()

    def _note(self, change: int) -> None:
        with self._changed:
            self._busy += change
            self._news += 1
            self._changed.notify_all()


def walkers() -> int:
    """How many threads walk through states: the interpreter's, or those of branches, which it names `State[0]`."""
    return max(1, sum(thread.name.endswith("]") for thread in threading.enumerate()))
