"""Deployments while they run: a thread each, undone when need be, told to EventBridge. Base of operations."""

from __future__ import annotations

import logging
import secrets
import string
import threading
from typing import TYPE_CHECKING, Any

from localaws.codedeploy import traffic
from localaws.codedeploy.conductor import AbandonedError, Conductor
from localaws.codedeploy.deployment import Deployment
from localaws.codedeploy.groups import Group, Groups
from localaws.codedeploy.ports import CloudWatchAlarms, LambdaFunctions
from localaws.errors import AwsError

if TYPE_CHECKING:
    from localaws.world import World

log = logging.getLogger("localaws.codedeploy")
STATES = {"InProgress": "START", "Succeeded": "SUCCESS", "Failed": "FAILURE", "Stopped": "STOP"}


class RunningDeployments(Groups):
    """Every deployment, and the threads of those that run."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.deployments: dict[str, Deployment] = {}
        self.changed = threading.Condition(self.lock)
        self._told: dict[str, str] = {}
        self._ended = threading.Event()
        self._threads: list[threading.Thread] = []

    def wait_for_deployment(self, identifier: str, timeout: float) -> bool:
        """Wait up to `timeout` real seconds for a deployment's end, its rollback included."""
        with self.changed:
            return self.changed.wait_for(lambda: self._over(self.find_deployment(identifier)), timeout)

    def find_deployment(self, identifier: str) -> Deployment:
        """The deployment of that id. Raises `DeploymentDoesNotExistException`."""
        with self.lock:
            if identifier not in self.deployments:
                raise AwsError("DeploymentDoesNotExistException", f"The deployment {identifier} could not be found")
            return self.deployments[identifier]

    def begin(self, deployment: Deployment, group: Group) -> None:
        """Run a deployment in a thread of its own."""
        thread = threading.Thread(
            target=self._conduct, args=(deployment, group), name=deployment.identifier, daemon=True
        )
        self._threads.append(thread)
        thread.start()

    def stop(self) -> None:
        self._ended.set()
        for deployment in list(self.deployments.values()):
            deployment.wake.set()
        for thread in self._threads:
            thread.join(timeout=10)
        super().stop()

    def running(self, group: Group) -> Deployment | None:
        mine = (d for d in self.deployments.values() if (d.application, d.group) == (group.application, group.name))
        return next((d for d in mine if d.active), None)

    def _over(self, deployment: Deployment) -> bool:
        """Whether a deployment and its rollback have ended, and everybody was told."""
        way_back = (deployment.rollback or {}).get("rollbackDeploymentId")
        both = [deployment] if way_back is None else [deployment, self.deployments[way_back]]
        return all(not each.active and self._told.get(each.identifier) == each.status for each in both)

    def keep(self, group: Group, **members: Any) -> Deployment:
        """A new deployment of a group."""
        identifier = "d-" + "".join(secrets.choice(string.ascii_uppercase + string.digits) for _ in range(9))
        deployment = Deployment(
            identifier,
            group.application,
            group.name,
            role=group.settings["serviceRoleArn"],
            created=self.world.clock.now(),
            **members,
        )
        self.deployments[identifier] = deployment
        return deployment

    def _conduct(self, deployment: Deployment, group: Group) -> None:
        def changed(which: Deployment) -> None:
            self._tell(which, group)

        def roll_back(which: Deployment) -> Deployment:
            return self._way_back(which, group)

        functions = LambdaFunctions(self.world, deployment.role)
        alarms = CloudWatchAlarms(self.world, deployment.role)
        try:
            conductor = Conductor(functions, alarms, self.world.clock, changed, self._ended)
            conductor.conduct(deployment, roll_back)
        except AbandonedError:
            return
        except Exception as error:
            log.exception("deployment %s failed within localaws", deployment.identifier)
            if deployment.status == "InProgress":
                now = self.world.clock.now()
                deployment.halt("Failed", "INTERNAL_ERROR", f"localaws failed: {error!r}", now)
                changed(deployment)

    def _way_back(self, deployment: Deployment, group: Group) -> Deployment:
        """The deployment that undoes another."""
        spec = deployment.spec.reversed()
        with self.changed:
            undoing = self.keep(
                group,
                config=traffic.DEFAULT,
                steps=traffic.steps(traffic.PREDEFINED[traffic.DEFAULT]),
                spec=spec,
                revision=spec.to_revision(),
                creator="codeDeployRollback",
            )
            undoing.rollback = {
                "rollbackTriggeringDeploymentId": deployment.identifier,
                "rollbackMessage": f"Deployment {undoing.identifier} is triggered to roll back deployment "
                f"{deployment.identifier}.",
            }
            deployment.rollback = {
                "rollbackDeploymentId": undoing.identifier,
                "rollbackMessage": f"Deployment {deployment.identifier} terminated. Automatic rollback is "
                f"triggered with a DeploymentId {undoing.identifier}.",
            }
        return undoing

    def _tell(self, deployment: Deployment, group: Group) -> None:
        """Tell EventBridge of a new state, without the lock, and then those who wait. Called by its one thread."""
        status = deployment.status
        with self.lock:
            if status == "Succeeded":
                group.last_successful = deployment.identifier
            is_new = status in STATES and self._told.get(deployment.identifier) != status
        if is_new:
            self._emit(deployment, group)
        with self.changed:
            self._told[deployment.identifier] = status
            self.changed.notify_all()

    def _emit(self, deployment: Deployment, group: Group) -> None:
        detail = {
            "region": self.world.settings.region,
            "deploymentId": deployment.identifier,
            "instanceGroupId": group.identifier,
            "deploymentGroup": group.name,
            "state": STATES[deployment.status],
            "application": group.application,
        }
        self.world.emit_event(
            "aws.codedeploy",
            "CodeDeploy Deployment State-change Notification",
            detail,
            [self.application_arn(group.application), self.group_arn(group)],
        )
