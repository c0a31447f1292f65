"""Asynchronous invocation and invocation by other services: retries, throttling, resource policies."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from localaws.errors import AwsError
from localaws.lambda_.service import Lambda
from localaws.world import World
from tests.localaws.lambda_support import ECHO, Metrics, create

NOTING = """
import os
def handler(event, context):
    with open(os.environ["NOTES"], "a") as notes:
        notes.write(f"{context.aws_request_id}\\n")
    if len(open(os.environ["NOTES"]).readlines()) <= event["failures"]:
        raise RuntimeError("not yet")
"""
API = "arn:aws:execute-api:us-east-1:123456789012:abc/$default/POST/predict"


@pytest.fixture
def world(world_of: Callable[..., World]) -> World:
    return world_of(Lambda, Metrics, time_scale=6000)


@pytest.fixture
def notes(world: World) -> Path:
    path = world.settings.home / "notes"
    create(world, "noting", NOTING, Environment={"Variables": {"NOTES": str(path)}})
    return path


def send(world: World, failures: int) -> None:
    answer = world.client("lambda").invoke(
        FunctionName="noting", InvocationType="Event", Payload=json.dumps({"failures": failures})
    )
    assert answer["StatusCode"] == 202


def test_a_failed_event_is_tried_twice_more_with_the_same_request_id(world: World, notes: Path) -> None:
    send(world, failures=9)
    assert world.service(Metrics).wait_for("Errors", 3, FunctionName="noting")
    world.service(Lambda).events.wait_until_empty()
    attempts = notes.read_text().splitlines()
    assert len(attempts) == 3
    assert len(set(attempts)) == 1
    assert world.service(Metrics).wait_for("AsyncEventsDropped", 1, FunctionName="noting")


def test_an_event_that_succeeds_at_last_is_not_tried_again(world: World, notes: Path) -> None:
    send(world, failures=1)
    assert world.service(Metrics).wait_for("Invocations", 2, FunctionName="noting")
    world.service(Lambda).events.wait_until_empty()
    assert len(notes.read_text().splitlines()) == 2
    assert world.service(Metrics).total("AsyncEventsDropped", FunctionName="noting") == 0


def test_retries_can_be_configured_away(world: World, notes: Path) -> None:
    client = world.client("lambda")
    client.put_function_event_invoke_config(FunctionName="noting", MaximumRetryAttempts=0)
    assert client.get_function_event_invoke_config(FunctionName="noting")["MaximumRetryAttempts"] == 0
    send(world, failures=9)
    assert world.service(Metrics).wait_for("Errors", 1, FunctionName="noting")
    world.service(Lambda).events.wait_until_empty()
    assert len(notes.read_text().splitlines()) == 1
    client.delete_function_event_invoke_config(FunctionName="noting")
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.get_function_event_invoke_config(FunctionName="noting")


def test_destinations_are_refused(world: World, notes: Path) -> None:
    with pytest.raises(ClientError, match="destinations"):
        world.client("lambda").put_function_event_invoke_config(
            FunctionName="noting",
            DestinationConfig={"OnFailure": {"Destination": "arn:aws:sns:us-east-1:123456789012:t"}},
        )


def test_a_throttled_event_waits_for_its_turn(world: World, notes: Path) -> None:
    client = world.client("lambda")
    client.put_function_concurrency(FunctionName="noting", ReservedConcurrentExecutions=0)
    send(world, failures=0)
    assert world.service(Metrics).wait_for("Throttles", 2, FunctionName="noting")
    client.delete_function_concurrency(FunctionName="noting")
    assert world.service(Metrics).wait_for("Invocations", 1, FunctionName="noting")
    assert len(notes.read_text().splitlines()) == 1


def test_services_need_a_resource_policy(world: World) -> None:
    arn = create(world, "echo", ECHO)
    service, client = world.service(Lambda), world.client("lambda")

    def call(source: str = API, qualifier: str = "") -> object:
        outcome = service.invoke_for_service(
            arn + qualifier, b"5", principal="apigateway.amazonaws.com", source_arn=source
        )
        return json.loads(outcome.payload)

    with pytest.raises(AwsError, match="not authorized"):
        call()
    client.add_permission(
        FunctionName="echo",
        StatementId="api",
        Action="lambda:InvokeFunction",
        Principal="apigateway.amazonaws.com",
        SourceArn="arn:aws:execute-api:us-east-1:123456789012:abc/*/POST/predict",
    )
    assert call() == 5
    for source in (API.replace("abc", "xyz"), API.replace("POST", "GET"), ""):
        with pytest.raises(AwsError, match="not authorized"):
            call(source)
    client.publish_version(FunctionName="echo")
    client.create_alias(FunctionName="echo", Name="live", FunctionVersion="1")
    with pytest.raises(AwsError, match="not authorized"):
        call(qualifier=":live")  # a policy of the function says nothing of its aliases
    with pytest.raises(AwsError, match="not authorized"):
        service.invoke_for_service(arn, b"5", principal="events.amazonaws.com", source_arn=API)


def test_a_policy_is_written_shown_and_removed(world: World) -> None:
    arn = create(world, "echo", ECHO)
    client = world.client("lambda")
    permission = {
        "FunctionName": "echo",
        "StatementId": "rule",
        "Action": "lambda:InvokeFunction",
        "Principal": "events.amazonaws.com",
        "SourceArn": "arn:aws:events:us-east-1:123456789012:rule/r",
        "SourceAccount": "123456789012",
    }
    statement = json.loads(client.add_permission(**permission)["Statement"])
    assert statement == {
        "Sid": "rule",
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "lambda:InvokeFunction",
        "Resource": arn,
        "Condition": {
            "StringEquals": {"AWS:SourceAccount": "123456789012"},
            "ArnLike": {"AWS:SourceArn": "arn:aws:events:us-east-1:123456789012:rule/r"},
        },
    }
    assert json.loads(client.get_policy(FunctionName="echo")["Policy"])["Statement"] == [statement]
    with pytest.raises(client.exceptions.ResourceConflictException):
        client.add_permission(**permission)
    client.remove_permission(FunctionName="echo", StatementId="rule")
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.get_policy(FunctionName="echo")
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.remove_permission(FunctionName="echo", StatementId="rule")
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.add_permission(**{**permission, "Qualifier": "live"})


def test_an_event_for_an_unknown_function_is_refused_at_once(world: World) -> None:
    client = world.client("lambda")
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.invoke(FunctionName="nobody", InvocationType="Event")
