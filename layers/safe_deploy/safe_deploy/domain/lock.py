"""The production lock: one release at a time moves production. Used by take_lock and close_release.

Nobody renews it. While AWS says that the holder's execution runs, the claim stands; every loop of the machine ends,
so an execution does. When it has ended, the next one takes the lock over at once, under a higher fencing
token, which check_version compares before any traffic moves. The expiry is for an execution that AWS has forgotten.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

HELD_FOR = timedelta(hours=2)
ROLLBACK = "rollback-"
"""What the name of a rollback begins with, as the lock's holder."""


@dataclass(frozen=True, slots=True)
class Lock:
    """Who may move production. The fencing token grows with every new holder."""

    holder: str
    """A release id, or a rollback's; empty when the lock is free."""
    execution_arn: str
    fencing_token: int
    expires_at: datetime

    @property
    def words(self) -> str:
        """Return the holder as a person reads it."""
        return f"the rollback {self.holder}" if self.is_rollbacks else f"release {self.holder}"

    @property
    def is_rollbacks(self) -> bool:
        """Return whether a rollback holds the lock. It has precedence: a release that holds it loses it."""
        return self.holder.startswith(ROLLBACK)

    def released(self) -> Lock:
        """Return the lock, free."""
        return replace(self, holder="", execution_arn="")


def taken(lock: Lock | None, holder: str, execution_arn: str, now: datetime) -> Lock:
    """Return the lock as `holder` takes it; for who holds it already, the same one with a new expiry."""
    token = 0 if lock is None else lock.fencing_token
    if lock is None or lock.holder != holder:
        token += 1
    return Lock(holder, execution_arn, token, now + HELD_FOR)


def is_free_for(lock: Lock | None, holder: str) -> bool:
    """Return whether `holder` may take the lock without asking how the present holder is."""
    return lock is None or lock.holder in ("", holder)


def is_abandoned(lock: Lock, status: str | None, now: datetime) -> bool:
    """Return whether the holder has lost its claim.

    `status` is that of the holder's execution. One that runs keeps the lock even past the expiry: two
    releases in production at once are worse than waiting, and its own timeout ends it. The expiry counts
    where AWS knows no such execution.
    """
    if status is None:
        return now >= lock.expires_at
    return status != "RUNNING"
