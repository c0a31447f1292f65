"""JSONata as Step Functions speaks it: checked when a definition is read, evaluated while it runs.

Called by `templates`. An expression has no context item: data is `$states`, variables are `$name`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import jsonata
from jsonata.parser import Parser
from jsonata.utils import Utils

from localaws.stepfunctions.functions import STEP_FUNCTIONS, UNDEFINED

MOST_MILLISECONDS = 5_000
DEEPEST = 100
"""AWS's own limits on one evaluation."""

STATES_FIELDS = frozenset({"input", "result", "errorOutput", "context"})
_INNER = {"stages", "predicate", "group", "terms", "pattern", "update", "delete"}
"""Parts of a syntax tree that see another context than the expression they stand in."""
_CONTEXTUAL = {"name", "wildcard", "descendant", "parent"}
"""First steps of a path that look into the context item."""
_LINKS = {"_outer_instance", "slot", "ancestor", "seeking_parent", "then"}


class InvalidExpressionError(ValueError):
    """An expression that AWS refuses when the state machine is made."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class EvaluationError(Exception):
    """An expression that failed while it ran; the message is JSONata's."""


@dataclass(frozen=True, slots=True)
class Expression:
    """One `{% … %}`, without its brackets."""

    source: str
    names: frozenset[str]
    """Every `$name` it mentions, `states` among them."""
    states_fields: frozenset[str]
    """Every field of `$states` that it reads by name."""

    @classmethod
    def parse(cls, source: str) -> Expression:
        """Read `source`, or raise `InvalidExpressionError`."""
        try:
            tree = jsonata.Jsonata(source).ast
        except Exception as error:  # the parser lets bare Python errors out, too
            raise InvalidExpressionError("INVALID_JSONATA_EXPRESSION", _describe(error)) from error
        names: set[str] = set()
        fields: set[str] = set()
        for node, outermost in _walk(tree, outermost=True):
            _refuse_unsupported(node, outermost)
            if node.type == "variable":
                names.add(str(node.value))
            if node.type == "path" and _is_variable(node.steps[0], "states") and len(node.steps) > 1:
                fields.add(_states_field(node.steps[1]))
        return cls(source, frozenset(names), frozenset(fields))

    def evaluate(self, bindings: Mapping[str, Any]) -> Any:
        """A JSON value or `UNDEFINED`. Raises `EvaluationError`."""
        # A fresh engine each time: the library keeps the clock and the depth of an evaluation in it.
        engine = jsonata.Jsonata(self.source, timeout=MOST_MILLISECONDS, stack=DEEPEST)
        engine.output_convert_nulls = False
        for name, function in STEP_FUNCTIONS.items():
            engine.register_lambda(name, _native(function))
        bound = {name: _with_nulls(bindings[name]) for name in self.names if name in bindings}
        try:
            return _plain(engine.evaluate(None, bound))
        except Exception as error:  # the library raises bare Python errors for JSONata's own
            raise EvaluationError(_describe(error)) from error


def _describe(error: Exception) -> str:
    code = getattr(error, "error", None)
    return f"{code}: {error}" if code else str(error) or type(error).__name__


def _walk(node: Any, outermost: bool) -> Iterator[tuple[Any, bool]]:
    """Every node of a syntax tree, and whether it is evaluated without a context item."""
    if isinstance(node, list | tuple):
        for part in node:
            yield from _walk(part, outermost)
        return
    if not isinstance(node, Parser.Symbol):
        return
    yield node, outermost
    for name, part in vars(node).items():
        if name == "steps" and part:
            yield from _walk(part[:1], outermost)
            yield from _walk(part[1:], outermost=False)
        elif name not in _LINKS:
            yield from _walk(part, outermost and name not in _INNER)
    if getattr(node, "then", None) is not None:
        yield from _walk(node.then, outermost)


def _is_variable(node: Any, name: str) -> bool:
    return bool(node.type == "variable" and node.value == name)


def _refuse_unsupported(node: Any, outermost: bool) -> None:
    what = None
    if _is_variable(node, "$"):
        what = "Reference to '$$'"
    elif _is_variable(node, "") and outermost:
        what = "Reference to '$' at the top level"
    elif _is_variable(node, "eval"):
        what = "Function '$eval'"
    elif node.type == "path" and outermost and node.steps[0].type in _CONTEXTUAL:
        what = f"Reference to '{node.steps[0].value}' at the top level"
    elif node.type == "condition" and _is_newer_than_step_functions(node):
        what = "An operator that JSONata 2.0.6 doesn't have ('??' or '?:')"
    if what:
        raise InvalidExpressionError("UNSUPPORTED_JSONATA_EXPRESSION", f"{what} is not supported.")


def _is_newer_than_step_functions(condition: Any) -> bool:
    """`a ?? b` and `a ?: b` are read as conditions that hold their left side twice."""
    tested = condition.condition
    if tested.type == "function" and getattr(tested, "arguments", None):
        tested = tested.arguments[0]
    return bool(_position(tested) == _position(condition.then))


def _position(node: Any) -> Any:
    first = node.steps[0] if node.type == "path" else node
    return first.position


def _states_field(step: Any) -> str:
    if step.type != "name" or step.value not in STATES_FIELDS:
        raise InvalidExpressionError(
            "UNSUPPORTED_JSONATA_EXPRESSION",
            f"Reference to '$states.{step.value}' is not supported, only {', '.join(sorted(STATES_FIELDS))}",
        )
    return str(step.value)


def _native(function: Callable[..., Any]) -> Callable[..., Any]:
    """A Step Functions function behind the library's own spelling of null and nothing."""
    return lambda *arguments: _with_nulls(function(*map(_plain, arguments)))


def _with_nulls(value: Any) -> Any:
    """A copy that spells null and nothing as the library does: None is nothing to it."""
    if value is UNDEFINED:
        return None
    if value is None:
        return Utils.NULL_VALUE
    if isinstance(value, dict):
        return {key: _with_nulls(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_with_nulls(part) for part in value]
    return value


def _plain(value: Any) -> Any:
    """The library's result as JSON, or `UNDEFINED`."""
    if value is None:
        return UNDEFINED
    if value is Utils.NULL_VALUE:
        return None
    if isinstance(value, bool | str | int):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise EvaluationError("D1001: Number out of range")
        return value
    if isinstance(value, dict):
        # Left-out members: the library marks some nulls inside of structures as None.
        return {key: None if part is None else _plain(part) for key, part in value.items()}
    if isinstance(value, list):
        return [None if part is None else _plain(part) for part in (value[i] for i in range(len(value)))]
    raise EvaluationError("The expression returned an unsupported result type.")
