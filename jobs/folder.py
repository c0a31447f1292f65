"""Read the user's model folder: contract, policy and functions. Used by the prepare and evaluate jobs."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jobs.outcome import ModelFolderError

COLUMN_TYPES = ("datetime", "integer", "number", "string")
BOUNDS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")


@dataclass(frozen=True)
class Field:
    """A column, a feature or the label: its type and what its values may be."""

    name: str
    type: str
    bounds: dict[str, float]
    values: tuple[Any, ...] = ()
    required: bool = True
    default: Any = None
    """What stands for a blank; None when a blank is refused."""

    @classmethod
    def from_json(cls, place: str, given: dict[str, Any], types: tuple[str, ...]) -> Field:
        """Read one entry of the contract. Raises ModelFolderError, naming the place."""
        name, kind = given.get("name"), given.get("type", "number")
        if not isinstance(name, str) or not name:
            raise ModelFolderError(f"contract.json: {place} has no name.")
        if kind not in types:
            raise ModelFolderError(f"contract.json: {name} has type {kind}; use one of {', '.join(types)}.")
        blank = given.get("blank", "refuse")
        if blank != "refuse" and not (isinstance(blank, dict) and blank.get("default") is not None):
            raise ModelFolderError(f'contract.json: {name}: blank is either "refuse" or {{"default": value}}.')
        default = None if blank == "refuse" else blank["default"]
        required = bool(given.get("required", True))
        if not required and default is None:
            raise ModelFolderError(
                f"contract.json: column {name} may be missing but has no default; "
                f'give it "blank": {{"default": ...}} or make it required.'
            )
        bounds = {bound: float(given[bound]) for bound in BOUNDS if bound in given}
        return cls(name, kind, bounds, tuple(given.get("values", ())), required, default)


@dataclass(frozen=True)
class Contract:
    """What a drop holds and what the model is given."""

    columns: tuple[Field, ...]
    features: tuple[Field, ...]
    label: Field

    @property
    def feature_names(self) -> list[str]:
        """Return the features' names in the model's order."""
        return [feature.name for feature in self.features]


@dataclass(frozen=True)
class DataPolicy:
    """How much of a drop may be refused, and how it is split."""

    maximum_refused_share: float
    minimum_rows: int
    validation_share: float
    test_share: float
    golden_rows: int


@dataclass(frozen=True)
class ModelFolder:
    """The folder `model/` under the code channel."""

    path: Path

    @classmethod
    def of(cls, code: Path) -> ModelFolder:
        """Return the model folder of a code channel."""
        return cls(code / "model")

    def contract(self) -> Contract:
        """Read contract.json."""
        return parse_contract(self._json("contract.json"))

    def data_policy(self) -> DataPolicy:
        """Read the `data` part of policy.json."""
        given = self._json("policy.json").get("data", {})
        try:
            policy = DataPolicy(
                float(given["maximumRefusedShare"]),
                int(given["minimumRows"]),
                float(given["validationShare"]),
                float(given["testShare"]),
                int(given["goldenRows"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ModelFolderError(f"policy.json: data has no usable value for {error}.") from error
        if policy.validation_share <= 0 or policy.test_share <= 0:
            raise ModelFolderError("policy.json: data.validationShare and data.testShare must be above 0.")
        if policy.validation_share + policy.test_share >= 1:
            raise ModelFolderError("policy.json: validationShare and testShare together leave no rows to train on.")
        return policy

    def better(self) -> dict[str, str]:
        """Return whether lower or higher is better of each metric; the first gate's metric comes first."""
        policy = self._json("policy.json")
        try:
            first = str(policy["gates"][0]["metric"])
            given = {str(name): str(rule["better"]) for name, rule in policy["metrics"].items()}
            return {first: given[first], **given}
        except (KeyError, IndexError, TypeError, AttributeError) as error:
            raise ModelFolderError(f"policy.json: metrics and gates don't fit together: {error!r}.") from error

    def slices(self) -> list[Any]:
        """Return what policy.json's `slices` asks for, as it stands there."""
        given = self._json("policy.json").get("slices", [])
        if not isinstance(given, list):
            raise ModelFolderError("policy.json: slices must be a list.")
        return given

    def function(self, file: str, name: str) -> Callable[..., Any]:
        """Load a function out of a file of the folder, under a module name that can't clash."""
        path = self.path / file
        spec = importlib.util.spec_from_file_location(f"model_folder_{path.stem}", path)
        if spec is None or spec.loader is None or not path.is_file():
            raise ModelFolderError(f"model/{file} is missing.")
        module = importlib.util.module_from_spec(spec)
        try:
            spec.loader.exec_module(module)
        except Exception as error:
            raise ModelFolderError(f"model/{file} can't be loaded: {type(error).__name__}: {error}") from error
        function = getattr(module, name, None)
        if not callable(function):
            raise ModelFolderError(f"model/{file} has no function {name}.")
        loaded: Callable[..., Any] = function
        return loaded

    def _json(self, file: str) -> dict[str, Any]:
        try:
            given = json.loads((self.path / file).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ModelFolderError(f"model/{file} can't be read: {error}") from error
        if not isinstance(given, dict):
            raise ModelFolderError(f"model/{file} is not a JSON object.")
        return given


def parse_contract(given: dict[str, Any]) -> Contract:
    """Read a contract; also used for the copy that a trained model holds."""
    try:
        columns, features, label = given["columns"], given["features"], given["label"]
    except KeyError as error:
        raise ModelFolderError(f"contract.json has no {error}.") from error
    contract = Contract(
        tuple(Field.from_json(f"column {i}", entry, COLUMN_TYPES) for i, entry in enumerate(columns, 1)),
        tuple(Field.from_json(f"feature {i}", entry, ("number", "integer")) for i, entry in enumerate(features, 1)),
        Field.from_json("the label", label, ("number", "integer")),
    )
    for kind, names in (
        ("column", [column.name for column in contract.columns]),
        ("feature", [*contract.feature_names, contract.label.name]),
    ):
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ModelFolderError(f"contract.json names {kind} {twice[0]} twice.")
    if not contract.columns or not contract.features:
        raise ModelFolderError("contract.json needs at least one column and one feature.")
    return contract
