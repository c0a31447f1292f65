"""Whether a service may take a role: what the role's trust policy says of the service, and of the account."""

from __future__ import annotations

import json
from typing import Any

import pytest

from localaws.trust import may_assume
from localaws.world import World
from tests.localaws.conftest import WorldOf

STATES, CODEDEPLOY = "states.amazonaws.com", "codedeploy.amazonaws.com"


@pytest.fixture
def world(world_of: WorldOf) -> World:
    return world_of()


def role(world: World, service: str, **statement: Any) -> str:
    """A role that a service may take, as its statement says."""
    allowing = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole", **statement}
    trust = json.dumps({"Version": "2012-10-17", "Statement": [allowing]})
    created = world.client("iam").create_role(RoleName="taken", AssumeRolePolicyDocument=trust)
    return str(created["Role"]["Arn"])


def from_account(account: str) -> dict[str, Any]:
    return {"Condition": {"StringEquals": {"aws:SourceAccount": account}}}


@pytest.mark.parametrize(
    ("named", "statement", "taken_by", "allowed"),
    [
        (STATES, {}, STATES, True),
        (STATES, {}, CODEDEPLOY, False),
        (STATES, {"Effect": "Deny"}, STATES, False),
        (STATES, {"Action": "sts:TagSession"}, STATES, False),
        (STATES, from_account("123456789012"), STATES, True),
        (STATES, from_account("999999999999"), STATES, False),
        (CODEDEPLOY, {}, CODEDEPLOY, True),
        (CODEDEPLOY, from_account("123456789012"), CODEDEPLOY, False),
    ],
)
def test_a_service_takes_a_role_that_trusts_it(
    world: World, named: str, statement: dict[str, Any], taken_by: str, allowed: bool
) -> None:
    assert may_assume(world, role(world, named, **statement), taken_by) is allowed


def test_nobody_takes_a_role_that_is_not_there(world: World) -> None:
    assert not may_assume(world, "arn:aws:iam::123456789012:role/absent", STATES)
