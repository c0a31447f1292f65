"""Which version serves a request, and how aliases divide them. Used by invoke and alias operations."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from typing import Any

from localaws.errors import AwsError
from localaws.lambda_.model import Alias, Function, Version
from localaws.lambda_.names import LATEST, is_version


def version_for(function: Function, qualifier: str, chance: random.Random) -> Version:
    """The version that serves one request. With weights each request is drawn by itself, as on AWS."""
    if qualifier in ("", LATEST):
        return function.serving
    number = qualifier
    if not is_version(qualifier):
        alias = function.aliases.get(qualifier)
        if alias is None:
            raise not_found(f"{function.arn}:{qualifier}")
        number = drawn(alias, chance)
    version = function.serving if number == LATEST else function.versions.get(number)
    if version is None:
        raise not_found(f"{function.arn}:{qualifier}")
    return version


def drawn(alias: Alias, chance: random.Random) -> str:
    """The version number of one request through an alias."""
    for number, weight in alias.weights.items():
        if chance.random() < weight:
            return number
    return alias.version


def checked_weights(function: Function, version: str, routing: Mapping[str, Any] | None) -> dict[str, float]:
    """The second version and its weight, by AWS's rules. Raises `InvalidParameterValueException`."""
    weights = {str(k): float(v) for k, v in ((routing or {}).get("AdditionalVersionWeights") or {}).items()}
    primary = known_version(function, version)
    if len(weights) > 1:
        raise _invalid("Number of items in AdditionalVersionWeights cannot be greater than 1")
    for number, weight in weights.items():
        if number == version:
            raise _invalid(
                f"Invalid function version {number}. "
                f"Function version {number} is already included in routing configuration."
            )
        if LATEST in (number, version):
            raise _invalid("$LATEST is not supported for an alias pointing to more than 1 version")
        if not 0 <= weight <= 1 or math.isnan(weight):
            raise _invalid(f"Value {weight} of version {number} must be between 0.0 and 1.0")
        second = known_version(function, number)
        if second.configuration.role != primary.configuration.role:
            raise _invalid("Execution role must be the same for both versions of an alias with weights")
    return weights


def known_version(function: Function, number: str) -> Version:
    """$LATEST or a published version. Raises `ResourceNotFoundException`."""
    version = function.version(number)
    if version is None:
        raise not_found(f"{function.arn}:{number}")
    return version


def not_found(arn: str) -> AwsError:
    """As Lambda says it."""
    return AwsError("ResourceNotFoundException", f"Function not found: {arn}", 404, Type="User")


def _invalid(message: str) -> AwsError:
    return AwsError("InvalidParameterValueException", message, Type="User")
