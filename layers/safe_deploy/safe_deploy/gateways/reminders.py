"""Amazon EventBridge Scheduler: reminders of approvals, each fired once. Used by ask_for_approval."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from safe_deploy.gateways.clients import client, error_code, translating


class SchedulerReminders:
    """One-time schedules that call remind_approvers and delete themselves."""

    def __init__(self, group: str, function_arn: str, role_arn: str) -> None:
        self.group, self.function_arn, self.role_arn = group, function_arn, role_arn

    def set(self, name: str, at: datetime, request: Mapping[str, Any]) -> None:
        """Call remind_approvers then; a reminder of that name that there is already is replaced."""
        schedule: dict[str, Any] = {
            "GroupName": self.group,
            "Name": name,
            "ScheduleExpression": f"at({at.astimezone(UTC):%Y-%m-%dT%H:%M:%S})",
            "ScheduleExpressionTimezone": "UTC",
            "FlexibleTimeWindow": {"Mode": "OFF"},
            "ActionAfterCompletion": "DELETE",
            "Target": {"Arn": self.function_arn, "RoleArn": self.role_arn, "Input": json.dumps(request)},
        }
        with translating(f"set the reminder {name}"):
            try:
                client("scheduler").create_schedule(**schedule)
            except ClientError as error:
                if error_code(error) != "ConflictException":
                    raise
                client("scheduler").update_schedule(**schedule)
