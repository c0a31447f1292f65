"""Counters of visits, in the table. Used by show_approval and decide_approval.

They have a partition of their own: the role of who only shows may write there and nowhere else in the table.
"""

from __future__ import annotations

from datetime import datetime

from safe_deploy.errors import ConditionFailedError
from safe_deploy.gateways.table import Key, Table


class TableAttempts:
    """Counters in the table; DynamoDB removes them some time after they have served."""

    def __init__(self, table: Table) -> None:
        self.table = table

    def count(self, name: str, limit: int, until: datetime) -> bool:
        """Count one more, unless the limit is reached; return whether it was counted."""
        try:
            self.table.increment(Key("ATTEMPTS", name), "count", limit, int(until.timestamp()))
        except ConditionFailedError:
            return False
        return True
