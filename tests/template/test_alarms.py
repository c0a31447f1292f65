"""The alarms that guard the alias: what they fire for, how rarely by chance, and who hears of it."""

from __future__ import annotations

import math
from typing import Any

import pytest

from localaws.cloudwatch.expressions import Scope, evaluate
from tests.template.test_template import FUNCTIONS, TEXT, listed, of_type, template

ALARMS = of_type("AWS::CloudWatch::Alarm")
GUARDS = ("ErrorAlarm", "LatencyAlarm")
TOLERATED_PERCENT = template()["Parameters"]["ErrorPercentAlarm"]["Default"]


def beyond(name: str, **values: float) -> float:
    """The value of an alarm's expression, for one minute's metrics."""
    (given,) = [q["Expression"] for q in ALARMS[name]["Metrics"] if q["Id"] == "beyond"]
    text = given["Fn::Sub"] if isinstance(given, dict) else given
    text = text.replace("${ErrorPercentAlarm}", str(TOLERATED_PERCENT))
    found: Any = evaluate(text, Scope({key: {0: value} for key, value in values.items()}, tuple(values), range(1)))
    return float(found[0])


def errors_fire(failed: int, requests: int) -> bool:
    return beyond("ErrorAlarm", errors=failed, requests=requests) > float(ALARMS["ErrorAlarm"]["Threshold"])


def latency_fires(slow: int, requests: int) -> bool:
    quick = 100 * (requests - slow) / requests
    return beyond("LatencyAlarm", quick=quick, requests=requests) > float(ALARMS["LatencyAlarm"]["Threshold"])


FIRES = {"ErrorAlarm": errors_fire, "LatencyAlarm": latency_fires}


def chance(name: str, share: float, requests: int) -> float:
    """The probability that a minute of so many requests fires, if each goes wrong with that probability."""
    least = next((n for n in range(requests + 1) if FIRES[name](n, requests)), requests + 1)
    below = sum(math.comb(requests, n) * share**n * (1 - share) ** (requests - n) for n in range(least))
    return 1 - below


@pytest.mark.parametrize(("name", "share"), [("ErrorAlarm", 0.01), ("LatencyAlarm", 0.005)])
def test_what_is_well_within_the_tolerated_share_hardly_ever_fires(name: str, share: float) -> None:
    worst = max(chance(name, share, requests) for requests in range(1, 600))
    assert worst < 0.001


@pytest.mark.parametrize(("name", "least"), [("ErrorAlarm", 3), ("LatencyAlarm", 2)])
def test_a_few_requests_suffice_if_all_go_wrong(name: str, least: int) -> None:
    assert [FIRES[name](n, n) for n in range(1, 6)] == [n >= least for n in range(1, 6)]


@pytest.mark.parametrize(("name", "share"), [("ErrorAlarm", 0.2), ("LatencyAlarm", 0.1)])
def test_what_is_well_beyond_it_fires_almost_surely_with_traffic(name: str, share: float) -> None:
    assert chance(name, share, 200) > 0.99


@pytest.mark.parametrize("name", GUARDS)
def test_the_alarms_watch_the_alias_and_take_silence_for_no_failure(name: str) -> None:
    alarm = ALARMS[name]
    assert alarm["TreatMissingData"] == "notBreaching"
    queries = [query["MetricStat"] for query in alarm["Metrics"] if "MetricStat" in query]
    assert len(queries) == 2
    for query in queries:
        named = {d["Name"]: d["Value"] for d in query["Metric"]["Dimensions"]}
        assert named == {"FunctionName": {"Ref": "PredictFunction"}, "Resource": {"Fn::Sub": "${PredictFunction}:live"}}
        assert query["Period"] == 60


def test_one_composite_alarm_tells_of_both_and_codedeploy_watches_the_alarms_themselves() -> None:
    (composite,) = of_type("AWS::CloudWatch::CompositeAlarm").values()
    assert composite["AlarmRule"] == {"Fn::Sub": 'ALARM("${ErrorAlarm}") OR ALARM("${LatencyAlarm}")'}
    assert composite["AlarmActions"] == composite["OKActions"] == [{"Ref": "Topic"}]
    assert not any("AlarmActions" in ALARMS[name] for name in GUARDS), "else everybody is told twice"
    (group,) = of_type("AWS::CodeDeploy::DeploymentGroup").values()
    assert group["AlarmConfiguration"] == {
        "Enabled": True,
        "IgnorePollAlarmFailure": False,
        "Alarms": [{"Name": {"Ref": name}} for name in GUARDS],
    }


def called_by_nobody_who_waits() -> set[str]:
    """Functions that a rule calls, or that EventBridge's schedules may call."""
    targets = [t["Arn"] for rule in of_type("AWS::Events::Rule").values() for t in rule["Targets"]]
    for role in of_type("AWS::IAM::Role").values():
        trusted = role["AssumeRolePolicyDocument"]["Statement"][0]["Principal"]
        if trusted.get("Service") not in ("scheduler.amazonaws.com", "events.amazonaws.com"):
            continue
        for policy in role["Policies"]:
            targets += [arn for s in policy["PolicyDocument"]["Statement"] for arn in listed(s["Resource"])]
    return {arn["Fn::GetAtt"][0] for arn in targets if "Fn::GetAtt" in arn} & set(FUNCTIONS)


def test_what_nobody_waits_for_is_watched_and_nothing_else() -> None:
    alarm = ALARMS["UnattendedAlarm"]
    metrics = [query["MetricStat"] for query in alarm["Metrics"] if "MetricStat" in query]
    watched = [{d["Name"]: d["Value"]["Ref"] for d in each["Metric"]["Dimensions"]} for each in metrics]
    expected = called_by_nobody_who_waits()
    assert len(expected) == 4
    assert {each["FunctionName"] for each in watched} == expected
    assert all(set(each) == {"FunctionName"} for each in watched)
    assert {(m["Metric"]["Namespace"], m["Metric"]["MetricName"], m["Stat"]) for m in metrics} == {
        ("AWS/Lambda", "AsyncEventsDropped", "Sum")
    }
    assert alarm["TreatMissingData"] == "notBreaching"
    assert alarm["AlarmActions"] == [{"Ref": "Topic"}]


@pytest.mark.parametrize(("failed", "fires"), [((), False), ((0.0, 0.0), False), ((1.0,), True), ((0.0, 1.0), True)])
def test_one_failure_of_what_nobody_waits_for_fires_whatever_the_others_do(
    failed: tuple[float, ...], fires: bool
) -> None:
    """A function that wasn't called has no data."""
    alarm = ALARMS["UnattendedAlarm"]
    ids = tuple(query["Id"] for query in alarm["Metrics"] if "MetricStat" in query)
    given = {name: {0: value} for name, value in zip(ids, failed, strict=False)}
    (text,) = [query["Expression"] for query in alarm["Metrics"] if "Expression" in query]
    found: Any = evaluate(text, Scope({name: given.get(name, {}) for name in ids}, ids, range(1)))
    assert (found[0] > float(alarm["Threshold"])) is fires


def test_every_alarm_is_on_the_dashboard() -> None:
    for name in (*ALARMS, *of_type("AWS::CloudWatch::CompositeAlarm")):
        assert f"${{{name}.Arn}}" in TEXT
