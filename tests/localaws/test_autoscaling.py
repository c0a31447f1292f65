"""Scaling targets that aren't there are answered as Application Auto Scaling answers them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from localaws.autoscaling import Autoscaling

TARGET = {
    "ServiceNamespace": "sagemaker",
    "ResourceId": "endpoint/e/variant/AllTraffic",
    "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
}


def test_what_is_not_there_is_not_found(world_of: Callable[..., Any]) -> None:
    client = world_of(Autoscaling).client("application-autoscaling")
    with pytest.raises(client.exceptions.ObjectNotFoundException, match="endpoint/e/variant/AllTraffic"):
        client.deregister_scalable_target(**TARGET)
    with pytest.raises(client.exceptions.ObjectNotFoundException, match="by-traffic"):
        client.delete_scaling_policy(PolicyName="by-traffic", **TARGET)


def test_what_is_there_can_be_removed(world_of: Callable[..., Any]) -> None:
    client = world_of(Autoscaling).client("application-autoscaling")
    client.register_scalable_target(MinCapacity=1, MaxCapacity=2, **TARGET)
    client.deregister_scalable_target(**TARGET)
    assert client.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"] == []
