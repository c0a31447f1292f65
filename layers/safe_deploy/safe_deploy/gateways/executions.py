"""AWS Step Functions: how an execution is, and the answer to a task that waits.

Used by the lock, monitoring and approval functions, and when a release is abandoned.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from safe_deploy.domain.ports import Execution
from safe_deploy.errors import NotFoundError
from safe_deploy.gateways.clients import client, error_code, translating

NOBODY_WAITS = ("TaskDoesNotExist", "TaskTimedOut", "InvalidToken")


class StepFunctionsExecutions:
    """Executions of the state machines."""

    def status(self, execution_arn: str) -> str | None:
        """Return RUNNING, SUCCEEDED, FAILED, TIMED_OUT, ABORTED ..., or None when AWS has forgotten it."""
        try:
            return str(self._describe(execution_arn)["status"])
        except NotFoundError:
            return None

    def started(self, execution_arn: str) -> datetime:
        """Return when an execution started. Raises NotFoundError."""
        started: datetime = self._describe(execution_arn)["startDate"]
        return started.astimezone(UTC)

    def describe(self, execution_arn: str) -> Execution:
        """Return an execution: its status, and why it ended if it did not succeed. Raises NotFoundError."""
        found = self._describe(execution_arn)
        started: datetime = found["startDate"]
        stopped: datetime | None = found.get("stopDate")
        return Execution(
            str(found["status"]),
            started.astimezone(UTC),
            str(found.get("error") or ""),
            str(found.get("cause") or ""),
            stopped.astimezone(UTC) if stopped else None,
        )

    def succeed(self, task_token: str, output: Mapping[str, Any]) -> bool:
        """Hand a task its output; return False when nothing waits for it any more."""
        with translating("answer the task that waits for an approval"):
            try:
                client("stepfunctions").send_task_success(taskToken=task_token, output=json.dumps(output))
            except ClientError as error:
                if error_code(error) in NOBODY_WAITS:
                    return False
                raise
        return True

    @staticmethod
    def _describe(execution_arn: str) -> Any:
        with translating(f"describe {execution_arn}"):
            return client("stepfunctions").describe_execution(executionArn=execution_arn)
