"""A world of Step Functions with small fakes around it, and short ways to run something in it."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

import pytest
from botocore.exceptions import ClientError

from localaws.errors import AwsError
from localaws.service import Call, Service
from localaws.settings import Settings
from localaws.stepfunctions.service import StepFunctions
from localaws.world import World
from tests.unit.localaws.stepfunctions.machines import machine

STATES = "arn:aws:states:::"


class FakeLambda(Service):
    """Functions are Python functions here."""

    name: ClassVar[str] = "lambda"
    functions: ClassVar[dict[str, Callable[[Any], Any]]] = {}

    def invoke(self, call: Call) -> dict[str, Any]:
        name = call.params["FunctionName"]
        if name not in self.functions:
            raise AwsError("ResourceNotFoundException", f"Function not found: {name}", 404)
        payload = json.loads(call.params["Payload"])
        try:
            answer, error = self.functions[name](payload), {}
        except ValueError as problem:
            answer = {"errorMessage": str(problem), "errorType": "ValueError", "stackTrace": []}
            error = {"FunctionError": "Unhandled"}
        body = json.dumps(answer).encode()
        return {"StatusCode": 200, "ExecutedVersion": "7", "Payload": body, **error}


class FakeSageMaker(Service):
    """Training jobs that end when the test says so."""

    name: ClassVar[str] = "sagemaker"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.reset()

    def reset(self) -> None:
        self.jobs: dict[str, str] = {}
        self.began = threading.Event()
        self.stopped = threading.Event()

    def create_training_job(self, call: Call) -> dict[str, Any]:
        self.jobs[call.params["TrainingJobName"]] = "InProgress"
        self.began.set()
        return {"TrainingJobArn": "arn:aws:sagemaker:us-east-1:123456789012:training-job/j"}

    def describe_training_job(self, call: Call) -> dict[str, Any]:
        name = call.params["TrainingJobName"]
        return {
            "TrainingJobName": name,
            "TrainingJobArn": f"arn:aws:sagemaker:us-east-1:123456789012:training-job/{name}",
            "ModelArtifacts": {"S3ModelArtifacts": "s3://b/model.tar.gz"},
            "TrainingJobStatus": self.jobs[name],
            "SecondaryStatus": "Completed",
            "StoppingCondition": {"MaxRuntimeInSeconds": 60},
            "CreationTime": datetime(2026, 1, 1, tzinfo=UTC),
        }

    def stop_training_job(self, call: Call) -> None:
        self.jobs[call.params["TrainingJobName"]] = "Stopping"
        self.stopped.set()

    def describe_endpoint(self, call: Call) -> dict[str, Any]:
        raise AwsError("ValidationException", f"Could not find endpoint {call.params['EndpointName']!r}.")

    def describe_model_package(self, _call: Call) -> dict[str, Any]:
        raise AwsError("ResourceNotFound", "no such package")

    def end(self, name: str, status: str) -> None:
        self.jobs[name] = status
        detail = {"TrainingJobName": name}
        self.world.emit_event("aws.sagemaker", "SageMaker Training Job State Change", detail)


class FakeCodeDeploy(Service):
    """Remembers what it was asked."""

    name: ClassVar[str] = "codedeploy"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.asked: list[dict[str, Any]] = []

    def create_deployment(self, call: Call) -> dict[str, Any]:
        self.asked.append(call.params)
        return {"deploymentId": "d-1"}

    def get_deployment(self, call: Call) -> dict[str, Any]:
        if call.params["deploymentId"] != "d-1":
            raise AwsError("DeploymentDoesNotExistException", "no such deployment")
        created = datetime(2026, 1, 1, 0, 0, 0, 500_000, tzinfo=UTC)
        times = {"createTime": created, "completeTime": created.replace(microsecond=0)}
        return {"deploymentInfo": {"status": "Succeeded", **times}}


@dataclass
class Lab:
    """A shared world with a role of its own, and short ways to run something in it."""

    world: World
    role: str
    name: str
    events: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.states: Any = self.world.client("stepfunctions")
        self.world.delegated.on_event(self.events.append)

    def create(self, definition: dict[str, Any], name: str = "", **params: Any) -> str:
        text = json.dumps(definition)
        name = f"{self.name}{name}"
        created = self.states.create_state_machine(name=name, definition=text, roleArn=self.role, **params)
        return str(created["stateMachineArn"])

    def begin(self, machine: str, value: Any = None, **params: Any) -> str:
        text = json.dumps({} if value is None else value)
        return str(self.states.start_execution(stateMachineArn=machine, input=text, **params)["executionArn"])

    def start(self, definition: dict[str, Any], value: Any = None) -> str:
        return self.begin(self.create(definition, f"-{uuid.uuid4().hex[:8]}"), value)

    def wait(self, execution: str) -> dict[str, Any]:
        found = self.world.service(StepFunctions)._execution(execution)
        assert found.ended.wait(60)
        return dict(self.states.describe_execution(executionArn=execution))

    def run(self, definition: dict[str, Any], value: Any = None) -> dict[str, Any]:
        return self.wait(self.start(definition, value))

    def output(self, definition: dict[str, Any], value: Any = None) -> Any:
        ended = self.run(definition, value)
        assert ended["status"] == "SUCCEEDED", ended
        return json.loads(ended["output"])

    def types(self, execution: str) -> list[str]:
        history = self.states.get_execution_history(executionArn=execution)
        return [event["type"] for event in history["events"]]

    def beat(self, token: str) -> None:
        """A sign of life of a task that may have ended."""
        with suppress(self.states.exceptions.TaskTimedOut):
            self.states.send_task_heartbeat(taskToken=token)

    def used(self) -> set[tuple[str, str]]:
        return {(p.action, p.resource) for p in self.world.ledger.used() if p.principal == self.role}


def open_world(home: Path) -> World:
    root = Path(__file__).resolve().parents[2]
    python = root / ".venvs/lambda/bin/python"
    settings = Settings(home=home, lambda_python=python, jobs_python=python, port=0, time_scale=600)
    world = World(settings, [StepFunctions, FakeLambda, FakeSageMaker, FakeCodeDeploy])
    world.start()
    return world


@pytest.fixture(scope="module")
def states_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One for all tests of a module: IAM takes seconds to begin."""
    from moto.moto_api._internal.models import moto_api_backend

    moto_api_backend.reset()
    world = open_world(tmp_path_factory.mktemp("world"))
    yield world
    world.stop()


@pytest.fixture
def lab(states_world: World, make_role: Callable[[World, str, str], str]) -> Lab:
    world = states_world
    FakeLambda.functions = {"echo": lambda payload: payload}
    world.service(FakeSageMaker).reset()
    world.service(FakeCodeDeploy).asked.clear()
    name = f"m{uuid.uuid4().hex[:8]}"
    return Lab(world, make_role(world, name, "states.amazonaws.com"), name)


def call(resource: str, arguments: Any, **fields: Any) -> dict[str, Any]:
    return machine(S={"Type": "Task", "Resource": f"{STATES}{resource}", "Arguments": arguments, **fields})


def refusal(action: Callable[[], Any]) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        action()
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]
