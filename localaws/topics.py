"""Publishing to a topic as a service does: by its policy and its key's. Called by alarms and rules."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from localaws.actor import client_as
from localaws.errors import AwsError
from localaws.policy import allows_service

if TYPE_CHECKING:
    from localaws.world import World


def publish_for_service(world: World, principal: str, source_arn: str, topic: str, **message: Any) -> None:
    """Publish as `principal`. Raises `AwsError` unless the topic's policy, and its key's, allow it."""
    sns = client_as(world, principal, "sns")
    try:
        attributes = sns.get_topic_attributes(TopicArn=topic)["Attributes"]
    except ClientError as error:
        raise AwsError(error.response["Error"]["Code"], str(error), 404) from error
    account = world.settings.account
    context = {
        "aws:sourceowner": account,
        "aws:sourceaccount": account,
        "aws:sourcearn": source_arn,
        "aws:securetransport": "true",  # AWS's own services call each other by TLS
    }
    if not allows_service(json.loads(attributes["Policy"]), principal, "sns:Publish", topic, context):
        raise AwsError("AuthorizationError", f"the policy of {topic} does not let {principal} publish", 403)
    if attributes.get("KmsMasterKeyId"):
        _check_key(world, principal, str(attributes["KmsMasterKeyId"]), context)
    sns.publish(TopicArn=topic, **message)


def _check_key(world: World, principal: str, key: str, context: dict[str, str]) -> None:
    if key.endswith("alias/aws/sns"):
        raise AwsError("KMSAccessDenied", f"{principal} can't use the AWS managed key of SNS; use your own key", 403)
    kms = client_as(world, principal, "kms")
    arn = kms.describe_key(KeyId=key)["KeyMetadata"]["Arn"]
    policy = json.loads(kms.get_key_policy(KeyId=arn, PolicyName="default")["Policy"])
    for action in ("kms:Decrypt", "kms:GenerateDataKey"):
        if not allows_service(policy, principal, action, arn, context):
            raise AwsError("KMSAccessDenied", f"the policy of {arn} does not let {principal} {action}", 403)
