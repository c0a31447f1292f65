"""Writes executions' histories to CloudWatch Logs as their state machines want it. Used by `executions`.

AWS delivers these logs itself: the role needs to manage log deliveries, not to write events.
https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html
"""

from __future__ import annotations

import json
import logging
import threading
import uuid
from datetime import datetime
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from localaws.actor import client_as
from localaws.errors import AwsError
from localaws.stepfunctions.history import Event, details_key
from localaws.stepfunctions.records import Execution

if TYPE_CHECKING:
    from localaws.world import World

log = logging.getLogger("localaws.stepfunctions")

OFF = {"level": "OFF", "includeExecutionData": False}
DELIVERY = (
    "logs:CreateLogDelivery",
    "logs:GetLogDelivery",
    "logs:UpdateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:DescribeResourcePolicies",
    "logs:DescribeLogGroups",
)
"""What AWS's guide wants the state machine's role to be allowed, on every resource."""

_FATAL = ("ExecutionAborted", "ExecutionFailed", "ExecutionTimedOut")
_ERROR = ("Failed", "TimedOut", "Aborted", "FailStateEntered")
_DATA = ("input", "inputDetails", "output", "outputDetails", "parameters", "assignedVariables")

Line = tuple[str, str, str, int, str]
"""Log group, log stream, execution, time in milliseconds, text."""


def group_of(configuration: dict[str, Any]) -> str | None:
    """The log group that a logging configuration names; None when it logs nothing. Raises `AwsError`."""
    if configuration.get("level", "OFF") == "OFF":
        return None
    destinations = configuration.get("destinations", [])
    arn = destinations[0].get("cloudWatchLogsLogGroup", {}).get("logGroupArn", "") if destinations else ""
    if len(destinations) != 1 or not arn.endswith(":*") or ":log-group:" not in arn:
        message = "Invalid Logging Configuration: must specify exactly one Log Destination."
        raise AwsError("InvalidLoggingConfiguration", message)
    return str(arn.split(":log-group:")[1].removesuffix(":*"))


def wanted(level: str, kind: str) -> bool:
    """Whether an event of this type is logged at this level."""
    return {"ALL": True, "ERROR": kind.endswith(_ERROR), "FATAL": kind in _FATAL}.get(level, False)


def text_of(execution: Execution, event: Event, *, with_data: bool) -> str:
    """One event as AWS logs it."""
    details = event.get(details_key(event["type"]), {})
    shown = {name: value for name, value in details.items() if with_data or name not in _DATA}
    return json.dumps(
        {
            "id": str(event["id"]),
            "type": event["type"],
            "details": shown,
            "previous_event_id": str(event["previousEventId"]),
            "event_timestamp": str(_millis(event)),
            "execution_arn": execution.arn,
            "redrive_count": "0",
        }
    )


def _millis(event: Event) -> int:
    moment: datetime = event["timestamp"]
    return round(moment.timestamp() * 1000)


class LogWriter:
    """Sends lines in their order, from a thread of its own: an execution never waits for its log."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._lines: SimpleQueue[Line | None] = SimpleQueue()
        self._streams: dict[tuple[str, str], str] = {}
        self._thread = threading.Thread(target=self._write, daemon=True, name="states-logs")

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def stop(self) -> None:
        """Write what is left and end."""
        self._lines.put(None)
        self._thread.join(timeout=10)

    def write(self, execution: Execution, event: Event) -> None:
        """Log an event of an execution, if its state machine wants it."""
        configuration = execution.revision.logging
        group = group_of(configuration)
        if group is None or not wanted(configuration["level"], event["type"]):
            return
        text = text_of(execution, event, with_data=configuration.get("includeExecutionData", False))
        stream = f"states/{execution.revision.name}/{execution.started:%Y-%m-%d-%H-%M}"
        self._lines.put((group, stream, execution.arn, _millis(event), text))

    def _write(self) -> None:
        while (line := self._lines.get()) is not None:
            group, stream, _, millis, text = line
            try:
                self._put(group, stream, {"timestamp": millis, "message": text})
            except ClientError as error:
                log.warning("no log of an execution in %s: %s", group, error)

    def _put(self, group: str, stream: str, event: dict[str, Any]) -> None:
        client = client_as(self._world, "delivery.logs.amazonaws.com", "logs")
        name = self._streams.get((group, stream))
        if name is None:
            name = f"{stream}/{uuid.uuid4().hex[:8]}"
            client.create_log_stream(logGroupName=group, logStreamName=name)
            self._streams[group, stream] = name
        client.put_log_events(logGroupName=group, logStreamName=name, logEvents=[event])
