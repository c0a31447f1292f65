"""Every resource but activities that a Task may name here, and what it stands for. For `runner` and `definition`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from localaws.stepfunctions.integrations.actions import Action, Call, Invoke, Job, PutEvents
from localaws.stepfunctions.integrations.api import Api, service_model
from localaws.stepfunctions.integrations.naming import optimized, sdk
from localaws.stepfunctions.integrations.shapes import epoch_millis
from localaws.stepfunctions.tasks import integration, is_activity
from localaws.stepfunctions.templates import Template

SDK_SERVICES = {
    "applicationautoscaling": ("application-autoscaling", "ApplicationAutoScaling"),
    "cloudwatch": ("cloudwatch", "CloudWatch"),
    "cloudwatchlogs": ("logs", "CloudWatchLogs"),
    "codedeploy": ("codedeploy", "CodeDeploy"),
    "dynamodb": ("dynamodb", "DynamoDb"),
    "eventbridge": ("events", "EventBridge"),
    "kms": ("kms", "Kms"),
    "lambda": ("lambda", "Lambda"),
    "s3": ("s3", "S3"),
    "sagemaker": ("sagemaker", "SageMaker"),
    "sagemakerruntime": ("sagemaker-runtime", "SageMakerRuntime"),
    "scheduler": ("scheduler", "Scheduler"),
    "sesv2": ("sesv2", "SesV2"),
    "sfn": ("stepfunctions", "Sfn"),
    "sns": ("sns", "Sns"),
    "ssm": ("ssm", "Ssm"),
}
"""By the name in a resource: botocore's name, and the name in errors, which is the Java SDK's."""

_LAMBDA = optimized("Lambda", "AWSLambdaException", "AWSLambda")
_DYNAMODB = optimized("DynamoDB", "AmazonDynamoDBException", "AmazonDynamoDBv2")
_SNS = optimized("SNS", "AmazonSNSException", "AmazonSNS")
_EVENTS = optimized("EventBridge", "AmazonEventBridgeException", "AmazonEventBridge")
_SAGEMAKER = optimized("SageMaker", "AmazonSageMakerException", "AmazonSageMaker")
_STATES = optimized("StepFunctions", "AWSStepFunctionsException", "AWSStepFunctions")


@dataclass(frozen=True, slots=True)
class Resource:
    """What a Task does."""

    action: Action
    waits_for_token: bool = False


def find(resource: str) -> Resource | None:
    """What a resource stands for; None when `localaws` can't do it."""
    kind, rest = integration(resource)
    name, _, pattern = rest.partition(".")
    if kind.startswith("aws-sdk:"):
        action = _sdk_action(kind.removeprefix("aws-sdk:"), name)
        return None if action is None or pattern not in {"", "waitForTaskToken"} else _with(action, pattern)
    if pattern.startswith("sync"):
        job = _jobs().get((kind, name, pattern))
        return None if job is None else Resource(job)
    optimized_action = _optimized().get((kind, name))
    if optimized_action is None or (pattern and (kind, pattern) not in _CALLBACKS):
        return None
    return _with(optimized_action, pattern)


def check(resource: str, arguments: Template) -> Iterator[tuple[str, str]]:
    """What is wrong with a Task's resource or its literal arguments (an activity takes any): field and message."""
    if is_activity(resource):
        return
    found = find(resource)
    if found is None:
        yield "Resource", f"The resource '{resource}' is not implemented by localaws"
        return
    yield from found.action.complaints(arguments)


_CALLBACKS = frozenset((kind, "waitForTaskToken") for kind in ("lambda", "sns", "events", "states"))


def _with(action: Action, pattern: str) -> Resource:
    return Resource(action, waits_for_token=pattern == "waitForTaskToken")


def _sdk_action(service: str, name: str) -> Action | None:
    if service not in SDK_SERVICES:
        return None
    botocore_name, prefix = SDK_SERVICES[service]
    operation = name[:1].upper() + name[1:]
    if name[:1].isupper() or operation not in service_model(botocore_name).operation_names:
        return None
    return Call(Api(botocore_name, operation, sdk(prefix)))


@cache
def _optimized() -> dict[tuple[str, str], Action]:
    invoke = Api("lambda", "Invoke", _LAMBDA, any_json=frozenset({"Payload"}))
    publish = Api("sns", "Publish", _SNS, any_json=frozenset({"Message"}))
    events = Api("events", "PutEvents", _EVENTS, any_json=frozenset({"Detail"}))
    start = Api("stepfunctions", "StartExecution", _STATES, epoch_millis, frozenset({"Input"}))
    items = {name: Api("dynamodb", name, _DYNAMODB) for name in ("GetItem", "PutItem", "UpdateItem", "DeleteItem")}
    jobs = ("CreateTrainingJob", "CreateProcessingJob", "CreateTransformJob")
    table: dict[tuple[str, str], Action] = {
        ("lambda", "invoke"): Invoke(invoke),
        ("sns", "publish"): Call(publish),
        ("events", "putEvents"): PutEvents(events),
        ("states", "startExecution"): Call(start),
    }
    table |= {("dynamodb", _camel(name)): Call(api) for name, api in items.items()}
    # Models and endpoints only by aws-sdk: which of their members the optimized integration takes isn't known for sure.
    return table | {("sagemaker", _camel(name)): Call(_sagemaker(name)) for name in jobs}


@cache
def _jobs() -> dict[tuple[str, str, str], Action]:
    jobs: dict[tuple[str, str, str], Action] = {
        ("sagemaker", f"create{kind}Job", "sync"): _sagemaker_job(kind)
        for kind in ("Training", "Processing", "Transform")
    }
    return jobs | {("states", "startExecution", "sync:2"): _nested()}


def _sagemaker(operation: str) -> Api:
    return Api("sagemaker", operation, _SAGEMAKER, epoch_millis)


def _sagemaker_job(kind: str) -> Job:
    name = f"{kind}JobName"
    return Job(
        _sagemaker(f"Create{kind}Job"),
        describe=_sagemaker(f"Describe{kind}Job"),
        stop=_sagemaker(f"Stop{kind}Job"),
        identify=lambda arguments, _: {name: arguments[name]},
        status=f"{kind}JobStatus",
        succeeded=frozenset({"Completed", "Stopped"}),
        failed=frozenset({"Failed"}),
        rule=f"StepFunctionsGetEventsForSageMaker{kind}JobsRule",
    )


def _nested() -> Job:
    return Job(
        Api("stepfunctions", "StartExecution", _STATES, epoch_millis, frozenset({"Input"})),
        describe=Api("stepfunctions", "DescribeExecution", _STATES, epoch_millis),
        stop=Api("stepfunctions", "StopExecution", _STATES, epoch_millis),
        identify=lambda _, response: {"ExecutionArn": response["ExecutionArn"]},
        status="Status",
        succeeded=frozenset({"SUCCEEDED"}),
        failed=frozenset({"FAILED", "TIMED_OUT", "ABORTED"}),
        rule="StepFunctionsGetEventsForStepFunctionsExecutionRule",
        finish=_parsed,
    )


def _parsed(described: dict[str, Any]) -> dict[str, Any]:
    """A child execution with its input and output as JSON, which is what `sync:2` adds to `sync`."""
    texts: dict[str, Any] = {name: json.loads(described[name]) for name in ("Input", "Output") if name in described}
    return {**described, **texts}


def _camel(name: str) -> str:
    return name[:1].lower() + name[1:]
