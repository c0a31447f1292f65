"""EventBridge end to end: events of services and of PutEvents reach targets, as the targets' roles."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from localaws.cloudwatch.service import CloudWatch
from localaws.errors import AwsError
from localaws.eventbridge.service import EventBridge
from localaws.mail.service import Mail
from localaws.world import World
from tests.localaws.stubs import LambdaStub, StepFunctionsStub

MACHINE = "arn:aws:states:us-east-1:123456789012:stateMachine:release"
FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:watch"
ROLE = "arn:aws:iam::123456789012:role/events"
SOON = 20


@pytest.fixture
def world(world_of: Callable[..., World], make_role: Callable[..., str]) -> World:
    world = world_of(StepFunctionsStub, LambdaStub, EventBridge, CloudWatch, Mail)
    assert make_role(world, "events", "events.amazonaws.com") == ROLE
    return world


def put_rule(world: World, pattern: dict[str, Any], *targets: dict[str, Any], bus: str = "default") -> None:
    events = world.client("events")
    events.put_rule(Name="rule", EventPattern=json.dumps(pattern), EventBusName=bus)
    numbered = [{"Id": str(number), **target} for number, target in enumerate(targets)]
    events.put_targets(Rule="rule", Targets=numbered, EventBusName=bus)


def put_event(world: World, source: str = "app", **entry: Any) -> dict[str, Any]:
    entry = {"Source": source, "DetailType": "Thing Happened", "Detail": '{"n": 1}', **entry}
    answer: dict[str, Any] = world.client("events").put_events(Entries=[entry])
    return answer


def error_of(action: Callable[[], object]) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        action()
    return caught.value.response["Error"]["Code"], caught.value.response["Error"]["Message"]


def test_an_event_of_a_service_starts_an_execution_as_the_targets_role(world: World) -> None:
    put_rule(world, {"source": ["aws.sagemaker"]}, {"Arn": MACHINE, "RoleArn": ROLE})
    world.emit_event("aws.sagemaker", "SageMaker Endpoint State Change", {"EndpointName": "e"}, ["arn:e"])
    call = world.service(StepFunctionsStub).started.wait_for(lambda c: True, SOON)
    event = json.loads(call.params["input"])
    assert (event["detail"], event["resources"]) == ({"EndpointName": "e"}, ["arn:e"])
    assert (call.principal.arn, call.principal.session) == (ROLE, "EventBridge")


def test_only_rules_whose_pattern_matches_see_an_event_and_changes_are_noticed(world: World) -> None:
    put_rule(world, {"source": ["app"], "detail": {"n": [2]}}, {"Arn": MACHINE, "RoleArn": ROLE})
    put_event(world)
    put_event(world, Detail='{"n": 2}')
    first = world.service(StepFunctionsStub).started.wait_for(lambda c: True, SOON)
    assert json.loads(first.params["input"])["detail"] == {"n": 2}

    world.client("events").disable_rule(Name="rule")
    put_event(world, Detail='{"n": 2, "seen": false}')
    world.client("events").enable_rule(Name="rule")
    put_event(world, Detail='{"n": 2, "seen": true}')
    world.service(StepFunctionsStub).started.wait_for(lambda c: '"seen":true' in c.params["input"], SOON)
    assert not [c for c in world.service(StepFunctionsStub).started.items() if '"seen":false' in c.params["input"]]


def test_a_bus_of_ones_own_keeps_its_events_to_itself(world: World) -> None:
    world.client("events").create_event_bus(Name="mine")
    put_rule(world, {"source": ["app"]}, {"Arn": MACHINE, "RoleArn": ROLE}, bus="mine")
    put_event(world, Detail='{"bus": "default"}')
    put_event(world, Detail='{"bus": "mine"}', EventBusName="mine")
    first = world.service(StepFunctionsStub).started.wait_for(lambda c: True, SOON)
    assert json.loads(first.params["input"])["detail"] == {"bus": "mine"}


def test_a_function_is_invoked_by_its_resource_policy_with_transformed_input(world: World) -> None:
    transformer = {"InputPathsMap": {"n": "$.detail.n"}, "InputTemplate": '{"number": <n>}'}
    put_rule(world, {"source": ["app"]}, {"Arn": FUNCTION, "InputTransformer": transformer})
    put_event(world)
    arn, payload, principal, source = world.service(LambdaStub).invoked.wait_for(lambda i: True, SOON)
    assert (arn, json.loads(payload), principal) == (FUNCTION, {"number": 1}, "events.amazonaws.com")
    assert source == "arn:aws:events:us-east-1:123456789012:rule/rule"


@pytest.mark.parametrize("allowed", [True, False])
def test_a_topic_takes_events_only_when_its_policy_says_so(world: World, allowed: bool) -> None:
    sns = world.client("sns")
    topic = sns.create_topic(Name="news")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="email", Endpoint="a@example.com")
    world.service(Mail).confirm_all()
    principal = "events.amazonaws.com" if allowed else "cloudwatch.amazonaws.com"
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": principal},
        "Action": "sns:Publish",
        "Resource": topic,
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=policy)
    put_rule(world, {"source": ["app"]}, {"Arn": topic, "InputPath": "$.detail"})
    put_event(world)
    delivery = world.service(EventBridge).deliveries.record.wait_for(lambda d: True, SOON)
    if allowed:
        mail = world.service(Mail).inbox.wait_for(lambda m: '{"n":1}' in m.text, SOON)
        assert mail.to == ("a@example.com",)
    else:
        assert delivery.status == "failed"
        assert "does not let events.amazonaws.com publish" in delivery.error


def test_what_may_pass_is_tried_again_and_what_may_not_is_given_up(world: World) -> None:
    machine = world.service(StepFunctionsStub)
    put_rule(world, {"source": ["app"]}, {"Arn": MACHINE, "RoleArn": ROLE})
    machine.failures = [AwsError("ThrottlingException", "slow down"), AwsError("InternalFailure", "oh", 500)]
    put_event(world)
    record = world.service(EventBridge).deliveries.record
    assert record.wait_for(lambda d: d.status == "delivered", SOON).attempts == 3
    assert len({call.params["name"] for call in machine.started.items()}) == 1

    machine.failures = [AwsError("StateMachineDoesNotExist", "gone")]
    put_event(world)
    failed = record.wait_for(lambda d: d.status == "failed", SOON)
    assert (failed.attempts, failed.target) == (1, MACHINE)
    assert "gone" in failed.error
    measured = world.client("cloudwatch").list_metrics(Namespace="AWS/Events")["Metrics"]
    assert {each["MetricName"] for each in measured} == {
        "FailedInvocations", "Invocations", "MatchedEvents", "TriggeredRules",
    }  # fmt: skip
    assert measured[0]["Dimensions"] == [{"Name": "RuleName", "Value": "rule"}]


def test_a_retry_policy_bounds_the_attempts(world: World) -> None:
    world.service(StepFunctionsStub).failures = [AwsError("ThrottlingException", "no") for _ in range(9)]
    policy = {"MaximumRetryAttempts": 2, "MaximumEventAgeInSeconds": 86_400}
    put_rule(world, {"source": ["app"]}, {"Arn": MACHINE, "RoleArn": ROLE, "RetryPolicy": policy})
    put_event(world)
    record = world.service(EventBridge).deliveries.record
    assert record.wait_for(lambda d: d.status == "failed", SOON).attempts == 3


def test_put_events_answers_entry_by_entry(world: World) -> None:
    good = {"Source": "app", "DetailType": "t", "Detail": "{}"}
    entries = [good, {**good, "Source": "aws.s3"}, {**good, "Detail": "["}, {"Source": "app", "Detail": "{}"}]
    answer = world.client("events").put_events(Entries=entries)
    codes = [entry.get("ErrorCode") for entry in answer["Entries"]]
    assert codes == [None, "NotAuthorizedForSourceException", "MalformedDetail", "InvalidArgument"]
    assert answer["FailedEntryCount"] == 3


def test_patterns_can_be_tried(world: World) -> None:
    event = {
        "id": "1",
        "account": "1",
        "source": "a",
        "time": "t",
        "region": "r",
        "resources": [],
        "detail-type": "d",
    }
    try_pattern = world.client("events").test_event_pattern
    assert try_pattern(EventPattern='{"source": [{"prefix": "a"}]}', Event=json.dumps(event))["Result"] is True
    assert try_pattern(EventPattern='{"source": ["b"]}', Event=json.dumps(event))["Result"] is False


def test_what_can_not_be_served_is_refused_by_name(world: World, make_role: Callable[..., str]) -> None:
    events = world.client("events")
    code, message = error_of(lambda: events.put_rule(Name="r", EventPattern='{"source": [{"like": "x"}]}'))
    assert (code, "'like'" in message) == ("InvalidEventPatternException", True)
    code, message = error_of(lambda: events.put_rule(Name="r", ScheduleExpression="rate(1 hour)"))
    assert (code, "ScheduleExpression" in message) == ("LocalAwsNotImplemented", True)
    events.put_rule(Name="r", EventPattern='{"source": ["x"]}')

    def put(**target: Any) -> Callable[[], object]:
        return lambda: events.put_targets(Rule="r", Targets=[{"Id": "1", **target}])

    queue = "arn:aws:sqs:us-east-1:123456789012:q"
    cases: list[tuple[dict[str, Any], str]] = [
        ({"Arn": queue}, queue),
        ({"Arn": "arn:aws:logs:us-east-1:123456789012:log-group:/x"}, "log-group:/x"),
        ({"Arn": MACHINE, "RoleArn": ROLE, "DeadLetterConfig": {"Arn": queue}}, "DeadLetterConfig"),
    ]
    for target, named in cases:
        code, message = error_of(put(**target))
        assert (code, named in message) == ("LocalAwsNotImplemented", True)
    stranger = make_role(world, "stranger", "lambda.amazonaws.com")
    code, message = error_of(put(Arn=MACHINE, RoleArn=stranger))
    assert (code, "cannot be assumed" in message) == ("ValidationException", True)
    code, message = error_of(put(Arn=MACHINE))
    assert (code, "RoleArn is required" in message) == ("ValidationException", True)
