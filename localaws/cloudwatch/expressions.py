"""CloudWatch metric math: a part of it; all else is refused by name. Called by queries.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from localaws.cloudwatch.statistics import Series
from localaws.errors import AwsError, NotModelledError

Value = float | Series | list[Series]
TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+\.?\d*(?:[eE][+-]?\d+)?)|(?P<name>[A-Za-z][A-Za-z0-9_]*)|(?P<text>'[^']*'|\"[^\"]*\")"
    r"|(?P<sign><=|>=|==|!=|&&|\|\||[-+*/^()<>,\[\]]))"
)
WORDS = {"AND": "&&", "OR": "||"}
LEVELS: tuple[tuple[str, ...], ...] = (
    ("||",),
    ("&&",),
    ("<", ">", "<=", ">=", "==", "!="),
    ("+", "-"),
    ("*", "/"),
    ("^",),
)
Operation = Callable[[float, float], float]
OPERATIONS: dict[str, Operation] = {
    "||": lambda a, b: float(bool(a) or bool(b)),
    "&&": lambda a, b: float(bool(a) and bool(b)),
    "<": lambda a, b: float(a < b),
    ">": lambda a, b: float(a > b),
    "<=": lambda a, b: float(a <= b),
    ">=": lambda a, b: float(a >= b),
    "==": lambda a, b: float(a == b),
    "!=": lambda a, b: float(a != b),
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "^": operator.pow,
}
AGGREGATES: dict[str, Callable[[list[float]], float]] = {
    "SUM": sum,
    "AVG": lambda values: sum(values) / len(values),
    "MIN": min,
    "MAX": max,
}
ELEMENTWISE: dict[str, Callable[[float], float]] = {"ABS": abs, "CEIL": math.ceil, "FLOOR": math.floor}


@dataclass(frozen=True, slots=True)
class Scope:
    """What an expression may refer to."""

    values: Mapping[str, Value]
    """Results of the other queries, by id."""
    metrics: tuple[str, ...]
    """The ids of those that are metrics."""
    numbers: range
    """The periods that are asked for."""


def evaluate(text: str, scope: Scope) -> Value:
    """The value of an expression. Raises `AwsError` (`ValidationError`) when it makes no sense."""
    return _Parser(text).evaluate(scope)


def names_in(text: str) -> set[str]:
    """The ids that an expression refers to."""
    tokens = _tokens(text)
    return {
        value
        for (kind, value), (_, following) in zip(tokens, [*tokens[1:], ("end", "")], strict=True)
        if kind == "name" and following != "(" and value.upper() not in WORDS and value not in ("REPEAT", "LINEAR")
    }


class _Parser:
    """Parses and evaluates at once, by recursive descent."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = [*_tokens(text), ("end", "")]
        self._at = 0

    def evaluate(self, scope: Scope) -> Value:
        self._scope = scope
        found = self._binary(0)
        if self._peek()[0] != "end":
            raise self._invalid(f"unexpected {self._peek()[1]!r}")
        return found

    def _peek(self) -> tuple[str, str]:
        return self._tokens[self._at]

    def _next(self) -> tuple[str, str]:
        self._at += 1
        return self._tokens[self._at - 1]

    def _expect(self, sign: str) -> None:
        if self._next()[1] != sign:
            raise self._invalid(f"{sign!r} expected")

    def _binary(self, level: int) -> Value:
        if level == len(LEVELS):
            return self._unary()
        left = self._binary(level + 1)
        while self._peek()[0] == "sign" and self._peek()[1] in LEVELS[level]:
            sign = self._next()[1]
            left = _combined(OPERATIONS[sign], left, self._binary(level + 1))
        return left

    def _unary(self) -> Value:
        if self._peek() == ("sign", "-"):
            self._next()
            return _combined(operator.mul, -1.0, self._unary())
        return self._primary()

    def _primary(self) -> Value:
        kind, value = self._next()
        if kind == "number":
            return float(value)
        if (kind, value) == ("sign", "("):
            found = self._binary(0)
            self._expect(")")
            return found
        if (kind, value) == ("sign", "["):
            return [each for part in self._arguments("]") for each in _listed(part)]
        if kind == "name" and self._peek()[1] == "(":
            self._next()
            return self._call(value)
        if kind == "name" and value in self._scope.values:
            return self._scope.values[value]
        raise self._invalid(f"{value!r} is not the id of a query" if kind == "name" else f"unexpected {value!r}")

    def _arguments(self, closing: str) -> list[Any]:
        found: list[Any] = []
        while self._peek()[1] != closing:
            if found:
                self._expect(",")
            kind, value = self._peek()
            if kind == "text" or value in ("REPEAT", "LINEAR"):
                found.append(self._next()[1].strip("'\""))
            else:
                found.append(self._binary(0))
        self._expect(closing)
        return found

    def _call(self, name: str) -> Value:
        arguments = self._arguments(")")
        if name == "METRICS":
            return self._metrics(*arguments)
        if name == "IF":
            return _if(*arguments)
        if name == "FILL":
            return _fill(arguments[0], arguments[1], self._scope.numbers)
        if name in AGGREGATES:
            return _aggregated(AGGREGATES[name], *arguments)
        if name in ELEMENTWISE:
            return _mapped(ELEMENTWISE[name], *arguments)
        raise NotModelledError(f"the metric math function {name}")

    def _metrics(self, part: str = "") -> list[Series]:
        chosen = [self._scope.values[name] for name in self._scope.metrics if part in name]
        return [each for value in chosen for each in _listed(value)]

    def _invalid(self, reason: str) -> AwsError:
        return AwsError("ValidationError", f"Error in expression {self._text!r}: {reason}")


def _tokens(text: str) -> list[tuple[str, str]]:
    found, at = [], 0
    while text[at:].strip():
        match = TOKEN.match(text, at)
        if match is None:
            raise AwsError("ValidationError", f"Error in expression {text!r}: unexpected {text[at:].strip()[0]!r}")
        kind = str(match.lastgroup)
        value = match.group(kind)
        found.append(("sign", WORDS[value.upper()]) if value.upper() in WORDS else (kind, value))
        at = match.end()
    return found


def _listed(value: Value) -> list[Series]:
    if isinstance(value, list):
        return value
    if isinstance(value, dict):
        return [value]
    raise AwsError("ValidationError", "A time series is expected where an expression has a number")


def _combined(operation: Operation, left: Value, right: Value) -> Value:
    """Two numbers, a number with each value, or values of the same time; what can't be divided is absent."""
    if isinstance(left, list):
        return [each for one in left for each in _listed(_combined(operation, one, right))]
    if isinstance(right, list):
        return [each for one in right for each in _listed(_combined(operation, left, one))]
    if isinstance(left, dict):
        pairs = {n: (value, _at(right, n)) for n, value in left.items() if _has(right, n)}
    elif isinstance(right, dict):
        pairs = {n: (left, value) for n, value in right.items()}
    else:
        return operation(left, right)
    found = {}
    for number, (one, other) in pairs.items():
        try:
            found[number] = operation(one, other)
        except (ZeroDivisionError, OverflowError):
            continue
    return found


def _has(value: float | Series, number: int) -> bool:
    return not isinstance(value, dict) or number in value


def _at(value: float | Series, number: int) -> float:
    return value[number] if isinstance(value, dict) else value


def _mapped(function: Callable[[float], float], value: Value) -> Value:
    if isinstance(value, list):
        return [{number: function(each) for number, each in one.items()} for one in value]
    if isinstance(value, dict):
        return {number: function(each) for number, each in value.items()}
    return function(value)


def _aggregated(function: Callable[[list[float]], float], value: Value) -> Value:
    """Of several series, one series; of one series, one number."""
    if isinstance(value, dict):
        return function(list(value.values())) if value else {}
    everything = _listed(value)
    numbers = sorted({number for one in everything for number in one})
    return {number: function([one[number] for one in everything if number in one]) for number in numbers}


def _if(condition: Value, then: Value, otherwise: Value | None = None) -> Value:
    if not isinstance(condition, dict):
        chosen = then if condition else otherwise
        return {} if chosen is None else chosen
    found = {}
    for number, holds in condition.items():
        chosen = then if holds else otherwise
        if isinstance(chosen, list):
            raise AwsError("ValidationError", "IF takes numbers and single time series")
        if chosen is not None and _has(chosen, number):
            found[number] = _at(chosen, number)
    return found


def _fill(value: Value, filler: Value | str, numbers: range) -> Value:
    if isinstance(value, list):
        return [each for one in value for each in _listed(_fill(one, filler, numbers))]
    known = _listed(value)[0]
    if filler == "LINEAR":
        raise NotModelledError("FILL with LINEAR in metric math")
    found: Series = {}
    last: float | None = None
    for number in numbers:
        last = known.get(number, last)
        if number in known:
            found[number] = known[number]
        elif filler == "REPEAT":
            if last is not None:
                found[number] = last
        elif isinstance(filler, (int, float)):
            found[number] = float(filler)
        elif isinstance(filler, dict) and number in filler:
            found[number] = filler[number]
    return found
