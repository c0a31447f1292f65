"""What the gateways ask of AWS, and what they make of its answers and errors."""

from __future__ import annotations

import base64
import io
import json
from datetime import UTC, datetime
from functools import partial
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError, NoCredentialsError, ReadTimeoutError
from botocore.response import StreamingBody
from safe_deploy.domain.inference import Inference
from safe_deploy.domain.live import Shift
from safe_deploy.domain.ports import (
    Deployment,
    DeploymentProgress,
    Endpoint,
    Execution,
    Held,
    Invocation,
    LifecycleEvent,
    ModelPackage,
    Objects,
    WaitingTask,
)
from safe_deploy.errors import (
    AccessDeniedError,
    ConditionFailedError,
    InvalidRequestError,
    ModelAnswerError,
    NotFoundError,
    SafeDeployError,
    TooLargeError,
    TransientError,
)
from safe_deploy.gateways.activity import StepFunctionsActivity
from safe_deploy.gateways.alarms import CloudWatchAlarms
from safe_deploy.gateways.clients import ONCE, PATIENT, client, translating
from safe_deploy.gateways.deployments import CodeDeployDeployments
from safe_deploy.gateways.endpoints import AwsEndpoints
from safe_deploy.gateways.executions import StepFunctionsExecutions
from safe_deploy.gateways.functions import LambdaFunctions
from safe_deploy.gateways.inventory import AwsInventory
from safe_deploy.gateways.jobs import SageMakerJobs
from safe_deploy.gateways.keys import KmsKeys
from safe_deploy.gateways.metrics import CloudWatchMetrics
from safe_deploy.gateways.objects import S3Objects
from safe_deploy.gateways.packages import RegisteredPackages
from safe_deploy.gateways.predictions import SageMakerPredictions
from safe_deploy.gateways.request_logs import CloudWatchRequestLogs
from safe_deploy.gateways.table import Table
from safe_deploy.gateways.topics import SnsTopic
from safe_deploy.gateways.upkeep import TableUpkeep

from tests.fakes.aws import FakeObjects
from tests.fakes.story import ARTIFACTS
from tests.unit.gateways.conftest import Stub

ROOT = f"s3://{ARTIFACTS}"
AT = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)


def body(content: bytes) -> StreamingBody:
    return StreamingBody(io.BytesIO(content), len(content))


# ---- errors ----


def client_error(code: str, message: str = "", status: int = 400) -> ClientError:
    answer: Any = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return ClientError(answer, "Operation")


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (client_error("ThrottlingException"), TransientError),
        (client_error("ProvisionedThroughputExceededException", status=500), TransientError),
        (client_error("TooManyRequestsException"), TransientError),
        (client_error("SlowDown", status=503), TransientError),
        (client_error("InternalError", status=500), TransientError),
        (client_error("AccessDenied", status=403), AccessDeniedError),
        (client_error("AccessDeniedException"), AccessDeniedError),
        (client_error("NoSuchKey", status=404), NotFoundError),
        (client_error("404", status=404), NotFoundError),
        (client_error("ValidationException", 'Could not find endpoint "x".'), NotFoundError),
        (client_error("ValidationException", "1 validation error detected"), InvalidRequestError),
        (client_error("ConditionalCheckFailedException"), ConditionFailedError),
        (client_error("SomethingNew"), InvalidRequestError),
        (ReadTimeoutError(endpoint_url="https://x"), TransientError),
        (ConnectTimeoutError(endpoint_url="https://x"), TransientError),
        (NoCredentialsError(), InvalidRequestError),
    ],
)
def test_awss_errors_become_ours(error: Exception, expected: type[SafeDeployError]) -> None:
    with pytest.raises(SafeDeployError, match="doing something") as caught, translating("doing something"):
        raise error
    assert type(caught.value) is expected
    assert caught.value.__cause__ is error


def test_clients_have_time_outs_and_retries_and_are_made_once(settings: None) -> None:
    for service in ("s3", "dynamodb", "sagemaker-runtime"):
        config = client(service).meta.config
        assert config.connect_timeout <= 5
        assert config.read_timeout <= 30
        assert config.retries == {"mode": "standard", "total_max_attempts": 4}
        assert client(service) is client(service)


# ---- S3: one contract for gateway and fake ----


@pytest.fixture(params=["s3", "fake"])
def objects(request: pytest.FixtureRequest) -> Objects:
    """S3, real over moto and fake."""
    if request.param == "fake":
        return FakeObjects()
    request.getfixturevalue("aws")
    return S3Objects()


def test_objects_are_written_described_and_read(objects: Objects) -> None:
    objects.write(f"{ROOT}/a/b.json", b'{"x": 1.5}', "application/json")
    found = objects.describe(f"{ROOT}/a/b.json")
    assert (found.uri, found.size, len(found.etag)) == (f"{ROOT}/a/b.json", 10, 32)
    assert found.version_id
    assert objects.read(f"{ROOT}/a/b.json", limit=10, version_id=found.version_id) == b'{"x": 1.5}'
    assert objects.read_json(f"{ROOT}/a/b.json") == {"x": 1.5}
    with pytest.raises(TooLargeError, match="more than 9 bytes"):
        objects.read(f"{ROOT}/a/b.json", limit=9)


def test_an_object_is_replaced_only_as_it_was_read(objects: Objects) -> None:
    uri = f"{ROOT}/state.json"
    first = objects.replace(uri, b"1", "application/json", previous=None)
    assert objects.describe(uri).etag == first
    second = objects.replace(uri, b"2", "application/json", previous=first)
    for stale in (None, first):
        with pytest.raises(ConditionFailedError, match=f"replace {uri}"):
            objects.replace(uri, b"3", "application/json", previous=stale)
    assert objects.read(uri, limit=9) == b"2"
    assert objects.describe(uri).etag == second


def test_missing_objects_are_named(objects: Objects) -> None:
    for ask in (objects.describe, partial(objects.read, limit=9), objects.read_json):
        with pytest.raises(NotFoundError, match=f"{ROOT}/gone.json doesn't exist"):
            ask(f"{ROOT}/gone.json")


def test_bad_json_is_named(objects: Objects) -> None:
    objects.write(f"{ROOT}/report.json", b'{"a": 1, "a": 2}', "application/json")
    with pytest.raises(InvalidRequestError, match=r'report\.json gives the key "a" twice'):
        objects.read_json(f"{ROOT}/report.json")


def test_lists_are_whole_and_in_order(objects: Objects) -> None:
    for number in (2, 1, 10):
        objects.write(f"{ROOT}/p/{number}", b"x", "text/plain")
    objects.write(f"{ROOT}/q/1", b"x", "text/plain")
    assert [found.uri for found in objects.list(ARTIFACTS, "p/")] == [f"{ROOT}/p/{n}" for n in ("1", "10", "2")]
    assert list(objects.list(ARTIFACTS, "nothing/")) == []


def test_every_page_of_a_list_is_fetched(stub: Stub) -> None:
    s3 = stub("s3")
    for number, token in ((1, None), (2, "next")):
        asked = {"Bucket": ARTIFACTS, "Prefix": "p/"} | ({"ContinuationToken": token} if token else {})
        page = {"Contents": [{"Key": f"p/{number}", "ETag": '"e"', "Size": 1}], "IsTruncated": token is None}
        s3.add_response("list_objects_v2", page | ({} if token else {"NextContinuationToken": "next"}), asked)
    assert [found.uri for found in S3Objects().list(ARTIFACTS, "p/")] == [f"{ROOT}/p/1", f"{ROOT}/p/2"]


# ---- KMS, SNS, CloudWatch ----


def test_a_secret_opens_only_in_its_context(aws: None) -> None:
    kms: Any = boto3.client("kms")
    keys = KmsKeys(kms.create_key()["KeyMetadata"]["Arn"])
    sealed = keys.encrypt("token", {"releaseId": "1"})
    assert b"token" not in sealed
    assert keys.decrypt(sealed, {"releaseId": "1"}) == "token"
    with pytest.raises(InvalidRequestError):
        keys.decrypt(sealed, {"releaseId": "2"})


def test_a_notice_reaches_the_topic(aws: None) -> None:
    from moto.core.models import DEFAULT_ACCOUNT_ID
    from moto.sns.models import sns_backends

    sns: Any = boto3.client("sns")
    arn = sns.create_topic(Name="notices")["TopicArn"]
    SnsTopic(arn).publish("subject", "text")
    sent = sns_backends[DEFAULT_ACCOUNT_ID]["eu-west-1"].topics[arn].sent_notifications
    assert [(entry[1], entry[2]) for entry in sent] == [("text", "subject")]


def test_metrics_are_written_in_batches(stub: Stub) -> None:
    cloudwatch = stub("cloudwatch")
    values = {f"m{number}": float(number) for number in range(501)}

    def asked(names: list[str]) -> dict[str, Any]:
        dimensions = [{"Name": "ModelName", "Value": "m"}]
        data = [
            {"MetricName": name, "Dimensions": dimensions, "Value": values[name], "Timestamp": AT} for name in names
        ]
        return {"Namespace": "N", "MetricData": data}

    names = list(values)
    cloudwatch.add_response("put_metric_data", {}, asked(names[:500]))
    cloudwatch.add_response("put_metric_data", {}, asked(names[500:]))
    CloudWatchMetrics("N").put({"ModelName": "m"}, values, AT)


ALARM = {"AlarmName": "a", "StateValue": "ALARM", "StateReason": "9 > 0", "Metrics": [{"Id": "m1"}]}


def alarms_described(*alarms: dict[str, Any], names: list[str]) -> tuple[str, dict[str, Any], dict[str, Any]]:
    return "describe_alarms", {"MetricAlarms": list(alarms)}, {"AlarmNames": names, "AlarmTypes": ["MetricAlarm"]}


def test_alarms_come_in_the_order_they_were_asked_for(stub: Stub) -> None:
    stub("cloudwatch").add_response(
        *alarms_described({"AlarmName": "b", "StateValue": "OK", "StateReason": ""}, ALARM, names=["a", "b"])
    )
    first, second = CloudWatchAlarms().describe(["a", "b"])
    assert (first.name, first.fires, first.reason, first.settings["Metrics"]) == ("a", True, "9 > 0", [{"Id": "m1"}])
    assert (second.name, second.fires) == ("b", False)


def test_a_missing_alarm_is_named(stub: Stub) -> None:
    stub("cloudwatch").add_response(*alarms_described(ALARM, names=["a", "b"]))
    with pytest.raises(NotFoundError, match="there is no alarm b"):
        CloudWatchAlarms().describe(["a", "b"])


def test_an_alarm_is_put_with_its_tags(stub: Stub) -> None:
    settings = {"AlarmName": "own", "EvaluationPeriods": 1, "ComparisonOperator": "GreaterThanThreshold"}
    asked = {**settings, "Tags": [{"Key": "safe-deploy:model", "Value": "m"}]}
    stub("cloudwatch").add_response("put_metric_alarm", {}, asked)
    CloudWatchAlarms().put(settings, {"safe-deploy:model": "m"})


def test_only_an_alarm_that_is_there_counts_as_removed(stub: Stub) -> None:
    stubber = stub("cloudwatch")
    stubber.add_response(*alarms_described(ALARM, names=["a"]))
    stubber.add_response("delete_alarms", {}, {"AlarmNames": ["a"]})
    assert CloudWatchAlarms().remove("a")
    stubber.add_response(*alarms_described(names=["a"]))
    assert not CloudWatchAlarms().remove("a")


# ---- Lambda ----


def configuration(version: str, **variables: str) -> tuple[dict[str, Any], dict[str, Any]]:
    return (
        {"Version": version, "Environment": {"Variables": variables}},
        {"FunctionName": "predict", "Qualifier": version},
    )


def test_the_alias_is_read_with_its_versions_environment(stub: Stub) -> None:
    function = stub("lambda")
    alias = {"FunctionVersion": "3", "RoutingConfig": {"AdditionalVersionWeights": {"4": 0.1}}}
    function.add_response("get_alias", alias, {"FunctionName": "predict", "Name": "live"})
    function.add_response("get_function_configuration", *configuration("3", RELEASE_ID="r", ENDPOINT_NAME="e"))
    alias_now = LambdaFunctions("predict", "live").live()
    assert (alias_now.main.version, alias_now.main.release_id, alias_now.main.endpoint_name) == ("3", "r", "e")
    assert alias_now.others == {"4": 0.1}


def test_what_a_version_runs_is_all_it_froze_but_what_the_release_adds(stub: Stub) -> None:
    def described(**changes: Any) -> Inference:
        variables = {"MODEL_NAME": "m", "RELEASE_ID": "r", "ENDPOINT_NAME": "e", **changes.pop("variables", {})}
        found = {
            "CodeSha256": "abc",
            "Runtime": "python3.13",
            "Handler": "app.handler",
            "Architectures": ["x86_64"],
            "MemorySize": 512,
            "Timeout": 29,
            "Role": "arn:aws:iam::111122223333:role/predict",
            "Environment": {"Variables": variables},
            **changes,
        }
        stub("lambda").add_response("get_function_configuration", found)
        return LambdaFunctions("predict", "live").version("$LATEST").inference

    first = described()
    assert described(variables={"RELEASE_ID": "other", "ENDPOINT_NAME": "other"}) == first
    assert first.differences(described(CodeSha256="def")) == ["code abc → def"]
    assert first.differences(described(MemorySize=1024)) == ["memoryMegabytes 512 → 1024"]
    (secret,) = first.differences(described(variables={"KEY": "secret"}))
    assert secret.startswith("environment ")
    assert "secret" not in secret
    assert first.differences(described(Layers=[{"Arn": "arn:aws:lambda:us-east-1:111122223333:layer:x:1"}]))


def test_a_trial_goes_into_the_client_context(stub: Stub) -> None:
    context = base64.b64encode(b'{"custom": {"ENDPOINT_NAME": "e-dev"}}').decode()
    stub("lambda").add_response(
        "invoke",
        {"Payload": body(b"{}"), "StatusCode": 200},
        {"FunctionName": "predict", "Qualifier": "$LATEST", "Payload": b"{}", "ClientContext": context},
    )
    assert LambdaFunctions("predict", "live").invoke("$LATEST", {}, {"ENDPOINT_NAME": "e-dev"}) == Invocation(b"{}")


def test_the_static_first_version_serves_nothing(stub: Stub) -> None:
    stub("lambda").add_response("get_alias", {"FunctionVersion": "1"})
    stub("lambda").add_response("get_function_configuration", {"Version": "1"})
    alias = LambdaFunctions("predict", "live").live()
    assert not alias.main.serves
    assert not alias.is_shifting


def test_a_version_is_invoked_and_its_error_kept(stub: Stub) -> None:
    stub("lambda").add_response(
        "invoke",
        {"Payload": body(b"{}"), "FunctionError": "Unhandled", "StatusCode": 200},
        {"FunctionName": "predict", "Qualifier": "4", "Payload": b'{"a": 1}'},
    )
    assert LambdaFunctions("predict", "live").invoke("4", {"a": 1}) == Invocation(b"{}", "Unhandled")


def test_a_request_is_replayed_and_the_end_of_its_log_comes_with_the_answer(stub: Stub) -> None:
    stub("lambda", ONCE).add_response(
        "invoke",
        {
            "Payload": body(b"{}"),
            "StatusCode": 200,
            "LogResult": "U1RBUlQgUmVxdWVzdElkOiAxCg==",
            "ResponseMetadata": {"RequestId": "1"},
        },
        {"FunctionName": "predict", "Qualifier": "4", "Payload": b"{}", "LogType": "Tail"},
    )
    found = LambdaFunctions("predict", "live").replay("4", {})
    assert found is not None
    assert (found.request_id, found.log) == ("1", "START RequestId: 1\n")


def test_a_replay_that_was_never_run_is_told_from_one_whose_end_nobody_knows(stub: Stub) -> None:
    functions = LambdaFunctions("predict", "live")
    stub("lambda", ONCE).add_client_error("invoke", "TooManyRequestsException", "Rate Exceeded.", 429)
    assert functions.replay("4", {}) is None
    stub("lambda", ONCE).add_client_error("invoke", "ServiceException", "", 500)
    with pytest.raises(TransientError, match="version 4 of predict"):
        functions.replay("4", {})


def test_a_replay_is_sent_once_and_waited_for_longer_than_a_prediction_takes(settings: None) -> None:
    """The function's time-out is 29 s in the template; its start may take 10 s before that."""
    config = client("lambda", ONCE).meta.config
    assert config.retries["total_max_attempts"] == 1
    assert config.read_timeout >= 29 + 10


# ---- CloudWatch Logs ----


def page(*moments: int, token: str | None = None) -> dict[str, Any]:
    events = [
        {"timestamp": at, "ingestionTime": at + 3, "logStreamName": "[2]a", "message": f"m{at}", "eventId": str(at)}
        for at in moments
    ]
    return {"events": events, **({"nextToken": token} if token else {})}


def test_a_log_is_read_page_by_page_past_empty_ones_in_the_order_of_time(stub: Stub) -> None:
    logs = stub("logs")
    asked = {"logGroupName": "/g", "startTime": 1, "endTime": 9}
    logs.add_response("filter_log_events", page(5, 6, token="a"), asked)
    logs.add_response("filter_log_events", page(token="b"), {**asked, "nextToken": "a"})
    logs.add_response("filter_log_events", page(2), {**asked, "nextToken": "b"})
    found, whole = CloudWatchRequestLogs("/g").read(1, 9, pages=5)
    assert whole
    assert [(event.timestamp, event.stream, event.message) for event in found] == [
        (2, "[2]a", "m2"),
        (5, "[2]a", "m5"),
        (6, "[2]a", "m6"),
    ]
    assert found[0].lag == 3


def test_no_more_pages_are_read_than_allowed_and_it_is_told(stub: Stub) -> None:
    stub("logs").add_response("filter_log_events", page(5, token="a"))
    found, whole = CloudWatchRequestLogs("/g").read(1, 9, pages=1)
    assert ([event.timestamp for event in found], whole) == ([5], False)


# ---- CodeDeploy ----


def test_a_deployments_progress_is_its_targets_lifecycle(stub: Stub) -> None:
    codedeploy = stub("codedeploy")
    info = {"status": "Stopped", "errorInformation": {"code": "ALARM_ACTIVE", "message": "an alarm fired"}}
    codedeploy.add_response("get_deployment", {"deploymentInfo": info}, {"deploymentId": "d-ABCDEF123"})
    codedeploy.add_response("list_deployment_targets", {"targetIds": ["t"]}, {"deploymentId": "d-ABCDEF123"})
    events = [
        {"lifecycleEventName": "BeforeAllowTraffic", "status": "Succeeded", "startTime": AT, "endTime": AT},
        {"lifecycleEventName": "AllowTraffic", "status": "Pending"},
    ]
    target = {"deploymentTargetType": "LambdaTarget", "lambdaTarget": {"lifecycleEvents": events}}
    asked = {"deploymentId": "d-ABCDEF123", "targetId": "t"}
    codedeploy.add_response("get_deployment_target", {"deploymentTarget": target}, asked)
    assert CodeDeployDeployments().progress("d-ABCDEF123") == DeploymentProgress(
        "Stopped",
        "an alarm fired",
        (
            LifecycleEvent("BeforeAllowTraffic", "Succeeded", AT),
            LifecycleEvent("AllowTraffic", "Pending", None),
        ),
    )


@pytest.mark.parametrize("code", ["DeploymentNotStartedException", "DeploymentTargetDoesNotExistException"])
@pytest.mark.parametrize("call", ["list_deployment_targets", "get_deployment_target"])
def test_a_deployment_that_has_only_been_created_has_no_events_yet(stub: Stub, code: str, call: str) -> None:
    codedeploy = stub("codedeploy")
    codedeploy.add_response("get_deployment", {"deploymentInfo": {"status": "Created"}})
    if call == "get_deployment_target":
        codedeploy.add_response("list_deployment_targets", {"targetIds": ["t"]})
    codedeploy.add_client_error(call, code, "not yet")
    assert CodeDeployDeployments().progress("d-ABCDEF123") == DeploymentProgress("Created", "no reason given", ())


def test_targets_that_can_not_be_read_are_an_error(stub: Stub) -> None:
    codedeploy = stub("codedeploy")
    codedeploy.add_response("get_deployment", {"deploymentInfo": {"status": "InProgress"}})
    codedeploy.add_client_error("list_deployment_targets", "AccessDeniedException", "no")
    with pytest.raises(AccessDeniedError):
        CodeDeployDeployments().progress("d-ABCDEF123")


# ---- SageMaker ----


def test_an_endpoint_is_asked_in_csv(stub: Stub) -> None:
    stub("sagemaker-runtime").add_response(
        "invoke_endpoint",
        {"Body": body(b"1.5\n")},
        {"EndpointName": "e", "ContentType": "text/csv", "Accept": "text/csv", "Body": b"1,2\n"},
    )
    assert SageMakerPredictions().invoke("e", "1,2\n") == b"1.5\n"


def test_a_model_that_fails_is_told_apart_from_aws(stub: Stub) -> None:
    runtime = stub("sagemaker-runtime")
    runtime.add_client_error(
        "invoke_endpoint", "ModelError", "wrapped", 424, modeled_fields={"OriginalMessage": "bad row"}
    )
    with pytest.raises(ModelAnswerError, match="bad row"):
        SageMakerPredictions().invoke("e", "x")
    runtime.add_client_error("invoke_endpoint", "ModelNotReadyException", "wait", 429)
    with pytest.raises(TransientError):
        SageMakerPredictions().invoke("e", "x")


def described(**changes: Any) -> dict[str, Any]:
    return {
        "EndpointName": "e",
        "EndpointArn": "arn:aws:sagemaker:eu-west-1:111122223333:endpoint/e",
        "EndpointStatus": "InService",
        "CreationTime": AT,
        "LastModifiedTime": AT,
        **changes,
    }


@pytest.mark.parametrize(
    ("capture", "percentage"),
    [
        ({}, 0),
        ({"EnableCapture": True, "CaptureStatus": "Started"}, 100),
        ({"EnableCapture": True, "CaptureStatus": "Stopped"}, 0),
        ({"EnableCapture": False, "CaptureStatus": "Started"}, 0),
    ],
)
def test_an_endpoint_is_described_with_its_capture(stub: Stub, capture: dict[str, Any], percentage: int) -> None:
    full = {"CurrentSamplingPercentage": 100, "DestinationS3Uri": "s3://b/capture", "KmsKeyId": "k"}
    answer = described(DataCaptureConfig={**full, **capture}) if capture else described()
    stub("sagemaker").add_response("describe_endpoint", answer, {"EndpointName": "e"})
    assert AwsEndpoints().describe("e") == Endpoint("e", "InService", percentage)


def test_what_sagemaker_does_not_know_is_gone(stub: Stub) -> None:
    sagemaker = stub("sagemaker")
    for operation in ("describe_endpoint", "delete_endpoint", "delete_endpoint_config", "delete_model"):
        sagemaker.add_client_error(operation, "ValidationException", 'Could not find x "y".')
    endpoints = AwsEndpoints()
    assert endpoints.describe("y") is None
    assert not endpoints.remove_endpoint("y")
    assert not endpoints.remove_config("y")
    assert not endpoints.remove_model("y")
    sagemaker.add_client_error("delete_endpoint", "ValidationException", "it is in-progress")
    with pytest.raises(InvalidRequestError, match="in-progress"):
        endpoints.remove_endpoint("y")


def test_scaling_goes_policy_by_policy_then_the_target(stub: Stub) -> None:
    target = {
        "ServiceNamespace": "sagemaker",
        "ResourceId": "endpoint/e/variant/AllTraffic",
        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
    }
    policy = {
        "PolicyARN": "arn",
        "PolicyName": "p",
        "PolicyType": "TargetTrackingScaling",
        "CreationTime": AT,
        **target,
    }
    scaling = stub("application-autoscaling")
    scaling.add_response("describe_scaling_policies", {"ScalingPolicies": [policy]}, target)
    scaling.add_response("delete_scaling_policy", {}, {"PolicyName": "p", **target})
    scaling.add_response("deregister_scalable_target", {}, target)
    assert AwsEndpoints().remove_scaling("e")
    scaling.add_response("describe_scaling_policies", {"ScalingPolicies": []}, target)
    scaling.add_client_error("deregister_scalable_target", "ObjectNotFoundException")
    assert not AwsEndpoints().remove_scaling("e")


def test_a_schedule_is_deleted_in_its_group(stub: Stub) -> None:
    scheduler = stub("scheduler")
    scheduler.add_response("delete_schedule", {}, {"Name": "s", "GroupName": "monitors"})
    assert AwsEndpoints().remove_schedule("s")
    scheduler.add_client_error("delete_schedule", "ResourceNotFoundException")
    assert not AwsEndpoints().remove_schedule("s")


def test_what_an_endpoint_has_logged_has_a_time_to_stay(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOG_RETENTION_DAYS", "30")
    logs = stub("logs")
    asked = {"logGroupName": "/aws/sagemaker/Endpoints/e", "retentionInDays": 30}
    logs.add_response("put_retention_policy", {}, asked)
    AwsEndpoints().expire_logs("e")
    logs.add_client_error("put_retention_policy", "ResourceNotFoundException", "there is no such group")
    AwsEndpoints().expire_logs("e")
    logs.add_client_error("put_retention_policy", "AccessDeniedException")
    with pytest.raises(AccessDeniedError, match="the endpoint e"):
        AwsEndpoints().expire_logs("e")


# ---- Step Functions ----

EXECUTION = "arn:aws:states:eu-west-1:111122223333:execution:release:1"


def test_an_execution_is_looked_at(stub: Stub) -> None:
    answer = {
        "executionArn": EXECUTION,
        "stateMachineArn": "arn:aws:states:eu-west-1:111122223333:stateMachine:release",
        "status": "RUNNING",
        "startDate": AT,
    }
    for _ in range(2):
        stub("stepfunctions").add_response("describe_execution", answer, {"executionArn": EXECUTION})
    assert StepFunctionsExecutions().status(EXECUTION) == "RUNNING"
    assert StepFunctionsExecutions().started(EXECUTION) == AT
    stub("stepfunctions").add_client_error("describe_execution", "ExecutionDoesNotExist")
    assert StepFunctionsExecutions().status(EXECUTION) is None


def test_a_task_is_answered_or_found_gone(stub: Stub) -> None:
    functions = stub("stepfunctions")
    functions.add_response("send_task_success", {}, {"taskToken": "t", "output": json.dumps({"decision": "approved"})})
    assert StepFunctionsExecutions().succeed("t", {"decision": "approved"})
    for code in ("TaskTimedOut", "TaskDoesNotExist", "InvalidToken"):
        functions.add_client_error("send_task_success", code)
        assert not StepFunctionsExecutions().succeed("t", {})
    functions.add_client_error("send_task_success", "ThrottlingException")
    with pytest.raises(TransientError) as caught:
        StepFunctionsExecutions().succeed("a-token", {})
    assert "a-token" not in str(caught.value)


# ---- CodeDeploy ----

APP_SPEC = json.dumps(
    {
        "version": 0.0,
        "Resources": [
            {
                "Predict": {
                    "Type": "AWS::Lambda::Function",
                    "Properties": {
                        "Name": "predict",
                        "Alias": "live",
                        "CurrentVersion": "3",
                        "TargetVersion": "4",
                    },
                }
            }
        ],
    }
)


def deployment(kind: str, content: dict[str, str]) -> dict[str, Any]:
    revision = {"revisionType": kind, kind[0].lower() + kind[1:]: content}
    return {"deploymentInfo": {"applicationName": "app", "deploymentId": "d-1", "createTime": AT, "revision": revision}}


def test_a_deployments_target_is_read_from_its_app_spec(stub: Stub) -> None:
    codedeploy = stub("codedeploy")
    codedeploy.add_response("get_deployment", deployment("String", {"content": APP_SPEC}), {"deploymentId": "d-1"})
    assert CodeDeployDeployments().get("d-1") == Deployment("d-1", "4", AT)


def test_the_app_spec_is_fetched_by_its_digest_as_aws_leaves_it_out(stub: Stub) -> None:
    codedeploy = stub("codedeploy")
    codedeploy.add_response("get_deployment", deployment("AppSpecContent", {"sha256": "abc"}))
    revision = {"revisionType": "AppSpecContent", "appSpecContent": {"sha256": "abc"}}
    whole = {"revisionType": "AppSpecContent", "appSpecContent": {"content": APP_SPEC, "sha256": "abc"}}
    codedeploy.add_response(
        "get_application_revision", {"revision": whole}, {"applicationName": "app", "revision": revision}
    )
    assert CodeDeployDeployments().get("d-1").target_version == "4"


@pytest.mark.parametrize("app_spec", ["version: 0.0", "{}", '{"Resources": []}', '{"Resources": [{"a": {}}]}'])
def test_an_app_spec_that_is_not_ours_is_an_error(stub: Stub, app_spec: str) -> None:
    stub("codedeploy").add_response("get_deployment", deployment("String", {"content": app_spec}))
    with pytest.raises(InvalidRequestError, match="AppSpec"):
        CodeDeployDeployments().get("d-1")


def test_a_hook_reports_and_a_second_report_changes_nothing(stub: Stub) -> None:
    codedeploy = stub("codedeploy")
    asked = {"deploymentId": "d-1", "lifecycleEventHookExecutionId": "h", "status": "Failed"}
    codedeploy.add_response("put_lifecycle_event_hook_execution_status", {}, asked)
    CodeDeployDeployments().report("d-1", "h", succeeded=False)
    codedeploy.add_client_error("put_lifecycle_event_hook_execution_status", "LifecycleEventAlreadyCompletedException")
    CodeDeployDeployments().report("d-1", "h", succeeded=True)


# ---- What is stopped ----

JOB_KINDS = [("training", "TrainingJob"), ("processing", "ProcessingJob")]


def job(kind: str, named: str, status: str) -> dict[str, Any]:
    """A job as SageMaker describes it, with all that botocore's model wants."""
    if kind == "training":
        return {
            "TrainingJobName": "j",
            "TrainingJobArn": "arn:aws:sagemaker:eu-west-1:111122223333:training-job/j",
            "ModelArtifacts": {"S3ModelArtifacts": "s3://b/k"},
            "TrainingJobStatus": status,
            "SecondaryStatus": "Training",
            "AlgorithmSpecification": {"TrainingInputMode": "File"},
            "ResourceConfig": {"VolumeSizeInGB": 1},
            "StoppingCondition": {},
            "CreationTime": AT,
        }
    return {
        "ProcessingJobName": "j",
        "ProcessingResources": {
            "ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}
        },
        "AppSpecification": {"ImageUri": "i"},
        "ProcessingJobArn": "arn:aws:sagemaker:eu-west-1:111122223333:processing-job/j",
        "ProcessingJobStatus": status,
        "CreationTime": AT,
    }


@pytest.mark.parametrize(("kind", "named"), JOB_KINDS)
def test_a_job_that_runs_is_stopped(stub: Stub, kind: str, named: str) -> None:
    sagemaker = stub("sagemaker")
    sagemaker.add_response(f"describe_{kind}_job", job(kind, named, "InProgress"), {f"{named}Name": "j"})
    sagemaker.add_response(f"stop_{kind}_job", {}, {f"{named}Name": "j"})
    assert SageMakerJobs().stop(kind, "j")


@pytest.mark.parametrize(("kind", "named"), JOB_KINDS)
@pytest.mark.parametrize(
    ("status", "goes_on"), [("Stopping", True), ("Stopped", False), ("Completed", False), ("Failed", False)]
)
def test_a_job_that_ends_or_has_ended_is_not_stopped_again(
    stub: Stub, kind: str, named: str, status: str, goes_on: bool
) -> None:
    stub("sagemaker").add_response(f"describe_{kind}_job", job(kind, named, status))
    assert SageMakerJobs().stop(kind, "j") is goes_on


@pytest.mark.parametrize("words", ["Requested resource not found.", "Could not find requested job with name: j"])
def test_a_job_that_was_never_made_has_ended(stub: Stub, words: str) -> None:
    stub("sagemaker").add_client_error("describe_training_job", "ValidationException", words)
    assert not SageMakerJobs().stop("training", "j")


def test_a_job_that_ends_while_it_is_stopped_is_looked_at_again(stub: Stub) -> None:
    sagemaker = stub("sagemaker")
    sagemaker.add_response("describe_training_job", job("training", "TrainingJob", "InProgress"))
    words = "The request was rejected because the training job is in status Completed."
    sagemaker.add_client_error("stop_training_job", "ValidationException", words)
    assert SageMakerJobs().stop("training", "j")
    sagemaker.add_response("describe_training_job", job("training", "TrainingJob", "InProgress"))
    sagemaker.add_client_error("stop_training_job", "AccessDeniedException", "no", 400)
    with pytest.raises(AccessDeniedError):
        SageMakerJobs().stop("training", "j")


def test_a_deployment_is_stopped_with_rollback(stub: Stub) -> None:
    codedeploy, deployments = stub("codedeploy"), CodeDeployDeployments()
    codedeploy.add_response("stop_deployment", {}, {"deploymentId": "d-1", "autoRollbackEnabled": True})
    deployments.stop("d-1")
    codedeploy.add_client_error("stop_deployment", "DeploymentAlreadyCompletedException")
    deployments.stop("d-1")
    codedeploy.add_client_error("stop_deployment", "ThrottlingException")
    with pytest.raises(TransientError):
        deployments.stop("d-1")


def test_an_execution_is_described_with_why_it_ended(stub: Stub) -> None:
    arn = "arn:aws:states:eu-west-1:111122223333:execution:m:e"
    whole = {"executionArn": arn, "stateMachineArn": "arn", "startDate": AT, "status": "ABORTED", "error": "Stopped"}
    stub("stepfunctions").add_response("describe_execution", whole | {"stopDate": AT}, {"executionArn": arn})
    assert StepFunctionsExecutions().describe(arn) == Execution("ABORTED", AT, "Stopped", stopped=AT)


def test_a_task_is_taken_from_the_activity(stub: Stub) -> None:
    states, activity = stub("stepfunctions", PATIENT), StepFunctionsActivity("arn:activity")
    asked = {"activityArn": "arn:activity", "workerName": "ask_for_approval"}
    states.add_response("get_activity_task", {"taskToken": "t", "input": "{}"}, asked)
    assert activity.take() == WaitingTask("t", "{}")
    states.add_response("get_activity_task", {}, asked)
    assert activity.take() is None
    states.add_client_error("get_activity_task", "ThrottlingException")
    with pytest.raises(TransientError):
        activity.take()


# ---- What releases have ----

SAGEMAKER = "arn:aws:sagemaker:eu-west-1:111122223333"


def listed(stub: Stub, kind: str, names: list[str]) -> None:
    member = kind.removesuffix("s")
    found = [{f"{member}Name": n, f"{member}Arn": f"{SAGEMAKER}:x/{n}", "CreationTime": AT} for n in names]
    if kind == "Endpoints":
        found = [{**entry, "LastModifiedTime": AT, "EndpointStatus": "InService"} for entry in found]
    operation = {"Endpoints": "endpoints", "EndpointConfigs": "endpoint_configs", "Models": "models"}[kind]
    stub("sagemaker").add_response(f"list_{operation}", {kind: found}, {"NameContains": "m-2"})


def test_what_releases_have_is_found_by_name_with_tags_and_instances(stub: Stub) -> None:
    sagemaker = stub("sagemaker")
    listed(stub, "Endpoints", ["m-2-prod", "other-m-2"])
    tags = {"Tags": [{"Key": "safe-deploy:model", "Value": "m"}]}
    sagemaker.add_response("list_tags", tags, {"ResourceArn": f"{SAGEMAKER}:x/m-2-prod"})
    variants = [{"VariantName": "AllTraffic", "CurrentInstanceCount": 3}]
    sagemaker.add_response("describe_endpoint", described(EndpointConfigName="c", ProductionVariants=variants))
    config = {
        "EndpointConfigName": "c",
        "EndpointConfigArn": f"{SAGEMAKER}:x/c",
        "CreationTime": AT,
        "ProductionVariants": [
            {"VariantName": "AllTraffic", "ModelName": "m", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
        ],
    }
    sagemaker.add_response("describe_endpoint_config", config, {"EndpointConfigName": "c"})
    listed(stub, "EndpointConfigs", [])
    listed(stub, "Models", ["m-2"])
    sagemaker.add_client_error("list_tags", "ValidationException", "Requested resource not found.")
    group = {"GroupName": "monitors", "NamePrefix": "m-2"}
    stub("scheduler").add_response("list_schedules", {"Schedules": [{"Name": "m-2-monitor"}]}, group)
    alarms = {"AlarmNamePrefix": "m-2", "AlarmTypes": ["MetricAlarm"]}
    stub("cloudwatch").add_response("describe_alarms", {"MetricAlarms": [{"AlarmName": "m-2-errors"}]}, alarms)
    endpoint, schedule, alarm = AwsInventory("m").held()
    assert (endpoint.name, endpoint.tags, endpoint.since) == ("m-2-prod", {"safe-deploy:model": "m"}, AT)
    assert (endpoint.status, endpoint.instance_type, endpoint.instances) == ("InService", "ml.m5.large", 3)
    assert [(schedule.kind, schedule.name), (alarm.kind, alarm.name)] == [
        ("schedule", "m-2-monitor"),
        ("alarm", "m-2-errors"),
    ]


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("ValidationException", "Could not find the endpoint configuration 'c'."),
        ("AccessDeniedException", "not authorized to perform: sagemaker:DescribeEndpointConfig"),
    ],
)
def test_an_endpoint_without_a_config_of_ours_runs_on_and_costs(stub: Stub, code: str, message: str) -> None:
    """SageMaker lets a config go while its endpoint runs; and a person may give an endpoint one of another name."""
    sagemaker = stub("sagemaker")
    listed(stub, "Endpoints", ["m-2-prod", "m-2-gone"])
    sagemaker.add_response("list_tags", {"Tags": []}, {"ResourceArn": f"{SAGEMAKER}:x/m-2-prod"})
    variants = [{"VariantName": "AllTraffic", "CurrentInstanceCount": 3}]
    sagemaker.add_response("describe_endpoint", described(EndpointConfigName="c", ProductionVariants=variants))
    sagemaker.add_client_error("describe_endpoint_config", code, message)
    sagemaker.add_response("list_tags", {"Tags": []}, {"ResourceArn": f"{SAGEMAKER}:x/m-2-gone"})
    sagemaker.add_client_error("describe_endpoint", "ValidationException", "Could not find endpoint 'm-2-gone'.")
    listed(stub, "EndpointConfigs", [])
    listed(stub, "Models", [])
    stub("scheduler").add_response("list_schedules", {"Schedules": []})
    stub("cloudwatch").add_response("describe_alarms", {"MetricAlarms": []})
    (endpoint,) = AwsInventory("m").held()
    found = (endpoint.name, endpoint.status, endpoint.instance_type, endpoint.instances)
    assert found == ("m-2-prod", "InService", "unknown", 3)


def test_a_lease_is_a_tag(stub: Stub) -> None:
    sagemaker, held = stub("sagemaker"), Held("model", "m", f"{SAGEMAKER}:model/m")
    tag = {"Key": "safe-deploy:expires", "Value": "2026-01-31T12:00:00Z"}
    sagemaker.add_response("add_tags", {}, {"ResourceArn": held.arn, "Tags": [tag]})
    AwsInventory("m").lease(held, "2026-01-31T12:00:00Z")
    sagemaker.add_response("delete_tags", {}, {"ResourceArn": held.arn, "TagKeys": ["safe-deploy:expires"]})
    AwsInventory("m").lease(held, "")


def test_scaling_and_schedule_are_looked_for(stub: Stub) -> None:
    asked = {
        "ServiceNamespace": "sagemaker",
        "ResourceIds": ["endpoint/e/variant/AllTraffic"],
        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
    }
    stub("application-autoscaling").add_response("describe_scalable_targets", {"ScalableTargets": []}, asked)
    assert not AwsEndpoints().is_scaled("e")
    scheduler = stub("scheduler")
    for answer, expected in (("ENABLED", True), ("DISABLED", False)):
        scheduler.add_response("get_schedule", {"State": answer}, {"Name": "s", "GroupName": "monitors"})
        assert AwsEndpoints().is_scheduled("s") is expected
    scheduler.add_client_error("get_schedule", "ResourceNotFoundException")
    assert not AwsEndpoints().is_scheduled("s")


def test_the_last_check_is_kept(aws: None) -> None:
    upkeep = TableUpkeep(Table("records"))
    assert upkeep.last() == {}
    upkeep.write({"version": "2", "findings": [{"id": "endpoint", "text": "gone"}]})
    assert upkeep.last()["findings"] == [{"id": "endpoint", "text": "gone"}]


def under_way(status: str = "InProgress", **changes: Any) -> dict[str, Any]:
    described = deployment("String", {"content": APP_SPEC})
    described["deploymentInfo"] |= {"status": status, **changes}
    return described


LISTED = {
    "applicationName": "shifts",
    "deploymentGroupName": "predict",
    "includeOnlyStatuses": ["Created", "Queued", "InProgress", "Baking", "Ready"],
}


def test_a_deployment_under_way_is_found_with_both_versions(stub: Stub) -> None:
    codedeploy = stub("codedeploy")
    codedeploy.add_response("list_deployments", {"deployments": ["d-1", "d-2"]}, LISTED)
    codedeploy.add_response("get_deployment", under_way("Succeeded"), {"deploymentId": "d-1"})
    codedeploy.add_response("get_deployment", under_way(), {"deploymentId": "d-2"})
    assert CodeDeployDeployments().under_way() == Shift("d-2", "3", "4"), "d-1 ended after it was listed"


def test_codedeploys_own_way_back_is_told_apart(stub: Stub) -> None:
    info: dict[str, Any] = {"rollbackInfo": {"rollbackTriggeringDeploymentId": "d-0"}}
    stub("codedeploy").add_response("list_deployments", {"deployments": ["d-1"]})
    stub("codedeploy").add_response("get_deployment", under_way(**info))
    found = CodeDeployDeployments().under_way()
    assert found is not None
    assert found.undoes


def test_no_deployment_under_way_is_none(stub: Stub) -> None:
    stub("codedeploy").add_response("list_deployments", {"deployments": []}, LISTED)
    assert CodeDeployDeployments().under_way() is None


# ---- what going back looks at ----


def test_every_published_version_is_listed_with_its_release(stub: Stub) -> None:
    listed = [
        {"Version": "$LATEST", "Environment": {"Variables": {"RELEASE_ID": "r2", "ENDPOINT_NAME": "e2"}}},
        {"Version": "1"},
    ]
    more = [{"Version": "2", "Environment": {"Variables": {"RELEASE_ID": "r2", "ENDPOINT_NAME": "e2"}}}]
    function = stub("lambda")
    function.add_response(
        "list_versions_by_function", {"Versions": listed, "NextMarker": "m"}, {"FunctionName": "predict"}
    )
    function.add_response("list_versions_by_function", {"Versions": more}, {"FunctionName": "predict", "Marker": "m"})
    found = LambdaFunctions("predict", "live").published()
    assert [(v.version, v.release_id, v.endpoint_name) for v in found] == [("1", "", ""), ("2", "r2", "e2")]


PACKAGE = "arn:aws:sagemaker:eu-west-1:111122223333:model-package/m/1"


def test_a_model_package_is_read_with_what_an_endpoint_is_made_from(stub: Stub) -> None:
    answer = {
        "ModelPackageName": "m/1",
        "ModelPackageArn": PACKAGE,
        "CreationTime": AT,
        "ModelPackageStatus": "Completed",
        "ModelPackageStatusDetails": {"ValidationStatuses": []},
        "ModelApprovalStatus": "Approved",
        "InferenceSpecification": {"Containers": [{"Image": "image", "ModelDataUrl": "s3://b/model.tar.gz"}]},
    }
    sagemaker = stub("sagemaker")
    sagemaker.add_response("describe_model_package", answer, {"ModelPackageName": PACKAGE})
    assert RegisteredPackages().find(PACKAGE) == ModelPackage("Approved", "image", "s3://b/model.tar.gz")
    gone = f"ModelPackage {PACKAGE} does not exist."
    sagemaker.add_client_error("describe_model_package", "ValidationException", gone)
    assert RegisteredPackages().find(PACKAGE) is None
