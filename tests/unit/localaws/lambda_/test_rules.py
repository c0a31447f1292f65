"""Lambda's small rules: names, weights, resource policies, embedded metrics, reports."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localaws.errors import AwsError
from localaws.lambda_ import metrics, policy, report
from localaws.lambda_.invocation import exit_reason
from localaws.lambda_.metrics import Served
from localaws.lambda_.model import Alias, Bundle, Configuration, Version
from localaws.lambda_.names import Reference, is_version, reference
from localaws.lambda_.output import Line
from localaws.lambda_.report import Measured
from localaws.lambda_.routing import drawn

API = "arn:aws:execute-api:us-east-1:1:abc"
ARN = "arn:aws:lambda:us-east-1:123456789012:function:f"


@pytest.mark.parametrize(
    ("given_name", "qualifier", "expected"),
    [
        ("f", None, Reference("f", "")),
        ("f", "live", Reference("f", "live")),
        ("f:3", None, Reference("f", "3")),
        (ARN, "live", Reference("f", "live")),
        (f"{ARN}:live", "live", Reference("f", "live")),
        (f"{ARN}:$LATEST", None, Reference("f", "$LATEST")),
        ("123456789012:function:f:live", None, Reference("f", "live")),
    ],
)
def test_names_in_every_spelling(given_name: str, qualifier: str | None, expected: Reference) -> None:
    assert reference({"FunctionName": given_name, "Qualifier": qualifier}) == expected


@pytest.mark.parametrize("name", ["", "a b", "arn:aws:lambda", "f/g"])
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(AwsError):
        reference({"FunctionName": name})


def test_versions_are_numbers_or_latest() -> None:
    assert [is_version(q) for q in ("1", "10", "$LATEST", "live", "v1")] == [True, True, True, False, False]


@given(weight=st.floats(0, 1), seed=st.integers())
def test_a_draw_follows_the_weight(weight: float, seed: int) -> None:
    alias = Alias("live", f"{ARN}:live", "1", weights={"2": weight})
    chance = random.Random(seed)
    share = sum(drawn(alias, chance) == "2" for _ in range(400)) / 400
    assert abs(share - weight) < 0.15  # six standard deviations


def test_no_weight_and_all_the_weight_are_certain() -> None:
    chance = random.Random(1)
    for weight, version in ((0.0, "1"), (1.0, "2")):
        alias = Alias("live", f"{ARN}:live", "1", weights={"2": weight})
        assert {drawn(alias, chance) for _ in range(100)} == {version}


@pytest.mark.parametrize(
    ("pattern", "arn", "fits"),
    [
        (f"{API}/*/POST/predict", f"{API}/$default/POST/predict", True),
        (f"{API}/*/GET/approvals/*", f"{API}/s/GET/approvals/{{id}}", True),
        ("arn:aws:events:us-east-1:1:rule/a?c", "arn:aws:events:us-east-1:1:rule/abc", True),
        ("arn:aws:events:*:1:rule/abc", "arn:aws:events:us-east-1:1:rule/abc", True),
        ("arn:aws:events:us-east-1:1:rule/abc", "arn:aws:events:us-east-1:2:rule/abc", False),
        ("arn:aws:*", "arn:aws:events:us-east-1:1:rule/abc", False),
        ("arn:aws:events:us-east-1:1:rule/a.c", "arn:aws:events:us-east-1:1:rule/abc", False),
    ],
)  # fmt: skip
def test_arns_are_compared_part_by_part(pattern: str, arn: str, fits: bool) -> None:
    assert policy.arn_like(pattern, arn) is fits


@pytest.mark.parametrize(
    ("principal", "expected"),
    [
        ("*", "*"),
        ("apigateway.amazonaws.com", {"Service": "apigateway.amazonaws.com"}),
        ("123456789012", {"AWS": "arn:aws:iam::123456789012:root"}),
        ("arn:aws:iam::123456789012:role/r", {"AWS": "arn:aws:iam::123456789012:role/r"}),
    ],
)
def test_principals_of_a_statement(principal: str, expected: object) -> None:
    params = {"StatementId": "s", "Action": policy.INVOKE, "Principal": principal}
    assert policy.statement(params, ARN)["Principal"] == expected


def test_conditions_that_are_not_modelled_are_refused() -> None:
    params = {"StatementId": "s", "Action": policy.INVOKE, "Principal": "*", "PrincipalOrgID": "o-1"}
    with pytest.raises(AwsError, match="PrincipalOrgID"):
        policy.statement(params, ARN)


def emf(**changes: object) -> str:
    root = {
        "_aws": {
            "Timestamp": 1_700_000_000_000,
            "CloudWatchMetrics": [
                {
                    "Namespace": "N",
                    "Dimensions": [["A"], ["A", "B"]],
                    "Metrics": [{"Name": "M", "Unit": "Count"}],
                }
            ],
        },
        "A": "a",
        "B": "b",
        "M": 2,
    }
    return json.dumps({**root, **changes})


def test_embedded_metrics_have_a_point_for_each_set_of_dimensions() -> None:
    found = list(metrics.embedded([Line(0, "text"), Line(0, emf())]))
    assert [(n, p.name, p.value, p.dimensions, p.unit) for n, p in found] == [
        ("N", "M", 2.0, (("A", "a"),), "Count"),
        ("N", "M", 2.0, (("A", "a"), ("B", "b")), "Count"),
    ]
    assert found[0][1].timestamp == datetime.fromtimestamp(1_700_000_000, UTC)


@pytest.mark.parametrize("changes", [{"M": "two"}, {"A": 5}, {"_aws": {}}, {"_aws": 3}, {"M": None}])
def test_a_line_with_invalid_embedded_metrics_publishes_none(changes: dict[str, object]) -> None:
    assert list(metrics.embedded([Line(0, emf(**changes))])) == []


def test_only_an_alias_adds_the_executed_version() -> None:
    assert [len(d) for d in Served("f", "live", "3", is_alias=True).dimensions()] == [0, 1, 2, 3]
    assert [len(d) for d in Served("f", "3", "3", is_alias=False).dimensions()] == [0, 1, 2]
    assert list(Served("f", "", "$LATEST", is_alias=False).dimensions())[-1][1] == ("Resource", "f")


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (0, "Runtime exited without providing a reason"),
        (2, "Runtime exited with error: exit status 2"),
        (-9, "Runtime exited with error: signal: killed"),
        (-11, "Runtime exited with error: signal: segmentation fault"),
    ],
)
def test_ends_in_awss_words(status: int, text: str) -> None:
    assert exit_reason(status) == text


def version(**logging: str) -> Version:
    bundle = Bundle("x", 1, Path("a.zip"), Path("a"))
    complete = {"LogFormat": "Text", "LogGroup": "g", **logging}
    configuration = Configuration("python3.13", "r", "app.handler", bundle, logging=complete)
    return Version("f", ARN, "$LATEST", configuration, datetime.now(UTC))


def test_a_report_in_text() -> None:
    measured = Measured("id", 12.345, 100.0, 50, "timeout")
    end, line = (entry.text for entry in report.after(version(), measured))
    assert end == "END RequestId: id"
    assert line == (
        "REPORT RequestId: id\tDuration: 12.35 ms\tBilled Duration: 113 ms\tMemory Size: 128 MB\t"
        "Max Memory Used: 50 MB\tInit Duration: 100.00 ms\tStatus: timeout\t"
    ).replace("12.35", f"{12.345:.2f}")


def test_a_report_in_json_and_none_at_all() -> None:
    (line,) = report.after(version(LogFormat="JSON"), Measured("id", 12.0, None, None))
    assert json.loads(line.text)["record"] == {
        "requestId": "id",
        "metrics": {"durationMs": 12.0, "billedDurationMs": 12, "memorySizeMB": 128},
        "status": "success",
    }
    quiet = version(LogFormat="JSON", SystemLogLevel="WARN")
    assert list(report.before(quiet, "id", 0.0)) == []
    assert list(report.after(quiet, Measured("id", 1.0, None, None))) == []
