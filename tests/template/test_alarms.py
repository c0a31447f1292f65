"""The alarms that guard the alias: what they fire for, how rarely by chance, and who hears of it."""

from __future__ import annotations

import math
from typing import Any

import pytest

from localaws.cloudwatch.alarm_state import ALARM, EXTRA_PERIODS, INSUFFICIENT_DATA, OK, next_state
from localaws.cloudwatch.expressions import Scope, evaluate
from tests.template.test_template import FUNCTIONS, ROOT, TEXT, listed, of_type, template

ALARMS = of_type("AWS::CloudWatch::Alarm")
GUARDS = ("ErrorAlarm", "LatencyAlarm")
TOLERATED_PERCENT = template()["Parameters"]["ErrorPercentAlarm"]["Default"]


def beyond(name: str, **values: float) -> float:
    """The value of an alarm's expression, for one period's metrics."""
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


def unanswered_fires(unanswered: int, requests: int, throttled: int | None = None) -> bool:
    """Whether so many failures fire, of which some were answered 503; half of them unless said otherwise."""
    turned_away = unanswered // 2 if throttled is None else throttled
    found = beyond("UnansweredAlarm", errors=unanswered - turned_away, throttled=turned_away, requests=requests)
    return found > float(ALARMS["UnansweredAlarm"]["Threshold"])


FIRES = {"ErrorAlarm": errors_fire, "LatencyAlarm": latency_fires, "UnansweredAlarm": unanswered_fires}


def chance(name: str, share: float, requests: int) -> float:
    """The probability that a minute of so many requests fires, if each goes wrong with that probability."""
    least = next((n for n in range(requests + 1) if FIRES[name](n, requests)), requests + 1)
    below = sum(math.comb(requests, n) * share**n * (1 - share) ** (requests - n) for n in range(least))
    return 1 - below


@pytest.mark.parametrize(("name", "share"), [("ErrorAlarm", 0.01), ("LatencyAlarm", 0.005), ("UnansweredAlarm", 0.01)])
def test_what_is_well_within_the_tolerated_share_hardly_ever_fires(name: str, share: float) -> None:
    worst = max(chance(name, share, requests) for requests in range(1, 600))
    assert worst < 0.001


@pytest.mark.parametrize(("name", "least"), [("ErrorAlarm", 3), ("LatencyAlarm", 2), ("UnansweredAlarm", 3)])
def test_a_few_requests_suffice_if_all_go_wrong(name: str, least: int) -> None:
    assert [FIRES[name](n, n) for n in range(1, 6)] == [n >= least for n in range(1, 6)]


@pytest.mark.parametrize(("name", "share"), [("ErrorAlarm", 0.2), ("LatencyAlarm", 0.1), ("UnansweredAlarm", 0.2)])
def test_what_is_well_beyond_it_fires_almost_surely_with_traffic(name: str, share: float) -> None:
    assert chance(name, share, 200) > 0.99


MINUTES = 15


@pytest.mark.parametrize("a_minute", [1, 2])
def test_a_service_that_is_asked_seldom_and_answers_nothing_is_seen_within_a_quarter_of_an_hour(a_minute: int) -> None:
    assert not errors_fire(a_minute, a_minute), "a minute can't tell that from chance"
    assert unanswered_fires(MINUTES * a_minute, MINUTES * a_minute, throttled=0)


@pytest.mark.parametrize("requests", [3, 30, 3000])
def test_an_endpoint_that_turns_everything_away_is_seen(requests: int) -> None:
    """Lambda counts what was answered 503 as no error."""
    assert not errors_fire(0, requests)
    assert unanswered_fires(requests, requests, throttled=requests)


@pytest.mark.parametrize("missing", ["errors", "throttled"])
def test_either_kind_is_seen_where_the_other_has_no_data(missing: str) -> None:
    """A function that doesn't start writes no line; one that Lambda stops counting in, none of the other."""
    (given,) = [q["Expression"] for q in ALARMS["UnansweredAlarm"]["Metrics"] if q["Id"] == "beyond"]
    text = given["Fn::Sub"].replace("${ErrorPercentAlarm}", str(TOLERATED_PERCENT))
    values: dict[str, Any] = {name: {0: 3.0} for name in ("errors", "throttled", "requests")} | {missing: {}}
    found: Any = evaluate(text, Scope(values, tuple(values), range(1)))
    assert found[0] > 0


def test_what_was_turned_away_is_counted_for_the_model_whatever_release_serves() -> None:
    (metric,) = [q["MetricStat"]["Metric"] for q in ALARMS["UnansweredAlarm"]["Metrics"] if q["Id"] == "throttled"]
    assert metric["Dimensions"] == [{"Name": "ModelName", "Value": {"Ref": "ModelName"}}]
    assert template()["Globals"]["Function"]["Environment"]["Variables"]["MODEL_NAME"] == {"Ref": "ModelName"}


@pytest.mark.parametrize(("name", "period"), [*((name, 60) for name in GUARDS), ("UnansweredAlarm", MINUTES * 60)])
def test_the_alarms_watch_the_alias_and_take_silence_for_no_failure(name: str, period: int) -> None:
    alarm = ALARMS[name]
    assert alarm["TreatMissingData"] == "notBreaching"
    queries = [query["MetricStat"] for query in alarm["Metrics"] if "MetricStat" in query]
    assert {query["Period"] for query in queries} == {period}
    of_lambda = [query["Metric"] for query in queries if query["Metric"]["Namespace"] == "AWS/Lambda"]
    assert len(of_lambda) == 2
    for metric in of_lambda:
        named = {d["Name"]: d["Value"] for d in metric["Dimensions"]}
        assert named == {"FunctionName": {"Ref": "PredictFunction"}, "Resource": {"Fn::Sub": "${PredictFunction}:live"}}


def test_one_composite_alarm_tells_of_all_and_codedeploy_watches_two_of_the_alarms_themselves() -> None:
    (composite,) = of_type("AWS::CloudWatch::CompositeAlarm").values()
    told = (*GUARDS, "UnansweredAlarm")
    assert composite["AlarmRule"] == {"Fn::Sub": " OR ".join(f'ALARM("${{{name}}}")' for name in told)}
    assert composite["AlarmActions"] == composite["OKActions"] == [{"Ref": "Topic"}]
    assert not any("AlarmActions" in ALARMS[name] for name in told), "else everybody is told twice"
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


def looked(*hours: bool | None) -> str | None:
    """The state of the alarm on changes by hand after hourly looks: True found some, None was none."""
    alarm = ALARMS["ChangedByHandAlarm"]
    assert alarm["Period"] == 3600
    periods = alarm["EvaluationPeriods"]
    seen = hours[-periods - EXTRA_PERIODS :]
    return next_state(seen, alarm.get("DatapointsToAlarm", periods), periods, alarm["TreatMissingData"])


def test_what_the_last_look_found_is_the_alarm() -> None:
    assert looked(False, False, True) == looked(False, True, None) == ALARM
    assert looked(True, True, False) == OK


def test_that_nobody_looks_is_told_after_the_hours_that_the_page_says() -> None:
    silent = next(hours for hours in range(24) if looked(*[False] * 24, *[None] * hours) == INSUFFICIENT_DATA)
    words = {3: "about three hours", 4: "about four hours"}[silent]
    page = (ROOT / "docs" / "operations.md").read_text().replace("\n", " ")
    assert page.count(f"nobody has looked for {words}") == 2
    assert ALARMS["ChangedByHandAlarm"]["InsufficientDataActions"] == [{"Ref": "Topic"}]


def test_every_alarm_is_on_the_dashboard() -> None:
    for name in (*ALARMS, *of_type("AWS::CloudWatch::CompositeAlarm")):
        assert f"${{{name}.Arn}}" in TEXT
