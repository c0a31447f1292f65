"""Fits CloudFormation's properties to an API's input: names, letter case, numbers as text. For handlers.

CloudFormation writes `ComputePlatform` where CodeDeploy's API says `computePlatform`, and passes numbers and
booleans as text. botocore's models know the API's side, so one function serves all services, and a nested
property that an API doesn't have is found before anything is made.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import botocore.session
from botocore.model import OperationModel, ServiceModel

from localaws.cloudformation.intrinsics import as_text, intrinsic

FREE = "free"
"""A property whose inside isn't CloudFormation's: a policy document, a map of tags, plain text."""

Spec = Any
"""What may stand in a property: `FREE`, `Api`, `{name: Spec}` for an object, `[Spec]` for a list of them."""


@dataclass(frozen=True, slots=True)
class Api:
    """A property that is an API's input member, letter case aside. The model is read on first use."""

    service: str
    operation: str
    member: str

    @property
    def shape(self) -> Any:
        """The member's shape."""
        return input_shape(self.service, self.operation, self.member)


@cache
def _model(service: str) -> ServiceModel:
    return botocore.session.get_session().get_service_model(service)


@cache
def operation(service: str, name: str) -> OperationModel:
    """The model of one API operation, such as ("sns", "CreateTopic")."""
    return _model(service).operation_model(name)


def input_shape(service: str, name: str, *path: str) -> Any:
    """The shape of an operation's input, or of a member inside it; list items are gone through on the way."""
    shape: Any = operation(service, name).input_shape
    for part in path:
        while shape.type_name == "list":
            shape = shape.member
        shape = shape.members[_member(shape, part) or part]
    return shape


def unknown_properties(value: Any, spec: Spec, path: str) -> Iterator[str]:
    """The path of each nested property that `spec` doesn't have. Unresolved functions are passed over."""
    if spec is FREE or value is None or intrinsic(value) is not None:
        return
    if isinstance(spec, Api):
        yield from _unknown_members(value, spec.shape, path)
    elif isinstance(spec, list):
        for item in value if isinstance(value, list) else [value]:
            yield from unknown_properties(item, spec[0], path)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key not in spec:
                yield f"{path}.{key}"
            else:
                yield from unknown_properties(item, spec[key], f"{path}.{key}")


def _unknown_members(value: Any, shape: Any, path: str) -> Iterator[str]:
    if intrinsic(value) is not None:
        return
    if shape.type_name == "structure" and isinstance(value, dict):
        for key, item in value.items():
            member = _member(shape, key)
            if member is None:
                yield f"{path}.{key}"
            else:
                yield from _unknown_members(item, shape.members[member], f"{path}.{key}")
    elif shape.type_name == "list" and isinstance(value, list):
        for item in value:
            yield from _unknown_members(item, shape.member, path)
    elif shape.type_name == "map" and isinstance(value, dict):
        for key, item in value.items():
            yield from _unknown_members(item, shape.value, f"{path}.{key}")


def fit(value: Any, shape: Any) -> Any:
    """`value` as the API wants it: members in its letter case, scalars of its types, objects as JSON text."""
    kind = shape.type_name
    if kind == "structure" and isinstance(value, dict):
        return {_member(shape, key) or key: fit(item, _shape_of(shape, key)) for key, item in value.items()}
    if kind == "list" and isinstance(value, list):
        return [fit(item, shape.member) for item in value]
    if kind == "map" and isinstance(value, dict):
        return {key: fit(item, shape.value) for key, item in value.items()}
    return _scalar(value, kind)


def call(service: str, name: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """The input of an operation from CloudFormation's properties; absent ones are left out."""
    fitted: dict[str, Any] = fit({k: v for k, v in values.items() if v is not None}, input_shape(service, name))
    return fitted


def as_json(value: Any) -> str:
    """A document as the text an API takes; text is passed as it is."""
    return value if isinstance(value, str) else json.dumps(value)


def is_true(value: Any) -> bool:
    """A boolean property, which may be text."""
    return value is True or (isinstance(value, str) and value.lower() == "true")


def _scalar(value: Any, kind: str) -> Any:
    if kind in ("integer", "long") and isinstance(value, str):
        return int(value)
    if kind in ("float", "double") and isinstance(value, (str, int)) and not isinstance(value, bool):
        return float(value)
    if kind == "boolean" and isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    if kind == "string":
        return as_json(value) if isinstance(value, (dict, list)) else as_text(value)
    return value


@cache
def _names(shape: Any) -> dict[str, str]:
    return {name.lower(): name for name in shape.members}


def _member(shape: Any, key: str) -> str | None:
    return key if key in shape.members else _names(shape).get(key.lower())


def _shape_of(shape: Any, key: str) -> Any:
    member = _member(shape, key)
    return shape.members[member] if member else shape
