"""A world with SageMaker that the tests of a file share, and short ways to ask it. Used by those tests."""

from __future__ import annotations

import io
import itertools
import json
import tarfile
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from localaws.cloudwatch.service import CloudWatch
from localaws.sagemaker.runtime import SageMakerRuntime
from localaws.sagemaker.service import SageMaker
from localaws.settings import Settings
from localaws.world import World

ROOT = Path(__file__).resolve().parents[2]
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:3.0-5"
NUMBERS = itertools.count(1)


class Bench:
    """SageMaker, a bucket, and a role that SageMaker may assume."""

    def __init__(self, home: Path) -> None:
        python = ROOT / ".venvs/jobs/bin/python"
        settings = Settings(home=home, lambda_python=home, jobs_python=python, port=0, time_scale=60)
        self.world = World(settings, [CloudWatch, SageMaker, SageMakerRuntime])
        self.world.start()
        self.events: list[dict[str, Any]] = []
        self.world.delegated.on_event(self.events.append)
        self.service = self.world.service(SageMaker)
        self.client: Any = self.world.client("sagemaker")
        self.runtime: Any = self.world.client("sagemaker-runtime")
        self.s3: Any = self.world.client("s3")
        self.bucket = f"bench-{home.name.replace('_', '-')}"
        self.s3.create_bucket(Bucket=self.bucket)
        self.role = self.make_role(f"job-{home.name}", "sagemaker.amazonaws.com")

    def make_role(self, name: str, principal: str) -> str:
        """A role that a service may assume."""
        statement = {"Effect": "Allow", "Principal": {"Service": principal}, "Action": "sts:AssumeRole"}
        trust = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        made = self.world.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=trust)
        return str(made["Role"]["Arn"])

    def name(self) -> str:
        """A name that no other test has."""
        return f"test-{next(NUMBERS)}"

    def put(self, key: str, body: bytes | str) -> str:
        """An object; its URI."""
        raw = body.encode() if isinstance(body, str) else body
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=raw)
        return f"s3://{self.bucket}/{key}"

    def get(self, uri: str) -> bytes:
        """An object's bytes."""
        key = uri.removeprefix(f"s3://{self.bucket}/")
        body: bytes = self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()
        return body

    def keys(self, prefix: str) -> list[str]:
        """The keys below a prefix."""
        found = self.s3.list_objects_v2(Bucket=self.bucket, Prefix=prefix)
        return [item["Key"] for item in found.get("Contents", [])]

    def log(self, group: str, prefix: str) -> str:
        """What was logged to the streams of a job or endpoint."""
        logs: Any = self.world.client("logs")
        streams = logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=prefix)["logStreams"]
        lines = []
        for stream in streams:
            name = stream["logStreamName"]
            found = logs.get_log_events(logGroupName=group, logStreamName=name, startFromHead=True)
            lines += [event["message"] for event in found["events"]]
        return "\n".join(lines)

    def train(self, script: str, **params: Any) -> str:
        """Begin a training job of one script; its name."""
        name = self.name()
        source = self.put(f"{name}/sourcedir.tar.gz", packed({"train.py": textwrap.dedent(script)}))
        hyperparameters = {
            "sagemaker_program": '"train.py"',
            "sagemaker_submit_directory": json.dumps(source),
            **params.pop("HyperParameters", {}),
        }
        self.client.create_training_job(
            **{
                "TrainingJobName": name,
                "RoleArn": self.role,
                "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
                "HyperParameters": hyperparameters,
                "OutputDataConfig": {"S3OutputPath": f"s3://{self.bucket}/{name}/model"},
                "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 10},
                "StoppingCondition": {"MaxRuntimeInSeconds": 60},
                **params,
            }
        )
        return name

    def trained(self, name: str) -> dict[str, Any]:
        """The description of a training job that has ended."""
        assert self.service.wait_for_job("training", name, 60)
        return dict(self.client.describe_training_job(TrainingJobName=name))

    def process(self, script: str, *arguments: str, **params: Any) -> str:
        """Begin a processing job of one script; its name."""
        name = self.name()
        code = self.put(f"{name}/code/job.py", textwrap.dedent(script))
        given = [
            processing_input("code", code, "/opt/ml/processing/code"),
            *params.pop("ProcessingInputs", []),
        ]
        application = {
            "ImageUri": IMAGE,
            "ContainerEntrypoint": ["python3", "/opt/ml/processing/code/job.py"],
            **({"ContainerArguments": list(arguments)} if arguments else {}),
        }
        cluster = {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}
        self.client.create_processing_job(
            **{
                "ProcessingJobName": name,
                "RoleArn": self.role,
                "AppSpecification": application,
                "ProcessingResources": {"ClusterConfig": cluster},
                "ProcessingInputs": given,
                **params,
            }
        )
        return name

    def processed(self, name: str) -> dict[str, Any]:
        """The description of a processing job that has ended."""
        assert self.service.wait_for_job("processing", name, 60)
        return dict(self.client.describe_processing_job(ProcessingJobName=name))


@contextmanager
def opened(home: Path) -> Iterator[Bench]:
    """A bench, for a while."""
    bench = Bench(home)
    try:
        yield bench
    finally:
        bench.world.stop()


def packed(files: dict[str, str | bytes]) -> bytes:
    """A tar.gz of files."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in files.items():
            raw = content.encode() if isinstance(content, str) else content
            info = tarfile.TarInfo(name)
            info.size = len(raw)
            tar.addfile(info, io.BytesIO(raw))
    return buffer.getvalue()


def unpacked(archive: bytes) -> dict[str, bytes]:
    """The files of a tar.gz."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        return {m.name: tar.extractfile(m).read() for m in tar.getmembers() if m.isfile()}  # type: ignore[union-attr]


def channel(name: str, uri: str, kind: str = "S3Prefix") -> dict[str, Any]:
    """An input channel of a training job."""
    return {"ChannelName": name, "DataSource": {"S3DataSource": {"S3DataType": kind, "S3Uri": uri}}}


def processing_input(name: str, uri: str, path: str, kind: str = "S3Prefix") -> dict[str, Any]:
    """An input of a processing job."""
    return {"InputName": name, "S3Input": {"S3Uri": uri, "LocalPath": path, "S3DataType": kind}}


def processing_output(uri: str, path: str) -> dict[str, Any]:
    """The one output of a processing job."""
    target = {"S3Uri": uri, "LocalPath": path, "S3UploadMode": "EndOfJob"}
    return {"Outputs": [{"OutputName": "out", "S3Output": target}]}
