"""What the analysis keeps between two looks, as plain JSON values. Every part of it names what it keeps."""

from __future__ import annotations

from collections import deque
from typing import Any, ClassVar, Self


class Kept:
    """Something whose state is in the attributes that STATE names; the others are given when it is made."""

    __slots__ = ()
    STATE: ClassVar[tuple[str, ...]] = ()

    def to_state(self) -> dict[str, Any]:
        """Return everything that is kept as plain values."""
        return {name.lstrip("_"): _plain(getattr(self, name)) for name in self.STATE}

    def restored(self, state: dict[str, Any]) -> Self:
        """Take over a state that `to_state` gave; return the part itself."""
        for name in self.STATE:
            setattr(self, name, _like(getattr(self, name), state[name.lstrip("_")]))
        return self


def _plain(value: Any) -> Any:
    if isinstance(value, Kept):
        return value.to_state()
    return [_plain(entry) for entry in value] if isinstance(value, list | tuple | deque) else value


def _like(known: Any, value: Any) -> Any:
    """Return a plain value as what the attribute holds by now: JSON knows lists only."""
    if isinstance(known, Kept):
        return known.restored(value)
    if isinstance(known, tuple):
        entries = [_like(one, other) for one, other in zip(known, value, strict=True)]
        return type(known)(*entries) if hasattr(known, "_fields") else tuple(entries)
    if isinstance(known, deque):
        return deque(value, known.maxlen)
    if isinstance(known, list):
        return [tuple(entry) if isinstance(entry, list) else entry for entry in value]
    return value
