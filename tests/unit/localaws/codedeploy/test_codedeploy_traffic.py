"""Deployment configurations as steps."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localaws.codedeploy.traffic import PREDEFINED, Step, canary, check_routing, linear, steps
from localaws.errors import AwsError


def test_the_predefined_configurations_are_aws_s() -> None:
    assert len(PREDEFINED) == 9
    assert steps(PREDEFINED["CodeDeployDefault.LambdaAllAtOnce"]) == (Step(0, 1.0),)
    assert steps(PREDEFINED["CodeDeployDefault.LambdaCanary10Percent30Minutes"]) == (
        Step(0, 0.1),
        Step(1800, 1.0),
    )
    assert steps(PREDEFINED["CodeDeployDefault.LambdaLinear10PercentEvery3Minutes"])[4] == Step(720, 0.5)


@given(percentage=st.integers(1, 99), minutes=st.integers(1, 2880))
def test_linear_steps_grow_to_the_whole_in_equal_times(percentage: int, minutes: int) -> None:
    found = steps(check_routing(linear(percentage, minutes)))

    weights = [step.weight for step in found]
    assert weights == sorted(weights)
    assert weights[-1] == 1.0
    assert all(weight < 1 for weight in weights[:-1])
    assert [step.after for step in found] == [i * minutes * 60 for i in range(len(found))]


@pytest.mark.parametrize(
    "routing",
    [None, {}, {"type": "TimeBasedCanary"}, canary(100, 5), canary(10, 0), linear(0, 1), linear(10, 2881)],
)
def test_impossible_configurations_are_refused(routing: dict[str, Any] | None) -> None:
    with pytest.raises(AwsError) as refused:
        check_routing(routing)
    assert refused.value.code == "InvalidTrafficRoutingConfigurationException"
