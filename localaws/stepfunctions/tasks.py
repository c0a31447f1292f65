"""What the interpreter asks of whoever does a state machine's tasks, and of the clock.

Implemented by `runner` (AWS's integrations) and `testing` (mocked ones).
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

_RESOURCE = re.compile(r"arn:aws:states:::((?:aws-sdk:)?[\w-]+):(.+)")
_ACTIVITY = re.compile(r"arn:aws:states:[\w-]+:\d{12}:activity:[^:]+")


@dataclass(frozen=True, slots=True)
class Task:
    """One attempt at a Task state."""

    state: str
    """The name of the state."""
    resource: str
    arguments: Any
    context: dict[str, Any]
    """`$states.context`, as the arguments saw it."""
    token: str | None
    """Of a task that ends when somebody sends this back, else None."""
    timeout: float | None
    """Seconds; the interpreter ends the task itself and sets `cancelled`."""
    cancelled: threading.Event
    """Set when nobody waits for this attempt any longer: stop what it started."""
    started: Callable[[str | None], bool]
    """To be called with the worker's name when a worker is to get an activity's task. False when it came too late."""
    submitted: Callable[[Any], bool]
    """To be told the answer to the request that began a job or handed out a token."""
    settle: Callable[[Any], bool]
    """Ends the task with a result or a `Failure`, from any thread. False when it came too late to count."""
    beat: Callable[[], bool]
    """To be called for every heartbeat. False when it came too late."""

    @property
    def integration(self) -> tuple[str, str]:
        """Type and action of the resource, such as `sagemaker` and `createTrainingJob.sync`."""
        return integration(self.resource)


class TaskRunner(Protocol):
    """Does tasks."""

    def run(self, task: Task) -> Any:
        """The task's output. Raises `Failure`. Called in a thread of its own for each attempt."""


class Clock(Protocol):
    """Tells and spends AWS time; `localaws.clock.Clock` is one."""

    def now(self) -> datetime: ...

    def real(self, seconds: float) -> float:
        """The real seconds that `seconds` of AWS time take."""

    def sleep(self, seconds: float, cancelled: threading.Event | None = None) -> bool:
        """Spend AWS time. False when `cancelled` was set first."""


def is_activity(resource: str) -> bool:
    """Whether a Task's resource is an activity."""
    return _ACTIVITY.fullmatch(resource) is not None


def integration(resource: str) -> tuple[str, str]:
    """Type and action of a Task's resource; an ARN of another service is an action without a type."""
    match = _RESOURCE.fullmatch(resource)
    return (match[1], match[2]) if match else ("", resource)
