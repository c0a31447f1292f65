"""Values between a state machine and botocore: names, JSON text, blobs and timestamps. Used by `api`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from localaws.stepfunctions.failures import RUNTIME, Failure
from localaws.stepfunctions.history import to_json
from localaws.stepfunctions.templates import Slot

Shape = Any
"""botocore's; it has no public type."""
Moments = Callable[[datetime], Any]


def iso(moment: datetime) -> str:
    """A timestamp in the result of an AWS SDK integration."""
    text = moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
    millis = moment.microsecond // 1000
    return f"{text}.{millis:03d}Z" if millis else f"{text}Z"


def epoch_millis(moment: datetime) -> int:
    """A timestamp in the result of an optimized integration."""
    return round(moment.timestamp() * 1000)


def pascal(name: str) -> str:
    """A member's name in a state machine, also where the API begins it with a small letter."""
    return name[:1].upper() + name[1:]


def to_request(shape: Shape, value: Any, field: str = "") -> Any:
    """Arguments as botocore takes them. Raises `Failure` for a member that the API doesn't have."""
    if value is None:
        return None
    if shape.type_name == "structure" and isinstance(value, dict) and not getattr(shape, "document", False):
        members = {pascal(name): name for name in shape.members}
        request = {}
        for name, part in value.items():
            if name not in members:
                raise Failure(RUNTIME, f"The field '{name}' is not supported by Step Functions")
            if part is not None:
                member = members[name]
                request[member] = to_request(shape.members[member], part, name)
        return request
    if shape.type_name == "list" and isinstance(value, list):
        return [to_request(shape.member, part, field) for part in value]
    if shape.type_name == "map" and isinstance(value, dict):
        return {key: to_request(shape.value, part, field) for key, part in value.items()}
    if shape.type_name == "blob":
        return (value if isinstance(value, str) else to_json(value)).encode()
    return value


def from_response(shape: Shape, value: Any, moments: Moments) -> Any:
    """botocore's output as a state machine sees it."""
    if shape.type_name == "structure" and isinstance(value, dict) and not getattr(shape, "document", False):
        return {
            pascal(name): from_response(member, value[name], moments)
            for name, member in shape.members.items()
            if value.get(name) is not None
        }
    if shape.type_name == "list" and isinstance(value, list):
        return [from_response(shape.member, part, moments) for part in value]
    if shape.type_name == "map" and isinstance(value, dict):
        return {key: from_response(shape.value, part, moments) for key, part in value.items()}
    if isinstance(value, datetime):
        return moments(value)
    if shape.type_name == "blob":
        return (value if isinstance(value, bytes) else value.read()).decode(errors="replace")
    return value


def complaints(shape: Shape, value: Any, field: str, any_json: frozenset[str]) -> Iterator[tuple[str, str]]:
    """What AWS refuses about literal arguments when a machine is made: unknown and missing members."""
    if isinstance(value, Slot) or shape is None or getattr(shape, "document", False):
        return
    match shape.type_name, value:
        case "structure", dict():
            yield from _members(shape, value, field, any_json)
        case "list", list():
            for index, part in enumerate(value):
                yield from complaints(shape.member, part, f"{field}[{index}]", any_json)
        case "map", dict():
            for key, part in value.items():
                yield from complaints(shape.value, part, f"{field}/{key}", any_json)
        case "string", wrong if not isinstance(wrong, str):
            yield field, f"The value for the field '{field.rpartition('/')[2]}' must be a STRING"


def _members(shape: Shape, value: dict[str, Any], field: str, any_json: frozenset[str]) -> Iterator[tuple[str, str]]:
    members = {pascal(name): member for name, member in shape.members.items()}
    for name in shape.required_members:
        if pascal(name) not in value:
            yield field, f"The field '{pascal(name)}' is required but was missing"
    for name, part in value.items():
        if name not in members:
            yield f"{field}/{name}", f"The field '{name}' is not supported by Step Functions"
        elif name not in any_json:
            yield from complaints(members[name], part, f"{field}/{name}", any_json)
