"""May a service act with a role? Asked wherever AWS checks a role's trust policy when it is handed over."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from botocore.exceptions import ClientError

from localaws.actor import client_as

if TYPE_CHECKING:
    from localaws.world import World


def may_assume(world: World, role: str, principal: str) -> bool:
    """True when the role exists and its trust policy names the service, such as `sagemaker.amazonaws.com`."""
    try:
        found = client_as(world, principal, "iam").get_role(RoleName=role.rsplit("/", 1)[-1])["Role"]
    except ClientError:
        return False
    policy = found["AssumeRolePolicyDocument"]
    document: dict[str, Any] = json.loads(unquote(policy)) if isinstance(policy, str) else policy
    return any(_allows(statement, principal) for statement in _listed(document.get("Statement", [])))


def _allows(statement: dict[str, Any], principal: str) -> bool:
    services = _listed(statement.get("Principal", {}).get("Service", []))
    actions = _listed(statement.get("Action", []))
    return statement.get("Effect") == "Allow" and principal in services and "sts:AssumeRole" in actions


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
