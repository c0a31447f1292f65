"""AWS::CloudWatch::*: alarms, composite alarms, dashboards."""

from __future__ import annotations

from typing import ClassVar

from localaws.cloudformation.handler import Context, Properties
from localaws.cloudformation.table import Table


class _Alarm(Table):
    """What both kinds of alarm have in common."""

    service, name, name_limit = "cloudwatch", "AlarmName", 255
    create_call, update_call, delete_call = "PutMetricAlarm", "PutMetricAlarm", "DeleteAlarms"
    own: ClassVar[tuple[str, ...]] = ()
    create_only = frozenset({"AlarmName"})
    attributes = frozenset({"Arn"})
    tagged = True
    arn_format = "alarm:{}"

    def delete(self, at: Context, physical_id: str, properties: Properties) -> None:
        at.client("cloudwatch").delete_alarms(AlarmNames=[physical_id])


class Alarm(_Alarm):
    """A metric alarm."""

    type = "AWS::CloudWatch::Alarm"
    own = (
        "ActionsEnabled", "AlarmActions", "AlarmDescription", "AlarmName", "ComparisonOperator",
        "DatapointsToAlarm", "Dimensions", "EvaluateLowSampleCountPercentile", "EvaluationPeriods",
        "ExtendedStatistic", "InsufficientDataActions", "MetricName", "Metrics", "Namespace", "OKActions",
        "Period", "Statistic", "Threshold", "ThresholdMetricId", "TreatMissingData", "Unit",
    )  # fmt: skip


class CompositeAlarm(_Alarm):
    """An alarm over alarms."""

    type = "AWS::CloudWatch::CompositeAlarm"
    create_call, update_call = "PutCompositeAlarm", "PutCompositeAlarm"
    own = (
        "ActionsEnabled", "ActionsSuppressor", "ActionsSuppressorExtensionPeriod",
        "ActionsSuppressorWaitPeriod", "AlarmActions", "AlarmDescription", "AlarmName", "AlarmRule",
        "InsufficientDataActions", "OKActions",
    )  # fmt: skip
    required = frozenset({"AlarmRule"})


class Dashboard(Table):
    """A dashboard."""

    type = "AWS::CloudWatch::Dashboard"
    service, name, name_limit = "cloudwatch", "DashboardName", 255
    create_call = update_call = "PutDashboard"
    delete_call = "DeleteDashboards"
    own = ("DashboardBody", "DashboardName")
    required = frozenset({"DashboardBody"})
    create_only = frozenset({"DashboardName"})
    gone = frozenset({"ResourceNotFound", "DashboardNotFoundError"})

    def delete(self, at: Context, physical_id: str, properties: Properties) -> None:
        at.client("cloudwatch").delete_dashboards(DashboardNames=[physical_id])
