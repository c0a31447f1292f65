"""EventBridge's event patterns: checked when a rule is put, matched against every event. Called by the rules.

Fields of a pattern are joined by *and*, the members of a list by *or*. A field that holds a list in the event
matches when any of its members does; fields below a list of objects must match within one of those objects.
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html
"""

from __future__ import annotations

import json
import operator
import re
from collections.abc import Callable, Iterator
from typing import Any

from localaws.errors import AwsError, NotModelledError

Test = Callable[[Any], bool]
"""Whether one value of an event, never a list or an object, is wanted."""
Match = Callable[[Any], bool]
"""Whether an event, or a part of one, is wanted."""

NUMERIC: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    "=": operator.eq,
    ">": operator.gt,
    ">=": operator.ge,
}
MISSING = object()


def compile_pattern(text: str) -> Match:
    """Tells whether an event matches. Raises `InvalidEventPatternException`, with the reason."""
    try:
        pattern = json.loads(text)
    except ValueError as error:
        raise _invalid(f"it is not JSON: {error}") from None
    if not isinstance(pattern, dict):
        raise _invalid("it must be an object")
    return _object(pattern, "")


def _object(pattern: dict[str, Any], path: str) -> Match:
    if not pattern:
        raise _invalid(f"empty objects are not allowed{_at(path)}")
    parts: list[Match] = []
    for name, wanted in pattern.items():
        where = f"{path}.{name}" if path else name
        if name == "$or":
            parts.append(_either(wanted, where))
        elif isinstance(wanted, dict):
            parts.append(_below(name, _object(wanted, where)))
        elif isinstance(wanted, list):
            parts.append(_leaf(name, wanted, where))
        else:
            raise _invalid(f"{where!r} must be an object or a list")
    return lambda value: isinstance(value, dict) and all(part(value) for part in parts)


def _either(branches: Any, path: str) -> Match:
    if not isinstance(branches, list) or len(branches) < 2 or not all(isinstance(b, dict) for b in branches):
        raise _invalid(f"{path!r} must be a list of at least two objects")
    compiled = [_object(branch, f"{path}[{index}]") for index, branch in enumerate(branches)]
    return lambda value: any(branch(value) for branch in compiled)


def _below(name: str, inner: Match) -> Match:
    def match(holder: Any) -> bool:
        objects = [each if isinstance(each, dict) else {} for each in _members(holder.get(name))]
        return any(inner(each) for each in objects or [{}])

    return match


def _leaf(name: str, wanted: list[Any], path: str) -> Match:
    if not wanted:
        raise _invalid(f"empty lists are not allowed{_at(path)}")
    tests = [_test(each, path) for each in wanted]

    def match(holder: Any) -> bool:
        value = holder.get(name, MISSING)
        leaves = [each for each in _members(value) if not isinstance(each, dict) and each is not MISSING]
        return any(test(leaf) for test in tests for leaf in leaves or [MISSING])

    return match


def _members(value: Any) -> Iterator[Any]:
    if isinstance(value, list):
        for each in value:
            yield from _members(each)
    else:
        yield value


def _test(wanted: Any, path: str) -> Test:
    if isinstance(wanted, list):
        raise _invalid(f"a list within a list is not allowed{_at(path)}")
    if not isinstance(wanted, dict):
        return _equal(wanted)
    if len(wanted) != 1:
        raise _invalid(f"only one operator is allowed in one object{_at(path)}")
    [(name, operand)] = wanted.items()
    if name == "cidr":
        raise NotModelledError(f"the event pattern operator 'cidr'{_at(path)}")
    maker = OPERATORS.get(name)
    if maker is None:
        raise _invalid(f"unrecognized match type {name!r}{_at(path)}")
    return maker(operand, path)


def _equal(wanted: Any) -> Test:
    """AWS compares numbers by how they are written: 300 and 300.0 differ."""
    written = json.dumps(wanted)
    return lambda value: value is not MISSING and json.dumps(value) == written


def _text(check: Callable[[str, str], bool], name: str) -> Callable[[Any, str], Test]:
    """An operator on strings, of the form `{"prefix": "a"}` or `{"prefix": {"equals-ignore-case": "a"}}`."""

    def make(operand: Any, path: str) -> Test:
        if isinstance(operand, dict) and list(operand) == ["equals-ignore-case"] and name != "equals-ignore-case":
            folded = _string(operand["equals-ignore-case"], name, path).casefold()
            return lambda value: isinstance(value, str) and check(value.casefold(), folded)
        wanted = _string(operand, name, path)
        return lambda value: isinstance(value, str) and check(value, wanted)

    return make


def _wildcard(operand: Any, path: str) -> Test:
    text = _string(operand, "wildcard", path)
    if re.search(r"(?<!\\)\*\*", text):
        raise _invalid(f"consecutive wildcard characters are not allowed{_at(path)}")
    pieces = []
    for part in re.findall(r"\\[*\\]|\\.?|\*|[^\\*]+", text, re.DOTALL):
        if part == "*":
            pieces.append(".*")
        elif part[0] == "\\" and part not in ("\\*", "\\\\"):
            raise _invalid(f"invalid escape character in a wildcard{_at(path)}")
        else:
            pieces.append(re.escape(part[1] if part[0] == "\\" else part))
    compiled = re.compile("".join(pieces), re.DOTALL)
    return lambda value: isinstance(value, str) and compiled.fullmatch(value) is not None


def _numeric(operand: Any, path: str) -> Test:
    if not isinstance(operand, list) or len(operand) not in (2, 4):
        raise _invalid(f"'numeric' must be a list of one or two comparisons{_at(path)}")
    comparisons = []
    for sign, limit in zip(operand[::2], operand[1::2], strict=True):
        if not isinstance(sign, str) or sign not in NUMERIC:
            raise _invalid(f"unrecognized numeric range operator {sign!r}{_at(path)}")
        if not _is_number(limit) or abs(limit) > 5e9:
            raise _invalid(f"the limit of {sign!r} must be a number of at most 5e9{_at(path)}")
        comparisons.append((NUMERIC[sign], limit))
    if len(comparisons) == 2 and not (operand[0] in (">", ">=") and operand[2] in ("<", "<=")):
        raise _invalid(f"a numeric range is written as a lower, then an upper bound{_at(path)}")
    return lambda value: _is_number(value) and all(compare(value, limit) for compare, limit in comparisons)


def _exists(operand: Any, path: str) -> Test:
    if not isinstance(operand, bool):
        raise _invalid(f"'exists' must be true or false{_at(path)}")
    return lambda value: (value is not MISSING) == operand


def _anything_but(operand: Any, path: str) -> Test:
    if isinstance(operand, dict):
        if len(operand) != 1 or next(iter(operand)) not in (
            "prefix",
            "suffix",
            "wildcard",
            "equals-ignore-case",
        ):
            raise _invalid(f"unsupported 'anything-but' match {json.dumps(operand)}{_at(path)}")
        [(name, inner)] = operand.items()
        unwanted = [OPERATORS[name](each, path) for each in (inner if isinstance(inner, list) else [inner])]
        return lambda value: isinstance(value, str) and not any(test(value) for test in unwanted)
    values = operand if isinstance(operand, list) else [operand]
    if not values or any(isinstance(each, (dict, list)) for each in values):
        raise _invalid(f"'anything-but' must be a value, a list of values or one operator{_at(path)}")
    tests = [_equal(each) for each in values]
    return lambda value: value is not MISSING and not any(test(value) for test in tests)


OPERATORS: dict[str, Callable[[Any, str], Test]] = {
    "prefix": _text(str.startswith, "prefix"),
    "suffix": _text(str.endswith, "suffix"),
    "equals-ignore-case": _text(lambda a, b: a.casefold() == b.casefold(), "equals-ignore-case"),
    "wildcard": _wildcard,
    "numeric": _numeric,
    "exists": _exists,
    "anything-but": _anything_but,
}


def _string(operand: Any, name: str, path: str) -> str:
    if not isinstance(operand, str):
        raise _invalid(f"{name!r} must be a string{_at(path)}")
    return operand


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _at(path: str) -> str:
    return f" at {path!r}" if path else ""


def _invalid(reason: str) -> AwsError:
    return AwsError("InvalidEventPatternException", f"Event pattern is not valid. Reason: {reason}")
