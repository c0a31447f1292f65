"""How often an approval page may be asked for. Used by the two page functions.

Every visit counts, right or wrong, before anything is looked up: a guesser learns nothing from being counted.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from hashlib import sha256

from safe_deploy.domain.approval import Link
from safe_deploy.domain.ports import Attempts

LIMITS = {"address": 120, "approval": 1200}
"""Visits in a window. A mail scanner that runs wild from one address must not keep an approval's people out."""
MOST_NOTED = 10
WINDOW = timedelta(minutes=10)


def window_of(now: datetime) -> datetime:
    """Return when the window began that a moment is in."""
    seconds = int(now.timestamp())
    return datetime.fromtimestamp(seconds - seconds % int(WINDOW.total_seconds()), UTC)


def may_try(link: Link, source_ip: str, attempts: Attempts, now: datetime) -> bool:
    """Count a visit, by its address and by the approval it is about; return whether both may go on.

    What an address is refused isn't held against the approval: else one address could keep its people out.
    """
    began = window_of(now)
    return all(
        attempts.count(f"{kind}#{began:%Y%m%d%H%M}#{short(name)}", LIMITS[kind], began + 2 * WINDOW)
        for kind, name in (("address", source_ip), ("approval", link.approval_id))
    )


def is_noted(source_ip: str, attempts: Attempts, now: datetime) -> bool:
    """Return whether the audit trail still notes what an address is refused: nobody may fill it."""
    began = window_of(now)
    return attempts.count(f"noted#{began:%Y%m%d%H%M}#{short(source_ip)}", MOST_NOTED, began + 2 * WINDOW)


def short(name: str) -> str:
    """Return a name that is short and plain, whatever a visitor has sent."""
    return sha256(name.encode()).hexdigest()[:32]
