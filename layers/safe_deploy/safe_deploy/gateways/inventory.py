"""Everything that releases of this model have in the account, found by name, with its tags. Used by reap_leases."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from safe_deploy.config import setting
from safe_deploy.domain.leases import EXPIRES
from safe_deploy.domain.ports import Held
from safe_deploy.errors import AccessDeniedError, NotFoundError
from safe_deploy.gateways.clients import client, translating

LISTED = (
    ("endpoint", "list_endpoints", "Endpoints", "Endpoint"),
    ("endpoint config", "list_endpoint_configs", "EndpointConfigs", "EndpointConfig"),
    ("model", "list_models", "Models", "Model"),
)


class AwsInventory:
    """SageMaker's endpoints, configs and models, monitoring schedules, and alarms of versions."""

    def __init__(self, model_name: str) -> None:
        self.prefix = f"{model_name}-2"

    def held(self) -> Iterator[Held]:
        """Yield everything whose name begins as a release's does. What goes while one looks is left out."""
        for kind, operation, listed, member in LISTED:
            for found in self._pages("sagemaker", operation, listed, NameContains=self.prefix):
                if found[f"{member}Name"].startswith(self.prefix):
                    try:
                        yield self._described(kind, found, member)
                    except NotFoundError:
                        continue
        group = {"GroupName": setting("SCHEDULE_GROUP"), "NamePrefix": self.prefix}
        for found in self._pages("scheduler", "list_schedules", "Schedules", **group):
            yield Held("schedule", found["Name"])
        alarms = {"AlarmNamePrefix": self.prefix, "AlarmTypes": ["MetricAlarm"]}
        for found in self._pages("cloudwatch", "describe_alarms", "MetricAlarms", **alarms):
            yield Held("alarm", found["AlarmName"])

    def lease(self, held: Held, expires: str) -> None:
        """Let the tag of a resource say until when it is needed; empty takes the tag off."""
        sagemaker = client("sagemaker")
        with translating(f"tag the {held.kind} {held.name}"):
            if expires:
                sagemaker.add_tags(ResourceArn=held.arn, Tags=[{"Key": EXPIRES, "Value": expires}])
            else:
                sagemaker.delete_tags(ResourceArn=held.arn, TagKeys=[EXPIRES])

    def _described(self, kind: str, found: dict[str, Any], member: str) -> Held:
        name, arn = found[f"{member}Name"], found[f"{member}Arn"]
        tags = {tag["Key"]: tag["Value"] for tag in self._pages("sagemaker", "list_tags", "Tags", ResourceArn=arn)}
        since: datetime = found["CreationTime"]
        if kind != "endpoint":
            return Held(kind, name, arn, tags, since.astimezone(UTC))
        with translating(f"describe the endpoint {name}"):
            described = client("sagemaker").describe_endpoint(EndpointName=name)
        counts = {v["VariantName"]: v.get("CurrentInstanceCount") for v in described.get("ProductionVariants", [])}
        variants = self._variants(described["EndpointConfigName"])
        if variants is None:  # the endpoint runs on, and costs
            variants = [{"VariantName": variant, "InstanceType": "unknown"} for variant in counts]
        return Held(
            kind,
            name,
            arn,
            tags,
            since.astimezone(UTC),
            status=str(described["EndpointStatus"]),
            instance_type=", ".join(sorted({str(v.get("InstanceType", "serverless")) for v in variants})),
            instances=sum(int(counts.get(v["VariantName"]) or v.get("InitialInstanceCount", 0)) for v in variants),
        )

    @staticmethod
    def _variants(config_name: str) -> list[dict[str, Any]] | None:
        """Return what a config says; None when somebody has deleted it, or given the endpoint one that isn't ours."""
        try:
            with translating(f"describe the endpoint config {config_name}"):
                found = client("sagemaker").describe_endpoint_config(EndpointConfigName=config_name)
        except (NotFoundError, AccessDeniedError):
            return None
        variants: list[dict[str, Any]] = found["ProductionVariants"]
        return variants

    @staticmethod
    def _pages(service: str, operation: str, listed: str, **asked: Any) -> Iterator[dict[str, Any]]:
        with translating(f"{operation.replace('_', ' ')} of the model"):
            for page in client(service).get_paginator(operation).paginate(**asked):
                yield from page[listed]
