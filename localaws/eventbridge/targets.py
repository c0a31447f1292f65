"""Hands an event to a target: with a role, or by the target's resource policy. Called by deliveries."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from localaws.errors import AwsError
from localaws.topics import publish_for_service

if TYPE_CHECKING:
    from localaws.world import World

log = logging.getLogger("localaws.eventbridge")
RETRYABLE = {
    "ThrottlingException",
    "TooManyRequestsException",
    "ServiceUnavailable",
    "ServiceException",
    "InternalFailure",
}


class DeliveryError(Exception):
    """A target did not take what it was given."""

    def __init__(self, reason: str, *, retryable: bool) -> None:
        super().__init__(reason)
        self.retryable = retryable


def start_execution(world: World, arn: str, name: str, text: str, *, role: str, session: str) -> None:
    """Start a state machine with a role's permissions. Raises `DeliveryError`."""
    try:
        client = world.client("stepfunctions", role=role, session=session)
        client.start_execution(stateMachineArn=arn, name=name, input=text)
    except (ClientError, BotoCoreError) as error:
        raise translated(error) from error


def invoke_function(world: World, arn: str, text: str, principal: str, source_arn: str) -> None:
    """Invoke a function asynchronously by its resource policy. Raises `DeliveryError`."""
    function: Any = world.services.get("lambda")
    if function is None:
        raise DeliveryError("this world has no Lambda", retryable=False)
    try:
        function.queue_for_service(arn, text.encode(), principal=principal, source_arn=source_arn)
    except AwsError as error:
        raise translated(error) from error


def deliver(world: World, target: Mapping[str, Any], text: str, rule_arn: str, name: str) -> None:
    """Hand a text to a rule's target; an execution gets that name. Raises `DeliveryError`."""
    arn = str(target["Arn"])
    service = arn.split(":")[2]
    if service == "states":
        start_execution(world, arn, name, text, role=target["RoleArn"], session="EventBridge")
    elif service == "lambda":
        invoke_function(world, arn, text, "events.amazonaws.com", rule_arn)
    else:
        role = target.get("RoleArn")
        try:
            if role:
                world.client("sns", role=role, session="EventBridge").publish(TopicArn=arn, Message=text)
            else:
                publish_for_service(world, "events.amazonaws.com", rule_arn, arn, Message=text)
        except (ClientError, BotoCoreError, AwsError) as error:
            raise translated(error) from error


def translated(error: ClientError | BotoCoreError | AwsError) -> DeliveryError:
    """A delivery's error, retryable as AWS retries: throttling, the service's own failures, no connection."""
    if isinstance(error, AwsError):
        code, status = error.code, error.status_code
    elif isinstance(error, ClientError):
        code = error.response["Error"]["Code"]
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
    else:
        return DeliveryError(str(error), retryable=True)
    retryable = code in RETRYABLE or (status >= 500 and status != 501)
    return DeliveryError(f"{code}: {error}" if isinstance(error, AwsError) else str(error), retryable=retryable)
