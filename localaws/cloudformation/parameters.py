"""Parameters: what the template declares, the caller gives, the previous deployment had. For plans."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from localaws.cloudformation.errors import invalid
from localaws.cloudformation.intrinsics import as_text

TYPES = frozenset({"String", "Number", "List<Number>", "CommaDelimitedList"})
ATTRIBUTES = frozenset(
    {
        "Type",
        "Default",
        "AllowedPattern",
        "AllowedValues",
        "ConstraintDescription",
        "Description",
        "MaxLength",
        "MaxValue",
        "MinLength",
        "MinValue",
        "NoEcho",
    }
)


@dataclass(frozen=True, slots=True)
class Parameter:
    """A declared parameter with its value, as text."""

    name: str
    type: str
    value: str
    no_echo: bool

    @property
    def referenced(self) -> str | list[str]:
        """What `Ref` gives: text, or a list of text for the list types."""
        if self.type in ("CommaDelimitedList", "List<Number>"):
            return [item.strip() for item in self.value.split(",")] if self.value else []
        return self.value

    @property
    def shown(self) -> str:
        """What descriptions show."""
        return "****" if self.no_echo else self.value


def resolve(
    declared: Mapping[str, Mapping[str, Any]],
    given: Iterable[Mapping[str, Any]],
    previous: Mapping[str, Parameter] | None,
) -> dict[str, Parameter]:
    """Every declared parameter with its value. Raises `ValidationError` naming those without a good one."""
    values: dict[str, str | None] = {}
    for entry in given:
        name = entry["ParameterKey"]
        if entry.get("UsePreviousValue"):
            if previous is None or name not in previous:
                raise invalid(
                    f"Invalid input for parameter key {name}. Cannot specify usePreviousValue as true for a "
                    "parameter key not in the previous template"
                )
            values[name] = previous[name].value
        else:
            values[name] = entry.get("ParameterValue")
    stray = sorted(set(values) - set(declared))
    if stray:
        raise invalid(f"Parameters: {_listed(stray)} do not exist in the template")
    found = {name: _one(name, body, values.get(name)) for name, body in declared.items()}
    missing = [name for name, parameter in found.items() if parameter is None]
    if missing:
        raise invalid(f"Parameters: {_listed(missing)} must have values")
    return {name: parameter for name, parameter in found.items() if parameter is not None}


def _one(name: str, body: Mapping[str, Any], given: str | None) -> Parameter | None:
    unknown = sorted(set(body) - ATTRIBUTES)
    if unknown:
        raise invalid(f"Template format error: Unrecognized attributes {unknown} of parameter {name}")
    kind = body.get("Type")
    if kind not in TYPES:
        raise invalid(f"localaws does not implement the type {kind!r} of parameter {name}")
    default = body.get("Default")
    if given is None and default is None:
        return None
    value = given if given is not None else as_text(default)
    _check(name, kind, body, value)
    return Parameter(name, kind, value, as_text(body.get("NoEcho", "false")) == "true")


def _check(name: str, kind: str, body: Mapping[str, Any], value: str) -> None:
    def failed(rule: str) -> Exception:
        return invalid(f"Parameter '{name}' {body.get('ConstraintDescription') or rule}")

    items = [item.strip() for item in value.split(",")] if kind in ("CommaDelimitedList", "List<Number>") else [value]
    numeric = kind in ("Number", "List<Number>")
    for item in items:
        if numeric and not _is_number(item):
            raise invalid(f"Parameter '{name}' must be a number.")
        if "AllowedValues" in body and item not in [as_text(allowed) for allowed in body["AllowedValues"]]:
            raise failed("must be one of AllowedValues")
        if "AllowedPattern" in body and not re.fullmatch(str(body["AllowedPattern"]), item):
            raise failed(f"must match pattern {body['AllowedPattern']}")
        if not numeric and len(item) < int(body.get("MinLength", 0)):
            raise failed(f"must contain at least {body['MinLength']} characters")
        if not numeric and "MaxLength" in body and len(item) > int(body["MaxLength"]):
            raise failed(f"must contain at most {body['MaxLength']} characters")
        if numeric and "MinValue" in body and float(item) < float(body["MinValue"]):
            raise failed(f"must be a number not less than {body['MinValue']}")
        if numeric and "MaxValue" in body and float(item) > float(body["MaxValue"]):
            raise failed(f"must be a number not greater than {body['MaxValue']}")


def _is_number(text: str) -> bool:
    return bool(re.fullmatch(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", text))


def _listed(names: Iterable[str]) -> str:
    return f"[{', '.join(names)}]"
