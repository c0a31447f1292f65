"""What a schedule calls when it fires. Called by the Scheduler."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from localaws.errors import AwsError, NotModelledError
from localaws.eventbridge.targets import start_execution, translated
from localaws.trust import may_assume

if TYPE_CHECKING:
    from localaws.world import World

PRINCIPAL = "scheduler.amazonaws.com"
UNIVERSAL = "arn:aws:scheduler:::aws-sdk:"
START, INVOKE = f"{UNIVERSAL}sfn:startExecution", f"{UNIVERSAL}lambda:invoke"
MEMBERS = {"Arn", "RoleArn", "Input", "RetryPolicy"}


def check_target(world: World, target: Mapping[str, Any]) -> None:
    """Raise unless a target can be served: a state machine or a function, with a role that may be assumed."""
    for member in sorted(target.keys() - MEMBERS):
        raise NotModelledError(f"{member} of a schedule's target")
    arn = target["Arn"]
    service = arn.split(":")[2] if arn.count(":") >= 5 else ""
    if arn not in (START, INVOKE) and not (
        (service == "states" and ":stateMachine:" in arn) or (service == "lambda" and ":function:" in arn)
    ):
        raise NotModelledError(f"the schedule target {arn}")
    try:
        given = json.loads(target.get("Input", "{}"))
    except ValueError:
        raise AwsError("ValidationException", f"Invalid Input: it must be well-formed JSON for {arn}.") from None
    if arn.startswith(UNIVERSAL) and not isinstance(given, dict):
        raise AwsError("ValidationException", f"Invalid Input: {arn} takes an object.")
    if not may_assume(world, target["RoleArn"], PRINCIPAL):
        raise AwsError(
            "ValidationException",
            "The execution role you provide must allow AWS EventBridge Scheduler to assume the role.",
        )


def fire(world: World, target: Mapping[str, Any], text: str, name: str) -> None:
    """Call the target; an execution gets that name unless its input has one. Raises `DeliveryError`."""
    arn, role = target["Arn"], target["RoleArn"]
    try:
        if arn == START:
            given = {key[0].lower() + key[1:]: value for key, value in json.loads(text).items()}
            client = world.client("stepfunctions", role=role, session="Scheduler")
            client.start_execution(**{"name": name, **given})
        elif arn == INVOKE:
            world.client("lambda", role=role, session="Scheduler").invoke(**json.loads(text))
        elif ":function:" in arn:
            client = world.client("lambda", role=role, session="Scheduler")
            client.invoke(FunctionName=arn, InvocationType="Event", Payload=text.encode())
        else:
            start_execution(world, arn, name, text, role=role, session="Scheduler")
    except (ClientError, BotoCoreError) as error:
        raise translated(error) from error
