"""Training and processing jobs: the genuine toolkit, real processes, real S3 and logs of one world."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from localaws.faults.fault import Fault
from tests.localaws.contract import answers_checked
from tests.localaws.sagemaker_bench import (
    Bench,
    channel,
    opened,
    processing_input,
    processing_output,
    unpacked,
)

SLEEPER = "import time; print('asleep', flush=True); time.sleep(600)"


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with answers_checked(), opened(tmp_path_factory.mktemp("jobs")) as bench:
        yield bench


def await_log(bench: Bench, group: str, name: str, text: str) -> None:
    """Until a job has logged something: the sign that its process runs."""
    until = time.monotonic() + 30
    while time.monotonic() < until:
        try:
            if text in bench.log(group, name):
                return
        except ClientError:
            pass
        time.sleep(0.05)
    raise AssertionError(f"{name} never logged {text!r}")


def alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and waits to be buried doesn't."""
    found = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return bool(found.stdout.strip()) and not found.stdout.startswith("Z")


def test_a_training_job_goes_from_s3_to_s3(bench: Bench) -> None:
    bench.put("data/train/one.csv", "1,2\n")
    bench.put("data/train/more/two.csv", "3,4\n")
    listed = bench.put("data/list.manifest", json.dumps([{"prefix": f"s3://{bench.bucket}/data/"}, "train/one.csv"]))
    script = """
        import argparse, os, pathlib
        parser = argparse.ArgumentParser()
        parser.add_argument("--rounds", type=int)
        given = parser.parse_args()
        data = pathlib.Path(os.environ["SM_CHANNEL_TRAIN"])
        names = sorted(str(p.relative_to(data)) for p in data.rglob("*.csv"))
        listed = sorted(p.name for p in pathlib.Path(os.environ["SM_CHANNEL_LISTED"]).rglob("*.csv"))
        for i in range(given.rounds):
            print(f"[{i}]\\ttrain-rmse:{1 / (i + 1)}", flush=True)
        pathlib.Path(os.environ["SM_MODEL_DIR"], "model.txt").write_text(f"{names} {listed}")
        pathlib.Path(os.environ["SM_OUTPUT_DATA_DIR"], "notes.txt").write_text("notes")
    """

    name = bench.train(
        script,
        HyperParameters={"rounds": "4"},
        InputDataConfig=[
            channel("train", f"s3://{bench.bucket}/data/train"),
            channel("listed", listed, "ManifestFile"),
        ],
        AlgorithmSpecification={
            "TrainingImage": "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:3.0-5",
            "TrainingInputMode": "File",
        },
        Tags=[{"Key": "owner", "Value": "me"}],
    )
    job = bench.trained(name)

    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Completed", "Completed")
    statuses = [step["Status"] for step in job["SecondaryStatusTransitions"]]
    assert statuses == ["Pending", "Starting", "Downloading", "Training", "Uploading", "Completed"]
    assert all(step["EndTime"] >= step["StartTime"] for step in job["SecondaryStatusTransitions"])
    artifact = f"s3://{bench.bucket}/{name}/model/{name}/output/model.tar.gz"
    assert job["ModelArtifacts"]["S3ModelArtifacts"] == artifact
    files = unpacked(bench.get(artifact))
    assert files == {"model.txt": b"['more/two.csv', 'one.csv'] ['one.csv']"}
    assert unpacked(bench.get(artifact.replace("model.tar.gz", "output.tar.gz"))) == {"notes.txt": b"notes"}
    assert job["BillableTimeInSeconds"] >= 1
    assert "[3]#011train-rmse:0.25" in bench.log("/aws/sagemaker/TrainingJobs", f"{name}/algo-1-")
    assert bench.client.list_tags(ResourceArn=job["TrainingJobArn"])["Tags"] == [{"Key": "owner", "Value": "me"}]
    told = [e["detail"]["SecondaryStatus"] for e in bench.events if e["resources"] == [job["TrainingJobArn"]]]
    assert told == statuses
    assert not (bench.world.settings.home / "jobs" / "training" / name).exists()


def test_a_training_script_that_fails_fails_the_job_with_the_toolkit_s_words(bench: Bench) -> None:
    name = bench.train("import sys; sys.exit('training failed: no rows')")

    job = bench.trained(name)

    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Failed", "Failed")
    assert job["FailureReason"].startswith("AlgorithmError: ExecuteUserScriptError")
    assert job["FailureReason"].endswith(", exit code: 1")
    assert "training failed: no rows" in bench.log("/aws/sagemaker/TrainingJobs", name)
    assert bench.keys(f"{name}/model") == []


def test_data_that_is_not_there_fails_the_job(bench: Bench) -> None:
    name = bench.train("", InputDataConfig=[channel("train", f"s3://{bench.bucket}/nothing/")])

    job = bench.trained(name)

    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("ClientError: No S3 objects found")
    assert job["SecondaryStatusTransitions"][-2]["Status"] == "Downloading"


def test_a_training_job_that_takes_too_long_is_stopped(bench: Bench) -> None:
    name = bench.train(SLEEPER, StoppingCondition={"MaxRuntimeInSeconds": 3})

    job = bench.trained(name)

    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "MaxRuntimeExceeded")


def test_a_training_job_is_stopped_on_request_with_all_its_processes(bench: Bench) -> None:
    name = bench.train("import os; print('I am', os.getpid(), flush=True)\n" + SLEEPER)
    await_log(bench, "/aws/sagemaker/TrainingJobs", name, "asleep")

    bench.client.stop_training_job(TrainingJobName=name)
    job = bench.trained(name)

    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "Stopped")
    pid = int(bench.log("/aws/sagemaker/TrainingJobs", name).split("I am ")[1].split()[0])
    assert not alive(pid)
    with pytest.raises(ClientError, match="in status Stopped"):
        bench.client.stop_training_job(TrainingJobName=name)


def test_two_jobs_run_and_the_third_waits_and_can_be_stopped_meanwhile(bench: Bench) -> None:
    running = [bench.process(SLEEPER), bench.process(SLEEPER)]
    for name in running:
        await_log(bench, "/aws/sagemaker/ProcessingJobs", name, "asleep")
    waiting = bench.train("")
    assert bench.client.describe_training_job(TrainingJobName=waiting)["SecondaryStatus"] == "Pending"

    bench.client.stop_training_job(TrainingJobName=waiting)

    job = bench.trained(waiting)
    assert job["TrainingJobStatus"] == "Stopped"
    assert "TrainingStartTime" not in job
    for name in running:
        bench.client.stop_processing_job(ProcessingJobName=name)
        assert bench.processed(name)["ProcessingJobStatus"] == "Stopped"


def test_a_processing_job_finds_its_contract_below_opt_ml(bench: Bench) -> None:
    source = bench.put("drop/a.csv", "1\n")
    target = f"s3://{bench.bucket}/processed"
    script = """
        import json, os, pathlib, sys
        assert sys.argv[1] == "--input" and "/opt/ml" not in sys.argv[2], sys.argv
        data = pathlib.Path(sys.argv[2], "a.csv").read_text()
        config = json.loads(pathlib.Path(os.environ["CONFIG"], "processingjobconfig.json").read_text())
        out = pathlib.Path(sys.argv[4])
        (out / "deep").mkdir()
        (out / "deep/result.json").write_text(json.dumps([data, config["RoleArn"]]))
        pathlib.Path(sys.argv[4], "environment.json").write_text(json.dumps(dict(os.environ)))
        pathlib.Path(os.environ["MESSAGE"]).write_text("all went well")
    """

    name = bench.process(
        script, "--input", "/opt/ml/processing/input/drop", "--output", "/opt/ml/processing/output",
        ProcessingInputs=[processing_input("drop", source, "/opt/ml/processing/input/drop")],
        ProcessingOutputConfig=processing_output(target, "/opt/ml/processing/output"),
        Environment={"CONFIG": "/opt/ml/config", "MESSAGE": "/opt/ml/output/message", "PLAIN": "x"},
    )  # fmt: skip
    job = bench.processed(name)

    assert (job["ProcessingJobStatus"], job["ExitMessage"]) == ("Completed", "all went well")
    assert json.loads(bench.get(f"{target}/deep/result.json")) == ["1\n", bench.role]
    environment = json.loads(bench.get(f"{target}/environment.json"))
    assert environment["PLAIN"] == "x"
    assert environment["AWS_ENDPOINT_URL"] == bench.world.endpoint
    leaked = {k for k in environment if k in os.environ} - {
        "PATH", "HOME", "LANG", "TMPDIR", "PYTHONUNBUFFERED", "AWS_REGION", "AWS_DEFAULT_REGION", "LC_CTYPE",
        "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL",
    }  # fmt: skip
    assert not leaked
    assert environment["HOME"] != os.environ.get("HOME")
    told = [e["detail"]["ProcessingJobStatus"] for e in bench.events if e["resources"] == [job["ProcessingJobArn"]]]
    assert told == ["InProgress", "InProgress", "Completed"]


def test_a_processing_job_that_refuses_says_why_and_still_leaves_its_report(bench: Bench) -> None:
    target = f"s3://{bench.bucket}/refused"
    script = """
        import pathlib, sys
        pathlib.Path(sys.argv[1], "report.json").write_text("{}")
        pathlib.Path(sys.argv[2]).write_text("the file trips.csv has no column fare_amount")
        sys.exit(1)
    """

    name = bench.process(
        script, "/opt/ml/processing/output", "/opt/ml/output/message",
        ProcessingOutputConfig=processing_output(target, "/opt/ml/processing/output"),
    )  # fmt: skip
    job = bench.processed(name)

    assert job["ProcessingJobStatus"] == "Failed"
    assert job["FailureReason"] == "AlgorithmError: See job logs for more information, exit code: 1"
    assert job["ExitMessage"] == "the file trips.csv has no column fare_amount"
    assert bench.keys("refused/") == ["refused/report.json"]


def test_a_processing_job_acts_with_its_role_alone(bench: Bench) -> None:
    script = f"import boto3; print(boto3.client('s3').list_objects_v2(Bucket='{bench.bucket}')['KeyCount'])"
    role = bench.make_role(f"reader-{bench.name()}", "sagemaker.amazonaws.com")

    job = bench.processed(bench.process(script, RoleArn=role))

    assert job["ProcessingJobStatus"] == "Completed", job
    actions = {p.action for p in bench.world.ledger.used() if p.principal == role}
    assert actions == {
        "s3:ListBucket", "s3:GetObject", "logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"
    }  # fmt: skip


def test_names_are_never_given_twice(bench: Bench) -> None:
    name = bench.process("")
    bench.processed(name)
    given = bench.service.jobs.find("processing", name)
    assert given is not None

    with pytest.raises(ClientError) as refused:
        bench.client.create_processing_job(**given.params)

    assert refused.value.response["Error"]["Code"] == "ResourceInUse"


def test_jobs_that_were_never_made_are_not_found(bench: Bench) -> None:
    with pytest.raises(ClientError, match="Requested resource not found"):
        bench.client.describe_training_job(TrainingJobName="nothing")
    with pytest.raises(ClientError, match="Could not find requested job with name: nothing"):
        bench.client.describe_processing_job(ProcessingJobName="nothing")
    assert not bench.service.wait_for_job("training", "nothing", 0.01)


def test_jobs_are_listed_in_pages(bench: Bench) -> None:
    names = [bench.process("") for _ in range(3)]
    for name in names:
        bench.processed(name)

    pages = list(
        bench.client.get_paginator("list_processing_jobs").paginate(
            SortBy="CreationTime", SortOrder="Descending", PaginationConfig={"PageSize": 2, "MaxItems": 3}
        )
    )

    found = [job["ProcessingJobName"] for page in pages for job in page["ProcessingJobSummaries"]]
    assert found == names[::-1]
    failed = bench.client.list_training_jobs(StatusEquals="Failed")["TrainingJobSummaries"]
    assert all(job["TrainingJobStatus"] == "Failed" for job in failed)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"RoleArn": "arn:aws:iam::123456789012:role/nobody"}, "Could not assume role"),
        ({"StoppingCondition": {"MaxRuntimeInSeconds": 9, "MaxWaitTimeInSeconds": 9}}, "MaxWaitTime"),
        (
            {"ResourceConfig": {"InstanceType": "ml.toaster", "InstanceCount": 1, "VolumeSizeInGB": 1}},
            "enum value set",
        ),
        ({"EnableManagedSpotTraining": True}, "EnableManagedSpotTraining"),
        (
            {
                "AlgorithmSpecification": {
                    "TrainingImage": "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:3.0-5",
                    "TrainingInputMode": "File",
                    "MetricDefinitions": [{"Name": "rmse", "Regex": "rmse:([0-9.]+)"}],
                }
            },
            "can't override the metric definitions",
        ),
    ],
)
def test_training_jobs_that_cannot_be_are_refused(bench: Bench, change: dict[str, Any], said: str) -> None:
    with pytest.raises(ClientError, match=said):
        bench.train("", **change)


def test_nothing_survives_the_world(tmp_path: Path) -> None:
    with opened(tmp_path) as bench:
        name = bench.process("import os; print('I am', os.getpid(), flush=True)\n" + SLEEPER)
        await_log(bench, "/aws/sagemaker/ProcessingJobs", name, "asleep")
        pid = int(bench.log("/aws/sagemaker/ProcessingJobs", name).split("I am ")[1].split()[0])

    assert not alive(pid)


def test_a_job_whose_process_is_killed_has_failed(bench: Bench) -> None:
    fault = bench.world.faults.add(Fault.read({"place": "job", "effect": {"kind": "kill", "afterMilliseconds": 200}}))
    try:
        ended = bench.processed(bench.process("import time\ntime.sleep(30)"))
    finally:
        bench.world.faults.remove()
    assert (ended["ProcessingJobStatus"], fault.struck) == ("Failed", 1)
    assert "AlgorithmError" in ended["FailureReason"]
