"""Deployment groups of CodeDeploy. Served to clients; deployments read them."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

from localaws.codedeploy.applications import PLATFORM, Applications, Params, refuse_others
from localaws.codedeploy.traffic import DEFAULT
from localaws.errors import AwsError
from localaws.service import Call
from localaws.trust import may_assume

if TYPE_CHECKING:
    from localaws.world import World

PRINCIPAL = "codedeploy.amazonaws.com"
STYLE = {"deploymentType": "BLUE_GREEN", "deploymentOption": "WITH_TRAFFIC_CONTROL"}
MOST_ALARMS = 10
SETTINGS = {
    "deploymentConfigName", "serviceRoleArn", "alarmConfiguration", "autoRollbackConfiguration",
    "deploymentStyle",
}  # fmt: skip
HARMLESS = {"outdatedInstancesStrategy": "UPDATE", "terminationHookEnabled": False}


@dataclass
class Group:
    """A deployment group: with which role, how, and watched by which alarms its deployments run."""

    identifier: str
    application: str
    name: str
    settings: Params
    """Members as in CreateDeploymentGroup."""
    last_attempted: str | None = None
    last_successful: str | None = None


class Groups(Applications):
    """The operations on deployment groups."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.groups: dict[tuple[str, str], Group] = {}

    def create_deployment_group(self, call: Call) -> Params:
        params = call.params
        application, name = params["applicationName"], params["deploymentGroupName"]
        refuse_others(
            "CreateDeploymentGroup",
            params,
            {"applicationName", "deploymentGroupName", "tags", *SETTINGS},
            HARMLESS,
        )
        self.find_application(application)
        settings = {member: params[member] for member in SETTINGS if member in params}
        settings.setdefault("deploymentConfigName", DEFAULT)
        self._check(settings)
        with self.lock:
            if (application, name) in self.groups:
                raise AwsError(
                    "DeploymentGroupAlreadyExistsException",
                    f"Deployment group already exists for application {application}: {name}",
                )
            group = self.groups[application, name] = Group(str(uuid.uuid4()), application, name, settings)
            self.keep_tags(self.group_arn(group), params)
        return {"deploymentGroupId": group.identifier}

    def update_deployment_group(self, call: Call) -> Params:
        params = call.params
        known = {"applicationName", "currentDeploymentGroupName", "newDeploymentGroupName", *SETTINGS}
        refuse_others("UpdateDeploymentGroup", params, known, HARMLESS)
        with self.lock:
            group = self.find_group(params["applicationName"], params["currentDeploymentGroupName"])
            settings = {**group.settings, **{m: params[m] for m in SETTINGS if m in params}}
            self._check(settings)
            name = params.get("newDeploymentGroupName", group.name)
            if name != group.name:
                if (group.application, name) in self.groups:
                    raise AwsError(
                        "DeploymentGroupAlreadyExistsException",
                        f"Deployment group already exists for application {group.application}: {name}",
                    )
                tags = self.tags.pop(self.group_arn(group), {})
                del self.groups[group.application, group.name]
                group.name = name
                self.groups[group.application, name] = group
                self.tags[self.group_arn(group)] = tags
            group.settings = settings
        return {"hooksNotCleanedUp": []}

    def get_deployment_group(self, call: Call) -> Params:
        group = self.find_group(call.params["applicationName"], call.params["deploymentGroupName"])
        return {
            "deploymentGroupInfo": {
                "applicationName": group.application,
                "deploymentGroupId": group.identifier,
                "deploymentGroupName": group.name,
                "computePlatform": PLATFORM,
                **group.settings,
            }
        }

    def list_deployment_groups(self, call: Call) -> Params:
        refuse_others("ListDeploymentGroups", call.params, {"applicationName"})
        application = call.params["applicationName"]
        self.find_application(application)
        names = sorted(name for owner, name in list(self.groups) if owner == application)
        return {"applicationName": application, "deploymentGroups": names}

    def delete_deployment_group(self, call: Call) -> Params:
        self._forget(call.params["applicationName"], call.params["deploymentGroupName"])
        return {"hooksNotCleanedUp": []}

    def delete_application(self, call: Call) -> None:
        application = call.params["applicationName"]
        for owner, name in list(self.groups):
            if owner == application:
                self._forget(owner, name)
        super().delete_application(call)

    def delete_deployment_config(self, call: Call) -> None:
        name = call.params["deploymentConfigName"]
        with self.lock:
            if name in {group.settings["deploymentConfigName"] for group in self.groups.values()}:
                raise AwsError("DeploymentConfigInUseException", f"Deployment configuration is in use: {name}")
            super().delete_deployment_config(call)

    def group_arn(self, group: Group) -> str:
        """The ARN of a deployment group."""
        return self.arn(f"deploymentgroup:{group.application}/{group.name}")

    def find_group(self, application: str, name: str) -> Group:
        """The group of that name. Raises `DeploymentGroupDoesNotExistException`."""
        self.find_application(application)
        with self.lock:
            if (application, name) not in self.groups:
                raise AwsError("DeploymentGroupDoesNotExistException", f"No Deployment Group found for name: {name}")
            return self.groups[application, name]

    def _forget(self, application: str, name: str) -> None:
        with self.lock:
            group = self.groups.pop((application, name), None)
            if group is not None:
                self.tags.pop(self.group_arn(group), None)

    def _check(self, settings: Params) -> None:
        self.find_config(settings["deploymentConfigName"])
        if settings.get("deploymentStyle") != STYLE:
            raise AwsError(
                "InvalidDeploymentStyleException",
                "For the Lambda compute platform, deploymentType must be BLUE_GREEN and deploymentOption "
                "WITH_TRAFFIC_CONTROL.",
            )
        check_alarms(settings.get("alarmConfiguration"))
        check_rollback(settings.get("autoRollbackConfiguration"))
        if not may_assume(self.world, settings["serviceRoleArn"], PRINCIPAL):
            raise AwsError(
                "InvalidRoleException", f"AWS CodeDeploy cannot assume the role {settings['serviceRoleArn']}."
            )


def check_alarms(given: Params | None) -> None:
    """Raise AWS's error unless an alarmConfiguration is valid."""
    alarms = (given or {}).get("alarms", [])
    if len(alarms) > MOST_ALARMS:
        raise AwsError("AlarmsLimitExceededException", f"At most {MOST_ALARMS} alarms may be given.")
    names = [alarm.get("name") for alarm in alarms]
    if not all(names) or len(set(names)) < len(names):
        raise AwsError("InvalidAlarmConfigException", "Alarms need names, each once.")
    if (given or {}).get("enabled") and not alarms:
        raise AwsError("InvalidAlarmConfigException", "An enabled alarm configuration needs alarms.")


def check_rollback(given: Params | None) -> None:
    """Raise AWS's error unless an autoRollbackConfiguration is valid."""
    if (given or {}).get("enabled") and not (given or {}).get("events"):
        raise AwsError("InvalidAutoRollbackConfigException", "An enabled automatic rollback needs events.")
