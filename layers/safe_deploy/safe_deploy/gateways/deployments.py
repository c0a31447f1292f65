"""AWS CodeDeploy: what a deployment shifts traffic to and how far it is, a hook's verdict, and stopping.

Used by the two hooks, watch_shift, the lock, plan_rollback, and when a release is abandoned.
"""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError

from safe_deploy.config import setting
from safe_deploy.domain.deployment import Target
from safe_deploy.domain.live import Shift
from safe_deploy.domain.ports import Deployment, DeploymentProgress, LifecycleEvent
from safe_deploy.gateways.clients import client, error_code, translating

MAY_MOVE_TRAFFIC = ["Created", "Queued", "InProgress", "Baking", "Ready"]
NOT_BEGUN = ("DeploymentNotStartedException", "DeploymentTargetDoesNotExistException")
HAS_ENDED = ("DeploymentAlreadyCompletedException",)
ALREADY_TOLD = ("LifecycleEventAlreadyCompletedException",)


class CodeDeployDeployments:
    """CodeDeploy's deployments of the inference function."""

    def get(self, deployment_id: str) -> Deployment:
        """Return a deployment. Raises NotFoundError, InvalidRequestError."""
        with translating(f"read the deployment {deployment_id}"):
            found = client("codedeploy").get_deployment(deploymentId=deployment_id)["deploymentInfo"]
        target = Target.parse(self._app_spec(found))
        return Deployment(deployment_id, target.version, found["createTime"])

    def progress(self, deployment_id: str) -> DeploymentProgress:
        """Return how far a deployment has come. Raises NotFoundError."""
        codedeploy = client("codedeploy")
        with translating(f"read the deployment {deployment_id}"):
            found = codedeploy.get_deployment(deploymentId=deployment_id)["deploymentInfo"]
            try:
                ids = codedeploy.list_deployment_targets(deploymentId=deployment_id)["targetIds"]
                targets = [
                    codedeploy.get_deployment_target(deploymentId=deployment_id, targetId=target)["deploymentTarget"]
                    for target in ids
                ]
            except ClientError as error:
                if error_code(error) not in NOT_BEGUN:
                    raise
                targets = []
        events = [event for target in targets for event in target["lambdaTarget"].get("lifecycleEvents", ())]
        return DeploymentProgress(
            str(found["status"]),
            str(found.get("errorInformation", {}).get("message") or "no reason given"),
            tuple(
                LifecycleEvent(str(event["lifecycleEventName"]), str(event["status"]), event.get("startTime"))
                for event in events
            ),
        )

    def under_way(self) -> Shift | None:
        """Return the deployment that is moving traffic now, or about to. CodeDeploy runs one at a time."""
        for deployment_id in self._listed():
            with translating(f"read the deployment {deployment_id}"):
                info = client("codedeploy").get_deployment(deploymentId=deployment_id)["deploymentInfo"]
            if info["status"] not in MAY_MOVE_TRAFFIC:
                continue
            if (info.get("rollbackInfo") or {}).get("rollbackTriggeringDeploymentId"):
                return Shift(deployment_id, "", "", undoes=True)
            target = Target.parse(self._app_spec(info))
            return Shift(deployment_id, target.current_version, target.version)
        return None

    def report(self, deployment_id: str, hook_execution_id: str, *, succeeded: bool) -> None:
        """Tell CodeDeploy what a hook found; a second report changes nothing."""
        with translating(f"report to the deployment {deployment_id}"):
            try:
                client("codedeploy").put_lifecycle_event_hook_execution_status(
                    deploymentId=deployment_id,
                    lifecycleEventHookExecutionId=hook_execution_id,
                    status="Succeeded" if succeeded else "Failed",
                )
            except ClientError as error:
                if error_code(error) not in ALREADY_TOLD:
                    raise

    def stop(self, deployment_id: str) -> None:
        """Stop a deployment and send traffic back; one that has ended stays as it is."""
        with translating(f"stop the deployment {deployment_id}"):
            try:
                client("codedeploy").stop_deployment(deploymentId=deployment_id, autoRollbackEnabled=True)
            except ClientError as error:
                if error_code(error) not in HAS_ENDED:
                    raise

    @staticmethod
    def _listed() -> list[str]:
        with translating("list the deployments in progress"):
            pages = (
                client("codedeploy")
                .get_paginator("list_deployments")
                .paginate(
                    applicationName=setting("CODEDEPLOY_APPLICATION"),
                    deploymentGroupName=setting("DEPLOYMENT_GROUP"),
                    includeOnlyStatuses=MAY_MOVE_TRAFFIC,
                )
            )
            return [deployment_id for page in pages for deployment_id in page["deployments"]]

    @staticmethod
    def _app_spec(found: dict[str, Any]) -> str:
        """Return the deployment's AppSpec: GetDeployment itself only gives the digest of its content."""
        revision = found["revision"]
        kind = {"AppSpecContent": "appSpecContent", "String": "string"}[revision["revisionType"]]
        if revision[kind].get("content"):
            return str(revision[kind]["content"])
        asked = {"revisionType": revision["revisionType"], kind: {"sha256": revision[kind]["sha256"]}}
        with translating("read the deployment's AppSpec"):
            whole = client("codedeploy").get_application_revision(
                applicationName=found["applicationName"], revision=asked
            )
        return str(whole["revision"][kind]["content"])
