"""Event patterns against AWS's documented examples, and properties that hold for every value."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localaws.errors import AwsError, NotModelledError
from localaws.eventbridge.patterns import compile_pattern

EVENT: dict[str, Any] = {
    "source": "aws.s3",
    "detail-type": "Object Created",
    "resources": ["arn:aws:s3:::one", "arn:aws:s3:::two"],
    "detail": {
        "bucket": {"name": "drops"},
        "object": {"key": "drops/a/manifest.json", "size": 300},
        "price": 17.5,
        "gone": None,
        "empty": "",
        "flag": True,
        "parts": [{"n": 1, "state": "ok"}, {"n": 2, "state": "bad"}],
        "nothing": [],
    },
}


def matches(pattern: Any, event: Any = EVENT) -> bool:
    return compile_pattern(json.dumps(pattern))(event)


@pytest.mark.parametrize(
    ("detail", "wanted"),
    [
        ({"bucket": {"name": ["drops"]}}, True),
        ({"bucket": {"name": ["other", "drops"]}}, True),
        ({"bucket": {"name": ["Drops"]}}, False),
        ({"bucket": {"name": [{"equals-ignore-case": "DROPS"}]}}, True),
        ({"object": {"key": [{"prefix": "drops/"}]}}, True),
        ({"object": {"key": [{"prefix": "rops/"}]}}, False),
        ({"object": {"key": [{"prefix": {"equals-ignore-case": "DROPS/"}}]}}, True),
        ({"object": {"key": [{"suffix": "manifest.json"}]}}, True),
        ({"object": {"key": [{"suffix": {"equals-ignore-case": "MANIFEST.json"}}]}}, True),
        ({"object": {"key": [{"suffix": ".csv"}]}}, False),
        ({"object": {"key": [{"wildcard": "drops/*/manifest.json"}]}}, True),
        ({"object": {"key": [{"wildcard": "drops/*.csv"}]}}, False),
        ({"object": {"key": [{"wildcard": "drops/\\*/manifest.json"}]}}, False),
        ({"object": {"key": [{"anything-but": "x"}]}}, True),
        ({"object": {"key": [{"anything-but": ["x", "drops/a/manifest.json"]}]}}, False),
        ({"object": {"key": [{"anything-but": {"prefix": "drops/"}}]}}, False),
        ({"object": {"key": [{"anything-but": {"prefix": ["a", "b"]}}]}}, True),
        ({"object": {"key": [{"anything-but": {"suffix": ".csv"}}]}}, True),
        ({"object": {"key": [{"anything-but": {"wildcard": "*/a/*"}}]}}, False),
        ({"bucket": {"name": [{"anything-but": {"equals-ignore-case": "DROPS"}}]}}, False),
        ({"absent": [{"anything-but": "x"}]}, False),
        ({"object": {"size": [300]}}, True),
        ({"object": {"size": [300.0]}}, False),
        ({"object": {"size": ["300"]}}, False),
        ({"object": {"size": [{"numeric": ["=", 300.0]}]}}, True),
        ({"object": {"size": [{"anything-but": 300}]}}, False),
        ({"price": [{"numeric": [">", 10, "<=", 17.5]}]}, True),
        ({"price": [{"numeric": ["<", 17.5]}]}, False),
        ({"flag": [{"numeric": ["=", 1]}]}, False),
        ({"flag": [True]}, True),
        ({"flag": [1]}, False),
        ({"gone": [None]}, True),
        ({"gone": [{"exists": True}]}, True),
        ({"empty": [""]}, True),
        ({"absent": [{"exists": False}]}, True),
        ({"absent": {"below": [{"exists": False}]}}, True),
        ({"absent": [None]}, False),
        ({"bucket": [{"exists": True}]}, False),
        ({"bucket": {"name": [{"exists": False}]}}, False),
        ({"nothing": [{"exists": False}]}, True),
        ({"parts": {"n": [1], "state": ["ok"]}}, True),
        ({"parts": {"n": [1], "state": ["bad"]}}, False),
        ({"bucket": {"name": ["x"]}, "object": {"size": [300]}}, False),
        ({"$or": [{"bucket": {"name": ["x"]}}, {"object": {"size": [300]}}]}, True),
        ({"$or": [{"bucket": {"name": ["x"]}}, {"object": {"size": [1]}}]}, False),
        ({"price": [17.5], "$or": [{"flag": [False]}, {"gone": [None]}]}, True),
    ],
)
def test_documented_operators(detail: dict[str, Any], wanted: bool) -> None:
    assert matches({"source": ["aws.s3"], "detail": detail}) is wanted


def test_a_list_in_the_event_matches_by_any_member() -> None:
    assert matches({"resources": ["arn:aws:s3:::two"]})
    assert matches({"resources": [{"anything-but": "arn:aws:s3:::two"}]})
    assert not matches({"resources": ["arn:aws:s3:::three"]})


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ({}, "empty objects"),
        ({"detail": {}}, "empty objects are not allowed at 'detail'"),
        ({"source": "aws.s3"}, "'source' must be an object or a list"),
        ({"source": []}, "empty lists"),
        ({"source": [["x"]]}, "a list within a list"),
        ({"source": [{"starts-with": "x"}]}, "unrecognized match type 'starts-with' at 'source'"),
        ({"source": [{"prefix": "a", "suffix": "b"}]}, "only one operator"),
        ({"source": [{"prefix": 1}]}, "'prefix' must be a string"),
        ({"source": [{"wildcard": "a**b"}]}, "consecutive wildcard"),
        ({"source": [{"wildcard": "a\\b"}]}, "invalid escape"),
        ({"source": [{"numeric": ["~", 1]}]}, "operator '~'"),
        ({"source": [{"numeric": [">", "1"]}]}, "must be a number"),
        ({"source": [{"numeric": ["<", 1, ">", 0]}]}, "a lower, then an upper bound"),
        ({"source": [{"exists": "yes"}]}, "'exists' must be true or false"),
        ({"source": [{"anything-but": []}]}, "'anything-but' must be"),
        ({"source": [{"anything-but": {"numeric": ["=", 1]}}]}, "unsupported 'anything-but'"),
        ({"$or": [{"source": ["a"]}]}, "at least two objects"),
        ("text", "it must be an object"),
    ],
)
def test_what_aws_refuses_is_refused_by_name(pattern: Any, reason: str) -> None:
    with pytest.raises(AwsError, match="Event pattern is not valid") as caught:
        matches(pattern)
    assert caught.value.code == "InvalidEventPatternException"
    assert reason in caught.value.message


def test_a_pattern_that_is_no_json_is_refused() -> None:
    with pytest.raises(AwsError, match="it is not JSON"):
        compile_pattern("{")


def test_cidr_is_not_modelled_and_says_so() -> None:
    with pytest.raises(NotModelledError, match=r"'cidr' at 'detail\.ip'"):
        matches({"detail": {"ip": [{"cidr": "10.0.0.0/24"}]}})


SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text()
)
NAMES = st.text(min_size=1, max_size=6).filter(lambda k: k != "$or")
TREES = st.recursive(SCALARS, lambda inner: st.dictionaries(NAMES, inner, min_size=1, max_size=3), max_leaves=8)
EVENTS = st.dictionaries(NAMES, TREES, min_size=1, max_size=4)


def exact(event: Any) -> Any:
    return {name: exact(value) for name, value in event.items()} if isinstance(event, dict) else [event]


@given(EVENTS)
def test_every_event_matches_the_pattern_made_of_its_own_values(event: dict[str, Any]) -> None:
    assert matches(exact(event), json.loads(json.dumps(event)))


@given(SCALARS, SCALARS)
def test_anything_but_is_the_opposite_of_equality_for_what_exists(wanted: Any, actual: Any) -> None:
    event = {"a": actual}
    assert matches({"a": [{"anything-but": [wanted]}]}, event) is not matches({"a": [wanted]}, event)


@given(st.text(), st.text(), st.text())
def test_wildcards_agree_with_prefix_and_suffix(start: str, middle: str, end: str) -> None:
    escaped = [part.replace("\\", "\\\\").replace("*", "\\*") for part in (start, end)]
    event = {"a": start + middle + end}
    assert matches({"a": [{"wildcard": "*".join(escaped)}]}, event)
    assert matches({"a": [{"prefix": start}]}, event)
    assert matches({"a": [{"suffix": end}]}, event)
    assert matches({"a": [{"wildcard": escaped[0]}]}, event) is (middle + end == "")


@given(st.floats(-1e9, 1e9), st.floats(-1e9, 1e9), st.floats(-1e9, 1e9))
def test_a_numeric_range_is_the_range(low: float, high: float, value: float) -> None:
    assert matches({"a": [{"numeric": [">=", low, "<", high]}]}, {"a": value}) is (low <= value < high)


@given(EVENTS)
def test_or_is_true_when_one_branch_is(event: dict[str, Any]) -> None:
    never = {"\x00never": ["x"]}
    assert matches({"$or": [never, exact(event)]}, json.loads(json.dumps(event)))
    assert not matches({"$or": [never, never]}, event)
