"""Sealed task tokens in the table. Used by ask_for_approval and when decisions are handed over."""

from __future__ import annotations

from datetime import UTC, datetime

from safe_deploy.domain.approval import KEPT_FOR
from safe_deploy.domain.ports import SealedToken
from safe_deploy.gateways.table import Key, Table


class TableTaskTokens:
    """Task tokens in the table, encrypted; DynamoDB removes them some time after they have served."""

    def __init__(self, table: Table) -> None:
        self.table = table

    def keep(self, release_id: str, turn: int, token: SealedToken) -> None:
        """Keep the token of the task in which a release waits for the `turn`-th time."""
        item = {"sealed": token.content, "expiresAt": int((token.until + KEPT_FOR).timestamp())}
        self.table.put(_key(release_id, turn), item)

    def find(self, release_id: str, turn: int) -> SealedToken | None:
        """Return a token, or None."""
        item = self.table.get(_key(release_id, turn))
        if item is None:
            return None
        return SealedToken(item["sealed"], datetime.fromtimestamp(int(item["expiresAt"]), UTC) - KEPT_FOR)


def _key(release_id: str, turn: int) -> Key:
    return Key("TASK_TOKEN", f"{release_id}/{turn}")
