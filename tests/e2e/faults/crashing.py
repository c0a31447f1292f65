"""A function's process that is killed in the middle of its calls. Wraps the fakes; used by the rehearsal."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any


class KilledError(BaseException):
    """The process is gone: no handler of its own catches this."""


class Crashing:
    """Everything outside, until the `at`-th call: that one is still served, but its answer reaches nobody."""

    def __init__(self, outside: Any, at: int) -> None:
        self._outside = outside
        self._at = at
        self.calls: list[str] = []
        self.dead = False

    def __getattr__(self, name: str) -> Any:
        part = getattr(self._outside, name)
        return part if name in ("clock", "source") else _Port(self, part)

    def call(self, name: str, method: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Make a call, or die in it."""
        if self.dead:
            raise KilledError
        self.calls.append(name)
        result = method(*args, **kwargs)
        if len(self.calls) == self._at:
            self.dead = True
            raise KilledError
        return result


class _Port:
    """One port, whose calls are counted."""

    def __init__(self, crashing: Crashing, part: Any) -> None:
        self._crashing = crashing
        self._part = part

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._part, name)
        name = f"{type(self._part).__name__}.{name}"
        return functools.partial(self._crashing.call, name, found) if callable(found) else found
