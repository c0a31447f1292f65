"""Whether a policy lets an AWS service act: publish to a topic, use a key, take a role."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from localaws.errors import NotModelledError

Context = Mapping[str, str]
"""Condition keys, in lower case, and their values."""


def allows_service(policy: Mapping[str, Any], principal: str, action: str, resource: str, context: Context) -> bool:
    """Whether a policy document allows a service principal an action: some statement does, none denies it."""
    effects = {
        statement["Effect"]
        for statement in _listed(policy.get("Statement"))
        if _covers(statement, principal, action, resource) and _conditions_hold(statement.get("Condition", {}), context)
    }
    return effects == {"Allow"}


def _covers(statement: Mapping[str, Any], principal: str, action: str, resource: str) -> bool:
    for member in ("NotPrincipal", "NotAction", "NotResource"):
        if member in statement:
            raise NotModelledError(f"{member} in a resource policy")
    who = statement.get("Principal", {})
    named = (
        who if who == "*" else [*_listed(who.get("Service")), *("*" for each in _listed(who.get("AWS")) if each == "*")]
    )
    if "*" not in named and principal not in named:
        return False
    if not any(like(action.lower(), str(each).lower()) for each in _listed(statement.get("Action"))):
        return False
    return any(like(resource, each) for each in _listed(statement.get("Resource", "*")))


def _conditions_hold(conditions: Mapping[str, Mapping[str, Any]], context: Context) -> bool:
    for name, wanted in conditions.items():
        check = OPERATORS.get(name)
        if check is None:
            raise NotModelledError(f"the condition operator {name!r} in a resource policy")
        for key, values in wanted.items():
            held = context.get(key.lower())
            if held is None or not any(check(held, str(value)) for value in _listed(values)):
                return False
    return True


def like(value: str, pattern: str) -> bool:
    """IAM's wildcards: `*` is anything, `?` any one character."""
    return re.fullmatch("".join({"*": ".*", "?": "."}.get(c, re.escape(c)) for c in pattern), value) is not None


def same_truth(value: str, wanted: str) -> bool:
    """IAM's `Bool`: true and false are written in any case."""
    return value.lower() == wanted.lower()


OPERATORS: dict[str, Callable[[str, str], bool]] = {
    "Bool": same_truth,
    "StringEquals": str.__eq__,
    "StringLike": like,
    "ArnEquals": like,
    "ArnLike": like,
}


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, list) else [value]
