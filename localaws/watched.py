"""A bounded record of what happened that others can wait on. Used by the inbox and by event deliveries."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Watched(Generic[T]):
    """The last `limit` items, oldest first."""

    def __init__(self, limit: int) -> None:
        self._items: deque[T] = deque(maxlen=limit)
        self._changed = threading.Condition()

    def add(self, item: T) -> None:
        """Append an item and wake those who wait."""
        with self._changed:
            self._items.append(item)
            self._changed.notify_all()

    def items(self) -> list[T]:
        """All that is held."""
        with self._changed:
            return list(self._items)

    def clear(self) -> None:
        """Forget everything."""
        with self._changed:
            self._items.clear()

    def wait_for(self, wanted: Callable[[T], bool], timeout: float) -> T:
        """The first item that satisfies `wanted`, there already or to come. Raises `TimeoutError`."""
        found: list[T] = []

        def look() -> bool:
            found[:] = [item for item in self._items if wanted(item)][:1]
            return bool(found)

        with self._changed:
            if not self._changed.wait_for(look, timeout):
                raise TimeoutError(f"nothing of the kind within {timeout} s; there are: {list(self._items)!r}")
        return found[0]
