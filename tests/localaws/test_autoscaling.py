"""Scaling targets that aren't there are answered as Application Auto Scaling answers them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from localaws.autoscaling import NOT_SUSPENDED, Autoscaling

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


def test_a_new_target_needs_a_range(world_of: Callable[..., Any]) -> None:
    client = world_of(Autoscaling).client("application-autoscaling")
    with pytest.raises(client.exceptions.ValidationException, match="needs MinCapacity and MaxCapacity"):
        client.register_scalable_target(SuspendedState={"DynamicScalingInSuspended": False}, **TARGET)
    with pytest.raises(client.exceptions.ValidationException, match="needs MaxCapacity"):
        client.register_scalable_target(MinCapacity=1, **TARGET)
    assert client.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"] == []


def test_scaling_in_is_suspended_and_allowed_again_and_the_rest_stays(world_of: Callable[..., Any]) -> None:
    client = world_of(Autoscaling).client("application-autoscaling")

    def registered(**changes: Any) -> dict[str, Any]:
        client.register_scalable_target(**TARGET, **changes)
        (target,) = client.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"]
        return {name: target[name] for name in ("MinCapacity", "MaxCapacity", "SuspendedState")}

    held = {"MinCapacity": 1, "MaxCapacity": 4, "SuspendedState": NOT_SUSPENDED | {"DynamicScalingInSuspended": True}}
    assert registered(MinCapacity=1, MaxCapacity=4, SuspendedState={"DynamicScalingInSuspended": True}) == held
    assert registered(MaxCapacity=5) == held | {"MaxCapacity": 5}
    assert registered(SuspendedState={"DynamicScalingInSuspended": False}) == {
        "MinCapacity": 1,
        "MaxCapacity": 5,
        "SuspendedState": NOT_SUSPENDED,
    }


def test_what_is_there_can_be_removed(world_of: Callable[..., Any]) -> None:
    client = world_of(Autoscaling).client("application-autoscaling")
    client.register_scalable_target(MinCapacity=1, MaxCapacity=2, **TARGET)
    client.deregister_scalable_target(**TARGET)
    assert client.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"] == []
