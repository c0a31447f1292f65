"""Deployments as CodeDeploy's API shows them. Used by the operations."""

from __future__ import annotations

from typing import Any

from localaws.codedeploy.deployment import Deployment
from localaws.codedeploy.groups import STYLE

MEMBERS = {"AppSpecContent": "appSpecContent", "String": "string"}
"""Where a revision of each type keeps its content."""
TARGET_STATUS = {"Created": "Pending", "Stopped": "Failed"}


def describe(deployment: Deployment) -> dict[str, Any]:
    """A deploymentInfo."""
    found: dict[str, Any] = {
        "applicationName": deployment.application,
        "deploymentGroupName": deployment.group,
        "deploymentConfigName": deployment.config,
        "deploymentId": deployment.identifier,
        "revision": without_content(deployment.revision),
        "status": deployment.status,
        "createTime": deployment.created,
        "deploymentOverview": _overview(deployment),
        "creator": deployment.creator,
        "ignoreApplicationStopFailures": False,
        "updateOutdatedInstancesOnly": False,
        "deploymentStyle": STYLE,
        "instanceTerminationWaitTimeStarted": False,
        "deploymentStatusMessages": [],
        "computePlatform": "Lambda",
        "fileExistsBehavior": "DISALLOW",
        **deployment.extra,
    }
    optional = {
        "startTime": deployment.started,
        "completeTime": deployment.completed,
        "errorInformation": deployment.error,
        "rollbackInfo": deployment.rollback,
    }
    return {**found, **{name: value for name, value in optional.items() if value is not None}}


def without_content(revision: dict[str, Any]) -> dict[str, Any]:
    """A revision by its digest: CodeDeploy shows an AppSpec's content only by GetApplicationRevision.

    https://docs.aws.amazon.com/codedeploy/latest/APIReference/API_GetDeployment.html
    """
    member = MEMBERS[revision["revisionType"]]
    return {"revisionType": revision["revisionType"], member: {"sha256": revision[member]["sha256"]}}


def target_id(deployment: Deployment) -> str:
    """The one target of a Lambda deployment: AWS's reference says its id is the function's name."""
    return deployment.spec.function


def describe_target(deployment: Deployment, arn: str) -> dict[str, Any]:
    """A deploymentTarget."""
    spec = deployment.spec
    return {
        "deploymentTargetType": "LambdaTarget",
        "lambdaTarget": {
            "deploymentId": deployment.identifier,
            "targetId": target_id(deployment),
            "targetArn": arn,
            "status": _status(deployment),
            "lastUpdatedAt": deployment.updated or deployment.created,
            "lifecycleEvents": [event.describe() for event in deployment.events.values()],
            "lambdaFunctionInfo": {
                "functionName": spec.function,
                "functionAlias": spec.alias,
                "currentVersion": spec.current,
                "targetVersion": spec.target,
                "targetVersionWeight": deployment.weight,
            },
        },
    }


def _status(deployment: Deployment) -> str:
    return TARGET_STATUS.get(deployment.status, deployment.status)


def _overview(deployment: Deployment) -> dict[str, int]:
    states = ("Pending", "InProgress", "Succeeded", "Failed", "Skipped", "Ready")
    return {state: int(state == _status(deployment)) for state in states}
