"""Amazon CloudWatch: what a monitoring run measured. Used by report_drift."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from safe_deploy.gateways.clients import client, translating

BATCH = 500


class CloudWatchMetrics:
    """One namespace of metrics."""

    def __init__(self, namespace: str) -> None:
        self.namespace = namespace

    def put(self, dimensions: Mapping[str, str], values: Mapping[str, float], at: datetime) -> None:
        """Write one value for each metric."""
        named = [{"Name": name, "Value": value} for name, value in dimensions.items()]
        data = [
            {"MetricName": name, "Dimensions": named, "Value": value, "Timestamp": at} for name, value in values.items()
        ]
        for start in range(0, len(data), BATCH):
            with translating("write metrics"):
                client("cloudwatch").put_metric_data(Namespace=self.namespace, MetricData=data[start : start + BATCH])
