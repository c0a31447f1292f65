"""Metric math: what is known is right, what isn't is refused by name."""

from __future__ import annotations

from typing import Any

import pytest

from localaws.cloudwatch.expressions import Scope, evaluate, names_in
from localaws.cloudwatch.queries import check_queries, ordered
from localaws.errors import AwsError, NotModelledError

M1 = {0: 10.0, 1: 20.0, 3: 40.0}
M2 = {0: 1.0, 1: 0.0, 2: 3.0}
SCOPE = Scope({"m1": M1, "m2": M2, "e1": {0: 5.0}}, ("m1", "m2"), range(4))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1 + 2 * 3 ^ 2", 19.0),
        ("-(2 - 5)", 3.0),
        ("m1", M1),
        ("m1 / 10", {0: 1.0, 1: 2.0, 3: 4.0}),
        ("100 - m2", {0: 99.0, 1: 100.0, 2: 97.0}),
        ("m1 / m2", {0: 10.0}),
        ("m2/m1*100", {0: 10.0, 1: 0.0}),
        ("SUM(METRICS())", {0: 11.0, 1: 20.0, 2: 3.0, 3: 40.0}),
        ("SUM([m1, m2, e1])", {0: 16.0, 1: 20.0, 2: 3.0, 3: 40.0}),
        ("MAX([m1, m2])", {0: 10.0, 1: 20.0, 2: 3.0, 3: 40.0}),
        ("MIN(METRICS('m2'))", {0: 1.0, 1: 0.0, 2: 3.0}),
        ("SUM(m1)", 70.0),
        ("AVG(m2)", 4 / 3),
        ("m1 > 15", {0: 0.0, 1: 1.0, 3: 1.0}),
        ("m1 > 15 AND m2 == 0", {0: 0.0, 1: 1.0}),
        ("m1 >= 40 || m1 < 15", {0: 1.0, 1: 0.0, 3: 1.0}),
        ("IF(m1 > 15, m1, 0)", {0: 0.0, 1: 20.0, 3: 40.0}),
        ("IF(m1 > 15, m2)", {1: 0.0}),
        ("FILL(m1, 0)", {0: 10.0, 1: 20.0, 2: 0.0, 3: 40.0}),
        ("FILL(m1, REPEAT)", {0: 10.0, 1: 20.0, 2: 20.0, 3: 40.0}),
        ("FILL(m1, m2)", {0: 10.0, 1: 20.0, 2: 3.0, 3: 40.0}),
        ("ABS(-m2)", M2),
        ("METRICS() * 2", [{0: 20.0, 1: 40.0, 3: 80.0}, {0: 2.0, 1: 0.0, 2: 6.0}]),
    ],
)
def test_expressions(text: str, value: Any) -> None:
    assert evaluate(text, SCOPE) == value


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("ANOMALY_DETECTION_BAND(m1)", "ANOMALY_DETECTION_BAND"),
        ("RATE(m1)", "RATE"),
        ("FILL(m1, LINEAR)", "LINEAR"),
    ],
)
def test_unknown_functions_are_refused_by_name(text: str, named: str) -> None:
    with pytest.raises(NotModelledError, match=named):
        evaluate(text, SCOPE)


@pytest.mark.parametrize("text", ["m1 +", "m9", "(m1", "m1 m2", "m1 $ 2", "SUM(1)"])
def test_nonsense_is_refused(text: str) -> None:
    with pytest.raises(AwsError):
        evaluate(text, SCOPE)


def test_names_in_an_expression_are_queries_not_functions() -> None:
    assert names_in("IF(m1 > 2 AND e1 < 3, SUM(METRICS('m2')), FILL(m3, REPEAT))") == {"m1", "e1", "m3"}


def query(name: str, expression: str | None = None, period: int = 60) -> dict[str, Any]:
    if expression is not None:
        return {"Id": name, "Expression": expression}
    metric = {"Namespace": "N", "MetricName": "M"}
    return {"Id": name, "MetricStat": {"Metric": metric, "Period": period, "Stat": "Sum"}}


def test_queries_are_answered_after_what_they_refer_to() -> None:
    found = ordered([query("a", "b * 2"), query("b", "SUM(METRICS())"), query("m")])
    assert [each["Id"] for each in found] == ["m", "b", "a"]


@pytest.mark.parametrize(
    ("queries", "reason"),
    [
        ([query("m"), query("m")], "ids of the queries must differ"),
        ([query("m"), query("a", "b"), query("b", "a")], "in a circle"),
        ([query("m"), query("a", "absent + 1")], "'absent'"),
        ([query("m"), query("n", period=300)], "different periods"),
        ([query("a", "SEARCH('x', 'Sum')")], "SEARCH"),
        ([query("a", "1")], "At least one query"),
        ([{**query("m"), "Expression": "1"}], "must have a MetricStat or an Expression"),
    ],
)
def test_queries_that_can_not_be_answered_are_refused(queries: list[dict[str, Any]], reason: str) -> None:
    with pytest.raises(AwsError, match=reason):
        check_queries(queries)
