"""Deployments of CodeDeploy: created, described, stopped, and told a hook's verdict. Served to clients."""

from __future__ import annotations

from datetime import UTC

from localaws.codedeploy import appspec, traffic
from localaws.codedeploy.applications import Params, refuse_others
from localaws.codedeploy.deployment import Deployment
from localaws.codedeploy.describing import MEMBERS, describe, describe_target, target_id, without_content
from localaws.codedeploy.groups import Group, check_alarms, check_rollback
from localaws.codedeploy.running import RunningDeployments
from localaws.errors import AwsError
from localaws.service import Call

KNOWN = {
    "applicationName", "deploymentGroupName", "revision", "deploymentConfigName", "description",
    "ignoreApplicationStopFailures", "autoRollbackConfiguration", "fileExistsBehavior",
    "overrideAlarmConfiguration",
}  # fmt: skip
HARMLESS = {"updateOutdatedInstancesOnly": False, "deploymentMode": "STANDARD"}
MOST_AT_ONCE = 25
VERDICTS = ("Succeeded", "Failed")


class Deployments(RunningDeployments):
    """The operations on deployments."""

    def create_deployment(self, call: Call) -> Params:
        params = call.params
        refuse_others("CreateDeployment", params, KNOWN, HARMLESS)
        self.find_application(params["applicationName"])
        if "deploymentGroupName" not in params:
            raise AwsError("DeploymentGroupNameRequiredException", "The deployment group name is required.")
        group = self.find_group(params["applicationName"], params["deploymentGroupName"])
        spec, revision = appspec.from_revision(params.get("revision"))
        config = self.find_config(params.get("deploymentConfigName") or group.settings["deploymentConfigName"])
        check_alarms(params.get("overrideAlarmConfiguration"))
        check_rollback(params.get("autoRollbackConfiguration"))
        alarms = params.get("overrideAlarmConfiguration") or group.settings.get("alarmConfiguration", {})
        rollback = params.get("autoRollbackConfiguration") or group.settings.get("autoRollbackConfiguration", {})
        with self.changed:
            running = self.running(group)
            if running is not None:
                raise AwsError(
                    "DeploymentLimitExceededException",
                    f"The Deployment Group '{group.name}' already has an active Deployment '{running.identifier}'",
                )
            deployment = self.keep(
                group,
                config=config.name,
                steps=traffic.steps(config.routing),
                spec=spec,
                revision=revision,
                alarms=tuple(a["name"] for a in alarms.get("alarms", [])) if alarms.get("enabled") else (),
                ignore_alarm_failure=bool(alarms.get("ignorePollAlarmFailure")),
                rollback_on=tuple(rollback.get("events", [])) if rollback.get("enabled") else (),
                extra={
                    "ignoreApplicationStopFailures": params.get("ignoreApplicationStopFailures", False),
                    "fileExistsBehavior": params.get("fileExistsBehavior", "DISALLOW"),
                    **({"autoRollbackConfiguration": rollback} if rollback else {}),
                    **{m: params[m] for m in ("description", "overrideAlarmConfiguration") if m in params},
                    **self._previous(group),
                },
            )
            group.last_attempted = deployment.identifier
        self.begin(deployment, group)
        return {"deploymentId": deployment.identifier}

    def get_application_revision(self, call: Call) -> Params:
        application, asked = call.params["applicationName"], call.params["revision"]
        self.find_application(application)
        member = MEMBERS.get(asked.get("revisionType", ""), "")
        digest = asked.get(member, {}).get("sha256")
        with self.lock:
            for deployment in reversed(self.deployments.values()):
                kept = deployment.revision.get(member, {})
                if deployment.application == application and digest and kept.get("sha256") == digest:
                    info = {"registerTime": deployment.created, "firstUsedTime": deployment.created}
                    return {"applicationName": application, "revision": deployment.revision, "revisionInfo": info}
        raise AwsError("RevisionDoesNotExistException", f"The application {application} has no such revision.")

    def resource_of(self, operation: str, params: Params) -> str | None:
        """The deployment group of the deployment that a call names, or of the first of several."""
        named = [params.get("deploymentId"), *(params.get("deploymentIds") or ())]
        deployment = next((self.deployments[i] for i in named if i in self.deployments), None)
        if deployment is None:
            return super().resource_of(operation, params)
        return self.arn(f"deploymentgroup:{deployment.application}/{deployment.group}")

    def get_deployment_group(self, call: Call) -> Params:
        answer = super().get_deployment_group(call)
        group = self.find_group(call.params["applicationName"], call.params["deploymentGroupName"])
        answer["deploymentGroupInfo"].update(self._history(group))
        return answer

    def get_deployment(self, call: Call) -> Params:
        with self.lock:
            return {"deploymentInfo": describe(self.find_deployment(call.params["deploymentId"]))}

    def batch_get_deployments(self, call: Call) -> Params:
        identifiers = call.params["deploymentIds"]
        if len(identifiers) > MOST_AT_ONCE:
            raise AwsError("BatchLimitExceededException", f"At most {MOST_AT_ONCE} deployments may be asked for.")
        with self.lock:
            found = [self.deployments[i] for i in identifiers if i in self.deployments]
            return {"deploymentsInfo": [describe(deployment) for deployment in found]}

    def list_deployments(self, call: Call) -> Params:
        params = call.params
        known = {"applicationName", "deploymentGroupName", "includeOnlyStatuses", "createTimeRange"}
        refuse_others("ListDeployments", params, known)
        if "deploymentGroupName" in params and "applicationName" not in params:
            raise AwsError("ApplicationNameRequiredException", "The application name is required.")
        if "deploymentGroupName" in params:
            self.find_group(params["applicationName"], params["deploymentGroupName"])
        elif "applicationName" in params:
            self.find_application(params["applicationName"])
        with self.lock:
            found = [d.identifier for d in self.deployments.values() if _wanted(d, params)]
        return {"deployments": found[::-1]}

    def stop_deployment(self, call: Call) -> Params:
        with self.changed:
            deployment = self.find_deployment(call.params["deploymentId"])
            if not deployment.active:
                raise AwsError(
                    "DeploymentAlreadyCompletedException",
                    f"The deployment {deployment.identifier} is already in the state {deployment.status}.",
                )
            deployment.stop_requested = True
            deployment.rollback_on_stop = call.params.get("autoRollbackEnabled")
            deployment.wake.set()
        return {"status": "Pending", "statusMessage": "The deployment is being stopped."}

    def continue_deployment(self, call: Call) -> None:
        self.find_deployment(call.params.get("deploymentId", ""))
        raise AwsError(
            "UnsupportedActionForDeploymentTypeException",
            "ContinueDeployment is not supported for deployments to the Lambda compute platform.",
        )

    def list_deployment_targets(self, call: Call) -> Params:
        refuse_others("ListDeploymentTargets", call.params, {"deploymentId"})
        return {"targetIds": [target_id(self.find_deployment(call.params["deploymentId"]))]}

    def get_deployment_target(self, call: Call) -> Params:
        with self.lock:
            return {"deploymentTarget": self._target(call.params["deploymentId"], call.params["targetId"])}

    def batch_get_deployment_targets(self, call: Call) -> Params:
        with self.lock:
            identifier = call.params["deploymentId"]
            return {"deploymentTargets": [self._target(identifier, t) for t in call.params["targetIds"]]}

    def put_lifecycle_event_hook_execution_status(self, call: Call) -> Params:
        execution, verdict = call.params.get("lifecycleEventHookExecutionId"), call.params.get("status")
        if verdict not in VERDICTS:
            raise AwsError(
                "InvalidLifecycleEventHookExecutionStatusException",
                f"A hook's status is Succeeded or Failed, not {verdict}.",
            )
        with self.changed:
            deployment = self.find_deployment(call.params.get("deploymentId", ""))
            hook = deployment.hook
            if hook is None or hook.execution != execution:
                raise AwsError(
                    "InvalidLifecycleEventHookExecutionIdException",
                    "The lifecycleEventHookExecutionId is not that of a hook of this deployment.",
                )
            if hook.verdict is not None or not deployment.active:
                raise AwsError("LifecycleEventAlreadyCompletedException", f"{hook.event} is already completed.")
            hook.verdict = verdict
            deployment.wake.set()
        return {"lifecycleEventHookExecutionId": hook.execution}

    def _history(self, group: Group) -> Params:
        with self.lock:
            found: Params = {}
            for member, identifier in (
                ("lastAttemptedDeployment", group.last_attempted),
                ("lastSuccessfulDeployment", group.last_successful),
            ):
                if identifier is not None:
                    d = self.deployments[identifier]
                    found[member] = {"deploymentId": identifier, "status": d.status, "createTime": d.created}
                    if d.completed is not None:
                        found[member]["endTime"] = d.completed
            if group.last_successful is not None:
                found["targetRevision"] = without_content(self.deployments[group.last_successful].revision)
            return found

    def _previous(self, group: Group) -> Params:
        if group.last_successful is None:
            return {}
        return {"previousRevision": without_content(self.deployments[group.last_successful].revision)}

    def _target(self, identifier: str, target: str) -> Params:
        deployment = self.find_deployment(identifier)
        if target != target_id(deployment):
            raise AwsError("DeploymentTargetDoesNotExistException", f"No target {target} in {identifier}")
        return describe_target(deployment, self.arn(f"function:{deployment.spec.function}", "lambda"))


def _wanted(deployment: Deployment, params: Params) -> bool:
    # The parser gives times in UTC, without saying so.
    times = {name: time.replace(tzinfo=UTC) for name, time in params.get("createTimeRange", {}).items()}
    return (
        params.get("applicationName") in (None, deployment.application)
        and params.get("deploymentGroupName") in (None, deployment.group)
        and (not params.get("includeOnlyStatuses") or deployment.status in params["includeOnlyStatuses"])
        and (times.get("start") is None or deployment.created >= times["start"])
        and (times.get("end") is None or deployment.created <= times["end"])
    )
