"""What became of each attempt to go back, in the table. Used by close_rollback."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from safe_deploy.gateways.table import Key, Table


class TableRollbacks:
    """Rollback records in the table."""

    def __init__(self, table: Table) -> None:
        self.table = table

    def find(self, rollback_id: str) -> dict[str, Any]:
        """Return what is on record about a rollback; nothing when it is new."""
        return self.table.get(Key("ROLLBACK", rollback_id)) or {}

    def write(self, rollback_id: str, item: Mapping[str, Any]) -> None:
        """Create or replace a rollback's record."""
        self.table.put(Key("ROLLBACK", rollback_id), item)
