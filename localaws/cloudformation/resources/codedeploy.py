"""AWS::CodeDeploy::*: applications, deployment groups, deployment configurations."""

from __future__ import annotations

from typing import Any

from localaws.cloudformation.handler import Context, Properties
from localaws.cloudformation.table import Table


class Application(Table):
    """An application."""

    type = "AWS::CodeDeploy::Application"
    service, name, name_limit = "codedeploy", "ApplicationName", 100
    create_call, update_call, delete_call = "CreateApplication", None, "DeleteApplication"
    own = ("ApplicationName", "ComputePlatform")
    create_only = frozenset({"ApplicationName", "ComputePlatform"})
    gone = frozenset({"ApplicationDoesNotExistException"})
    tagged = True
    arn_format = "application:{}"


class DeploymentGroup(Table):
    """A deployment group. An update leaves alone what the template drops: AWS keeps removed alarms."""

    type = "AWS::CodeDeploy::DeploymentGroup"
    service, name, name_limit = "codedeploy", "DeploymentGroupName", 100
    create_call, update_call = "CreateDeploymentGroup", "UpdateDeploymentGroup"
    delete_call, delete_with = "DeleteDeploymentGroup", ("ApplicationName",)
    own = (
        "AlarmConfiguration", "ApplicationName", "AutoRollbackConfiguration", "DeploymentConfigName",
        "DeploymentGroupName", "DeploymentStyle", "ServiceRoleArn", "TriggerConfigurations",
    )  # fmt: skip
    required = frozenset({"ApplicationName", "ServiceRoleArn"})
    create_only = frozenset({"ApplicationName", "DeploymentGroupName"})
    gone = frozenset({"ApplicationDoesNotExistException", "DeploymentGroupDoesNotExistException"})
    tagged = True
    arn_format = "deploymentgroup:{ApplicationName}/{}"

    def update_values(self, at: Context, name: str, old: Properties, wanted: Properties) -> dict[str, Any]:
        return {**super().update_values(at, name, old, wanted), "CurrentDeploymentGroupName": name}


class DeploymentConfig(Table):
    """How traffic shifts. Any change makes a new one."""

    type = "AWS::CodeDeploy::DeploymentConfig"
    service, name, name_limit = "codedeploy", "DeploymentConfigName", 100
    create_call, update_call, delete_call = "CreateDeploymentConfig", None, "DeleteDeploymentConfig"
    own = ("ComputePlatform", "DeploymentConfigName", "MinimumHealthyHosts", "TrafficRoutingConfig")
    create_only = frozenset(own)
    gone = frozenset({"DeploymentConfigDoesNotExistException"})
