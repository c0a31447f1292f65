"""JSONata as Step Functions speaks it."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from localaws.stepfunctions.expressions import EvaluationError, Expression, InvalidExpressionError
from localaws.stepfunctions.functions import UNDEFINED

scalars = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text()
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def evaluate(source: str, data: Any = None, **variables: Any) -> Any:
    return Expression.parse(source).evaluate({"states": {"input": data}, **variables})


@given(values)
@settings(max_examples=200, deadline=None)
def test_a_variable_comes_out_as_it_went_in(value: Any) -> None:
    assert Expression.parse("$value").evaluate({"value": value}) == value


@given(st.text())
@settings(max_examples=100, deadline=None)
def test_text_with_quotes_and_newlines_survives_an_object(text: str) -> None:
    assert evaluate("{'cause': $states.input.cause}", {"cause": text}) == {"cause": text}


@given(values)
@settings(max_examples=100, deadline=None)
def test_parse_reads_what_json_writes(value: Any) -> None:
    assert Expression.parse("$parse($text)").evaluate({"text": json.dumps(value)}) == value


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("$states.input.none", None),
        ("$exists($states.input.none)", True),
        ("$type($states.input.none)", "null"),
        ("$states.input.absent", UNDEFINED),
        ("$exists($states.input.absent)", False),
        ("{'kept': $states.input.none, 'left': $states.input.absent}", {"kept": None}),
        ("$states.input.list[0]", None),
        ("$states.input.numbers[$ > 1]", [2, 3]),
        ("$states.input.numbers[$ > 2]", 3),
        ("[$states.input.numbers[$ > 2]]", [3]),
        ("$states.input.numbers[$ > 3]", UNDEFINED),
        ("$states.input.single", [7]),
        ("10 / 5", 2),
        ("'a' & 1 & true", "a1true"),
        ("($x := 5; $x * 2)", 10),
        ("$map($states.input.numbers, function($n) { $n * 10 })", [10, 20, 30]),
        ("$states.input.numbers.{'n': $}", [{"n": 1}, {"n": 2}, {"n": 3}]),
        ("[1..4]", [1, 2, 3, 4]),
    ],
)
def test_language(source: str, expected: Any) -> None:
    data = {"none": None, "list": [None, 1], "numbers": [1, 2, 3], "single": [7]}
    result = evaluate(source, data)
    assert result is UNDEFINED if expected is UNDEFINED else result == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("$partition([1..5], 2)", [[1, 2], [3, 4], [5]]),
        ("$partition([1..5], 2.9)", [[1, 2], [3, 4], [5]]),
        ("$partition([], 2)", UNDEFINED),
        ("$partition([1], 0)", UNDEFINED),
        ("$range(0, 10, 5)", [0, 5, 10]),
        ("$range(5, 1, -2)", [5, 3, 1]),
        ("$range(-1.7, 2, 1)", [-1, 0, 1, 2]),
        ("$range(3, 3, 1)", 3),
        ("$range(1, 5)", UNDEFINED),
        ("$range(1, 5, -1)", UNDEFINED),
        ("$hash('input data', 'SHA-1')", "aaff4a450a104cd177d28d18d74485e8cae074b7"),
        ("$hash('input data', 'MD5')", "812f45842bc6d66ee14572ce20db8e86"),
        ("$hash('input data')", UNDEFINED),
        ("$parse('null')", None),
        ("$parse('{\"a\": [1, null]}')", {"a": [1, None]}),
        ("$random(3) = $random(3)", True),
        ("$random(3) < 1", True),
        ("$uuid() = $uuid()", False),
        ("$length($uuid())", 36),
    ],
)
def test_step_functions_own_functions(source: str, expected: Any) -> None:
    result = evaluate(source)
    assert result is UNDEFINED if expected is UNDEFINED else result == expected


@pytest.mark.parametrize(
    "source",
    [
        "'a' + 1",
        "$nosuch(1)",
        "$error('stop')",
        "1 / 0",
        "$parse('{')",
        "$hash('a', 'sha-1')",
        "$map",
        "function($x) { $x }",
        "($f := function($n) { 1 + $f($n) }; $f(1))",
        "$range(1, 400000, 1)",
    ],
)
def test_what_fails_says_so(source: str) -> None:
    with pytest.raises(EvaluationError):
        evaluate(source)


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("a[", "INVALID_JSONATA_EXPRESSION"),
        ("", "INVALID_JSONATA_EXPRESSION"),
        ("phone", "UNSUPPORTED_JSONATA_EXPRESSION"),
        ("$map($states.input.a, function($v) { phone })", "UNSUPPORTED_JSONATA_EXPRESSION"),
        ("$.phone", "UNSUPPORTED_JSONATA_EXPRESSION"),
        ("$$.phone", "UNSUPPORTED_JSONATA_EXPRESSION"),
        ("$states.input[$$ = 1]", "UNSUPPORTED_JSONATA_EXPRESSION"),
        ("$eval('1')", "UNSUPPORTED_JSONATA_EXPRESSION"),
        ("$states.inputs", "UNSUPPORTED_JSONATA_EXPRESSION"),
        ("$a ?? 1", "UNSUPPORTED_JSONATA_EXPRESSION"),
        ("$a ?: 1", "UNSUPPORTED_JSONATA_EXPRESSION"),
    ],
)
def test_refused_when_read(source: str, code: str) -> None:
    with pytest.raises(InvalidExpressionError) as caught:
        Expression.parse(source)
    assert caught.value.code == code


@pytest.mark.parametrize(
    "source",
    [
        "$states.input.items[value > 3]",
        "$a ? $a : 1",
        "$states.input.{'k': v}",
        "$sort($a, function($l, $r) { $l.x > $r.x })",
        "$states.input.items^(>price)",
        "$a ~> |$|{'x': y}|",
        "$states.input.a.($ + 1)",
    ],
)
def test_names_after_the_first_step_are_the_datas_own(source: str) -> None:
    Expression.parse(source)


def test_reads_are_known_without_running() -> None:
    expression = Expression.parse("$states.result.x & $states.context.Execution.Name & $limit")
    assert expression.states_fields == {"result", "context"}
    assert {"states", "limit"} <= expression.names


def test_now_is_the_time_of_the_evaluation() -> None:
    expression = Expression.parse("$millis()")
    first = expression.evaluate({})
    later = first
    waiting = threading.Event()
    while later == first:
        waiting.wait(0.002)
        later = expression.evaluate({})
    assert later > first


def test_threads_do_not_see_each_others_data() -> None:
    expression = Expression.parse("$map($states.input, function($v) { $v + $offset })")

    def once(offset: int) -> bool:
        result = expression.evaluate({"states": {"input": [1, 2, 3]}, "offset": offset})
        return bool(result == [offset + 1, offset + 2, offset + 3])

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(once, range(200)))
