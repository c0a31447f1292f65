"""Whether a resource's policy lets a service in."""

from __future__ import annotations

from typing import Any

import pytest

from localaws.errors import NotModelledError
from localaws.policy import allows_service

TOPIC = "arn:aws:sns:us-east-1:123456789012:news"
ALARM = "arn:aws:cloudwatch:us-east-1:123456789012:alarm:a"
SERVICE = "cloudwatch.amazonaws.com"


def allowed(*statements: dict[str, Any]) -> bool:
    policy = {"Statement": [{"Effect": "Allow", "Resource": TOPIC, **statement} for statement in statements]}
    context = {"aws:sourcearn": ALARM, "aws:sourceaccount": "123456789012", "aws:securetransport": "true"}
    return allows_service(policy, SERVICE, "sns:Publish", TOPIC, context)


@pytest.mark.parametrize(
    ("statement", "wanted"),
    [
        ({"Principal": {"Service": SERVICE}, "Action": "sns:Publish"}, True),
        ({"Principal": {"Service": [SERVICE, "x"]}, "Action": ["SNS:Publish"]}, True),
        ({"Principal": "*", "Action": "sns:*"}, True),
        ({"Principal": {"AWS": "*"}, "Action": "*"}, True),
        ({"Principal": {"Service": "events.amazonaws.com"}, "Action": "sns:Publish"}, False),
        ({"Principal": {"AWS": "arn:aws:iam::123456789012:root"}, "Action": "sns:Publish"}, False),
        ({"Principal": {"Service": SERVICE}, "Action": "sns:Subscribe"}, False),
        ({"Principal": {"Service": SERVICE}, "Action": "sns:Publish", "Resource": f"{TOPIC}2"}, False),
    ],
)
def test_principal_action_and_resource(statement: dict[str, Any], wanted: bool) -> None:
    assert allowed(statement) is wanted


@pytest.mark.parametrize(
    ("condition", "wanted"),
    [
        ({"ArnLike": {"aws:SourceArn": "arn:aws:cloudwatch:*:123456789012:alarm:*"}}, True),
        ({"ArnEquals": {"AWS:SourceArn": [f"{ALARM}2", ALARM]}}, True),
        ({"StringEquals": {"aws:SourceAccount": "999999999999"}}, False),
        ({"StringEquals": {"aws:PrincipalOrgID": "o-1"}}, False),
    ],
)
def test_conditions(condition: dict[str, Any], wanted: bool) -> None:
    assert allowed({"Principal": {"Service": SERVICE}, "Action": "sns:Publish", "Condition": condition}) is wanted


def test_a_denial_outweighs() -> None:
    statement = {"Principal": {"Service": SERVICE}, "Action": "sns:Publish"}
    assert not allowed(statement, {**statement, "Effect": "Deny"})


def test_a_denial_of_what_is_not_encrypted_does_not_touch_what_is() -> None:
    statement = {"Principal": {"Service": SERVICE}, "Action": "sns:Publish"}
    condition = {"Bool": {"aws:SecureTransport": "false"}}
    assert allowed(statement, {**statement, "Principal": "*", "Effect": "Deny", "Condition": condition})
    assert not allowed({**statement, "Condition": condition})


def test_what_is_not_understood_is_not_taken_for_a_yes() -> None:
    unknown = {"Principal": "*", "Action": "*", "Condition": {"DateLessThan": {"aws:CurrentTime": "2030"}}}
    with pytest.raises(NotModelledError, match="DateLessThan"):
        allowed(unknown)
    with pytest.raises(NotModelledError, match="NotAction"):
        allowed({"Principal": "*", "NotAction": "sns:Publish"})
