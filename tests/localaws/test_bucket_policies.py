"""Bucket policies: kept as they are, their denials enforced when their conditions hold."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from localaws.bucket_policies import BucketPolicies
from localaws.sts.service import Sts
from localaws.world import World
from tests.localaws.conftest import WorldOf

THINGS = "arn:aws:s3:::things"


@pytest.fixture
def world(world_of: WorldOf) -> World:
    opened = world_of(Sts, BucketPolicies)
    opened.client("s3").create_bucket(Bucket="things")
    return opened


def deny(**statement: Any) -> str:
    body = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": [THINGS, f"{THINGS}/*"], **statement}
    return json.dumps({"Version": "2012-10-17", "Statement": [body]})


def code_of(call: Any, **params: Any) -> str | None:
    try:
        call(**params)
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return None


def test_a_policy_is_kept_and_shown_until_it_is_taken_away(world: World) -> None:
    s3 = world.client("s3")
    assert code_of(s3.get_bucket_policy, Bucket="things") == "NoSuchBucketPolicy"
    policy = deny(Condition={"Bool": {"aws:SecureTransport": "false"}})
    s3.put_bucket_policy(Bucket="things", Policy=policy)
    assert s3.get_bucket_policy(Bucket="things")["Policy"] == policy
    s3.delete_bucket_policy(Bucket="things")
    assert code_of(s3.get_bucket_policy, Bucket="things") == "NoSuchBucketPolicy"
    assert code_of(s3.put_bucket_policy, Bucket="nothing", Policy=policy) == "NoSuchBucket"


def test_the_policy_of_a_deleted_bucket_is_gone(world: World) -> None:
    s3 = world.client("s3")
    s3.put_bucket_policy(Bucket="things", Policy=deny(Action="s3:GetObject"))
    s3.delete_bucket(Bucket="things")
    s3.create_bucket(Bucket="things")
    assert code_of(s3.get_bucket_policy, Bucket="things") == "NoSuchBucketPolicy"


@pytest.mark.parametrize(
    ("statement", "denied"),
    [
        ({"Condition": {"Bool": {"aws:SecureTransport": "false"}}}, False),
        ({"Condition": {"Bool": {"aws:SecureTransport": True}}}, True),
        ({"Action": "s3:GetObject"}, False),
        ({"Action": ["s3:Put*"], "Resource": f"{THINGS}/a*"}, True),
        ({"Resource": f"{THINGS}/b*"}, False),
        ({"Principal": {"AWS": "arn:aws:iam::123456789012:user/you"}}, True),
        ({"Principal": {"AWS": "arn:aws:iam::123456789012:role/other"}}, False),
        (
            {
                "Action": "s3:PutObject",
                "Condition": {"StringNotEquals": {"s3:x-amz-server-side-encryption": "aws:kms"}},
            },
            True,
        ),
        (
            {"Action": "s3:PutObject", "Condition": {"StringNotEquals": {"s3:x-amz-server-side-encryption": "AES256"}}},
            False,
        ),
        ({"Action": "s3:PutObject", "Condition": {"Null": {"s3:x-amz-server-side-encryption": "true"}}}, False),
        ({"Condition": {"ArnNotLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/*"}}}, True),
    ],
)
def test_a_denial_holds_when_everything_in_it_does(world: World, statement: dict[str, Any], denied: bool) -> None:
    s3 = world.client("s3")
    s3.put_bucket_policy(Bucket="things", Policy=deny(**statement))
    code = code_of(s3.put_object, Bucket="things", Key="a", Body=b"x", ServerSideEncryption="AES256")
    assert code == ("AccessDenied" if denied else None)
    s3.delete_bucket_policy(Bucket="things")


@pytest.mark.parametrize(
    "statement",
    [
        {"NotAction": "s3:GetObject"},
        {"Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}},
        {"Condition": {"StringEquals": {"aws:SourceVpce": "vpce-1"}}},
    ],
)
def test_a_denial_that_cannot_be_weighed_is_refused(world: World, statement: dict[str, Any]) -> None:
    s3 = world.client("s3")
    assert code_of(s3.put_bucket_policy, Bucket="things", Policy=deny(**statement)) == "LocalAwsNotImplemented"
    assert code_of(s3.put_bucket_policy, Bucket="things", Policy="{") == "MalformedPolicy"
