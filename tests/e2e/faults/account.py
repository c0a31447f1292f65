"""The AWS APIs that a state machine calls by itself, over the fakes; and the users, who go on asking meanwhile."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError, ConnectionClosedError
from safe_deploy.domain.inference import LATEST
from safe_deploy.domain.ports import Endpoint

from localaws.autoscaling import TAGGED_TWICE
from localaws.faults.calls import THROTTLES, USUAL_THROTTLE
from localaws.front_door.app import snake_case
from localaws.stepfunctions.failures import RUNTIME, Failure, TaskError
from localaws.stepfunctions.integrations import table
from localaws.stepfunctions.integrations.actions import Call, Job
from localaws.stepfunctions.integrations.api import Api, service_model
from localaws.stepfunctions.tasks import Task
from tests.e2e.faults.shifts import Shifts
from tests.fakes.story import Story

Request = dict[str, Any]
ID = re.compile(r"\d{8}-\d{6}-[0-9a-f]{4}")


@dataclass
class Account:
    """What direct calls change. Functions see the same fakes through their ports."""

    story: Story
    shifts: Shifts
    variables: dict[str, str] = field(default_factory=lambda: {"MODEL_NAME": "m", "ENDPOINT_NAME": "none"})
    revision: int = 0
    packages: dict[str, str] = field(default_factory=dict)
    asked: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    """Users' requests that found no endpoint, by the release that got them."""
    instances: dict[str, int] = field(default_factory=dict)
    """By endpoint: how many it comes up with."""
    growing: set[str] = field(default_factory=set)
    """Endpoints that may not scale in."""

    # ---- the users ----

    def users_ask(self) -> None:
        """One request to each version that gets traffic."""
        functions, endpoints = self.story.outside.functions, self.story.outside.endpoints
        serving = [functions.alias, *(v for v, weight in functions.weights.items() if weight > 0)]
        for version in (functions.versions[number] for number in serving):
            endpoint = endpoints.describe(version.endpoint_name)
            self.asked[version.release_id] += 1
            self.failed[version.release_id] += endpoint is None or endpoint.status != "InService"

    def made(self) -> dict[str, set[str]]:
        """What there is of releases, by kind."""
        endpoints = self.story.outside.endpoints
        return {
            "endpoint": set(endpoints.endpoints),
            "endpoint config": set(endpoints.configs),
            "model": set(endpoints.models),
            "schedule": set(endpoints.schedules),
            "alarm": {name for name in self.story.outside.alarms.alarms if ID.search(name)},
        }

    def pass_time(self, seconds: float) -> None:
        """Time passes: endpoints are gone at last, traffic moves on, and the users ask."""
        self.story.outside.endpoints.finish_deleting()
        self.shifts.pass_time(seconds)
        self.users_ask()

    # ---- calls ----

    def call(self, task: Task) -> Any:
        """Answer a task that isn't a function. Raises `Failure`."""
        api = api_of(task.resource)
        method = getattr(self, snake_case(api.operation), None)
        if method is None:
            raise AssertionError(f"{task.state}: this account knows no {api.operation}; teach it in account.py")
        return method(task.arguments) or {}

    def create_processing_job(self, request: Request) -> Request:
        self.story.run_jobs(release_in(request["ProcessingJobName"]), rmse=3.9, champion=4.0)
        return {"ProcessingJobStatus": "Completed"}

    def create_training_job(self, request: Request) -> Request:
        name = request["TrainingJobName"]
        output = f"{request['OutputDataConfig']['S3OutputPath']}/{name}/output/model.tar.gz"
        return {"TrainingJobStatus": "Completed", "ModelArtifacts": {"S3ModelArtifacts": output}}

    def create_model_package(self, request: Request) -> Request:
        arn = f"arn:aws:sagemaker:eu-west-1:111122223333:model-package/m/{len(self.packages) + 1}"
        self.packages[arn] = request["ModelApprovalStatus"]
        return {"ModelPackageArn": arn}

    def update_model_package(self, request: Request) -> None:
        self.packages[request["ModelPackageArn"]] = request["ModelApprovalStatus"]

    def create_model(self, request: Request) -> None:
        self._once(self.story.outside.endpoints.models, request["ModelName"], "model")

    def create_endpoint_config(self, request: Request) -> None:
        self._once(self.story.outside.endpoints.configs, request["EndpointConfigName"], "endpoint configuration")
        self.instances[request["EndpointConfigName"]] = request["ProductionVariants"][0]["InitialInstanceCount"]

    def create_endpoint(self, request: Request) -> None:
        name, endpoints = request["EndpointName"], self.story.outside.endpoints.endpoints
        if name in endpoints:
            raise TaskError("SageMaker.SageMakerException", f"Cannot create already existing endpoint {name}")
        endpoints[name] = Endpoint(name, "InService", 100 if name.endswith("-prod") else 0)

    def describe_endpoint(self, request: Request) -> Request:
        found = self.story.outside.endpoints.describe(request["EndpointName"])
        if found is None:
            raise TaskError("SageMaker.SageMakerException", "Could not find endpoint")
        count = self.instances.get(found.name, 1)
        variant = {"VariantName": "AllTraffic", "CurrentInstanceCount": count, "DesiredInstanceCount": count}
        return {"EndpointStatus": found.status, "ProductionVariants": [variant]}

    def register_scalable_target(self, request: Request) -> None:
        name, scaling = request["ResourceId"].split("/")[1], self.story.outside.endpoints.scaling
        if request.get("Tags") and name in scaling:
            raise TaskError("ApplicationAutoScaling.ValidationException", TAGGED_TWICE)
        if "MinCapacity" not in request and name not in scaling:
            raise TaskError("ApplicationAutoScaling.ValidationException", "there is none, and a new one needs a range")
        scaling.add(name)
        if request.get("SuspendedState", {}).get("DynamicScalingInSuspended"):
            self.growing.add(name)
        else:
            self.growing.discard(name)

    def put_scaling_policy(self, request: Request) -> None:
        """A policy goes with its target."""

    def get_function_configuration(self, _request: Request) -> Request:
        environment = {"Variables": dict(self.variables)}
        digest = self.story.outside.functions.versions[LATEST].inference.code
        state = {"RevisionId": f"r{self.revision}", "LastUpdateStatus": "Successful", "CodeSha256": digest}
        return {**state, "Environment": environment}

    def update_function_configuration(self, request: Request) -> None:
        if request.get("RevisionId", f"r{self.revision}") != f"r{self.revision}":
            raise TaskError("Lambda.PreconditionFailedException", "the revision has changed")
        self.revision += 1
        self.variables = dict(request["Environment"]["Variables"])

    def publish_version(self, _request: Request) -> Request:
        functions = self.story.outside.functions
        number = str(max(int(version) for version in functions.versions if version != LATEST) + 1)
        functions.publish(number, self.variables["RELEASE_ID"], self.variables["ENDPOINT_NAME"])
        return {"Version": number}

    def get_alias(self, _request: Request) -> Request:
        functions = self.story.outside.functions
        weights = {"RoutingConfig": {"AdditionalVersionWeights": functions.weights}} if functions.weights else {}
        return {"FunctionVersion": functions.alias, **weights}

    def create_schedule(self, request: Request) -> None:
        schedules = self.story.outside.endpoints.schedules
        if request["Name"] in schedules:
            raise TaskError("Scheduler.ConflictException", "it exists")
        schedules.add(request["Name"])

    def delete_schedule(self, request: Request) -> None:
        schedules = self.story.outside.endpoints.schedules
        if request["Name"] not in schedules:
            raise TaskError("Scheduler.ResourceNotFoundException", "there is none")
        schedules.remove(request["Name"])

    def copy_object(self, request: Request) -> None:
        source, _, version = str(request["CopySource"]).partition("?versionId=")
        content = self.story.outside.objects.read(f"s3://{source}", limit=10**6, version_id=version)
        self.story.outside.objects.put(f"s3://{request['Bucket']}/{request['Key']}", content, "again")

    def publish(self, request: Request) -> None:
        self.story.outside.topic.sent.append((request["Subject"], request["Message"]))

    # ---- CodeDeploy ----

    def create_deployment_config(self, request: Request) -> None:
        self.shifts.configure(request)

    def create_deployment(self, request: Request) -> Request:
        return {"DeploymentId": self.shifts.begin(request)}

    def list_deployments(self, _request: Request) -> Request:
        return {"Deployments": list(self.shifts.shifts)[::-1]}

    def batch_get_deployments(self, request: Request) -> Request:
        return {"DeploymentsInfo": [self._deployment(identity) for identity in request["DeploymentIds"]]}

    def get_deployment(self, request: Request) -> Request:
        return {"DeploymentInfo": self._deployment(request["DeploymentId"])}

    def _deployment(self, identity: str) -> Request:
        shift = self.shifts.find(identity)
        said = {"Description": shift.description} if shift.description else {}
        error = {"Message": shift.reason}
        return {"DeploymentId": identity, "Status": shift.status, "ErrorInformation": error, **said}

    def stop_deployment(self, request: Request) -> Request:
        shift = self.shifts.find(request["DeploymentId"])
        if shift.status != "InProgress":
            raise TaskError("CodeDeploy.DeploymentAlreadyCompletedException", "it has ended")
        self.shifts.roll_back(shift, "stopped", status="Stopped")
        return {"Status": "Succeeded"}

    def _once(self, names: set[str], name: str, what: str) -> None:
        if name in names:
            raise TaskError("SageMaker.SageMakerException", f"Cannot create already existing {what} {name}")
        names.add(name)


def release_in(name: str) -> str:
    """The release id in a resource's name."""
    found = ID.search(name)
    assert found, name
    return found[0]


def api_of(resource: str) -> Api:
    """The API action that a Task's resource stands for."""
    found = table.find(resource)
    assert found is not None
    assert isinstance(found.action, Call | Job)
    return found.action.api


def throttled(resource: str) -> Failure:
    """How a state machine sees that the service behind a Task is throttled."""
    api = api_of(resource)
    code, status, message = THROTTLES.get(api.service, USUAL_THROTTLE)
    return _failure(api, code, message, status)


def unanswered(resource: str) -> Failure:
    """How a state machine sees that the connection to the service behind a Task was lost."""
    return api_of(resource).naming.unreachable(ConnectionClosedError(endpoint_url="https://aws"))


def denied(resource: str) -> Failure:
    """How a state machine sees that its role may not do what a Task wants."""
    return _failure(api_of(resource), "AccessDeniedException", "not authorized", 403)


def no_activity() -> Failure:
    """How a state machine sees that the activity of a Task is gone: no `Catch` catches it."""
    return Failure(RUNTIME, "The activity ARN does not exist.")


def _failure(api: Api, code: str, message: str, status: int) -> Failure:
    answer = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}
    error = ClientError(answer, api.operation)  # type: ignore[arg-type]
    return api.naming.failure(error, service_model(api.service).operation_model(api.operation))
