"""The data contract: model/contract.json, the user's file. Read by register_drop, before any job."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from safe_deploy.domain.canonical import digest
from safe_deploy.domain.fields import Fields
from safe_deploy.errors import InvalidRequestError

PLACE = "contract.json"
BOUNDS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
COLUMN_TYPES = ("datetime", "integer", "number", "string")
FEATURE_TYPES = ("number", "integer")


@dataclass(frozen=True, slots=True)
class Contract:
    """What a drop holds and what the model is given."""

    feature_names: tuple[str, ...]
    """In the order of the model's columns."""
    label: str
    digest: str

    @classmethod
    def parse(cls, document: Any) -> Contract:
        """Read contract.json. Raises InvalidRequestError, naming the key that is wrong."""
        given = Fields(document, PLACE)
        given.integer("version", minimum=1, maximum=1)
        if "description" in given:
            given.text("description", maximum=10_000)
        _distinct("columns", [_column(entry) for entry in given.objects("columns", minimum=1)])
        features = [_feature(entry) for entry in given.objects("features", minimum=1)]
        label = _label(given.object("label"))
        _distinct("features", [*features, label])
        given.end()
        return cls(tuple(features), label, digest(document))


def _column(entry: Fields) -> str:
    name = _named(entry, COLUMN_TYPES)
    required = entry.value("required") if "required" in entry else True
    if not isinstance(required, bool):
        entry.fail("required", "must be true or false")
    blank = entry.value("blank") if "blank" in entry else "refuse"
    if blank != "refuse":
        default = entry.object("blank")
        if default.value("default") is None:
            default.fail("default", "must be a value")
        default.end()
    elif not required:
        entry.fail("blank", 'must be {"default": ...} where the column may be missing')
    if "values" in entry:
        entry.list("values", minimum=1)
    entry.end()
    return name


def _feature(entry: Fields) -> str:
    name = _named(entry, FEATURE_TYPES)
    if "description" in entry:
        entry.text("description")
    entry.end()
    return name


def _label(entry: Fields) -> str:
    name = entry.text("name", maximum=100)
    if "type" in entry:
        entry.choice("type", FEATURE_TYPES)
    _bounds(entry)
    entry.end()
    return name


def _named(entry: Fields, types: tuple[str, ...]) -> str:
    name = entry.text("name", maximum=100)
    entry.choice("type", types)
    _bounds(entry)
    return name


def _bounds(entry: Fields) -> None:
    for bound in BOUNDS:
        if bound in entry:
            entry.number(bound)


def _distinct(key: str, names: list[str]) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InvalidRequestError(f"{PLACE}: {key} name {twice[0]} twice (the label counts too)")
