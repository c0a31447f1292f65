"""How resources, names, errors and values go between a state machine and AWS's APIs."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from hypothesis import given
from hypothesis import strategies as st

from localaws.stepfunctions.cancellation import Cancellation
from localaws.stepfunctions.failures import Failure
from localaws.stepfunctions.integrations import naming, shapes, table
from localaws.stepfunctions.integrations.api import Api, service_model
from localaws.stepfunctions.tasks import integration
from localaws.stepfunctions.templates import Template

STATES = "arn:aws:states:::"


def client_error(code: str, message: str = "why") -> ClientError:
    answer: Any = {"HTTPStatusCode": 400, "RequestId": "r-1"}
    return ClientError({"Error": {"Code": code, "Message": message}, "ResponseMetadata": answer}, "Do")


@pytest.mark.parametrize(
    ("resource", "expected"),
    [
        ("lambda:invoke", ("lambda", "invoke")),
        ("lambda:invoke.waitForTaskToken", ("lambda", "invoke.waitForTaskToken")),
        ("states:startExecution.sync:2", ("states", "startExecution.sync:2")),
        ("aws-sdk:codedeploy:getDeployment", ("aws-sdk:codedeploy", "getDeployment")),
    ],
)
def test_the_parts_of_a_resource(resource: str, expected: tuple[str, str]) -> None:
    assert integration(f"{STATES}{resource}") == expected


CAN = [
    "lambda:invoke",
    "lambda:invoke.waitForTaskToken",
    "sns:publish",
    "sns:publish.waitForTaskToken",
    "events:putEvents",
    "dynamodb:getItem",
    "dynamodb:putItem",
    "dynamodb:updateItem",
    "dynamodb:deleteItem",
    "sagemaker:createTrainingJob",
    "sagemaker:createProcessingJob",
    "sagemaker:createTransformJob",
    "sagemaker:createTrainingJob.sync",
    "sagemaker:createProcessingJob.sync",
    "sagemaker:createTransformJob.sync",
    "states:startExecution",
    "states:startExecution.sync:2",
    "aws-sdk:sagemaker:createEndpointConfig",
    "aws-sdk:s3:listObjectsV2",
    "aws-sdk:sfn:stopExecution",
    "aws-sdk:eventbridge:putRule",
    "aws-sdk:cloudwatchlogs:putLogEvents",
    "aws-sdk:applicationautoscaling:registerScalableTarget",
    "aws-sdk:lambda:invoke.waitForTaskToken",
]
CAN_NOT = [
    "lambda:invoke.sync",
    "lambda:invoke.waitForIt",
    "states:startExecution.sync",
    "sagemaker:createModel",
    "sagemaker:createModel.sync",
    "sagemaker:createEndpointConfig",
    "sagemaker:createEndpoint",
    "sagemaker:updateEndpoint",
    "sagemaker:createTrainingJob.waitForTaskToken",
    "dynamodb:query",
    "batch:submitJob.sync",
    "aws-sdk:batch:submitJob",
    "aws-sdk:s3:listObjectsV3",
    "aws-sdk:s3:ListObjectsV2",
    "aws-sdk:sagemaker:createModel.sync",
]
OTHERS = ["arn:aws:lambda:us-east-1:1:function:f", "arn:aws:states:us-east-1:1:activity:a", "nonsense"]


@pytest.mark.parametrize("resource", CAN)
def test_what_can_be_done(resource: str) -> None:
    assert table.find(f"{STATES}{resource}") is not None


@pytest.mark.parametrize("resource", [f"{STATES}{part}" for part in CAN_NOT] + OTHERS)
def test_what_can_not(resource: str) -> None:
    assert list(table.check(resource, Template.parse({}, "Arguments"))) == [
        ("Resource", f"The resource '{resource}' is not implemented by localaws")
    ]


def complaints(resource: str, arguments: Any) -> list[tuple[str, str]]:
    return list(table.check(f"{STATES}{resource}", Template.parse(arguments, "Arguments")))


def test_literal_arguments_are_held_against_the_api() -> None:
    variants = [{"VariantName": "v", "Oops": 1}, "{% $variant %}"]
    said = complaints("aws-sdk:sagemaker:createEndpointConfig", {"ProductionVariants": variants})
    assert said == [
        ("Arguments", "The field 'EndpointConfigName' is required but was missing"),
        ("Arguments/ProductionVariants[0]/Oops", "The field 'Oops' is not supported by Step Functions"),
    ]


def test_an_expression_is_not_held_against_it() -> None:
    assert complaints("aws-sdk:sagemaker:createEndpointConfig", "{% $all %}") == []
    assert complaints("lambda:invoke", {"FunctionName": "{% $f %}", "Payload": {"any": ["thing", 1]}}) == []


class TestErrors:
    SDK = naming.sdk("SageMaker")
    OPTIMIZED = naming.optimized("SageMaker", "AmazonSageMakerException", "AmazonSageMaker")

    @pytest.mark.parametrize(
        ("service", "operation", "code", "expected"),
        [
            ("sagemaker", "DescribeModelPackage", "ResourceNotFound", "X.ResourceNotFoundException"),
            ("sagemaker", "CreateTrainingJob", "ResourceInUse", "X.ResourceInUseException"),
            ("sagemaker", "DescribeEndpoint", "ValidationException", "X.XException"),
            ("sagemaker", "DescribeEndpoint", "ThrottlingException", "X.XException"),
            (
                "codedeploy",
                "GetDeployment",
                "DeploymentDoesNotExistException",
                "X.DeploymentDoesNotExistException",
            ),
            ("codedeploy", "CreateDeployment", "ThrottlingException", "X.ThrottlingException"),
            ("s3", "ListObjects", "NoSuchBucket", "X.NoSuchBucketException"),
            ("sns", "Publish", "NotFound", "X.NotFoundException"),
            ("cloudwatch", "EnableAlarmActions", "InternalServiceError", "X.InternalServiceException"),
            ("cloudwatch", "GetDashboard", "ResourceNotFound", "X.DashboardNotFoundErrorException"),
            ("cloudwatch", "DescribeAnomalyDetectors", "Unheard", "X.XException"),
            ("lambda", "Invoke", "TooManyRequestsException", "X.TooManyRequestsException"),
        ],
    )
    def test_names(self, service: str, operation: str, code: str, expected: str) -> None:
        model = service_model(service).operation_model(operation)
        assert naming.sdk("X").failure(client_error(code), model).error == expected

    def test_causes(self) -> None:
        model = service_model("sagemaker").operation_model("DescribeModelPackage")
        error = client_error("ResourceNotFound", "gone")
        cause = self.SDK.failure(error, model).cause
        assert cause == "gone (Service: SageMaker, Status Code: 400, Request ID: r-1)"
        cause = self.OPTIMIZED.failure(error, model).cause
        assert cause == (
            "gone (Service: AmazonSageMaker; Status Code: 400; "
            "Error Code: ResourceNotFound; Request ID: r-1; Proxy: null)"
        )

    def test_no_answer(self) -> None:
        class Unreachable:
            def describe_endpoint(self, **_: Any) -> None:
                raise EndpointConnectionError(endpoint_url="http://nowhere")

        with pytest.raises(Failure) as caught:
            Api("sagemaker", "DescribeEndpoint", self.SDK).call(lambda _: Unreachable(), {"EndpointName": "e"})
        assert caught.value.error == "SageMaker.SdkClientException"


class TestValues:
    SHAPE = service_model("codedeploy").operation_model("CreateDeployment").input_shape

    def test_names_at_every_depth(self) -> None:
        arguments = {
            "Revision": {"S3Location": {"Bucket": "b"}},
            "AutoRollbackConfiguration": {"Events": ["x"]},
        }
        request = shapes.to_request(self.SHAPE, arguments)
        assert request == {
            "revision": {"s3Location": {"bucket": "b"}},
            "autoRollbackConfiguration": {"events": ["x"]},
        }
        assert shapes.from_response(self.SHAPE, request, shapes.iso) == arguments

    def test_null_is_left_out(self) -> None:
        assert shapes.to_request(self.SHAPE, {"Description": None}) == {}

    def test_the_keys_of_a_map_stay(self) -> None:
        shape = service_model("dynamodb").operation_model("PutItem").input_shape
        arguments = {"Item": {"lower": {"S": "x"}, "Upper": {"M": {"inner": {"N": "1"}}}}}
        assert shapes.to_request(shape, arguments) == arguments

    def test_blobs_are_text(self) -> None:
        shape = service_model("sagemaker-runtime").operation_model("InvokeEndpoint").input_shape
        assert shapes.to_request(shape, {"Body": "1,2"}) == {"Body": b"1,2"}
        assert shapes.to_request(shape, {"Body": {"a": 1}}) == {"Body": b'{"a":1}'}
        assert shapes.from_response(shape, {"Body": b"9.5"}, shapes.iso) == {"Body": "9.5"}

    @given(st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
    def test_timestamps(self, moment: datetime) -> None:
        millis = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
        assert datetime.fromisoformat(shapes.iso(moment)) == millis
        assert abs(shapes.epoch_millis(moment) / 1000 - moment.timestamp()) <= 0.001


class TestCancellation:
    def test_it_passes_itself_down_and_never_up(self) -> None:
        top = Cancellation()
        middle, other = top.child(), top.child()
        leaf = middle.child()
        middle.set()
        assert (top.is_set(), middle.is_set(), leaf.is_set(), other.is_set()) == (False, True, True, False)
        top.set()
        assert other.is_set()

    def test_late_listeners_are_told_at_once(self) -> None:
        told: list[int] = []
        cancellation = Cancellation()
        cancellation.set()
        cancellation.listen(lambda: told.append(1))
        assert told == [1]
        assert cancellation.child().is_set()

    def test_who_stops_listening_is_not_told(self) -> None:
        told: list[int] = []
        cancellation = Cancellation()
        cancellation.listen(lambda: told.append(1))()
        cancellation.set()
        assert told == []

    def test_children_that_are_done_are_forgotten(self) -> None:
        top = Cancellation()
        for _ in range(100):
            top.child().set()
        assert top._listeners == {}

    def test_set_from_many_threads_tells_once(self) -> None:
        told: list[int] = []
        cancellation = Cancellation()
        cancellation.listen(lambda: told.append(1))
        threads = [threading.Thread(target=cancellation.set) for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert told == [1]
