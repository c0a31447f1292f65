"""Task tokens: who waits for which, and which answer comes too late. Used by `runner` and `service`."""

from __future__ import annotations

import threading
from typing import Any

from localaws.errors import AwsError
from localaws.stepfunctions.tasks import Task


class Tokens:
    """Every token that was ever handed out."""

    def __init__(self) -> None:
        self._waiting: dict[str, Task] = {}
        self._closed: set[str] = set()
        self._mutex = threading.Lock()

    def open(self, task: Task) -> None:
        """From now on the task's token is good, once."""
        with self._mutex:
            self._waiting[str(task.token)] = task

    def close(self, task: Task) -> None:
        """The task has ended in whichever way."""
        with self._mutex:
            self._waiting.pop(str(task.token), None)
            self._closed.add(str(task.token))

    def settle(self, token: str, result: Any) -> None:
        """End a task with its result or a `Failure`. Raises `AwsError` for a used or expired token."""
        task = self._find(token)
        self.close(task)
        if not task.settle(result):
            raise _too_late()

    def beat(self, token: str) -> None:
        """A sign of life. Raises `AwsError` as `settle` does."""
        if not self._find(token).beat():
            raise _too_late()

    def _find(self, token: str) -> Task:
        with self._mutex:
            if token in self._closed:
                raise _too_late()
            if token not in self._waiting:
                raise AwsError("InvalidToken", "Invalid Token: 'Invalid token'")
            return self._waiting[token]


def _too_late() -> AwsError:
    return AwsError("TaskTimedOut", "Task Timed Out: 'Provided task does not exist anymore'")
