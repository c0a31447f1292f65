"""May a service act with a role? Asked wherever AWS checks a role's trust policy when it is handed over."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from botocore.exceptions import ClientError

from localaws.actor import client_as
from localaws.policy import allows_service

if TYPE_CHECKING:
    from localaws.world import World


TELL_THE_ACCOUNT = {
    "events.amazonaws.com",
    "sagemaker.amazonaws.com",
    "scheduler.amazonaws.com",
    "states.amazonaws.com",
}
"""Services whose pages on the confused deputy say that they assume roles with `aws:SourceAccount`."""


def may_assume(world: World, role: str, principal: str) -> bool:
    """True when the role exists and its trust policy allows the service, such as `sagemaker.amazonaws.com`."""
    try:
        found = client_as(world, principal, "iam").get_role(RoleName=role.rsplit("/", 1)[-1])["Role"]
    except ClientError:
        return False
    policy = found["AssumeRolePolicyDocument"]
    document: dict[str, Any] = json.loads(unquote(policy)) if isinstance(policy, str) else policy
    context = {"aws:sourceaccount": world.settings.account} if principal in TELL_THE_ACCOUNT else {}
    return allows_service(document, principal, "sts:AssumeRole", role, context)
