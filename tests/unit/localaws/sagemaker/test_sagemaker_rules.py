"""SageMaker's pure parts: names in S3, manifests, paths, failure texts, pages, refusals."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from localaws.errors import AwsError, NotModelledError
from localaws.sagemaker.endpoint_configs import check_config
from localaws.sagemaker.images import check_image
from localaws.sagemaker.jobs import JobError
from localaws.sagemaker.processing import check_processing, read_message, relocate
from localaws.sagemaker.resources import page, plain, refuse_others
from localaws.sagemaker.training_folder import failure_reason
from localaws.sagemaker.training_request import check_training
from localaws.sagemaker.transfer import TransferError, local_name, parse_manifest, split_uri

IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:3.0-5"
ROLE = "arn:aws:iam::123456789012:role/job"


@pytest.mark.parametrize(
    ("key", "prefix", "name"),
    [
        ("data/train/a.csv", "data/train", "a.csv"),
        ("data/train/a.csv", "data/train/", "a.csv"),
        ("data/train/deep/a.csv", "data/train", "deep/a.csv"),
        ("data/train.csv", "data/train.csv", "train.csv"),
        ("data/train-1.csv", "data/tr", "train-1.csv"),
        ("a.csv", "", "a.csv"),
    ],
)
def test_an_object_lands_under_the_rest_of_its_key(key: str, prefix: str, name: str) -> None:
    assert local_name(key, prefix) == name


def test_a_uri_is_a_bucket_and_a_key() -> None:
    assert split_uri("s3://bucket/a/b") == ("bucket", "a/b")
    assert split_uri("s3://bucket") == ("bucket", "")


def test_a_manifest_is_a_prefix_and_names() -> None:
    body = json.dumps([{"prefix": "s3://b/p/"}, "x.csv", "y/z.csv"]).encode()

    assert parse_manifest(body, "s3://b/m") == ("s3://b/p/", ["x.csv", "y/z.csv"])


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b'["x"]', b'[{"prefix": "s3://b/"}]', b'[{"prefix": "x"}, 1]'])
def test_what_is_no_manifest_is_refused(body: bytes) -> None:
    with pytest.raises(TransferError, match="s3://b/m"):
        parse_manifest(body, "s3://b/m")


@pytest.mark.parametrize(
    ("text", "moved"),
    [
        ("/opt/ml/processing/input", "/job/ml/processing/input"),
        ("--code=/opt/ml/code", "--code=/job/ml/code"),
        ('{"a": "/opt/ml"}', '{"a": "/job/ml"}'),
        ("/home/opt/ml/x", "/home/opt/ml/x"),
        ("/opt/mlflow", "/opt/mlflow"),
        ("s3://bucket/opt/ml/x", "s3://bucket/opt/ml/x"),
    ],
)
def test_the_container_s_paths_lead_into_the_job_s_folder(text: str, moved: str) -> None:
    assert relocate(text, Path("/job")) == moved


def test_a_failure_is_worded_as_sagemaker_does(tmp_path: Path) -> None:
    failure = tmp_path / "failure"
    assert failure_reason(failure, 3) == "AlgorithmError: See job logs for more information, exit code: 3"

    failure.write_text("no rows in channel train")
    assert failure_reason(failure, 1) == "AlgorithmError: no rows in channel train, exit code: 1"

    failure.write_text("x" * 5000)
    assert len(failure_reason(failure, 1)) == 1024


def test_an_exit_message_is_the_first_kilobyte_of_utf_8(tmp_path: Path) -> None:
    message = tmp_path / "message"
    assert read_message(message) is None

    message.write_text("ü" * 2000, encoding="utf-8")
    assert read_message(message) == "ü" * 1024

    message.write_bytes(b"\xff\xfe")
    with pytest.raises(JobError, match="UTF-8"):
        read_message(message)


def summaries(count: int) -> list[dict[str, Any]]:
    start = datetime(2026, 11, 22, tzinfo=UTC)
    return [
        {
            "N": f"job-{i:02d}",
            "S": "Failed" if i % 2 else "Completed",
            "CreationTime": start + timedelta(hours=i),
        }
        for i in range(count)
    ]


def test_lists_come_in_pages_that_hold_everything_once() -> None:
    items, found, token = summaries(23), [], None
    while True:
        params: dict[str, Any] = {"MaxResults": 7, **({"NextToken": token} if token else {})}
        answer = page(items, params, name="N", result="R")
        found += answer["R"]
        token = answer.get("NextToken")
        if token is None:
            break

    assert found == items


def test_lists_are_filtered_and_sorted() -> None:
    items = summaries(10)
    after = items[4]["CreationTime"]

    failed = page(items, {"StatusEquals": "Failed", "SortOrder": "Descending"}, name="N", status="S", result="R")
    late = page(items, {"CreationTimeAfter": after, "SortBy": "Name"}, name="N", result="R")
    named = page(items, {"NameContains": "JOB-03"}, name="N", result="R")

    assert [item["N"] for item in failed["R"]] == ["job-09", "job-07", "job-05", "job-03", "job-01"]
    assert [item["N"] for item in late["R"]] == [f"job-{i:02d}" for i in range(5, 10)]
    assert [item["N"] for item in named["R"]] == ["job-03"]


def test_a_token_that_nobody_gave_is_refused() -> None:
    with pytest.raises(AwsError, match="NextToken"):
        page([], {"NextToken": "eA=="}, name="N", result="R")


def test_what_is_not_modelled_is_refused_by_name_and_harmless_values_are_taken() -> None:
    refuse_others("Op", {"A": 1, "B": False}, {"A"}, {"B": False})
    with pytest.raises(NotModelledError, match="sagemaker:Op with B = True"):
        refuse_others("Op", {"A": 1, "B": True}, {"A"}, {"B": False})


def test_events_carry_times_as_milliseconds() -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    assert plain({"a": [at, {"b": at}], "c": "x"}) == {"a": [1767225600000, {"b": 1767225600000}], "c": "x"}


def test_only_the_xgboost_image_is_known() -> None:
    check_image(IMAGE)
    check_image(IMAGE.replace("us-east-1", "eu-central-1"))
    for other in (IMAGE.replace("3.0-5", "1.7-1"), "python:3.13", IMAGE.replace("xgboost", "pytorch")):
        with pytest.raises(NotModelledError, match=other.split("/")[-1].split(":")[0]):
            check_image(other)


def training(**changes: Any) -> dict[str, Any]:
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://b/p"}}
    return {
        "TrainingJobName": "j",
        "RoleArn": ROLE,
        "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        "HyperParameters": {"sagemaker_program": '"train.py"'},
        "InputDataConfig": [{"ChannelName": "train", "DataSource": source}],
        "OutputDataConfig": {"S3OutputPath": "s3://b/out"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 10},
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
        **changes,
    }


def test_a_plain_training_job_is_taken() -> None:
    check_training(training(EnableNetworkIsolation=False, ProfilerConfig={"DisableProfiler": True}))


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"EnableNetworkIsolation": True}, "EnableNetworkIsolation"),
        ({"EnableManagedSpotTraining": True}, "EnableManagedSpotTraining"),
        ({"VpcConfig": {"Subnets": ["s"], "SecurityGroupIds": ["g"]}}, "VpcConfig"),
        ({"CheckpointConfig": {"S3Uri": "s3://b/c"}}, "CheckpointConfig"),
        ({"DebugHookConfig": {"S3OutputPath": "s3://b/d"}}, "DebugHookConfig"),
        ({"RetryStrategy": {"MaximumRetryAttempts": 2}}, "RetryStrategy"),
        ({"HyperParameters": {"max_depth": "3"}}, "script mode"),
        (
            {"ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 2, "VolumeSizeInGB": 1}},
            "InstanceCount",
        ),
        (
            {"AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "Pipe"}},
            "TrainingInputMode",
        ),
    ],
)
def test_a_training_job_that_would_run_otherwise_on_aws_is_refused(change: dict[str, Any], named: str) -> None:
    with pytest.raises(NotModelledError, match=named):
        check_training(training(**change))


def test_channels_are_unique_files_that_every_instance_gets() -> None:
    channel = training()["InputDataConfig"][0]
    sharded = {"S3DataSource": {**channel["DataSource"]["S3DataSource"], "S3DataDistributionType": "ShardedByS3Key"}}

    with pytest.raises(AwsError, match="unique"):
        check_training(training(InputDataConfig=[channel, channel]))
    with pytest.raises(NotModelledError, match="ShardedByS3Key"):
        check_training(training(InputDataConfig=[{**channel, "DataSource": sharded}]))
    with pytest.raises(NotModelledError, match="FastFile"):
        check_training(training(InputDataConfig=[{**channel, "InputMode": "FastFile"}]))


def processing(**changes: Any) -> dict[str, Any]:
    cluster = {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}
    return {
        "ProcessingJobName": "j",
        "RoleArn": ROLE,
        "AppSpecification": {"ImageUri": IMAGE, "ContainerEntrypoint": ["python3", "x.py"]},
        "ProcessingResources": {"ClusterConfig": cluster},
        **changes,
    }


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"NetworkConfig": {"EnableNetworkIsolation": True}}, "EnableNetworkIsolation"),
        ({"AppSpecification": {"ImageUri": IMAGE}}, "ContainerEntrypoint"),
        ({"ExperimentConfig": {"ExperimentName": "e"}}, "ExperimentConfig"),
        (
            {"ProcessingInputs": [{"InputName": "i", "DatasetDefinition": {"LocalPath": "/opt/ml/processing/x"}}]},
            "DatasetDefinition",
        ),
        (
            {
                "ProcessingOutputConfig": {
                    "Outputs": [
                        {
                            "OutputName": "o",
                            "S3Output": {
                                "S3Uri": "s3://b/o",
                                "LocalPath": "/opt/ml/processing/o",
                                "S3UploadMode": "Continuous",
                            },
                        }
                    ]
                }
            },
            "Continuous",
        ),
        (
            {
                "ProcessingInputs": [
                    {
                        "InputName": "i",
                        "S3Input": {"S3Uri": "s3://b/i", "LocalPath": "/data", "S3DataType": "S3Prefix"},
                    }
                ]
            },
            "/data",
        ),
    ],
)
def test_a_processing_job_that_would_run_otherwise_on_aws_is_refused(change: dict[str, Any], named: str) -> None:
    check_processing(processing(NetworkConfig={"EnableNetworkIsolation": False}))
    with pytest.raises(NotModelledError, match=named):
        check_processing(processing(**change))


VARIANT = {"VariantName": "v", "ModelName": "m", "InitialInstanceCount": 1, "InstanceType": "ml.m5.large"}
SERVERLESS = {
    "VariantName": "v",
    "ModelName": "m",
    "ServerlessConfig": {"MemorySizeInMB": 2048, "MaxConcurrency": 5},
}
CAPTURE = {
    "EnableCapture": True,
    "InitialSamplingPercentage": 100,
    "DestinationS3Uri": "s3://b/c",
    "CaptureOptions": [{"CaptureMode": "Input"}],
}


@pytest.mark.parametrize(
    ("variants", "capture", "said"),
    [
        ([VARIANT, VARIANT], None, "unique"),
        ([SERVERLESS, {**VARIANT, "VariantName": "w"}], None, "exactly one"),
        ([SERVERLESS], CAPTURE, "serverless"),
        ([{**SERVERLESS, "InstanceType": "ml.m5.large"}], None, "either"),
        ([{"VariantName": "v", "ModelName": "m"}], None, "InstanceType"),
        (
            [{**SERVERLESS, "ServerlessConfig": {"MemorySizeInMB": 1000, "MaxConcurrency": 5}}],
            None,
            "MemorySizeInMB",
        ),
        ([VARIANT], {**CAPTURE, "InitialSamplingPercentage": 101}, "Percentage"),
        ([{**VARIANT, "AcceleratorType": "ml.eia2.medium"}], None, "AcceleratorType"),
    ],
)
def test_configurations_that_cannot_be_are_refused(
    variants: list[dict[str, Any]], capture: dict[str, Any] | None, said: str
) -> None:
    params: dict[str, Any] = {"EndpointConfigName": "c", "ProductionVariants": variants}
    with pytest.raises(AwsError, match=said):
        check_config({**params, **({"DataCaptureConfig": capture} if capture else {})})


def test_a_serverless_variant_and_a_captured_one_are_taken() -> None:
    check_config({"EndpointConfigName": "c", "ProductionVariants": [SERVERLESS]})
    check_config({"EndpointConfigName": "c", "ProductionVariants": [VARIANT], "DataCaptureConfig": CAPTURE})
