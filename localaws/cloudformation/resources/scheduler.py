"""AWS::Scheduler::*: schedules and their groups."""

from __future__ import annotations

from localaws.cloudformation.handler import Context, Properties
from localaws.cloudformation.table import Table


class Schedule(Table):
    """A schedule. `Ref` is its name."""

    type = "AWS::Scheduler::Schedule"
    service, name = "scheduler", "Name"
    create_call, update_call, delete_call = "CreateSchedule", "UpdateSchedule", "DeleteSchedule"
    delete_with = ("GroupName",)
    own = (
        "Description", "EndDate", "FlexibleTimeWindow", "GroupName", "KmsKeyArn", "Name",
        "ScheduleExpression", "ScheduleExpressionTimezone", "StartDate", "State", "Target",
    )  # fmt: skip
    required = frozenset({"FlexibleTimeWindow", "ScheduleExpression", "Target"})
    create_only = frozenset({"Name", "GroupName"})
    attributes = frozenset({"Arn"})

    def arn(self, at: Context, name: str, wanted: Properties) -> str:
        return at.arn("scheduler", f"schedule/{wanted.get('GroupName', 'default')}/{name}")


class ScheduleGroup(Table):
    """A group of schedules."""

    type = "AWS::Scheduler::ScheduleGroup"
    service, name = "scheduler", "Name"
    create_call, update_call, delete_call = "CreateScheduleGroup", None, "DeleteScheduleGroup"
    own = ("Name",)
    create_only = frozenset({"Name"})
    attributes = frozenset({"Arn"})
    tagged = True
    arn_format = "schedule-group/{}"
