"""CloudWatch: metric data, alarms, dashboards. Served by the front door; other services `ingest` metrics."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from localaws.cloudwatch.alarm_operations import AlarmOperations
from localaws.cloudwatch.dashboards import DashboardOperations
from localaws.cloudwatch.metrics import Datapoint, Dimensions, MetricKey, MetricStore, Observation
from localaws.cloudwatch.queries import answer, check_period, check_queries, key_of, period_of
from localaws.cloudwatch.statistics import check_statistic, statistic
from localaws.errors import AwsError, NotModelledError
from localaws.service import Call

if TYPE_CHECKING:
    from localaws.world import World

PAGE = 500
RECENTLY = timedelta(hours=3)
OLDEST, NEWEST = timedelta(days=14), timedelta(hours=2)


class CloudWatch(AlarmOperations, DashboardOperations):
    """Users see real time; only the periods of alarms are scaled."""

    name: ClassVar[str] = "cloudwatch"

    def __init__(self, world: World) -> None:
        self.store = MetricStore()
        super().__init__(world)

    def ingest(self, namespace: str, data: Iterable[Datapoint]) -> None:
        """Take metrics of a service, whatever their namespace."""
        for point in data:
            key = MetricKey.of(namespace, point.name, point.dimensions)
            self.store.add(key, Observation.of_values(epoch(point.timestamp), point.unit, {point.value: 1.0}))

    def put_metric_data(self, call: Call) -> None:
        namespace = call.params["Namespace"]
        if namespace.startswith("AWS/"):
            raise _invalid(f"The value {namespace} for parameter Namespace is invalid.")
        if call.params.get("EntityMetricData"):
            raise NotModelledError("EntityMetricData")
        data = call.params.get("MetricData") or []
        if len(data) > 1000:
            raise _invalid("The collection MetricData must not have a size greater than 1000.")
        now = self.world.clock.now()
        checked = [(_key(namespace, datum), _observation(datum, now)) for datum in data]
        for key, observation in checked:
            self.store.add(key, observation)

    def list_metrics(self, call: Call) -> dict[str, Any]:
        if call.params.get("IncludeLinkedAccounts") or call.params.get("OwningAccount"):
            raise NotModelledError("metrics of other accounts")
        since = (self.world.clock.now() - RECENTLY).timestamp() if call.params.get("RecentlyActive") else 0.0
        found = [key for key, last in self.store.metrics() if last >= since and _wanted(key, call.params)]
        start = int(call.params.get("NextToken") or 0)
        page: dict[str, Any] = {"Metrics": [_metric(key) for key in found[start : start + PAGE]]}
        return {**page, "NextToken": str(start + PAGE)} if len(found) > start + PAGE else page

    def get_metric_statistics(self, call: Call) -> dict[str, Any]:
        params = call.params
        names = params.get("Statistics") or []
        extended = params.get("ExtendedStatistics") or []
        if not names and not extended:
            raise AwsError("MissingParameter", "Statistics or ExtendedStatistics is required")
        for name in (*names, *extended):
            check_statistic(name)
        period = params["Period"]
        check_period(period)
        grouped: dict[tuple[int, str], list[Observation]] = {}
        start, end = epoch(params["StartTime"]), epoch(params["EndTime"])
        if start >= end:
            raise _invalid("The parameter StartTime must be less than the parameter EndTime.")
        start = math.floor(start / period) * period
        for seen in self.store.between(key_of(params), start, end, params.get("Unit")):
            grouped.setdefault((math.floor(seen.at / period), seen.unit), []).append(seen)
        points = []
        for (number, unit), observed in sorted(grouped.items()):
            at = datetime.fromtimestamp(number * period, UTC)
            point: dict[str, Any] = {"Timestamp": at, "Unit": unit}
            point |= {name: statistic(name, observed) for name in names}
            told = {name: value for name in extended if (value := statistic(name, observed)) is not None}
            points.append({**point, "ExtendedStatistics": told} if told else point)
        return {"Label": params["MetricName"], "Datapoints": points}

    def get_metric_data(self, call: Call) -> dict[str, Any]:
        queries = call.params["MetricDataQueries"]
        check_queries(queries)
        period = period_of(queries)
        start, end = epoch(call.params["StartTime"]), epoch(call.params["EndTime"])
        if start >= end:
            raise AwsError("ValidationError", "The parameter StartTime must be less than the parameter EndTime.")
        numbers = range(math.floor(start / period), math.ceil(end / period))
        found = answer(self.store, queries, period, numbers)
        descending = call.params.get("ScanBy", "TimestampDescending") == "TimestampDescending"
        results = []
        for query in queries:
            if not query.get("ReturnData", True):
                continue
            value = found[query["Id"]]
            if isinstance(value, float):
                raise AwsError("ValidationError", f"Query {query['Id']!r} must give a time series, not a number")
            for series in value if isinstance(value, list) else [value]:
                points = sorted(series.items(), reverse=descending)
                label = query.get("Label") or query.get("MetricStat", {}).get("Metric", {}).get("MetricName")
                results.append(
                    {
                        "Id": query["Id"],
                        "Label": label or query["Id"],
                        "Timestamps": [datetime.fromtimestamp(number * period, UTC) for number, _ in points],
                        "Values": [float(each) for _, each in points],
                        "StatusCode": "Complete",
                    }
                )
        return {"MetricDataResults": results, "Messages": []}


def epoch(moment: datetime) -> float:
    """Seconds since the epoch; a moment without a time zone is in UTC."""
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _key(namespace: str, datum: Mapping[str, Any]) -> MetricKey:
    dimensions: Dimensions = tuple((each["Name"], each["Value"]) for each in datum.get("Dimensions") or [])
    if len(dimensions) > 30:
        raise _invalid("The collection Dimensions must not have a size greater than 30.")
    return MetricKey.of(namespace, datum["MetricName"], dimensions)


def _observation(datum: Mapping[str, Any], now: datetime) -> Observation:
    at = epoch(datum.get("Timestamp") or now)
    if not (now - OLDEST).timestamp() <= at <= (now + NEWEST).timestamp():
        raise _invalid("The parameter Timestamp must be within the last two weeks and the next two hours.")
    given = [name for name in ("Value", "Values", "StatisticValues") if datum.get(name) is not None]
    if len(given) != 1:
        raise AwsError("InvalidParameterCombination", "One of Value, Values and StatisticValues must be given.")
    unit = str(datum.get("Unit") or "None")
    if given == ["StatisticValues"]:
        told = datum["StatisticValues"]
        numbers = [float(told[name]) for name in ("SampleCount", "Sum", "Minimum", "Maximum")]
        _check_numbers(numbers)
        return Observation.of_statistics(at, unit, *numbers)
    values = datum["Values"] if given == ["Values"] else [datum["Value"]]
    counts = datum.get("Counts") or [1.0] * len(values)
    if len(counts) != len(values):
        raise _invalid("The collections Values and Counts must have the same size.")
    _check_numbers([*values, *counts])
    merged: dict[float, float] = {}
    for value, count in zip(values, counts, strict=True):
        merged[float(value)] = merged.get(float(value), 0.0) + float(count)
    return Observation.of_values(at, unit, merged)


def _check_numbers(numbers: Iterable[float]) -> None:
    if not all(math.isfinite(number) for number in numbers):
        raise _invalid("A metric's values must be finite numbers.")


def _wanted(key: MetricKey, params: Mapping[str, Any]) -> bool:
    held = dict(key.dimensions)
    return (
        params.get("Namespace") in (None, key.namespace)
        and params.get("MetricName") in (None, key.name)
        and all(
            each["Name"] in held and each.get("Value") in (None, held[each["Name"]])
            for each in params.get("Dimensions") or []
        )
    )


def _metric(key: MetricKey) -> dict[str, Any]:
    dimensions = [{"Name": name, "Value": value} for name, value in key.dimensions]
    return {"Namespace": key.namespace, "MetricName": key.name, "Dimensions": dimensions}


def _invalid(reason: str) -> AwsError:
    return AwsError("InvalidParameterValue", reason)
