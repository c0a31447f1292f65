"""Every call that AWS would have to permit: (role, action, resource). Read by tests, the page and policy checks."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Permission:
    """What a principal must be allowed to do for one call to succeed on AWS."""

    principal: str
    action: str
    resource: str


class Ledger:
    """Counts each distinct permission that was used since the world began."""

    def __init__(self) -> None:
        self._used: Counter[Permission] = Counter()
        self._lock = threading.Lock()

    def record(self, principal: str, action: str, resource: str) -> None:
        """Note one use."""
        with self._lock:
            self._used[Permission(principal, action, resource)] += 1

    def used(self) -> dict[Permission, int]:
        """Every permission used so far, and how often."""
        with self._lock:
            return dict(self._used)
