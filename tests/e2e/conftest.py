"""One local AWS and one deployed stack for each file of end-to-end tests; the steps that a person would take."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from boto3.dynamodb.types import TypeDeserializer

from demo.release import Execution, approval_link, decide, mails
from demo.stack import ROOT, DemoError, LocalAws, Stack

SAMPLES = ROOT / "model" / "samples"
TIME_SCALE = 60.0
PROVABLE: dict[str, Any] = {
    "strategy": {"type": "canary", "percent": 50, "minutes": 40},
    "minimumRequests": 50,
    "errorMargin": 0.1,
    "shareMargin": 0.1,
    "latencyTolerance": None,
}
"""A canary, for the section of policy.json, that can be proven in its 40 seconds, on a busy machine, too."""

PATIENT: dict[str, Any] = {"devTest": {"maximumLatencyMilliseconds": 5000}}
"""Changes of policy.json: what is slow because the machine is busy is not the model's fault."""

UNHURRIED = "LatencyAlarmMilliseconds=29000"
"""A busy machine may stand still for the two seconds after which the alarm on latency would end a release."""


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAws]:
    """A local AWS in a process of its own, for one file: what its app does every hour takes no time from the next."""
    with local_aws(tmp_path_factory.mktemp("localaws")) as running:
        yield running


@contextmanager
def local_aws(home: Path, time_scale: float = TIME_SCALE) -> Iterator[LocalAws]:
    """Run a local AWS. Nothing of it survives."""
    running = LocalAws.start(home, time_scale)
    yield running
    running.stop()
    assert not processes_of(home), "localaws left processes behind"


def processes_of(home: Path, patience: float = 20) -> list[str]:
    """The processes with a folder in their command line; what is just ending gets a moment."""
    deadline = time.monotonic() + patience
    while True:
        found = subprocess.run(["pgrep", "-f", str(home)], capture_output=True, text=True, check=False).stdout.split()
        left = [pid for pid in found if int(pid) != os.getpid()]
        if not left or time.monotonic() > deadline:
            return left
        time.sleep(0.2)


@dataclass
class App:
    """A deployed stack, and what a data scientist and an approver do with it."""

    stack: Stack
    model_name: str

    @property
    def machine(self) -> str:
        return self.stack.outputs["ReleaseStateMachineArn"]

    def executions(self) -> set[str]:
        """Every execution of the release machine so far."""
        client = self.stack.aws.client("stepfunctions")
        pages = client.get_paginator("list_executions").paginate(stateMachineArn=self.machine)
        return {execution["executionArn"] for page in pages for execution in page["executions"]}

    def drop(self, name: str, files: dict[str, bytes], manifest: dict[str, Any] | bytes | None = None) -> Execution:
        """Drop a data set and find the execution that the rule starts. One drop at a time."""
        before = self.executions()
        self.stack.drop(name, files, manifest)
        return Execution.newest(self.stack, self.machine, before)

    def ended(self, execution: Execution, patience: float = 300) -> dict[str, Any]:
        """How an execution ended."""
        return execution.follow(lambda _step: None, patience=patience)

    def succeeded(self, execution: Execution) -> dict[str, Any]:
        """Wait for an execution to succeed; says what stopped it when it doesn't."""
        ended = self.ended(execution)
        if ended["status"] != "SUCCEEDED":
            raise DemoError(f"{ended['status']}: {ended.get('error')}: {ended.get('cause')}")
        return ended

    def record(self, release_id: str) -> dict[str, Any]:
        """A release's record, from the table; empty when there is none."""
        key = {"pk": {"S": "RELEASE"}, "sk": {"S": release_id}}
        table = self.stack.aws.client("dynamodb")
        found = table.get_item(TableName=self.stack.outputs["TableName"], Key=key, ConsistentRead=True)
        return plain(found.get("Item", {}))

    def release_of(self, execution: Execution) -> dict[str, Any]:
        """The record of an execution's release, from the table."""
        table = self.stack.aws.client("dynamodb")
        pages = table.get_paginator("query").paginate(
            TableName=self.stack.outputs["TableName"],
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": {"S": "RELEASE"}},
        )
        for page in pages:
            for item in page["Items"]:
                if item.get("executionArn", {}).get("S") == execution.arn:
                    return plain(item)
        raise DemoError(f"no release is recorded for {execution.arn}")

    def asked(self, execution: Execution, patience: float = 300) -> str:
        """Wait for the approval mail of an execution's release; its link."""
        found: list[str] = []

        def mailed() -> bool:
            if execution.is_in("Ask for Approval"):
                link = approval_link(self.stack.aws, self.release_of(execution)["releaseId"])
                found.extend([link] if link else [])
            return bool(found)

        described = execution.follow(lambda _step: None, until=mailed, patience=patience)
        if not found:
            raise DemoError(f"nobody was asked; the execution ended: {described}")
        return found[0]

    def refuse_afresh(self, stale: Execution, name: str, before: set[str]) -> None:
        """A release whose yes was void is dropped again by itself and asks afresh; say no to that."""
        fresh = Execution.newest(self.stack, self.machine, before)
        link = self.asked(fresh)
        release, again = self.release_of(stale), self.release_of(fresh)
        assert again["releaseId"] != release["releaseId"]
        assert name in json.dumps(again["drop"])
        status, page = decide(
            link, decision="reject", model_name=self.model_name, name="Test Person", reason="not again"
        )
        assert status == 200, page
        assert self.ended(fresh)["error"] == "ReleaseRejected"

    def approve(self, link: str) -> None:
        """Say yes on the page."""
        status, page = decide(link, decision="approve", model_name=self.model_name, name="Test Person")
        assert status == 200, page

    def mails_about(self, text: str) -> list[dict[str, Any]]:
        """Mails whose text holds `text`."""
        return [mail for mail in mails(self.stack.aws) if text in json.dumps(mail)]

    def shifting(self, execution: Execution) -> None:
        """Wait until an execution's release has a share of the traffic; says what stopped it when it never gets one."""
        described = execution.follow(lambda _step: None, until=lambda: bool(self.shares()))
        if described["status"] != "RUNNING":
            raise DemoError(f"no traffic was shifted: {described.get('error')}: {described.get('cause')}")

    def sagemaker_resources(self) -> set[str]:
        """Every endpoint, endpoint config and model of this app's that there is now."""
        client = self.stack.aws.client("sagemaker")
        found = [e["EndpointName"] for e in client.list_endpoints()["Endpoints"]]
        found += [c["EndpointConfigName"] for c in client.list_endpoint_configs()["EndpointConfigs"]]
        found += [m["ModelName"] for m in client.list_models()["Models"]]
        return {name for name in found if name.startswith(f"{self.model_name}-2")}

    def lock_holder(self) -> str | None:
        """Who holds the release lock, if anyone."""
        item = self.stack.aws.client("dynamodb").get_item(
            TableName=self.stack.outputs["TableName"],
            Key={"pk": {"S": "LOCK"}, "sk": {"S": "production"}},
            ConsistentRead=True,
        )
        holder: str | None = item.get("Item", {}).get("holder", {}).get("S")
        return holder or None

    def alias(self) -> dict[str, Any]:
        """The live alias as Lambda has it."""
        described: dict[str, Any] = self.stack.aws.client("lambda").get_alias(
            FunctionName=self.stack.outputs["PredictFunctionName"], Name="live"
        )
        del described["ResponseMetadata"]
        return described

    def shares(self) -> dict[str, float]:
        """Version → share, where the alias gives one to another than its main version."""
        found: dict[str, float] = (self.alias().get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {}
        return found


def plain(item: dict[str, Any]) -> dict[str, Any]:
    """An item of a table in Python's own types."""
    return {name: TypeDeserializer().deserialize(value) for name, value in item.items()}


Deploy = Callable[..., App]
MakeSource = Callable[..., Path]


@pytest.fixture(scope="module")
def deploy(aws: LocalAws, tmp_path_factory: pytest.TempPathFactory) -> Deploy:
    """Build and deploy an app from a source tree, with the real SAM CLI."""

    def deployed(source: Path, stack_name: str, model_name: str, *parameters: str) -> App:
        stack = Stack(aws, stack_name, source, tmp_path_factory.mktemp("build"))
        stack.build()
        stack.deploy(f"ModelName={model_name}", "ApproverEmail=approver@example.com", UNHURRIED, *parameters)
        aws.post("/_localaws/confirm-subscriptions")
        return App(stack, model_name)

    return deployed


@pytest.fixture(scope="module")
def app(deploy: Deploy, taxi_source: MakeSource) -> App:
    """The shipped app with the taxi model."""
    return deploy(taxi_source(**PATIENT), "taxi-fare", "taxi-fare")


@pytest.fixture(scope="session")
def trips() -> dict[int, bytes]:
    """Smaller drops of real trips, by year: every third row of the samples."""
    found = {}
    for year in (2018, 2019):
        lines = gzip.decompress((SAMPLES / f"{year}.csv.gz").read_bytes()).decode().splitlines()
        found[year] = "\n".join([lines[0], *lines[1::3], ""]).encode()
    return found


@pytest.fixture(scope="session")
def taxi_source(tmp_path_factory: pytest.TempPathFactory) -> MakeSource:
    """Make a source tree with the taxi model, and in its policy what is given by section."""
    return lambda **policy: source_tree(tmp_path_factory.mktemp("taxi"), ROOT / "model", policy)


@pytest.fixture(scope="session")
def toy_source(tmp_path_factory: pytest.TempPathFactory) -> MakeSource:
    """Make a source tree with nothing changed but the model's folder, and in its policy what is given by section."""
    return lambda **policy: source_tree(tmp_path_factory.mktemp("toy"), ROOT / "tests" / "models" / "toy", policy)


def source_tree(tree: Path, model: Path, policy: dict[str, dict[str, Any]]) -> Path:
    """Copy what `sam build` needs into a folder, with a model's folder and changes of its policy by section."""
    for name in ("template.yaml", "samconfig.toml"):
        shutil.copy(ROOT / name, tree / name)
    for name in ("functions", "layers", "jobs", "statemachines", "requirements"):
        shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(model, tree / "model", ignore=shutil.ignore_patterns("__pycache__"))
    path = tree / "model" / "policy.json"
    document = json.loads(path.read_text())
    for section, values in policy.items():
        document[section] |= values
    path.write_text(json.dumps(document))
    return tree
