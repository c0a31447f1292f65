"""Metric data queries: metrics and math over them, in periods. Called by GetMetricData and by alarms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from localaws.cloudwatch.expressions import Scope, Value, evaluate, names_in
from localaws.cloudwatch.metrics import MetricKey, MetricStore
from localaws.cloudwatch.statistics import check_statistic, series
from localaws.errors import AwsError, NotModelledError

Query = Mapping[str, Any]
"""A `MetricDataQuery` as the API spells it."""


def key_of(metric: Mapping[str, Any]) -> MetricKey:
    """The key of a `Metric` (or of an alarm's members of the same names)."""
    pairs = [(each["Name"], each["Value"]) for each in metric.get("Dimensions") or []]
    return MetricKey.of(metric["Namespace"], metric["MetricName"], pairs)


def check_queries(queries: Sequence[Query]) -> None:
    """Raise unless every query can be answered: known ids, known statistics, no circle."""
    ids = [query["Id"] for query in queries]
    if len(set(ids)) != len(ids):
        raise AwsError("ValidationError", "The ids of the queries must differ")
    for query in queries:
        if query.get("AccountId"):
            raise NotModelledError("AccountId of a metric data query")
        if ("MetricStat" in query) == ("Expression" in query):
            raise AwsError("ValidationError", f"Query {query['Id']!r} must have a MetricStat or an Expression")
        if "MetricStat" in query:
            check_statistic(query["MetricStat"]["Stat"])
            check_period(query["MetricStat"]["Period"])
        elif query["Expression"].lstrip().upper().startswith(("SELECT", "SEARCH")):
            raise NotModelledError(f"{query['Expression'].split()[0].split('(')[0]} in a metric data query")
    ordered(queries)
    period_of(queries)


def check_period(period: int) -> None:
    """Raise unless a period is one that CloudWatch has."""
    if period not in (1, 5, 10, 20, 30) and (period < 60 or period % 60):
        raise AwsError("ValidationError", f"Period {period} must be 1, 5, 10, 20, 30 or a multiple of 60")


def period_of(queries: Sequence[Query]) -> int:
    """The one period of all the metrics, in seconds."""
    periods = {int(query["MetricStat"]["Period"]) for query in queries if "MetricStat" in query}
    if len(periods) > 1:
        raise NotModelledError(f"different periods in one set of queries: {sorted(periods)}")
    if not periods:
        raise AwsError("ValidationError", "At least one query must be of a metric")
    return periods.pop()


def ordered(queries: Sequence[Query]) -> list[Query]:
    """The queries, each after those that its expression refers to."""
    waiting = {query["Id"]: query for query in queries}
    metrics = {query["Id"] for query in queries if "MetricStat" in query}
    done: list[Query] = []
    while waiting:
        known = {query["Id"] for query in done}
        needs = {name: names_in(q["Expression"]) if "Expression" in q else set() for name, q in waiting.items()}
        for name, used in needs.items():
            if used - known - waiting.keys():
                unknown = min(used - known - waiting.keys())
                raise AwsError("ValidationError", f"{unknown!r} in {waiting[name]['Expression']!r} is no query's id")
        ready = [name for name, used in needs.items() if used <= known and (name in metrics or metrics <= known)]
        if not ready:
            raise AwsError("ValidationError", f"The queries {sorted(waiting)} refer to each other in a circle")
        done += [waiting.pop(name) for name in ready]
    return done


def answer(store: MetricStore, queries: Sequence[Query], period: float, numbers: range) -> dict[str, Value]:
    """Every query's result, by id, over the periods with those numbers. `period` is in real seconds."""
    metrics = tuple(query["Id"] for query in queries if "MetricStat" in query)
    results: dict[str, Value] = {}
    for query in ordered(queries):
        if "MetricStat" in query:
            wanted = query["MetricStat"]
            key = key_of(wanted["Metric"])
            found: Value = series(store, key, wanted["Stat"], wanted.get("Unit"), period, numbers)
        else:
            found = evaluate(query["Expression"], Scope(results, metrics, numbers))
        results[query["Id"]] = found
    return results
