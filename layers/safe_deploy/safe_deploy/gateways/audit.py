"""The audit trail, in a table of its own to which functions can only add. Used by every function that records.

An entry's key holds the SHA-256 of its content: one that was overwritten no longer matches its key.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from safe_deploy.domain.audit import entry_key
from safe_deploy.errors import ConditionFailedError
from safe_deploy.gateways.table import ABSENT, Key, Table


class TableAudit:
    """The audit trail in its table."""

    def __init__(self, table: Table) -> None:
        self.table = table

    def append(self, release_id: str, event: str, actor: str, detail: Mapping[str, Any], now: datetime) -> bool:
        """Append an entry; the same entry twice is kept once. Return whether it is new."""
        key, entry = self._entry(release_id, event, actor, detail, now)
        try:
            self.table.put(key, entry, ABSENT)
        except ConditionFailedError:
            return False
        return True

    def append_request(
        self, release_id: str, event: str, actor: str, detail: Mapping[str, Any], now: datetime
    ) -> dict[str, Any]:
        """Return the same as a part of a transaction."""
        key, entry = self._entry(release_id, event, actor, detail, now)
        return {"Put": self.table.put_request(key, entry, ABSENT)}

    @staticmethod
    def _entry(
        release_id: str, event: str, actor: str, detail: Mapping[str, Any], now: datetime
    ) -> tuple[Key, dict[str, Any]]:
        entry = {"event": event, "actor": actor, "detail": dict(detail)}
        return Key(*entry_key(release_id, entry, now)), entry
