"""The model's data contract as the inference Lambda needs it: checks rows, writes them for the model.

Called by `service` (which loads it once) and `formats` (which hands it rows). The file is the model's own
`contract.json`; only its `features` matter here. A feature's row of text is canonical, whatever the caller
sent: `number` as Python's shortest float (`1.0`), `integer` without a point (`3.0` arrives as `3`). So the
same values give the same bytes from CSV and JSON, and data capture always shows a feature with one type.
"""

from __future__ import annotations

import json
import re
from math import isfinite

from errors import RefusedError

TYPE_CHECKING = False  # typing itself costs milliseconds of every cold start
if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from typing import Any

# What float() takes beyond this (nan, inf, 1_000, hex, digits of other scripts) is no number in a CSV file.
_NUMBER = re.compile(r"[ \t]*[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?[ \t]*").fullmatch
_LARGEST_INTEGER = 2**53  # from here on a float cannot tell neighbours apart
_RULES = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")


class ContractError(Exception):
    """The bundle's contract.json can't be used."""


class Feature:
    """One column the model reads: its name, its type and its range."""

    __slots__ = ("high", "high_open", "integer", "low", "low_open", "name")

    def __init__(self, declared: dict[str, Any]) -> None:
        name = declared.get("name")
        if not isinstance(name, str) or not name:
            raise ContractError("a feature has no name")
        self.name = name
        if declared.get("type") not in ("number", "integer"):
            raise ContractError(f"feature {self.name}: the type must be number or integer")
        for rule in _RULES:
            if rule in declared and type(declared[rule]) not in (int, float):
                raise ContractError(f"feature {self.name}: {rule} must be a number")
        self.integer = declared["type"] == "integer"
        self.low: float | None = declared.get("minimum")
        self.high: float | None = declared.get("maximum")
        self.low_open: float | None = declared.get("exclusiveMinimum")
        self.high_open: float | None = declared.get("exclusiveMaximum")

    def read_text(self, cell: str, row: int) -> str:
        """A CSV cell in canonical form; raises `RefusedError`."""
        if _NUMBER(cell) is None:
            raise self._refusal(row, "is blank" if not cell.strip() else f"{_shown(cell)} is not a number")
        return self._encode(float(cell), cell, row)

    def read_value(self, value: object, row: int) -> str:
        """A value of a JSON document in canonical form; raises `RefusedError`."""
        if value is None:
            raise self._refusal(row, "is null")
        if type(value) is int or type(value) is float:
            try:
                return self._encode(float(value), value, row)
            except OverflowError:
                raise self._refusal(row, "is too large for a number") from None
        kind = {bool: "a boolean", str: "text", list: "a list", dict: "an object"}[type(value)]
        raise self._refusal(row, f"must be a number, not {kind}")

    def _encode(self, number: float, given: object, row: int) -> str:
        if not isfinite(number):
            raise self._refusal(row, "is too large for a number")
        if self.low is not None and number < self.low:
            raise self._refusal(row, f"{_shown(given)} is below the minimum {self.low}")
        if self.high is not None and number > self.high:
            raise self._refusal(row, f"{_shown(given)} is above the maximum {self.high}")
        if self.low_open is not None and number <= self.low_open:
            raise self._refusal(row, f"{_shown(given)} is not above the exclusive minimum {self.low_open}")
        if self.high_open is not None and number >= self.high_open:
            raise self._refusal(row, f"{_shown(given)} is not below the exclusive maximum {self.high_open}")
        if not self.integer:
            return repr(number)
        if not number.is_integer():
            raise self._refusal(row, f"{_shown(given)} is not a whole number")
        if abs(number) >= _LARGEST_INTEGER:
            raise self._refusal(row, f"{_shown(given)} is too large for an exact whole number")
        return str(int(number))

    def _refusal(self, row: int, rule: str) -> RefusedError:
        return violation(f"row {row}, {self.name}: {rule}", row=row, column=self.name)


class Contract:
    """The model's features, in the model's order."""

    __slots__ = ("_features", "names")

    def __init__(self, features: Sequence[Feature]) -> None:
        self._features = tuple(features)
        self.names = tuple(feature.name for feature in features)
        if not features:
            raise ContractError("the contract names no features")
        if len(set(self.names)) != len(features):
            raise ContractError("the contract names a feature twice")

    @classmethod
    def load(cls, path: Path | str) -> Contract:
        """The contract in that file; raises `ContractError`."""
        try:
            with open(path, encoding="utf-8") as file:  # noqa: PTH123 - pathlib costs the cold start 5 ms
                document = json.load(file)
        except (OSError, ValueError) as error:
            raise ContractError(f"contract.json can't be read: {type(error).__name__}") from error
        if not isinstance(document, dict) or document.get("version") != 1:
            raise ContractError("contract.json is not of version 1")
        features = document.get("features")
        if not isinstance(features, list) or not all(isinstance(feature, dict) for feature in features):
            raise ContractError("contract.json: features must be a list of objects")
        return cls([Feature(feature) for feature in features])

    def read_cells(self, cells: list[str], row: int) -> str:
        """One CSV row as the model reads it; raises `RefusedError`."""
        self._check_count(len(cells), row)
        return ",".join([f.read_text(cell, row) for f, cell in zip(self._features, cells, strict=True)])

    def read_instance(self, instance: object, row: int) -> str:
        """One JSON instance, an object or a list, as the model reads it; raises `RefusedError`."""
        if isinstance(instance, list):
            self._check_count(len(instance), row)
            values = instance
        elif isinstance(instance, dict):
            values = self._in_order(instance, row)
        else:
            raise violation(f"row {row}: an instance must be an object or a list of values", row=row)
        return ",".join([f.read_value(value, row) for f, value in zip(self._features, values, strict=True)])

    def _check_count(self, count: int, row: int) -> None:
        if count != len(self.names):
            raise violation(
                f"row {row} has {count} column{'' if count == 1 else 's'}, "
                f"the model takes {len(self.names)}: {', '.join(self.names)}",
                row=row,
            )

    def _in_order(self, instance: dict[str, object], row: int) -> list[object]:
        try:
            values = [instance[name] for name in self.names]
        except KeyError:
            missing = [name for name in self.names if name not in instance]
            raise violation(f"row {row} lacks {', '.join(missing)}", row=row, column=missing[0]) from None
        if len(instance) != len(values):
            unknown = next(key for key in instance if key not in self.names)
            raise violation(f"row {row}: the model has no feature {_shown(unknown)}", row=row)
        return values


def violation(message: str, *, row: int, column: str | None = None) -> RefusedError:
    """The refusal of a row that can be read but doesn't fit the contract."""
    return RefusedError(422, "ContractViolated", message, row=row, column=column)


def _shown(value: object) -> str:
    """What the caller sent, short enough for a message."""
    text = json.dumps(value.strip()) if isinstance(value, str) and not _NUMBER(value) else str(value).strip()
    return text if len(text) <= 40 else f"{text[:37]}..."
