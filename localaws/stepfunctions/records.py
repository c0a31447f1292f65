"""What the service remembers: state machines and their executions. Used by `service` and its parts."""

from __future__ import annotations

import base64
import binascii
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from localaws.errors import AwsError
from localaws.stepfunctions.history import History, to_json
from localaws.stepfunctions.interpreter import Outcome, Stop
from localaws.stepfunctions.machine import StateMachine

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """A state machine as it was when an execution of it began."""

    arn: str
    name: str
    role: str
    text: str
    """The definition as it was given."""
    machine: StateMachine
    logging: dict[str, Any]
    tracing: dict[str, Any]
    revision_id: str
    changed: datetime


@dataclass(slots=True, kw_only=True)
class Machine:
    """A state machine."""

    current: Revision
    created: datetime
    tags: dict[str, str] = field(default_factory=dict)
    deleting: bool = False


@dataclass(slots=True, kw_only=True)
class Execution:
    """One run of a state machine."""

    arn: str
    name: str
    revision: Revision
    input: str
    started: datetime
    trace: str | None
    history: History
    stop: Stop = field(default_factory=Stop)
    outcome: Outcome | None = None
    stopped: datetime | None = None
    ended: threading.Event = field(default_factory=threading.Event)

    @property
    def status(self) -> str:
        """AWS's name of how far it is."""
        return self.outcome.status if self.outcome else "RUNNING"

    def described(self) -> dict[str, Any]:
        """As `DescribeExecution` answers."""
        found: dict[str, Any] = {
            "executionArn": self.arn,
            "stateMachineArn": self.revision.arn,
            "name": self.name,
            "status": self.status,
            "startDate": self.started,
            "input": self.input,
            "inputDetails": {"included": True},
            "redriveCount": 0,
            "redriveStatus": "NOT_REDRIVABLE",
            "redriveStatusReason": "localaws does not implement RedriveExecution",
        }
        if self.trace is not None:
            found["traceHeader"] = self.trace
        if self.outcome is None:
            return found
        found["stopDate"] = self.stopped
        if self.outcome.status == "SUCCEEDED":
            return {**found, "output": to_json(self.outcome.output), "outputDetails": {"included": True}}
        # A time-out of the whole execution is told of without a reason.
        why = {} if self.outcome.status == "TIMED_OUT" else {"error": self.outcome.error, "cause": self.outcome.cause}
        return {**found, **{name: text for name, text in why.items() if text is not None}}

    def listed(self) -> dict[str, Any]:
        """As `ListExecutions` shows it."""
        shown = ("executionArn", "stateMachineArn", "name", "status", "startDate", "stopDate", "redriveCount")
        return {name: value for name, value in self.described().items() if name in shown}


def page(items: Sequence[T], params: dict[str, Any], most: int = 1000) -> tuple[list[T], dict[str, str]]:
    """One page of a list, and the `nextToken` to the next. Raises `AwsError`."""
    start = _position(params.get("nextToken"))
    size = min(params.get("maxResults") or 100, most)
    following = start + size
    token = base64.b64encode(str(following).encode()).decode()
    return list(items[start:following]), ({"nextToken": token} if following < len(items) else {})


def _position(token: str | None) -> int:
    if token is None:
        return 0
    try:
        return int(base64.b64decode(token, validate=True))
    except (binascii.Error, ValueError):
        raise AwsError("InvalidToken", "Invalid Token: 'Invalid token'") from None
