"""SageMaker hosting with its logs, Application Auto Scaling and Scheduler: what a release leaves to be removed.

Used by clean_up_release and the two CodeDeploy hooks.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

from safe_deploy.config import setting
from safe_deploy.domain.names import VARIANT
from safe_deploy.domain.ports import Endpoint
from safe_deploy.errors import NotFoundError
from safe_deploy.gateways.clients import client, translating

NAMESPACE = "sagemaker"
DIMENSION = "sagemaker:variant:DesiredInstanceCount"
LOGS = "/aws/sagemaker/Endpoints/"


class AwsEndpoints:
    """The resources behind a release."""

    def describe(self, name: str) -> Endpoint | None:
        """Return an endpoint, or None."""
        try:
            with translating(f"describe the endpoint {name}"):
                found = client("sagemaker").describe_endpoint(EndpointName=name)
        except NotFoundError:
            return None
        capture = found.get("DataCaptureConfig") or {}
        captures = capture.get("EnableCapture") and capture.get("CaptureStatus", "Started") == "Started"
        return Endpoint(
            name,
            str(found["EndpointStatus"]),
            int(capture.get("CurrentSamplingPercentage", 0)) if captures else 0,
            str(found.get("EndpointConfigName", "")),
        )

    def is_scaled(self, name: str) -> bool:
        """Return whether an endpoint has a scalable target."""
        with translating(f"look for the scalable target of {name}"):
            found = client("application-autoscaling").describe_scalable_targets(
                ServiceNamespace=NAMESPACE,
                ResourceIds=[f"endpoint/{name}/variant/{VARIANT}"],
                ScalableDimension=DIMENSION,
            )
        return bool(found["ScalableTargets"])

    def is_scheduled(self, name: str) -> bool:
        """Return whether there is a schedule that is enabled."""
        try:
            with translating(f"read the schedule {name}"):
                found = client("scheduler").get_schedule(Name=name, GroupName=setting("SCHEDULE_GROUP"))
        except NotFoundError:
            return False
        return bool(found["State"] == "ENABLED")

    def remove_schedule(self, name: str) -> bool:
        """Delete a schedule; return whether there was one."""
        return _removed(
            f"delete the schedule {name}",
            lambda: client("scheduler").delete_schedule(Name=name, GroupName=setting("SCHEDULE_GROUP")),
        )

    def remove_scaling(self, endpoint_name: str) -> bool:
        """Delete an endpoint's scaling policies and its scalable target; return whether there was one."""
        target = {
            "ServiceNamespace": NAMESPACE,
            "ResourceId": f"endpoint/{endpoint_name}/variant/{VARIANT}",
            "ScalableDimension": DIMENSION,
        }
        scaling = client("application-autoscaling")
        with translating(f"list the scaling policies of {endpoint_name}"):
            policies = [
                policy["PolicyName"]
                for page in scaling.get_paginator("describe_scaling_policies").paginate(**target)
                for policy in page["ScalingPolicies"]
            ]
        for policy in policies:
            _removed(
                f"delete the scaling policy {policy} of {endpoint_name}",
                partial(scaling.delete_scaling_policy, PolicyName=policy, **target),
            )
        return _removed(
            f"deregister the scalable target of {endpoint_name}",
            lambda: scaling.deregister_scalable_target(**target),
        )

    def remove_endpoint(self, name: str) -> bool:
        """Begin to delete an endpoint; return whether there was one."""
        return _removed(f"delete the endpoint {name}", lambda: client("sagemaker").delete_endpoint(EndpointName=name))

    def expire_logs(self, name: str) -> None:
        """Set the retention of an endpoint's log group, which SageMaker made without one and leaves; if it is there."""
        days = int(setting("LOG_RETENTION_DAYS"))
        with suppress(NotFoundError), translating(f"let the log lines of the endpoint {name} expire"):
            client("logs").put_retention_policy(logGroupName=f"{LOGS}{name}", retentionInDays=days)

    def remove_config(self, name: str) -> bool:
        """Delete an endpoint config; return whether there was one."""
        return _removed(
            f"delete the endpoint config {name}",
            lambda: client("sagemaker").delete_endpoint_config(EndpointConfigName=name),
        )

    def remove_model(self, name: str) -> bool:
        """Delete a model; return whether there was one."""
        return _removed(f"delete the model {name}", lambda: client("sagemaker").delete_model(ModelName=name))


def _removed(doing: str, delete: Callable[[], Any]) -> bool:
    try:
        with translating(doing):
            delete()
    except NotFoundError:
        return False
    return True
