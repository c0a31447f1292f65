"""What the hourly check of production saw last, in the table. Used by check_production, register_drop, take_lock."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from safe_deploy.gateways.table import Key, Table

KEY = Key("PRODUCTION", "check")


class TableUpkeep:
    """The last check in the table."""

    def __init__(self, table: Table) -> None:
        self.table = table

    def last(self) -> dict[str, Any]:
        """Return what the last check saw; nothing before the first."""
        return self.table.get(KEY) or {}

    def write(self, item: Mapping[str, Any]) -> None:
        """Keep what a check saw, in place of the last."""
        self.table.put(KEY, item)
