"""JSON values with JSONata in them: `Arguments`, `Output`, `Assign` and the like. Read by `definition`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from localaws.stepfunctions.expressions import EvaluationError, Expression, InvalidExpressionError
from localaws.stepfunctions.functions import UNDEFINED


@dataclass(frozen=True, slots=True)
class Slot:
    """A place in a template that an expression fills."""

    expression: Expression
    field: str
    """Where it stands in its state, as AWS writes it: `Arguments/Rows[0]/Name`."""


@dataclass(frozen=True, slots=True)
class Template:
    """A JSON value whose strings `{% … %}` were read as expressions."""

    value: Any
    field: str

    @classmethod
    def parse(cls, value: Any, field: str) -> Template:
        """Read a field's value. Raises `InvalidTemplateError` at the first bad expression."""
        return cls(_parse(value, field), field)

    def slots(self) -> Iterator[Slot]:
        """Every expression in it."""
        return _slots(self.value)

    def fill(self, bindings: Mapping[str, Any]) -> Any:
        """The value with every expression evaluated. Raises `FillError`."""
        return _fill(self.value, bindings)


class InvalidTemplateError(ValueError):
    """A template holds an expression that can't be read."""

    def __init__(self, field: str, error: InvalidExpressionError) -> None:
        super().__init__(error.message)
        self.field = field
        self.code = error.code


class FillError(Exception):
    """An expression in a template failed or yielded nothing."""

    def __init__(self, slot: Slot, what: str) -> None:
        source, field = slot.expression.source, slot.field
        super().__init__(f"The JSONata expression '{source}' specified for the field '{field}' {what}")
        self.field = field


def is_expression(value: Any) -> bool:
    """Whether a string is JSONata: it is in brackets, with nothing before or after them."""
    return isinstance(value, str) and value.startswith("{%") and value.endswith("%}")


def _parse(value: Any, field: str) -> Any:
    if isinstance(value, dict):
        return {key: _parse(part, f"{field}/{key}") for key, part in value.items()}
    if isinstance(value, list):
        return [_parse(part, f"{field}[{index}]") for index, part in enumerate(value)]
    if not is_expression(value):
        if isinstance(value, str) and value.startswith("{%"):
            unclosed = InvalidExpressionError("INVALID_JSONATA_EXPRESSION", "'{%' without '%}' at the end")
            raise InvalidTemplateError(field, unclosed)
        return value
    try:
        return Slot(Expression.parse(value[2:-2].strip()), field)
    except InvalidExpressionError as error:
        raise InvalidTemplateError(field, error) from error


def _slots(value: Any) -> Iterator[Slot]:
    if isinstance(value, Slot):
        yield value
    elif isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _slots(part)


def _fill(value: Any, bindings: Mapping[str, Any]) -> Any:
    if isinstance(value, dict):
        return {key: _fill(part, bindings) for key, part in value.items()}
    if isinstance(value, list):
        return [_fill(part, bindings) for part in value]
    if not isinstance(value, Slot):
        return value
    try:
        result = value.expression.evaluate(bindings)
    except EvaluationError as error:
        raise FillError(value, f"threw an error during evaluation. {error}") from error
    if result is UNDEFINED:
        raise FillError(value, "returned nothing (undefined).")
    return result
