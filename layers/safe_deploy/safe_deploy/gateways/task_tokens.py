"""Sealed task tokens in the table. Used by ask_for_approval and when decisions are handed over."""

from __future__ import annotations

from datetime import datetime

from safe_deploy.gateways.table import Key, Table


class TableTaskTokens:
    """Task tokens in the table, encrypted; DynamoDB removes them some time after they have served."""

    def __init__(self, table: Table) -> None:
        self.table = table

    def keep(self, release_id: str, turn: int, sealed: bytes, until: datetime) -> None:
        """Keep the token of the task in which a release waits for the `turn`-th time."""
        self.table.put(_key(release_id, turn), {"sealed": sealed, "expiresAt": int(until.timestamp())})

    def find(self, release_id: str, turn: int) -> bytes | None:
        """Return a token, sealed, or None."""
        item = self.table.get(_key(release_id, turn))
        return None if item is None else item["sealed"]


def _key(release_id: str, turn: int) -> Key:
    return Key("TASK_TOKEN", f"{release_id}/{turn}")
