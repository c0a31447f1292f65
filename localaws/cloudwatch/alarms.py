"""Alarms: what they watch, their state and their history. Put by the service, moved by the evaluation."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from localaws.cloudwatch.alarm_rules import Rule, parse_rule
from localaws.cloudwatch.alarm_state import COMPARISONS, INSUFFICIENT_DATA
from localaws.cloudwatch.queries import Query, check_period, check_queries, period_of
from localaws.cloudwatch.statistics import check_statistic
from localaws.errors import AwsError, NotModelledError

HISTORY = 200
ACTIONS = {"ALARM": "AlarmActions", "OK": "OKActions", INSUFFICIENT_DATA: "InsufficientDataActions"}
SETTINGS = (
    "AlarmName", "AlarmDescription", "ActionsEnabled", "OKActions", "AlarmActions", "InsufficientDataActions",
    "MetricName", "Namespace", "Statistic", "ExtendedStatistic", "Dimensions", "Period", "Unit",
    "EvaluationPeriods", "DatapointsToAlarm", "Threshold", "ComparisonOperator", "TreatMissingData",
    "Metrics", "AlarmRule",
)  # fmt: skip
REFUSED = (
    "ThresholdMetricId", "EvaluateLowSampleCountPercentile", "EvaluationCriteria", "EvaluationInterval",
    "ActionsSuppressor", "ActionsSuppressorWaitPeriod", "ActionsSuppressorExtensionPeriod",
)  # fmt: skip
MISSING = ("breaching", "notBreaching", "ignore", "missing")


@dataclass(slots=True)
class Alarm:
    """One alarm; `settings` are the members of PutMetricAlarm or PutCompositeAlarm."""

    arn: str
    settings: dict[str, Any]
    updated: datetime
    """When its settings were last put."""
    rule: Rule | None = None
    """Of a composite alarm."""
    children: frozenset[str] = frozenset()
    """The alarms that a composite alarm looks at."""
    state: str = INSUFFICIENT_DATA
    reason: str = "Unchecked: Initial alarm creation"
    reason_data: str = ""
    state_updated: datetime = field(init=False)
    evaluated: int | None = None
    """The number of the period up to which it has been evaluated."""
    history: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=HISTORY))

    def __post_init__(self) -> None:
        self.state_updated = self.updated

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.settings["AlarmName"])

    @property
    def is_composite(self) -> bool:
        """Whether it looks at other alarms."""
        return self.rule is not None

    @property
    def kind(self) -> str:
        """`MetricAlarm` or `CompositeAlarm`."""
        return "CompositeAlarm" if self.is_composite else "MetricAlarm"

    @property
    def period(self) -> int:
        """Of a metric alarm, in seconds of AWS time."""
        return period_of(self.queries())

    @property
    def needed(self) -> int:
        """How many data points must breach."""
        return int(self.settings.get("DatapointsToAlarm") or self.settings["EvaluationPeriods"])

    def queries(self) -> list[Query]:
        """What a metric alarm watches, as queries."""
        if self.settings.get("Metrics"):
            return list(self.settings["Metrics"])
        settings = self.settings
        metric = {name: settings[name] for name in ("Namespace", "MetricName", "Dimensions") if name in settings}
        stat = settings.get("Statistic") or settings.get("ExtendedStatistic")
        wanted = {"Metric": metric, "Period": settings["Period"], "Stat": stat}
        if settings.get("Unit"):
            wanted["Unit"] = settings["Unit"]
        return [{"Id": "m1", "MetricStat": wanted, "ReturnData": True}]

    @property
    def watched(self) -> str:
        """The id of the query that is compared with the threshold."""
        return str(next(query["Id"] for query in self.queries() if query.get("ReturnData", True)))

    def remember(self, at: datetime, kind: str, summary: str, data: Mapping[str, Any]) -> None:
        """Add to its history."""
        item = {"Timestamp": at, "HistoryItemType": kind, "HistorySummary": summary}
        self.history.append({**item, "HistoryData": json.dumps({"version": "1.0", **data}, default=str)})

    def describe(self) -> dict[str, Any]:
        """As DescribeAlarms shows it."""
        stamps = {
            "AlarmArn": self.arn,
            "AlarmConfigurationUpdatedTimestamp": self.updated,
            "StateValue": self.state,
            "StateReason": self.reason,
            "StateUpdatedTimestamp": self.state_updated,
            "StateTransitionedTimestamp": self.state_updated,
        }
        if self.reason_data:
            stamps["StateReasonData"] = self.reason_data
        return {**self.settings, **stamps}


def metric_alarm(arn: str, params: Mapping[str, Any], now: datetime) -> Alarm:
    """A checked metric alarm. Raises `AwsError`."""
    settings = _settings(params)
    if settings.get("Metrics"):
        check_queries(settings["Metrics"])
        shown = [query["Id"] for query in settings["Metrics"] if query.get("ReturnData", True)]
        if len(shown) != 1:
            raise _invalid(f"Exactly one query must return data, not {len(shown)}")
    else:
        _check_metric(settings)
    if settings["ComparisonOperator"] not in COMPARISONS:
        raise NotModelledError(f"the comparison {settings['ComparisonOperator']} of an alarm")
    if "Threshold" not in settings:
        raise _invalid("Threshold is required")
    if settings.setdefault("TreatMissingData", "missing") not in MISSING:
        raise _invalid(f"TreatMissingData must be one of {', '.join(MISSING)}")
    alarm = Alarm(arn, settings, now)
    periods = settings["EvaluationPeriods"]
    if alarm.needed > periods:
        raise _invalid("DatapointsToAlarm must be less than or equal to EvaluationPeriods")
    if periods * alarm.period > (86_400 if alarm.period < 3600 else 604_800):
        raise _invalid("Metrics cannot be checked across more than a day (a week, with periods of an hour or more)")
    return alarm


def composite_alarm(arn: str, params: Mapping[str, Any], now: datetime) -> Alarm:
    """A checked composite alarm. Raises `AwsError`."""
    rule, children = parse_rule(params["AlarmRule"])
    return Alarm(arn, _settings(params), now, rule=rule, children=frozenset(children))


def _settings(params: Mapping[str, Any]) -> dict[str, Any]:
    for name in REFUSED:
        if params.get(name) is not None:
            raise NotModelledError(f"{name} of an alarm")
    settings = {name: params[name] for name in SETTINGS if params.get(name) is not None}
    settings.setdefault("ActionsEnabled", True)
    for kind in ACTIONS.values():
        for action in settings.setdefault(kind, []):
            if not action.startswith("arn:aws:sns:"):
                raise NotModelledError(f"the alarm action {action}")
    return settings


def _check_metric(settings: Mapping[str, Any]) -> None:
    for name in ("Namespace", "MetricName", "Period"):
        if name not in settings:
            raise _invalid(f"{name} is required unless Metrics is given")
    stats = [settings[name] for name in ("Statistic", "ExtendedStatistic") if settings.get(name)]
    if len(stats) != 1:
        raise _invalid("One of Statistic and ExtendedStatistic is required")
    check_statistic(stats[0])
    check_period(settings["Period"])


def _invalid(reason: str) -> AwsError:
    return AwsError("ValidationError", reason)
