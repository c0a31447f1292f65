"""What several operations check in their input. Used by `activities`, `state_machines` and `service`."""

from __future__ import annotations

from typing import Any

from localaws.errors import AwsError, NotModelledError

_NO_NAME = frozenset(' <>{}[]?*"#%\\^|~`$&,;:/')


def refuse(params: dict[str, Any], **understood: Any) -> None:
    """Raise for a parameter with another value than the one that is understood."""
    for name, value in understood.items():
        if name in params and params[name] != value:
            raise NotModelledError(f"stepfunctions: {name} = {params[name]!r}")


def check_name(name: str) -> None:
    """Raise for a name that no state machine, activity or execution can have."""
    if len(name) > 80 or _NO_NAME & set(name) or any(ord(letter) < 32 or 127 <= ord(letter) < 160 for letter in name):
        raise AwsError("InvalidName", f"Invalid Name: '{name}'")


def tags_of(params: dict[str, Any]) -> dict[str, str]:
    """The tags that a call gives."""
    return {tag["key"]: tag["value"] for tag in params.get("tags", [])}
