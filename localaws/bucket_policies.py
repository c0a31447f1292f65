"""Bucket policies: kept here, and their denials enforced with their conditions. Intercepts S3's calls.

moto denies by a statement whatever its conditions say, so that the usual "deny what isn't TLS" would shut
every bucket. Within one account it takes no bucket policy to be allowed: `Allow` is only kept and shown.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from botocore.exceptions import ClientError

from localaws.actor import MARK, client_as
from localaws.errors import AwsError, NotModelledError
from localaws.front_door import permissions
from localaws.policy import like
from localaws.service import Call, Service

Statement = Mapping[str, Any]

HEADERS = {
    "s3:x-amz-server-side-encryption": "x-amz-server-side-encryption",
    "s3:x-amz-server-side-encryption-aws-kms-key-id": "x-amz-server-side-encryption-aws-kms-key-id",
    "s3:x-amz-acl": "x-amz-acl",
}
KEYS = {
    "aws:securetransport",
    "aws:sourceaccount",
    "aws:sourcearn",
    "aws:principalarn",
    "aws:principalaccount",
    *HEADERS,
}
POSITIVE = {"Bool", "StringEquals", "StringLike", "ArnEquals", "ArnLike"}
ITSELF = f"{MARK}s3.amazonaws.com/"
NEGATIVE = {"StringNotEquals", "StringNotLike", "ArnNotEquals", "ArnNotLike"}


class BucketPolicies(Service):
    """The policies of all buckets."""

    name: ClassVar[str] = "bucket-policies"

    def __init__(self, world: Any) -> None:
        super().__init__(world)
        self._policies: dict[str, str] = {}
        self._lock = threading.Lock()

    def start(self) -> None:
        self.world.front_door.intercept(self._intercept)
        self.world.delegated.after("s3", "DeleteBucket", lambda call, _: self._forget(call.params["Bucket"]))

    def _intercept(self, call: Call) -> dict[str, Any] | None:
        bucket = call.params.get("Bucket")
        if call.service != "s3" or not isinstance(bucket, str):
            return None
        self._enforce(call, bucket)
        if call.operation == "PutBucketPolicy":
            return self._put(bucket, str(call.params["Policy"]))
        if call.operation == "GetBucketPolicy":
            self._must_exist(bucket)
            if bucket not in self._policies:
                raise AwsError("NoSuchBucketPolicy", "The bucket policy does not exist", 404, BucketName=bucket)
            return {"Policy": self._policies[bucket]}
        if call.operation == "DeleteBucketPolicy":
            self._must_exist(bucket)
            self._forget(bucket)
            return {}
        return None

    def _put(self, bucket: str, policy: str) -> dict[str, Any]:
        self._must_exist(bucket)
        try:
            statements = list(_statements(policy))
        except (ValueError, TypeError, AttributeError) as error:
            raise AwsError("MalformedPolicy", f"This policy contains invalid Json: {error}") from error
        for statement in statements:
            _check(statement)
        with self._lock:
            self._policies[bucket] = policy
        return {}

    def _forget(self, bucket: str) -> None:
        with self._lock:
            self._policies.pop(bucket, None)

    def _must_exist(self, bucket: str) -> None:
        try:
            client_as(self.world, "s3.amazonaws.com", "s3").list_objects_v2(Bucket=bucket, MaxKeys=1)
        except ClientError as error:
            raise AwsError(
                error.response["Error"]["Code"], error.response["Error"]["Message"], 404, BucketName=bucket
            ) from None

    def _enforce(self, call: Call, bucket: str) -> None:
        policy = self._policies.get(bucket)
        if policy is None or call.operation.endswith("BucketPolicy") or ITSELF in call.principal.arn:
            return  # the account's owner can always mend a policy
        settings = self.world.settings
        needed = list(permissions.needed("s3", call.operation, call.params, settings.account, settings.region))
        context = {
            "aws:securetransport": "true",  # a loopback wire is as good
            "aws:principalarn": call.principal.arn,
            "aws:principalaccount": settings.account,
            **{key: call.headers[header] for key, header in HEADERS.items() if header in call.headers},
        }
        for statement in _statements(policy):
            if statement["Effect"] == "Deny" and _denies(statement, needed, call.principal.arn, context):
                sid = statement.get("Sid", "without a Sid")
                raise AwsError(
                    "AccessDenied",
                    f"{call.principal.caller_arn} is not authorized to perform {needed[0][0]} on "
                    f"{needed[0][1]} with an explicit deny in a resource-based policy (statement {sid})",
                    403,
                )


def _statements(policy: str) -> Iterator[Statement]:
    listed = json.loads(policy)["Statement"]
    yield from listed if isinstance(listed, list) else [listed]


def _check(statement: Statement) -> None:
    if statement["Effect"] != "Deny":
        return
    for member in ("NotPrincipal", "NotAction", "NotResource"):
        if member in statement:
            raise NotModelledError(f"{member} in a bucket policy that denies")
    for operator, wanted in statement.get("Condition", {}).items():
        if operator not in POSITIVE and operator not in NEGATIVE and operator != "Null":
            raise NotModelledError(f"the condition operator {operator!r} in a bucket policy")
        for key in wanted:
            if key.lower() not in KEYS:
                raise NotModelledError(f"the condition key {key!r} in a bucket policy")


def _denies(statement: Statement, needed: list[tuple[str, str]], principal: str, context: Mapping[str, str]) -> bool:
    who = statement["Principal"]
    named = _listed(who if isinstance(who, str) else who.get("AWS", []))
    account = principal.split(":")[4]
    if not any(name in ("*", principal, account, f"arn:aws:iam::{account}:root") for name in named):
        return False
    covered = any(
        any(like(action.lower(), str(pattern).lower()) for pattern in _listed(statement["Action"]))
        and any(like(resource, str(pattern)) for pattern in _listed(statement["Resource"]))
        for action, resource in needed
    )
    return covered and all(
        _holds(operator, key.lower(), _listed(values), context)
        for operator, wanted in statement.get("Condition", {}).items()
        for key, values in wanted.items()
    )


def _holds(operator: str, key: str, values: list[Any], context: Mapping[str, str]) -> bool:
    held = context.get(key)
    if operator == "Null":
        return (held is None) == (str(values[0]).lower() == "true")
    if operator in POSITIVE:
        return held is not None and any(_matches(operator, held, value) for value in values)
    return held is None or not any(_matches(operator, held, value) for value in values)


def _matches(operator: str, held: str, value: Any) -> bool:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return like(held, text) if "Like" in operator or "Arn" in operator else held == text


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list) else [value]
