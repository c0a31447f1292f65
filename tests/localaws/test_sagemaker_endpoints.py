"""Endpoints: real server processes, invocations, capture, metrics, updates and deletions of one world."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from localaws.cloudwatch.metrics import MetricKey
from localaws.cloudwatch.service import CloudWatch
from localaws.faults.fault import Fault
from localaws.sagemaker import model_server, variants
from tests.localaws.contract import answers_checked
from tests.localaws.sagemaker_bench import IMAGE, ROOT, Bench, opened, packed

BOTH = [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}]
HEADERS = {"CsvContentTypes": ["text/csv"], "JsonContentTypes": ["application/json"]}


class Hosting:
    """Short ways to endpoints."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.client = bench.client

    def model(self, label: str) -> str:
        name = self.bench.name()
        data = self.bench.put(f"models/{name}.tar.gz", packed({"model.txt": label}))
        container = {"Image": IMAGE, "ModelDataUrl": data}
        self.client.create_model(ModelName=name, PrimaryContainer=container, ExecutionRoleArn=self.bench.role)
        return name

    def config(self, *variants: dict[str, Any], **params: Any) -> str:
        name = self.bench.name()
        self.client.create_endpoint_config(EndpointConfigName=name, ProductionVariants=list(variants), **params)
        return name

    def capture(self, prefix: str, **changes: Any) -> dict[str, Any]:
        return {
            "EnableCapture": True,
            "InitialSamplingPercentage": 100,
            "DestinationS3Uri": f"s3://{self.bench.bucket}/{prefix}",
            "CaptureOptions": BOTH,
            "CaptureContentTypeHeader": HEADERS,
            **changes,
        }

    def endpoint(self, config: str) -> str:
        name = self.bench.name()
        self.client.create_endpoint(EndpointName=name, EndpointConfigName=config)
        return name

    def serving(self, label: str = "one", **params: Any) -> str:
        name = self.endpoint(self.config(variant(self.model(label)), **params))
        assert self.settled(name)["EndpointStatus"] == "InService"
        return name

    def settled(self, name: str) -> dict[str, Any]:
        """The description once it is no longer creating or updating."""
        changing = ("Creating", "Updating", "RollingBack")
        found: dict[str, Any] = self.until(
            lambda: self.client.describe_endpoint(EndpointName=name),
            lambda found: found["EndpointStatus"] not in changing,
        )
        return found

    def until(self, ask: Callable[[], Any], good: Callable[[Any], bool]) -> Any:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            found = ask()
            if good(found):
                return found
            time.sleep(0.02)
        raise AssertionError(f"still {found}")

    def invoke(self, name: str, body: bytes, **params: Any) -> Any:
        return self.bench.runtime.invoke_endpoint(EndpointName=name, Body=body, **params)

    def refused(self, name: str, body: bytes, **params: Any) -> dict[str, Any]:
        with pytest.raises(ClientError) as refused:
            self.invoke(name, body, **params)
        return dict(refused.value.response)

    def gone(self, name: str) -> None:
        """Delete an endpoint and see it go."""
        self.client.delete_endpoint(EndpointName=name)
        self.until(lambda: name in self.bench.service.endpoints, lambda there: not there)


def variant(model: str, name: str = "AllTraffic", **changes: Any) -> dict[str, Any]:
    return {
        "VariantName": name,
        "ModelName": model,
        "InitialInstanceCount": 1,
        "InstanceType": "ml.m5.large",
        **changes,
    }


@pytest.fixture(scope="module")
def hosting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosting]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(model_server, "SERVER", Path(__file__).with_name("stub_model_server.py"))
        patch.setattr(model_server, "INVOCATION_TIMEOUT", 30.0)
        with answers_checked(), opened(tmp_path_factory.mktemp("endpoints")) as bench:
            yield Hosting(bench)


def test_an_endpoint_comes_up_answers_and_goes(hosting: Hosting) -> None:
    name = hosting.serving("m1", Tags=[{"Key": "a", "Value": "b"}])

    described = hosting.client.describe_endpoint(EndpointName=name)
    answer = hosting.invoke(name, b"1,2", ContentType="text/csv")

    assert answer["Body"].read() == b"m1,1,2\n"
    assert answer["ContentType"] == "text/csv; charset=utf-8"
    assert answer["InvokedProductionVariant"] == "AllTraffic"
    (found,) = described["ProductionVariants"]
    assert (found["CurrentInstanceCount"], found["CurrentWeight"]) == (1, 1.0)
    assert found["DeployedImages"][0]["SpecifiedImage"] == IMAGE
    assert "DataCaptureConfig" not in described
    hosting.gone(name)
    with pytest.raises(ClientError, match="Could not find endpoint"):
        hosting.client.describe_endpoint(EndpointName=name)
    told = [e["detail"]["EndpointStatus"] for e in hosting.bench.events if e["detail"].get("EndpointName") == name]
    assert told == ["CREATING", "IN_SERVICE", "DELETING"]


@pytest.mark.parametrize("label", ["broken", "slow"])
def test_a_model_that_cannot_be_served_fails_the_endpoint(
    hosting: Hosting, monkeypatch: pytest.MonkeyPatch, label: str
) -> None:
    monkeypatch.setattr(variants, "STARTUP_TIMEOUT", 1.0)
    name = hosting.endpoint(hosting.config(variant(hosting.model(label))))

    described = hosting.settled(name)

    assert described["EndpointStatus"] == "Failed"
    assert "did not pass the ping health check" in described["FailureReason"]
    assert "ProductionVariants" not in described
    assert hosting.refused(name, b"1")["Error"]["Code"] == "ValidationError"
    hosting.gone(name)


def test_model_data_that_went_away_or_is_no_archive_fails_the_endpoint(hosting: Hosting) -> None:
    gone, broken = hosting.model("x"), hosting.model("x")
    hosting.bench.s3.delete_object(Bucket=hosting.bench.bucket, Key=f"models/{gone}.tar.gz")
    hosting.bench.put(f"models/{broken}.tar.gz", b"no archive")

    reasons = [hosting.settled(hosting.endpoint(hosting.config(variant(m)))) for m in (gone, broken)]

    assert "Failed to download model data" in reasons[0]["FailureReason"]
    assert "Failed to extract model data archive" in reasons[1]["FailureReason"]


def test_failures_of_the_model_come_as_model_errors(hosting: Hosting) -> None:
    name = hosting.serving()

    client, server = hosting.refused(name, b"status 415"), hosting.refused(name, b"status 500")

    assert client["ResponseMetadata"]["HTTPStatusCode"] == 424
    assert (client["OriginalStatusCode"], client["OriginalMessage"]) == (415, "as you wish")
    assert client["Error"]["Message"].startswith('Received client error (415) from primary with message "as you')
    assert (server["OriginalStatusCode"], server["Error"]["Code"]) == (500, "ModelError")
    assert "server error (500)" in server["Error"]["Message"]


def test_a_model_that_hangs_is_a_model_error_after_the_time_limit(
    hosting: Hosting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_server, "INVOCATION_TIMEOUT", 1.0)
    refused = hosting.refused(hosting.serving(), b"hang")

    assert refused["Error"]["Code"] == "ModelError"
    assert "Your invocation timed out" in refused["Error"]["Message"]


def test_a_server_that_dies_is_a_model_error_and_is_started_again(hosting: Hosting) -> None:
    name = hosting.serving("phoenix")

    refused = hosting.refused(name, b"die")

    def answered() -> bytes:
        try:
            return bytes(hosting.invoke(name, b"1")["Body"].read())
        except hosting.bench.runtime.exceptions.ModelError:
            return b""

    assert refused["Error"]["Code"] == "ModelError"
    assert hosting.until(answered, bool) == b"phoenix,1\n"


def test_requests_that_no_model_sees(hosting: Hosting) -> None:
    name = hosting.serving()

    unknown = hosting.refused("nothing", b"1")
    variant = hosting.refused(name, b"1", TargetVariant="other")
    large = hosting.refused(name, b"x" * 6_291_457)

    assert unknown["Error"]["Message"] == "Endpoint nothing of account 123456789012 not found."
    assert {answer["Error"]["Code"] for answer in (unknown, variant, large)} == {"ValidationError"}


def test_headers_reach_the_container(hosting: Hosting) -> None:
    name = hosting.serving()

    answer = hosting.invoke(name, b"headers", ContentType="a/b", Accept="c/d", CustomAttributes="e")

    assert answer["Body"].read() == b"['a/b', 'c/d', 'e']"


def test_metrics_count_and_time_every_invocation(hosting: Hosting) -> None:
    name = hosting.serving()
    store = hosting.bench.world.service(CloudWatch).store

    hosting.invoke(name, b"1")
    hosting.refused(name, b"status 400")
    hosting.refused(name, b"status 503")

    def values(metric: str) -> list[float]:
        key = MetricKey.of("AWS/SageMaker", metric, [("EndpointName", name), ("VariantName", "AllTraffic")])
        return [observation.total for observation in store.between(key, 0, time.time() + 60)]

    assert values("Invocations") == [1, 1, 1]
    assert values("Invocation4XXErrors") == [0, 1, 0]
    assert values("Invocation5XXErrors") == [0, 0, 1]
    assert all(50 < latency < 60e6 for latency in values("ModelLatency"))
    assert all(0 < latency < 60e6 for latency in values("OverheadLatency"))


def records(hosting: Hosting, prefix: str, count: int) -> list[dict[str, Any]]:
    """The captured records below a prefix, once there are so many."""

    def read() -> list[dict[str, Any]]:
        keys = hosting.bench.keys(prefix)
        lines = [line for key in keys for line in hosting.bench.get(f"s3://{hosting.bench.bucket}/{key}").splitlines()]
        return [json.loads(line) for line in lines]

    found: list[dict[str, Any]] = hosting.until(read, lambda found: len(found) >= count)
    return found


def test_requests_and_answers_are_captured(hosting: Hosting) -> None:
    name = hosting.serving("m", DataCaptureConfig=hosting.capture("capture"))

    hosting.invoke(name, b"1,2", ContentType="text/csv", InferenceId="abc", CustomAttributes="x=y")
    (record,) = records(hosting, f"capture/{name}", 1)

    assert record["captureData"] == {
        "endpointInput": {
            "observedContentType": "text/csv", "mode": "INPUT", "data": "1,2", "encoding": "CSV"
        },
        "endpointOutput": {
            "observedContentType": "text/csv; charset=utf-8", "mode": "OUTPUT", "data": "m,1,2\n",
            "encoding": "CSV",
        },
    }  # fmt: skip
    meta = record["eventMetadata"]
    assert (meta["inferenceId"], meta["customAttributes"], record["eventVersion"]) == ("abc", ["x=y"], "0")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", meta["inferenceTime"])
    (key,) = hosting.bench.keys(f"capture/{name}")
    when = r"\d{4}/\d\d/\d\d/\d\d/\d\d-\d\d-\d{3}"
    assert re.fullmatch(rf"capture/{name}/AllTraffic/{when}-[0-9a-f-]{{36}}\.jsonl", key)
    summary = hosting.client.describe_endpoint(EndpointName=name)["DataCaptureConfig"]
    assert (summary["CaptureStatus"], summary["CurrentSamplingPercentage"]) == ("Started", 100)


def test_what_no_content_type_names_is_captured_as_base64(hosting: Hosting) -> None:
    name = hosting.serving("m", DataCaptureConfig=hosting.capture("binary", CaptureOptions=BOTH[:1]))

    hosting.invoke(name, b"\xc3\xbc", ContentType="application/x-other")
    (record,) = records(hosting, f"binary/{name}", 1)

    assert list(record["captureData"]) == ["endpointInput"]
    side = record["captureData"]["endpointInput"]
    assert (side["encoding"], base64.b64decode(side["data"])) == ("BASE64", b"\xc3\xbc")


def test_only_the_sample_and_only_successes_are_captured_and_a_deletion_sends_the_rest(
    hosting: Hosting,
) -> None:
    none = hosting.serving("m", DataCaptureConfig=hosting.capture("none", InitialSamplingPercentage=0))
    every = hosting.serving("m", DataCaptureConfig=hosting.capture("every"))
    for name in (none, every):
        for _ in range(20):
            hosting.invoke(name, b"1", ContentType="text/csv")
        hosting.refused(name, b"status 400", ContentType="text/csv")
        hosting.gone(name)

    assert hosting.bench.keys(f"none/{none}") == []
    assert len(records(hosting, f"every/{every}", 20)) == 20


def test_everything_is_done_with_the_model_s_role(hosting: Hosting) -> None:
    name = hosting.serving("m", DataCaptureConfig=hosting.capture("roles"))
    hosting.invoke(name, b"1", ContentType="text/csv")
    records(hosting, f"roles/{name}", 1)

    used = {(p.action, p.resource) for p in hosting.bench.world.ledger.used() if p.principal == hosting.bench.role}

    bucket = f"arn:aws:s3:::{hosting.bench.bucket}"
    assert any(action == "s3:GetObject" and resource.startswith(f"{bucket}/models/") for action, resource in used)
    assert any(action == "s3:PutObject" and resource.startswith(f"{bucket}/roles/{name}") for action, resource in used)


def test_weights_decide_and_a_target_variant_overrides(hosting: Hosting) -> None:
    first, second = hosting.model("first"), hosting.model("second")
    name = hosting.endpoint(
        hosting.config(variant(first, "A", InitialVariantWeight=0), variant(second, "B", InitialVariantWeight=3))
    )
    hosting.settled(name)

    assert {hosting.invoke(name, b"1")["InvokedProductionVariant"] for _ in range(20)} == {"B"}
    assert hosting.invoke(name, b"1", TargetVariant="A")["Body"].read() == b"first,1\n"
    hosting.client.update_endpoint_weights_and_capacities(
        EndpointName=name,
        DesiredWeightsAndCapacities=[
            {"VariantName": "A", "DesiredWeight": 1, "DesiredInstanceCount": 3},
            {"VariantName": "B", "DesiredWeight": 0},
        ],
    )
    described = hosting.settled(name)
    counts = {v["VariantName"]: v["CurrentInstanceCount"] for v in described["ProductionVariants"]}
    assert counts == {"A": 3, "B": 1}
    assert {hosting.invoke(name, b"1")["InvokedProductionVariant"] for _ in range(20)} == {"A"}


def test_an_update_serves_without_a_gap_and_then_the_new_model(hosting: Hosting) -> None:
    name = hosting.serving("old")
    config = hosting.config(variant(hosting.model("new")))

    hosting.client.update_endpoint(EndpointName=name, EndpointConfigName=config)
    answers = []
    while hosting.client.describe_endpoint(EndpointName=name)["EndpointStatus"] == "Updating":
        answers.append(hosting.invoke(name, b"1")["Body"].read())

    assert hosting.client.describe_endpoint(EndpointName=name)["EndpointConfigName"] == config
    assert hosting.invoke(name, b"1")["Body"].read() == b"new,1\n"
    assert set(answers) <= {b"old,1\n", b"new,1\n"}


def test_an_endpoint_in_progress_is_left_alone_and_ends_with_the_world(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_server, "SERVER", Path(__file__).with_name("stub_model_server.py"))
    with opened(tmp_path) as bench:
        hosting = Hosting(bench)
        name = hosting.endpoint(hosting.config(variant(hosting.model("slow"))))

        with pytest.raises(ClientError, match="Cannot update in-progress endpoint"):
            hosting.client.delete_endpoint(EndpointName=name)
        began = time.monotonic()

    assert time.monotonic() - began < 10


def test_an_update_that_fails_leaves_the_old_model_serving(hosting: Hosting) -> None:
    name = hosting.serving("old")

    config = hosting.config(variant(hosting.model("broken")))
    hosting.client.update_endpoint(EndpointName=name, EndpointConfigName=config)
    described = hosting.settled(name)

    assert described["EndpointStatus"] == "InService"
    assert "did not pass the ping health check" in described["FailureReason"]
    assert described["EndpointConfigName"] != config
    assert hosting.invoke(name, b"1")["Body"].read() == b"old,1\n"


def test_an_endpoint_with_a_scalable_target_cannot_be_deleted(hosting: Hosting) -> None:
    name = hosting.serving()
    target = {
        "ServiceNamespace": "sagemaker",
        "ResourceId": f"endpoint/{name}/variant/AllTraffic",
        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
    }
    scaling: Any = hosting.bench.world.client("application-autoscaling")
    scaling.register_scalable_target(**target, MinCapacity=1, MaxCapacity=2)

    with pytest.raises(ClientError, match="deregistered from autoscaling"):
        hosting.client.delete_endpoint(EndpointName=name)

    scaling.deregister_scalable_target(**target)
    hosting.gone(name)


def test_a_serverless_endpoint_serves(hosting: Hosting) -> None:
    serverless = {
        "VariantName": "AllTraffic",
        "ModelName": hosting.model("less"),
        "ServerlessConfig": {"MemorySizeInMB": 2048, "MaxConcurrency": 5},
    }
    name = hosting.endpoint(hosting.config(serverless))

    (found,) = hosting.settled(name)["ProductionVariants"]

    assert found["CurrentServerlessConfig"]["MaxConcurrency"] == 5
    assert hosting.invoke(name, b"1")["Body"].read() == b"less,1\n"


def test_names_are_given_once_and_things_must_exist(hosting: Hosting) -> None:
    model = hosting.model("x")
    config = hosting.config(variant(model))
    name = hosting.endpoint(config)
    cases: list[tuple[Callable[[], Any], str]] = [
        (
            lambda: hosting.client.create_endpoint(EndpointName=name, EndpointConfigName=config),
            "already existing",
        ),
        (lambda: hosting.config(variant("nothing")), "Could not find model"),
        (lambda: hosting.endpoint("nothing"), "Could not find endpoint configuration"),
        (lambda: hosting.client.delete_endpoint(EndpointName="nothing"), "Could not find endpoint"),
        (lambda: hosting.client.describe_model(ModelName="nothing"), "Could not find model"),
    ]
    for attempt, said in cases:
        with pytest.raises(ClientError, match=said):
            attempt()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"ModelDataUrl": "s3://{bucket}/nothing.tar.gz"}, "Could not find model data"),
        ({"Image": "python:3"}, "python:3"),
        ({"Environment": {"SAGEMAKER_PROGRAM": "inference.py"}}, "SAGEMAKER_PROGRAM"),
        ({"Mode": "MultiModel"}, "MultiModel"),
    ],
)
def test_models_that_cannot_be_are_refused(hosting: Hosting, change: dict[str, Any], said: str) -> None:
    data = hosting.bench.put("models/some.tar.gz", packed({"model.txt": "x"}))
    container = {"Image": IMAGE, "ModelDataUrl": data, **change}
    container["ModelDataUrl"] = container["ModelDataUrl"].replace("{bucket}", hosting.bench.bucket)

    with pytest.raises(ClientError, match=said):
        hosting.client.create_model(
            ModelName=hosting.bench.name(), PrimaryContainer=container, ExecutionRoleArn=hosting.bench.role
        )


def test_models_and_configs_are_listed_and_deleted(hosting: Hosting) -> None:
    model = hosting.model("x")
    config = hosting.config(variant(model), DataCaptureConfig=hosting.capture("list"))

    assert hosting.client.list_models(NameContains=model)["Models"][0]["ModelName"] == model
    found = hosting.client.describe_endpoint_config(EndpointConfigName=config)
    assert found["ProductionVariants"][0]["InitialVariantWeight"] == 1.0
    assert found["DataCaptureConfig"]["CaptureContentTypeHeader"] == HEADERS
    hosting.client.delete_endpoint_config(EndpointConfigName=config)
    hosting.client.delete_model(ModelName=model)
    assert hosting.client.list_endpoint_configs(NameContains=config)["EndpointConfigs"] == []
    with pytest.raises(ClientError, match="Could not find model"):
        hosting.client.delete_model(ModelName=model)


def test_the_real_model_server_predicts(hosting: Hosting, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    server = ROOT / "localaws/containers/xgboost_server.py"
    monkeypatch.setattr(model_server, "SERVER", server)
    train = (
        "import numpy as np, sys, xgboost as xgb; x = np.arange(200.0).reshape(100, 2); "
        "xgb.train({'max_depth': 2}, xgb.DMatrix(x, label=x[:, 0]), 5).save_model(sys.argv[1] + '/m.ubj')"
    )
    subprocess.run([ROOT / ".venvs/jobs/bin/python", "-c", train, tmp_path], check=True, timeout=60)
    name = hosting.bench.name()
    archive = packed({"xgboost-model": (tmp_path / "m.ubj").read_bytes()})
    data = hosting.bench.put(f"models/{name}.tar.gz", archive)
    container = {"Image": IMAGE, "ModelDataUrl": data}
    hosting.client.create_model(ModelName=name, PrimaryContainer=container, ExecutionRoleArn=hosting.bench.role)

    endpoint = hosting.endpoint(hosting.config(variant(name)))

    assert hosting.settled(endpoint)["EndpointStatus"] == "InService"
    answer = hosting.invoke(endpoint, b"1,2\n150,151", ContentType="text/csv", Accept="application/json")
    low, high = (row["score"] for row in json.loads(answer["Body"].read())["predictions"])
    assert low < high


def strike(hosting: Hosting, place: str, **effect: Any) -> None:
    """Let a fault stand until the test takes it away."""
    hosting.bench.world.faults.add(Fault.read({"place": place, "effect": effect}))


def test_a_container_that_answers_wrongly_is_seen_as_it_answers(hosting: Hosting) -> None:
    name = hosting.serving("7.5", DataCaptureConfig=hosting.capture("faulty"))
    runtime, faults = hosting.bench.runtime, hosting.bench.world.faults

    def answer() -> str:
        return str(
            runtime.invoke_endpoint(EndpointName=name, Body="1,2", ContentType="text/csv")["Body"].read().decode()
        )

    right = answer()
    try:
        strike(hosting, "answer", kind="status", status=500)
        with pytest.raises(ClientError) as failed:
            answer()
        assert failed.value.response["Error"]["Code"] == "ModelError"
        answered: Any = failed.value.response
        assert answered["OriginalStatusCode"] == 500
        faults.remove()
        strike(hosting, "answer", kind="slow", milliseconds=300)
        began = time.monotonic()
        assert answer() == right
        assert time.monotonic() - began > 0.3
        faults.remove()
        strike(hosting, "answer", kind="text", text="nan")
        assert "nan" in answer()
        faults.remove()
        strike(hosting, "answer", kind="scale", factor=10)
        assert answer() != right
    finally:
        faults.remove()
    assert answer() == right


def test_an_endpoint_fails_to_come_up_at_once_or_after_long(hosting: Hosting) -> None:
    config, faults = hosting.config(variant(hosting.model("one"))), hosting.bench.world.faults
    try:
        strike(hosting, "endpoint", kind="fail")
        failed = hosting.settled(hosting.endpoint(config))
        assert failed["EndpointStatus"] == "Failed"
        assert "ping health check" in failed["FailureReason"]
        faults.remove()
        strike(hosting, "endpoint", kind="never-up", seconds=90)  # 1.5 s here
        name = hosting.endpoint(config)
        failed = hosting.settled(name)
        assert failed["EndpointStatus"] == "Failed"
        assert failed["LastModifiedTime"] - failed["CreationTime"] >= timedelta(seconds=1.5)

        def told() -> list[str]:
            details = [event["detail"] for event in hosting.bench.events]
            return [detail["EndpointStatus"] for detail in details if detail.get("EndpointName") == name]

        assert hosting.until(told, lambda found: len(found) > 1) == ["CREATING", "FAILED"]
    finally:
        faults.remove()
