"""Applications, deployment configurations and tags of CodeDeploy. Base of the groups of operations."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from localaws.codedeploy.traffic import PREDEFINED, check_routing
from localaws.errors import AwsError, NotModelledError
from localaws.service import Call, Service

if TYPE_CHECKING:
    from localaws.world import World

Params = dict[str, Any]
PLATFORM = "Lambda"
RESERVED = "CodeDeployDefault."


@dataclass(frozen=True, slots=True)
class Config:
    """A deployment configuration."""

    identifier: str
    name: str
    routing: Params
    created: datetime


class Applications(Service):
    """The operations on applications, deployment configurations and tags."""

    name: ClassVar[str] = "codedeploy"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.lock = threading.RLock()
        self.applications: dict[str, Params] = {}
        now = world.clock.now()
        self.configs = {n: Config(str(uuid.uuid4()), n, r, now) for n, r in PREDEFINED.items()}
        self.tags: dict[str, dict[str, str]] = {}

    def create_application(self, call: Call) -> Params:
        name = call.params["applicationName"]
        check_platform("CreateApplication", call.params)
        with self.lock:
            if name in self.applications:
                raise AwsError("ApplicationAlreadyExistsException", f"Application already exists: {name}")
            self.applications[name] = {
                "applicationId": str(uuid.uuid4()),
                "applicationName": name,
                "createTime": self.world.clock.now(),
                "linkedToGitHub": False,
                "computePlatform": PLATFORM,
            }
            self.keep_tags(self.application_arn(name), call.params)
            return {"applicationId": self.applications[name]["applicationId"]}

    def get_application(self, call: Call) -> Params:
        return {"application": self.find_application(call.params["applicationName"])}

    def list_applications(self, call: Call) -> Params:
        refuse_others("ListApplications", call.params, ())
        return {"applications": sorted(self.applications)}

    def delete_application(self, call: Call) -> None:
        with self.lock:
            self.applications.pop(call.params["applicationName"], None)
            self.tags.pop(self.application_arn(call.params["applicationName"]), None)

    def create_deployment_config(self, call: Call) -> Params:
        params = call.params
        check_platform("CreateDeploymentConfig", params)
        known = {"deploymentConfigName", "computePlatform", "trafficRoutingConfig"}
        refuse_others("CreateDeploymentConfig", params, known)
        name = params["deploymentConfigName"]
        if name.startswith(RESERVED):
            raise AwsError("InvalidDeploymentConfigNameException", f"Names may not begin with {RESERVED}")
        routing = check_routing(params.get("trafficRoutingConfig"))
        with self.lock:
            if name in self.configs:
                raise AwsError(
                    "DeploymentConfigAlreadyExistsException",
                    f"Deployment configuration already exists: {name}",
                )
            config = self.configs[name] = Config(str(uuid.uuid4()), name, routing, self.world.clock.now())
        return {"deploymentConfigId": config.identifier}

    def get_deployment_config(self, call: Call) -> Params:
        config = self.find_config(call.params["deploymentConfigName"])
        return {
            "deploymentConfigInfo": {
                "deploymentConfigId": config.identifier,
                "deploymentConfigName": config.name,
                "createTime": config.created,
                "computePlatform": PLATFORM,
                "trafficRoutingConfig": config.routing,
            }
        }

    def list_deployment_configs(self, call: Call) -> Params:
        refuse_others("ListDeploymentConfigs", call.params, ())
        return {"deploymentConfigsList": sorted(self.configs)}

    def delete_deployment_config(self, call: Call) -> None:
        name = call.params["deploymentConfigName"]
        if name in PREDEFINED:
            raise AwsError("InvalidOperationException", f"Cannot delete a default configuration: {name}")
        with self.lock:
            self.configs.pop(name, None)

    def tag_resource(self, call: Call) -> None:
        tags = self._tags_of(call.params["ResourceArn"])
        with self.lock:
            tags.update({tag["Key"]: tag["Value"] for tag in call.params["Tags"]})

    def untag_resource(self, call: Call) -> None:
        tags = self._tags_of(call.params["ResourceArn"])
        with self.lock:
            for key in call.params["TagKeys"]:
                tags.pop(key, None)

    def list_tags_for_resource(self, call: Call) -> Params:
        tags = self._tags_of(call.params["ResourceArn"])
        return {"Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}

    def application_arn(self, name: str) -> str:
        """The ARN of an application."""
        return self.arn(f"application:{name}")

    def keep_tags(self, arn: str, params: Params) -> None:
        """Keep the tags that a Create request carries."""
        self.tags[arn] = {tag["Key"]: tag["Value"] for tag in params.get("tags", [])}

    def find_application(self, name: str) -> Params:
        """The application of that name. Raises `ApplicationDoesNotExistException`."""
        with self.lock:
            if name not in self.applications:
                raise AwsError("ApplicationDoesNotExistException", f"No application found for name: {name}")
            return self.applications[name]

    def find_config(self, name: str) -> Config:
        """The configuration of that name. Raises `DeploymentConfigDoesNotExistException`."""
        with self.lock:
            if name not in self.configs:
                raise AwsError(
                    "DeploymentConfigDoesNotExistException",
                    f"No Deployment configuration found for name: {name}",
                )
            return self.configs[name]

    def _tags_of(self, arn: str) -> dict[str, str]:
        with self.lock:
            if arn not in self.tags:
                raise AwsError("InvalidArnException", f"There is no application or deployment group {arn}")
            return self.tags[arn]


def check_platform(operation: str, params: Params) -> None:
    """Raise `NotModelledError` unless the request is about Lambda."""
    platform = params.get("computePlatform", "Server")
    if platform != PLATFORM:
        raise NotModelledError(f"codedeploy:{operation} for computePlatform {platform}: Lambda only")


def refuse_others(
    operation: str,
    given: Mapping[str, Any],
    known: Collection[str],
    harmless: Mapping[str, Any] | None = None,
) -> None:
    """Raise `NotModelledError`, naming it, for a member neither known nor given its harmless value."""
    for member, value in given.items():
        if member in known or (harmless and member in harmless and harmless[member] == value):
            continue
        if value in ([], None):
            continue
        raise NotModelledError(f"codedeploy:{operation} with {member}")
