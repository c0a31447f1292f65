"""The production lock in the table. Used by take_lock and close_release."""

from __future__ import annotations

from datetime import UTC, datetime

from safe_deploy.domain.lock import Lock
from safe_deploy.gateways.table import ABSENT, Key, Table

KEY = Key("LOCK", "production")
WAITING = Key("LOCK", "waiting")


class TableLocks:
    """The production lock in the table."""

    def __init__(self, table: Table) -> None:
        self.table = table

    def read(self) -> Lock | None:
        """Return the lock, or None when it was never taken."""
        item = self.table.get(KEY)
        if item is None:
            return None
        expires_at = datetime.fromtimestamp(item["expiresAtEpoch"], UTC)
        return Lock(item["holder"], item["executionArn"], item["fencingToken"], expires_at)

    def write(self, lock: Lock, *, previous: Lock | None) -> None:
        """Replace the lock that was read. Raises ConditionFailedError when it has changed since."""
        item = {
            "holder": lock.holder,
            "executionArn": lock.execution_arn,
            "fencingToken": lock.fencing_token,
            "expiresAtEpoch": int(lock.expires_at.timestamp()),
        }
        if previous is None:
            self.table.put(KEY, item, ABSENT)
        else:
            self.table.put(
                KEY,
                item,
                "#holder = :holder AND #fencingToken = :token",
                holder=previous.holder,
                token=previous.fencing_token,
            )

    def waiting(self) -> str:
        """Return the release that last came to wait for the lock; empty when none ever did."""
        return str((self.table.get(WAITING) or {}).get("releaseId", ""))

    def wait(self, release_id: str, *, previous: str) -> None:
        """Note that a release waits. Raises ConditionFailedError when another came to wait since."""
        if previous:
            self.table.put(WAITING, {"releaseId": release_id}, "#releaseId = :previous", previous=previous)
        else:
            self.table.put(WAITING, {"releaseId": release_id}, ABSENT)
