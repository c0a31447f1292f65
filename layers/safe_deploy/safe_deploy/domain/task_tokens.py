"""The token of the task that waits for people: fetched, sealed, and opened for who has decided.

A release waits in an activity's task, whose token reaches only the worker that asks for it. Whoever asks may be handed
another release's, so every token is kept under the name of its own. Used by ask_for_approval and when decisions are
handed over.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Self

from safe_deploy.domain.fields import Fields, parse_json
from safe_deploy.domain.names import check_release_id
from safe_deploy.domain.ports import Outside, SealedToken, WaitingTask
from safe_deploy.errors import NotFoundError, TransientError

LONGEST_SECONDS = 365 * 24 * 3600
HANDED = 4
"""Tasks that one call lets itself be handed; so many releases don't ask at the same time."""


@dataclass(frozen=True, slots=True)
class Asking:
    """A release that asks for a decision: what the function is called with, and what the activity's task holds."""

    release_id: str
    turn: int
    """The how-manieth time the release asks: it asks again when a task's token was lost."""
    expires_in: timedelta

    @classmethod
    def read(cls, given: Any, place: str) -> Self:
        """Read what the state machine gives. Raises InvalidRequestError, naming the field that is wrong."""
        fields = Fields(given, place)
        return cls(
            check_release_id(fields.value("releaseId")),
            fields.integer("turn", minimum=1, maximum=100),
            timedelta(seconds=fields.integer("expiresInSeconds", minimum=1, maximum=LONGEST_SECONDS)),
        )


def collect(release_id: str, turn: int, model_name: str, outside: Outside) -> datetime | None:
    """See that the token of a release's task is kept; return when that task's time is up.

    None when it was handed to somebody who lost it. Raises TransientError when too many other releases ask at the same
    time.
    """
    for _ in range(HANDED):
        if (kept := outside.task_tokens.find(release_id, turn)) is not None:
            return kept.until
        handed = outside.clock.now()  # a task's time runs from when it is handed out, and that is after this
        task = outside.activity.take()
        if task is None:
            kept = outside.task_tokens.find(release_id, turn)
            return kept.until if kept is not None else None
        _seal(task, handed, model_name, outside)
    if (kept := outside.task_tokens.find(release_id, turn)) is not None:
        return kept.until
    raise TransientError(f"was handed {HANDED} tasks, none of them of release {release_id}")


def open_token(release_id: str, turn: int, model_name: str, outside: Outside) -> str:
    """Return the token of a release's task. Raises NotFoundError."""
    kept = outside.task_tokens.find(release_id, turn)
    if kept is None:
        raise NotFoundError(f"the task token of release {release_id} is gone")
    return outside.keys.decrypt(kept.content, encryption_context(model_name, release_id, turn))


def encryption_context(model_name: str, release_id: str, turn: int) -> dict[str, str]:
    """Return what a token's ciphertext is bound to."""
    return {"modelName": model_name, "releaseId": release_id, "turn": str(turn)}


def _seal(task: WaitingTask, handed: datetime, model_name: str, outside: Outside) -> None:
    asking = Asking.read(parse_json(task.input, "the task"), "the task")
    sealed = outside.keys.encrypt(task.token, encryption_context(model_name, asking.release_id, asking.turn))
    until = (handed + asking.expires_in).replace(microsecond=0)
    outside.task_tokens.keep(asking.release_id, asking.turn, SealedToken(sealed, until))
