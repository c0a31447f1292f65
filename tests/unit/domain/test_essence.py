"""What a person is told in short: verdicts, figures, links."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from safe_deploy.domain.comparison import parse
from safe_deploy.domain.console import execution_url, sagemaker_url
from safe_deploy.domain.essence import essence
from safe_deploy.domain.fields import Fields
from safe_deploy.domain.figures import count, duration, figure, percent, span
from safe_deploy.domain.policy import Policy
from safe_deploy.domain.replay import histogram
from safe_deploy.errors import InvalidRequestError

from tests.fakes.story import POLICY


def evidence(**verdicts: str) -> dict[str, Any]:
    estimate = {"value": 3.0, "low": 2.5, "high": 3.5}
    metrics = {
        name: {"better": "lower", "candidate": estimate, "champion": {**estimate, "value": 4.0},
               "difference": {"value": -1.0, "low": -1.2, "high": -0.8}, "verdict": verdict}
        for name, verdict in verdicts.items()
    }  # fmt: skip
    return {
        "kind": "data",
        "candidate": {"metrics": dict.fromkeys(verdicts, 3.0)},
        "champion": {"metrics": dict.fromkeys(verdicts, 4.0)},
        "championObstacle": "",
        "gates": {"rules": [{"metric": next(iter(verdicts))}]},
        "comparison": {"metrics": metrics, "slices": []},
        "data": {"rowsRead": 100, "rowsAccepted": 90, "rowsRefused": 10},
        "devTest": {"latencyMilliseconds": {"p50": 4.0, "p99": 9.0}, "limitMilliseconds": 100},
    }


@pytest.mark.parametrize(
    ("verdicts", "kind"),
    [
        ({"rmse": "better", "mae": "better"}, "better"),
        ({"rmse": "better", "mae": "same"}, "better"),
        ({"rmse": "same", "mae": "worse"}, "worse"),
        ({"rmse": "better", "mae": "worse"}, "mixed"),
        ({"rmse": "same", "mae": "same"}, "same"),
        ({"rmse": "unknown", "mae": "same"}, "same"),
        ({"rmse": "unknown", "mae": "unknown"}, "unknown"),
    ],
)
def test_the_verdict_is_no_better_than_its_worst_metric(verdicts: dict[str, str], kind: str) -> None:
    assert essence(evidence(**verdicts)).kind == kind


def test_silence_is_no_verdict() -> None:
    given_evidence = evidence(rmse="better")
    given_evidence["comparison"] = None
    found = essence(given_evidence)
    assert found.kind == "unknown"
    assert "unknown" in found.verdict
    assert found.numbers[0].detail == "champion 4, −25.0\u00a0%"


def test_three_numbers() -> None:
    first, second, third = essence(evidence(rmse="better")).numbers
    assert (first.label, first.value) == ("rmse", "3")
    assert first.detail == "champion 4, −25.0 % (95 % interval −30.0 % to −20.0 %)".replace(" %", "\u00a0%")
    assert (second.value, second.detail) == ("90", "of 100; 10 refused (10.0\u00a0%)")
    assert third.value == "9 ms"


def test_code_alone_says_that_the_model_stays() -> None:
    found = essence({**evidence(rmse="better"), "kind": "code"})
    assert found.verdict == "Inference code alone changes; the model stays"


# ---- figures ----


@pytest.mark.parametrize(
    ("value", "text"),
    [(3.14159, "3.142"), (-2, "−2"), (0, "0"), (12345.6, "12,346"), (1e30, "1e+30"), (2.5e-7, "2.5e-07"),
     (None, "unknown"), (math.nan, "unknown"), (math.inf, "unknown"), (True, "unknown"), ("1", "unknown")],
)  # fmt: skip
def test_figures(value: Any, text: str) -> None:
    assert figure(value) == text


@given(st.one_of(st.none(), st.booleans(), st.text(), st.integers(), st.floats()))
def test_no_value_breaks_a_figure(value: Any) -> None:
    for words in (figure(value), count(value), percent(value), percent(value, signed=True), duration(value)):
        assert words
        assert len(words) < 400
        assert "nan" not in words
        assert "inf" not in words


def test_intervals_shares_and_durations_in_words() -> None:
    assert span({"low": 1, "high": 2.5}) == "1 to 2.5"
    assert span({"low": None, "high": 2}) == span(None) == "interval unknown"
    assert percent(0.0123) == "1.2\u00a0%"
    assert percent(0.5, signed=True) == "+50.0\u00a0%"
    words = [duration(seconds) for seconds in (5, 60, 900, 3600, 259_200)]
    assert words == ["5 seconds", "1 minute", "15 minutes", "1 hour", "3 days"]


# ---- slices ----


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ({"slices": [{"column": "size", "bands": [2, 1]}]}, "bands must be numbers that rise"),
        ({"slices": [{"column": "size", "bands": [1, True]}]}, "bands must be numbers that rise"),
        ({"slices": [{"column": "size", "bands": [1], "labels": {}}]}, "bands or labels"),
        ({"slices": [{"name": "no column"}]}, "column is missing"),
        ({"slices": [{"column": "size", "colour": "red"}]}, "colour"),
    ],
)
def test_what_the_policy_says_of_slices_is_read_strictly(section: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidRequestError, match=words):
        Policy.parse({**POLICY, **section})


# ---- links ----


def test_the_console_of_each_partition() -> None:
    arn = "arn:{}:states:eu-west-1:111122223333:execution:release:abc"
    path = "states/home?region=eu-west-1#/v2/executions/details/"
    for partition, host in (
        ("aws", "console.aws.amazon.com"),
        ("aws-cn", "console.amazonaws.cn"),
        ("aws-us-gov", "console.amazonaws-us-gov.com"),
    ):
        given_arn = arn.format(partition)
        assert execution_url(given_arn) == f"https://eu-west-1.{host}/{path}{given_arn}"
    assert sagemaker_url(arn.format("aws"), "jobs", "a b") == (
        "https://eu-west-1.console.aws.amazon.com/sagemaker/home?region=eu-west-1#/jobs/a%20b"
    )


@pytest.mark.parametrize("arn", ["", "execution", "arn:aws-other:states:r:1:execution:x", "javascript:a:b:c:d:e"])
def test_no_link_where_no_console_is_known(arn: str) -> None:
    assert execution_url(arn) is None


def test_a_region_can_not_lead_elsewhere() -> None:
    url = execution_url("arn:aws:states:evil.example/?x=:1:execution:x")
    assert url is not None
    assert url.startswith("https://evil.example%2F%3Fx%3D.console.aws.amazon.com/")


# ---- what is replayed, what is compared ----


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=300))
def test_a_histogram_counts_every_value_once(values: list[float]) -> None:
    found = histogram(values)
    assert sum(found["counts"]) + found["below"] + found["above"] == len(values)
    assert len(found["counts"]) % 2 == 1
    assert len(found["counts"]) <= 21


def test_a_histogram_has_a_bin_centred_on_nought_and_a_round_width() -> None:
    found = histogram([-1.0, 0.0, 0.04, -0.04, 1.0, 0.52])
    assert found == {"width": 0.1, "counts": [1, *[0] * 9, 3, *[0] * 4, 1, *[0] * 4, 1], "below": 0, "above": 0}
    assert histogram([0.0, 0.0]) == {"width": 0.0, "counts": [2], "below": 0, "above": 0}


def test_a_comparison_is_read_strictly() -> None:
    estimate = {"value": 1.0, "low": None, "high": 2.0, "error": 3}
    good: dict[str, Any] = {
        "method": dict.fromkeys(("resamples", "rowsEach", "sliceResamples", "sliceRowsEach", "confidence", "seed"), 1),
        "metrics": {"rmse": {"better": "lower", "candidate": estimate, "champion": None, "difference": None,
                             "verdict": "unknown"}},
        "sliceMetric": "rmse",
        "slices": [{"slice": "g", "value": "1", "rows": 5, "candidate": estimate, "champion": None,
                    "difference": None, "verdict": "same", "note": ""}],
    }  # fmt: skip
    found = parse(Fields(good, "e"))
    assert found["metrics"]["rmse"]["candidate"] == {"value": 1.0, "low": None, "high": 2.0}
    for path, wrong in (
        (("metrics", "rmse", "verdict"), "great"),
        (("slices", 0, "rows"), -1),
        (("slices", 0, "candidate", "value"), "1"),
        (("sliceMetric",), ""),
    ):
        broken: Any = parse(Fields(good, "e"))
        at = broken
        for key in path[:-1]:
            at = at[key]
        at[path[-1]] = wrong
        with pytest.raises(InvalidRequestError):
            parse(Fields(broken, "e"))
