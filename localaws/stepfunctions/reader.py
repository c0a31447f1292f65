"""Reads one JSON object of a definition field by field, noting what is wrong. Used by `definition`."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from localaws.stepfunctions.templates import InvalidTemplateError, Template, is_expression

SCHEMA = "SCHEMA_VALIDATION_FAILED"
LONGEST_SECONDS = 99_999_999
"""AWS's largest number of seconds, and of attempts."""

READS_INPUT = frozenset({"input", "context"})
READS_RESULT = READS_INPUT | {"result"}
READS_ERROR = READS_INPUT | {"errorOutput"}
"""Which fields of `$states` there are, by the field of the state that asks."""

_JSONPATH_FIELDS = frozenset(
    {"InputPath", "OutputPath", "ResultPath", "ResultSelector", "Parameters", "Result", "ItemsPath"}
    | {
        "Variable",
        "MaxConcurrencyPath",
        "TimeoutSecondsPath",
        "HeartbeatSecondsPath",
        "SecondsPath",
        "TimestampPath",
    }
    | {"ErrorPath", "CausePath", "Iterator"}
)
_NOT_IMPLEMENTED = frozenset(
    {"Credentials", "ItemReader", "ItemBatcher", "ResultWriter", "Label"}
    | {"ToleratedFailureCount", "ToleratedFailurePercentage"}
)


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One thing that is wrong with a definition, as `ValidateStateMachineDefinition` reports it."""

    code: str
    message: str
    location: str

    def __str__(self) -> str:
        return f"{self.code}: {self.message} at {self.location}"


class DefinitionError(ValueError):
    """A definition that can't be run; says everything that is wrong with it."""

    def __init__(self, diagnostics: Collection[Diagnostic]) -> None:
        super().__init__(", ".join(map(str, diagnostics)))
        self.diagnostics = tuple(diagnostics)


class Reader:
    """The fields of one object at `location`. Methods leave a note where a field isn't as it must be."""

    def __init__(self, fields: dict[str, Any], location: str, notes: list[Diagnostic], prefix: str = "") -> None:
        self.fields = fields
        self.location = location
        self._notes = notes
        self._prefix = prefix
        """Of the names of fields in run-time messages: `Catch[0]/`."""

    def note(self, message: str, field: str | None = None, code: str = SCHEMA) -> None:
        """Say what is wrong, with a field or with the whole object."""
        place = self.location if field is None else f"{self.location}/{field}"
        self._notes.append(Diagnostic(code, message, place or "/"))

    def only(self, known: Collection[str], required: Collection[str] = ()) -> None:
        """No field but the known ones, and none of the required missing."""
        for name in self.fields:
            if name in known:
                continue
            if name in _JSONPATH_FIELDS:
                self.note(
                    f"The QueryLanguage is set to 'JSONata', but field '{name}' "
                    "is only supported for the 'JSONPath' QueryLanguage"
                )
            elif name in _NOT_IMPLEMENTED:
                self.note(f"Field '{name}' is not implemented by localaws", name)
            else:
                self.note(f"Field '{name}' is not supported", name)
        missing = [name for name in required if name not in self.fields]
        if missing:
            self.note(f"These fields are required: [{', '.join(missing)}]")

    def text(self, name: str) -> str | None:
        """A string that isn't empty."""
        value = self.fields.get(name)
        if name in self.fields and (not isinstance(value, str) or not value):
            self.note("Expected value of type [STRING]", name)
            return None
        return value

    def flag(self, name: str) -> bool:
        """A boolean, false where it is left out."""
        value = self.fields.get(name, False)
        if not isinstance(value, bool):
            self.note("Expected value of type [BOOLEAN]", name)
        return value is True

    def whole(self, name: str, default: int, *, least: int = 1) -> int:
        """A whole number of seconds or attempts."""
        value = self.fields.get(name, default)
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= LONGEST_SECONDS:
            self.note(f"Expected a whole number from {least} to {LONGEST_SECONDS}", name)
            return default
        return value

    def number(self, name: str, default: float, *, least: float) -> float:
        """A number."""
        value = self.fields.get(name, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or value < least:
            self.note(f"Expected a number of at least {least}", name)
            return default
        return value

    def one_of(self, name: str, values: Collection[str]) -> str | None:
        """A string out of a list."""
        value = self.fields.get(name)
        if name in self.fields and value not in values:
            self.note(f"Value should be one of the following: [{', '.join(values)}]", name)
            return None
        return value

    def names(self, name: str) -> tuple[str, ...]:
        """A list of strings with at least one in it."""
        value = self.fields.get(name)
        if not isinstance(value, list) or not value or not all(isinstance(part, str) for part in value):
            self.note("Expected a list of strings that isn't empty", name)
            return ()
        return tuple(value)

    def template(self, name: str, reads: Collection[str] = READS_INPUT) -> Template | None:
        """Any JSON value with expressions in it that read no more of `$states` than `reads`."""
        if name not in self.fields:
            return None
        try:
            template = Template.parse(self.fields[name], self._prefix + name)
        except InvalidTemplateError as error:
            self.note(str(error), error.field.removeprefix(self._prefix), error.code)
            return None
        for slot in template.slots():
            for field in sorted(slot.expression.states_fields - set(reads)):
                self.note(
                    f"Reference to '$states.{field}' is not supported in this field.",
                    slot.field.removeprefix(self._prefix),
                    "UNSUPPORTED_JSONATA_EXPRESSION",
                )
        return template

    def value_or_expression(self, name: str, kind: type | tuple[type, ...], called: str) -> Template | None:
        """A value of one kind, or an expression that is to yield one."""
        value = self.fields.get(name)
        wrong_bool = isinstance(value, bool) and kind is not bool
        if name in self.fields and not is_expression(value) and (wrong_bool or not isinstance(value, kind)):
            self.note(f"Expected value of type [{called}] or a JSONata expression", name)
            return None
        return self.template(name)

    def seconds(self, name: str) -> Template | None:
        """A positive number of seconds, or an expression that is to yield one."""
        template = self.value_or_expression(name, int, "INTEGER")
        if template and isinstance(template.value, int) and not 0 < template.value <= LONGEST_SECONDS:
            self.note(f"Expected a whole number from 1 to {LONGEST_SECONDS}", name)
        return template

    def child(self, name: str) -> Reader | None:
        """The object in a field."""
        value = self.fields.get(name)
        if name not in self.fields:
            return None
        if not isinstance(value, dict):
            self.note("Expected value of type [OBJECT]", name)
            return None
        return Reader(value, f"{self.location}/{name}", self._notes, self._prefix)

    def children(self, name: str) -> list[Reader]:
        """The objects in a list."""
        value = self.fields.get(name, [])
        if not isinstance(value, list) or not all(isinstance(part, dict) for part in value):
            self.note("Expected a list of objects", name)
            return []
        return [
            Reader(part, f"{self.location}/{name}[{index}]", self._notes, f"{self._prefix}{name}[{index}]/")
            for index, part in enumerate(value)
        ]
