"""Function names, qualifiers and ARNs, in all the spellings of Lambda's API. Used by every operation."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from localaws.errors import AwsError

LATEST = "$LATEST"
NAME = re.compile(r"[a-zA-Z0-9-_]{1,64}")
VERSION = re.compile(r"[0-9]+")


@dataclass(frozen=True, slots=True)
class Reference:
    """Which function a caller means, and which version or alias of it ("" when none was named)."""

    name: str
    qualifier: str


def reference(params: dict[str, Any]) -> Reference:
    """From `FunctionName` (name, partial or whole ARN, with or without a qualifier) and `Qualifier`."""
    given = str(params["FunctionName"])
    parts = given.split(":")
    if given.startswith("arn:"):
        parts = parts[6:]
    elif len(parts) >= 3 and parts[1] == "function":
        parts = parts[2:]
    name, qualifier = parts[0] if parts else "", ":".join(parts[1:])
    asked = str(params.get("Qualifier") or "")
    if not NAME.fullmatch(name):
        raise AwsError("ValidationException", f"1 validation error detected: Value '{given}' at 'functionName'")
    if asked and qualifier and asked != qualifier:
        raise AwsError(
            "InvalidParameterValueException",
            f"The derived qualifier from the function name does not match the specified qualifier: {given}, {asked}",
        )
    return Reference(name, asked or qualifier)


def is_version(qualifier: str) -> bool:
    """Whether a qualifier names a version rather than an alias."""
    return qualifier == LATEST or VERSION.fullmatch(qualifier) is not None
