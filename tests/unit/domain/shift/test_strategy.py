"""Strategies: what CodeDeploy is asked for, and by when a verdict has to be there."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from safe_deploy.domain.fields import Fields
from safe_deploy.domain.policy import Policy
from safe_deploy.domain.shift.policy import CanaryPolicy
from safe_deploy.domain.shift.strategy import ALL_AT_ONCE, LONGEST_MINUTES, PREDEFINED, Strategy, shift_plan
from safe_deploy.errors import InvalidRequestError

from localaws.codedeploy import traffic
from tests.fakes.story import POLICY


def parsed(**given: Any) -> Strategy:
    return Strategy.parse(Fields(given, "policy.json", "canary.strategy"))


def test_codedeploys_own_configurations_are_used_where_one_fits() -> None:
    assert (
        parsed(type="canary", percent=10, minutes=5).config_name("m")
        == "CodeDeployDefault.LambdaCanary10Percent5Minutes"
    )
    assert parsed(type="linear", percent=10, everyMinutes=1).config_name("m") == (
        "CodeDeployDefault.LambdaLinear10PercentEvery1Minute"
    )
    assert {*PREDEFINED.values(), ALL_AT_ONCE} == set(traffic.PREDEFINED)
    for (kind, percent, minutes), name in PREDEFINED.items():
        steps = traffic.steps(traffic.PREDEFINED[name])
        assert steps[-1].after == Strategy(kind, percent, minutes).last_step_seconds


def test_other_steps_get_a_configuration_named_after_them() -> None:
    strategy = parsed(type="canary", percent=20, minutes=7)
    assert strategy.config_name("taxi-fare") == "taxi-fare-canary-20-percent-7-minutes"
    assert strategy.routing == {
        "Type": "TimeBasedCanary",
        "TimeBasedCanary": {"CanaryPercentage": 20, "CanaryInterval": 7},
    }
    linear = parsed(type="linear", percent=25, everyMinutes=2)
    assert linear.routing == {
        "Type": "TimeBasedLinear",
        "TimeBasedLinear": {"LinearPercentage": 25, "LinearInterval": 2},
    }
    assert linear.last_step_seconds == 3 * 120


def test_all_at_once_needs_a_reason() -> None:
    assert parsed(type="allAtOnce", reason="the champion is broken").reason == "the champion is broken"
    for reason in ({}, {"reason": " "}):
        with pytest.raises(InvalidRequestError, match=r"canary\.strategy\.reason"):
            parsed(type="allAtOnce", **reason)


@pytest.mark.parametrize(
    ("given", "key"),
    [
        ({"type": "blueGreen"}, "type"),
        ({"type": "canary", "percent": 100, "minutes": 5}, "percent"),
        ({"type": "canary", "percent": 10, "minutes": 0}, "minutes"),
        ({"type": "canary", "percent": 10, "minutes": 2881}, "minutes"),
        ({"type": "canary", "percent": 10, "everyMinutes": 1}, "minutes"),
        ({"type": "linear", "percent": 51, "everyMinutes": 1}, "percent"),
        ({"type": "linear", "percent": 1, "everyMinutes": 30}, "everyMinutes"),
        ({"type": "canary", "percent": 10, "minutes": 5, "pause": 1}, "pause"),
    ],
)
def test_a_strategy_that_can_not_be_is_refused_by_its_key(given: dict[str, Any], key: str) -> None:
    with pytest.raises(InvalidRequestError, match=rf"canary\.strategy\.{key}"):
        parsed(**given)


@given(
    st.one_of(
        st.builds(Strategy, st.just("canary"), st.integers(1, 99), st.integers(1, LONGEST_MINUTES)),
        st.builds(Strategy, st.just("linear"), st.integers(2, 50), st.integers(1, LONGEST_MINUTES // 49)),
    ),
    st.integers(0, 10),
)
def test_every_strategy_reads_back_decides_in_time_and_stays_far_below_the_historys_limit(
    strategy: Strategy, windows: int
) -> None:
    assert parsed(**strategy.to_item()) == strategy
    routing = strategy.routing
    if routing is not None:
        lower = json.loads(
            json.dumps(routing).replace("TimeBased", "timeBased").replace('"Type": "time', '"type": "Time')
        )
        lower = {
            k: {n[0].lower() + n[1:]: v for n, v in x.items()} if isinstance(x, dict) else x for k, x in lower.items()
        }
        assert traffic.steps(traffic.check_routing(lower))[-1].after == strategy.last_step_seconds
    assert len(strategy.config_name("m" * 24)) <= 100
    assert strategy.last_step_seconds / 2 <= strategy.decide_seconds < strategy.last_step_seconds
    looks = (1 + windows) * strategy.last_step_seconds / strategy.pause_seconds(windows)
    assert looks * 10 <= 16_000, "ten events a look, of 25,000"


@pytest.mark.parametrize(
    ("strategy", "words"),
    [
        (Strategy("canary", 10, 1), "10 % for 1 minute, then all"),
        (Strategy("canary", 10, 100), "10 % for 100 minutes, then all"),
        (Strategy("linear", 10, 1), "10 % more every minute"),
        (Strategy("linear", 10, 2), "10 % more every 2 minutes"),
        (Strategy("allAtOnce", reason="nobody serves"), "all at once: nobody serves"),
    ],
)
def test_a_strategy_in_words(strategy: Strategy, words: str) -> None:
    assert str(strategy) == words


def test_without_a_champion_all_traffic_goes_at_once() -> None:
    strategy = Strategy("canary", 20, 7)
    first = shift_plan(strategy, "m", has_champion=False)
    assert first == {"deploymentConfig": ALL_AT_ONCE, "routing": None, "decideSeconds": 0}
    later = shift_plan(strategy, "m", has_champion=True)
    assert (later["deploymentConfig"], later["decideSeconds"]) == ("m-canary-20-percent-7-minutes", 360)


def policy(**changes: Any) -> CanaryPolicy:
    return CanaryPolicy.parse(Fields({**POLICY["canary"], **changes}, "policy.json", "canary"))


def test_a_metric_that_null_stands_for_is_not_judged() -> None:
    assert policy(latencyTolerance=None).analysis.shares().keys() == {"errors", "predictions"}
    assert policy(predictionTolerance=None).analysis.prediction_tolerance is None


def test_windows_count_only_where_the_policy_holds() -> None:
    assert policy(windows=3).further_windows == 0
    assert policy(windows=3, onInsufficientEvidence="hold").further_windows == 3


@pytest.mark.parametrize(
    "changes",
    [{"errorMargin": 0}, {"minimumRequests": 0}, {"onInsufficientEvidence": "promote"}, {"latencyTolerance": -1}],
)
def test_a_canary_section_that_can_not_be_is_refused_by_its_key(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequestError, match=rf"canary\.{next(iter(changes))}"):
        policy(**changes)


def test_a_manifest_overrides_the_strategy_where_the_policy_lets_it() -> None:
    lets = Policy.parse(POLICY)
    assert lets.strategy_with(None) == Strategy("canary", 10, 10)
    assert lets.strategy_with({"type": "linear", "percent": 10, "everyMinutes": 1}).type == "linear"
    with pytest.raises(InvalidRequestError, match=r"manifest\.json: overrides\.canary\.strategy\.percent"):
        lets.strategy_with({"type": "canary", "percent": 0, "minutes": 1})
    with pytest.raises(InvalidRequestError, match="may not be overridden"):
        Policy.parse({**POLICY, "overridable": []}).strategy_with({"type": "allAtOnce", "reason": "now"})
