"""What ends a state, a branch or an execution before its time. Raised by the interpreter and by task runners.

Failure
└── TaskError      a task's own failure
Aborted            somebody stopped it: a person, a time-out, or a sibling's failure
"""

from __future__ import annotations

from collections.abc import Collection

TIMEOUT = "States.Timeout"
HEARTBEAT_TIMEOUT = "States.HeartbeatTimeout"
TASK_FAILED = "States.TaskFailed"
ALL = "States.ALL"
RUNTIME = "States.Runtime"
DATA_LIMIT_EXCEEDED = "States.DataLimitExceeded"
QUERY_EVALUATION_ERROR = "States.QueryEvaluationError"

PREDEFINED = frozenset(
    {TIMEOUT, HEARTBEAT_TIMEOUT, TASK_FAILED, ALL, RUNTIME, DATA_LIMIT_EXCEEDED, QUERY_EVALUATION_ERROR}
    | {"States.Permissions", "States.BranchFailed", "States.NoChoiceMatched"}
)
"""Every name that begins with `States.` and may stand in an `ErrorEquals`."""


class Failure(Exception):  # noqa: N818 (AWS's error names have no such suffix either)
    """An error with a name that `Retry` and `Catch` can match."""

    def __init__(self, error: str | None, cause: str | None = None, *, also: Collection[str] = ()) -> None:
        super().__init__(f"{error}: {cause}")
        self.error = error
        self.cause = cause
        self.also = frozenset(also)
        """Further names it answers to: a missed heartbeat is a time-out too."""

    def matches(self, names: Collection[str]) -> bool:
        """Whether an `ErrorEquals` of `names` means this error.

        `States.Runtime` can't be handled at all, `States.DataLimitExceeded` only by its own name, and
        `States.TaskFailed` stands for every error but a time-out.
        """
        if self.error == RUNTIME:
            return False
        if self.error in names or self.also & set(names):
            return True
        if self.error == DATA_LIMIT_EXCEEDED:
            return False
        return ALL in names or (TASK_FAILED in names and self.error != TIMEOUT)

    def details(self) -> dict[str, str]:
        """The members of a history event that tell of it."""
        return {name.lower(): text for name, text in self.output().items()}

    def output(self) -> dict[str, str]:
        """AWS's Error Output. A time-out has no cause, so it has no `Cause`."""
        return {
            **({} if self.error is None else {"Error": self.error}),
            **({} if self.cause is None else {"Cause": self.cause}),
        }


class TaskError(Failure):
    """A task's failure, as its resource named it."""


class Aborted(Exception):  # noqa: N818 (nothing went wrong: it was told to end)
    """This thread of control was told to end."""


def timed_out() -> TaskError:
    """`TimeoutSeconds` passed."""
    return TaskError(TIMEOUT)


def heartbeat_missed() -> TaskError:
    """`HeartbeatSeconds` passed without a sign of life."""
    return TaskError(TIMEOUT, also={HEARTBEAT_TIMEOUT})
