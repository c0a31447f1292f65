"""CloudWatch through boto3: metrics, math, alarms on scaled periods, and what follows from them."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from localaws.cloudwatch.metrics import Datapoint
from localaws.cloudwatch.service import CloudWatch
from localaws.mail.service import Mail
from localaws.watched import Watched
from localaws.world import World

SOON = 40
TOPIC_ALLOWED = "cloudwatch.amazonaws.com"
KEPT = {"TreatMissingData": "ignore"}
"""Settings by which a state that was set by hand lasts."""


@pytest.fixture
def world(world_of: Callable[..., World]) -> World:
    return world_of(CloudWatch, Mail, time_scale=120)  # a minute lasts half a second


@pytest.fixture
def unhurried(world_of: Callable[..., World]) -> World:
    """Where a state that data brought about lasts long enough to be looked at."""
    return world_of(CloudWatch, Mail, time_scale=20)  # a minute lasts three seconds


def put(world: World, name: str, value: float, **more: Any) -> None:
    datum = {"MetricName": name, "Value": value, **more}
    world.client("cloudwatch").put_metric_data(Namespace="App", MetricData=[datum])


def alarm_on(world: World, name: str, **settings: Any) -> None:
    world.client("cloudwatch").put_metric_alarm(
        **{
            "AlarmName": name,
            "Namespace": "App",
            "MetricName": "Errors",
            "Statistic": "Sum",
            "Period": 60,
            "EvaluationPeriods": 1,
            "Threshold": 0,
            "ComparisonOperator": "GreaterThanThreshold",
            "TreatMissingData": "notBreaching",
            **settings,
        }
    )


def states(world: World) -> Watched[tuple[str, str]]:
    """Every change of state to come, as an event says it."""
    seen: Watched[tuple[str, str]] = Watched(100)
    world.delegated.on_event(lambda e: seen.add((e["detail"]["alarmName"], e["detail"]["state"]["value"])))
    return seen


def refused(action: Callable[[], object], reason: str) -> None:
    with pytest.raises(ClientError, match=reason):
        action()


def test_statistics_of_what_was_put(world: World) -> None:
    cloudwatch = world.client("cloudwatch")
    now = datetime.now(UTC)
    at = now.replace(second=0, microsecond=0) - timedelta(minutes=5)
    data: Any = [
        {
            "MetricName": "Latency",
            "Values": [1.0, 2.0, 3.0],
            "Counts": [1, 2, 1],
            "Timestamp": at,
            "Unit": "Seconds",
        },
        {"MetricName": "Latency", "Value": 10, "Timestamp": at + timedelta(seconds=59), "Unit": "Seconds"},
        {
            "MetricName": "Latency",
            "StatisticValues": {"SampleCount": 4, "Sum": 8, "Minimum": 2, "Maximum": 2},
            "Timestamp": at + timedelta(seconds=60),
            "Unit": "Seconds",
        },
    ]
    cloudwatch.put_metric_data(Namespace="App", MetricData=data)
    found = cloudwatch.get_metric_statistics(
        Namespace="App", MetricName="Latency", StartTime=at, EndTime=now, Period=60,
        Statistics=["SampleCount", "Sum", "Average", "Minimum", "Maximum"],
        ExtendedStatistics=["p50", "p100"],
    )["Datapoints"]  # fmt: skip
    assert found[0] == {
        "Timestamp": at, "Unit": "Seconds", "SampleCount": 5.0, "Sum": 18.0, "Average": 3.6, "Minimum": 1.0,
        "Maximum": 10.0, "ExtendedStatistics": {"p50": 2.0, "p100": 10.0},
    }  # fmt: skip
    assert (found[1]["Sum"], found[1]["ExtendedStatistics"]["p50"]) == (8.0, 2.0)


def test_metric_math_over_metrics_with_dimensions(world: World) -> None:
    at = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=3)
    for version, errors in (("1", 5.0), ("2", 1.0)):
        dimension = [{"Name": "Version", "Value": version}]
        put(world, "Errors", errors, Timestamp=at, Dimensions=dimension)
    put(world, "Calls", 60.0, Timestamp=at)
    put(world, "Calls", 50.0, Timestamp=at + timedelta(minutes=1))

    def metric(name: str, metric_name: str, *dimensions: dict[str, str]) -> dict[str, Any]:
        wanted = {"Namespace": "App", "MetricName": metric_name, "Dimensions": list(dimensions)}
        return {
            "Id": name,
            "MetricStat": {"Metric": wanted, "Period": 60, "Stat": "Sum"},
            "ReturnData": False,
        }

    queries: Any = [
        {"Id": "share", "Expression": "errors / m0 * 100", "Label": "percent"},
        {"Id": "errors", "Expression": "SUM([m1, m2])", "ReturnData": False},
        metric("m0", "Calls"),
        metric("m1", "Errors", {"Name": "Version", "Value": "1"}),
        metric("m2", "Errors", {"Name": "Version", "Value": "2"}),
        {"Id": "filled", "Expression": "FILL(m1, 0)"},
    ]
    got = world.client("cloudwatch").get_metric_data(
        MetricDataQueries=queries,
        StartTime=at,
        EndTime=at + timedelta(minutes=2),
        ScanBy="TimestampAscending",
    )
    share, filled = got["MetricDataResults"]
    assert (share["Label"], share["Values"], share["Timestamps"]) == ("percent", [10.0], [at])
    assert filled["Values"] == [5.0, 0.0]


def test_metrics_are_listed_by_name_and_dimension(world: World) -> None:
    cloudwatch = world.client("cloudwatch")
    put(world, "Errors", 1, Dimensions=[{"Name": "Version", "Value": "1"}])
    world.service(CloudWatch).ingest("AWS/Lambda", [Datapoint("Errors", 1, datetime.now(UTC), (("a", "b"),))])
    listed = cloudwatch.list_metrics(Namespace="App", Dimensions=[{"Name": "Version"}])["Metrics"]
    assert listed == [{"Namespace": "App", "MetricName": "Errors", "Dimensions": [{"Name": "Version", "Value": "1"}]}]
    assert len(cloudwatch.list_metrics(MetricName="Errors", RecentlyActive="PT3H")["Metrics"]) == 2
    assert cloudwatch.list_metrics(Dimensions=[{"Name": "Version", "Value": "2"}])["Metrics"] == []


def test_data_that_aws_refuses_is_refused(world: World) -> None:
    cloudwatch = world.client("cloudwatch")
    datum = {"MetricName": "m", "Value": 1.0}
    refused(lambda: cloudwatch.put_metric_data(Namespace="AWS/Mine", MetricData=[datum]), "AWS/Mine")
    old = {**datum, "Timestamp": datetime.now(UTC) - timedelta(days=15)}
    refused(lambda: cloudwatch.put_metric_data(Namespace="A", MetricData=[old]), "two weeks")
    both = {**datum, "Values": [1.0]}
    refused(lambda: cloudwatch.put_metric_data(Namespace="A", MetricData=[both]), "One of Value, Values")


def test_an_alarm_rises_falls_and_keeps_its_history(unhurried: World) -> None:
    world, seen = unhurried, states(unhurried)
    cloudwatch = world.client("cloudwatch")
    alarm_on(world, "errors")
    assert seen.wait_for(lambda s: s == ("errors", "OK"), SOON)
    put(world, "Errors", 3)
    assert seen.wait_for(lambda s: s == ("errors", "ALARM"), SOON)
    [alarm] = cloudwatch.describe_alarms(StateValue="ALARM")["MetricAlarms"]
    assert "of the last 1 datapoint(s) [3]" in alarm["StateReason"]
    assert json.loads(alarm["StateReasonData"])["threshold"] == 0
    seen.clear()
    assert seen.wait_for(lambda s: s == ("errors", "OK"), SOON)
    history = cloudwatch.describe_alarm_history(
        AlarmName="errors", HistoryItemType="StateUpdate", ScanBy="TimestampAscending"
    )
    assert [item["HistorySummary"] for item in history["AlarmHistoryItems"]] == [
        "Alarm updated from INSUFFICIENT_DATA to OK",
        "Alarm updated from OK to ALARM",
        "Alarm updated from ALARM to OK",
    ]


def test_periods_last_as_long_as_the_scale_says(world: World) -> None:
    """Ten minutes at a scale of 120 are five seconds, however late this machine comes to look."""
    changes: Watched[dict[str, Any]] = Watched(100)
    world.delegated.on_event(lambda e: changes.add(e["detail"]["state"]))
    alarm_on(world, "slow", Period=600, TreatMissingData="missing")
    begin = time.time() // 5 * 5
    put(world, "Errors", 1, Timestamp=datetime.fromtimestamp(begin + 4.5, UTC))
    state = changes.wait_for(lambda s: s["value"] == "ALARM", SOON)
    [point] = json.loads(state["reasonData"])["evaluatedDatapoints"]
    assert datetime.fromisoformat(point["timestamp"]).timestamp() == begin
    assert datetime.fromisoformat(state["timestamp"]).timestamp() >= begin + 5, "not before the period is over"


def test_math_alarms_see_the_share_of_failures(world: World) -> None:
    seen = states(world)

    def metric(name: str, metric_name: str) -> dict[str, Any]:
        wanted = {"Namespace": "App", "MetricName": metric_name}
        return {
            "Id": name,
            "MetricStat": {"Metric": wanted, "Period": 60, "Stat": "Sum"},
            "ReturnData": False,
        }

    world.client("cloudwatch").put_metric_alarm(
        AlarmName="share", EvaluationPeriods=1, Threshold=10, ComparisonOperator="GreaterThanThreshold",
        Metrics=[metric("e", "Errors"), metric("c", "Calls"), {"Id": "share", "Expression": "100 * e / c"}],
    )  # fmt: skip
    data: Any = [{"MetricName": "Errors", "Value": 2}, {"MetricName": "Calls", "Value": 10}]
    at = datetime.now(UTC)
    for datum in data:
        datum["Timestamp"] = at
    world.client("cloudwatch").put_metric_data(Namespace="App", MetricData=data)
    assert seen.wait_for(lambda s: s == ("share", "ALARM"), SOON)


def test_composite_alarms_follow_their_children(unhurried: World) -> None:
    world, seen = unhurried, states(unhurried)
    cloudwatch = world.client("cloudwatch")
    alarm_on(world, "a", MetricName="A")
    alarm_on(world, "b", MetricName="B")
    for name in "ab":
        seen.wait_for(lambda s, name=name: s == (name, "OK"), SOON)  # type: ignore[misc]
    cloudwatch.put_composite_alarm(AlarmName="both", AlarmRule='ALARM(a) AND NOT OK("b")')
    [composite] = cloudwatch.describe_alarms(AlarmTypes=["CompositeAlarm"])["CompositeAlarms"]
    assert composite["StateReason"] == f"{composite['AlarmArn']} was created and its alarm rule evaluates to OK"
    both: Any = [{"MetricName": name, "Value": 1} for name in "AB"]
    cloudwatch.put_metric_data(Namespace="App", MetricData=both)
    assert seen.wait_for(lambda s: s == ("both", "ALARM"), SOON)
    [composite] = cloudwatch.describe_alarms(AlarmTypes=["CompositeAlarm"])["CompositeAlarms"]
    assert composite["AlarmRule"] == 'ALARM(a) AND NOT OK("b")'
    assert re.search(r":alarm:[ab] transitioned to ALARM at \w+ \d\d \w+, \d{4} ", composite["StateReason"])
    refused(lambda: cloudwatch.delete_alarms(AlarmNames=["a"]), "composite alarm")
    cloudwatch.delete_alarms(AlarmNames=["a", "both"])
    assert [each["AlarmName"] for each in cloudwatch.describe_alarms()["MetricAlarms"]] == ["b"]
    refused(lambda: cloudwatch.put_composite_alarm(AlarmName="c", AlarmRule="ALARM(absent)"), "absent")


def topic_with_policy(world: World, service: str) -> str:
    sns = world.client("sns")
    topic = str(sns.create_topic(Name="alarms")["TopicArn"])
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": service},
        "Action": "sns:Publish",
        "Resource": topic,
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=policy)
    sns.subscribe(TopicArn=topic, Protocol="email", Endpoint="ops@example.com")
    world.service(Mail).confirm_all()
    return topic


def test_an_alarm_writes_to_its_topic(world: World) -> None:
    topic = topic_with_policy(world, TOPIC_ALLOWED)
    alarm_on(world, "errors", AlarmActions=[topic], AlarmDescription="too many", **KEPT)
    world.client("cloudwatch").set_alarm_state(AlarmName="errors", StateValue="ALARM", StateReason="I say so")
    mail = world.service(Mail).inbox.wait_for(lambda m: m.subject.startswith("ALARM"), SOON)
    assert mail.subject == 'ALARM: "errors" in us-east-1'
    assert "Reason: I say so" in mail.text
    assert "too many" in mail.text


def test_a_topic_that_does_not_let_cloudwatch_in_gets_nothing_and_the_history_says_so(world: World) -> None:
    topic = topic_with_policy(world, "events.amazonaws.com")
    alarm_on(world, "errors", AlarmActions=[topic], **KEPT)
    world.client("cloudwatch").set_alarm_state(AlarmName="errors", StateValue="ALARM", StateReason="x")
    record = world.service(CloudWatch).actions.deliveries.record
    assert record.wait_for(lambda d: d.status == "failed", SOON).target == topic
    [item] = world.client("cloudwatch").describe_alarm_history(HistoryItemType="Action")["AlarmHistoryItems"]
    assert "Failed to execute action" in item["HistorySummary"]


def test_a_key_must_let_cloudwatch_in_too(world: World) -> None:
    kms = world.client("kms")
    key = kms.create_key()["KeyMetadata"]["Arn"]
    topic = topic_with_policy(world, TOPIC_ALLOWED)
    sns = world.client("sns")
    sns.set_topic_attributes(TopicArn=topic, AttributeName="KmsMasterKeyId", AttributeValue=key)
    alarm_on(world, "errors", AlarmActions=[topic], **KEPT)
    cloudwatch = world.client("cloudwatch")
    cloudwatch.set_alarm_state(AlarmName="errors", StateValue="ALARM", StateReason="x")
    record = world.service(CloudWatch).actions.deliveries.record
    assert "kms:Decrypt" in record.wait_for(lambda d: d.status == "failed", SOON).error
    principal = {"Service": TOPIC_ALLOWED}
    actions = ["kms:Decrypt", "kms:GenerateDataKey*"]
    statement = {"Effect": "Allow", "Principal": principal, "Action": actions, "Resource": "*"}
    kms.put_key_policy(KeyId=key, PolicyName="default", Policy=json.dumps({"Statement": [statement]}))
    cloudwatch.set_alarm_state(AlarmName="errors", StateValue="INSUFFICIENT_DATA", StateReason="x")
    cloudwatch.set_alarm_state(AlarmName="errors", StateValue="ALARM", StateReason="x")
    assert record.wait_for(lambda d: d.status == "delivered", SOON)


def test_disabled_actions_are_not_run(world: World) -> None:
    topic = topic_with_policy(world, TOPIC_ALLOWED)
    alarm_on(world, "errors", AlarmActions=[topic], OKActions=[topic], **KEPT)
    cloudwatch = world.client("cloudwatch")
    cloudwatch.disable_alarm_actions(AlarmNames=["errors"])
    cloudwatch.set_alarm_state(AlarmName="errors", StateValue="ALARM", StateReason="unheard")
    cloudwatch.enable_alarm_actions(AlarmNames=["errors"])
    cloudwatch.set_alarm_state(AlarmName="errors", StateValue="OK", StateReason="heard")
    record = world.service(CloudWatch).actions.deliveries.record
    assert record.wait_for(lambda d: True, SOON).what == "ALARM → OK"


def test_alarms_that_can_not_be_are_refused(world: World) -> None:
    cases: list[tuple[dict[str, Any], str]] = [
        ({"AlarmActions": ["arn:aws:automate:us-east-1:ec2:stop"]}, "the alarm action arn:aws:automate"),
        ({"ComparisonOperator": "GreaterThanUpperThreshold"}, "GreaterThanUpperThreshold"),
        ({"Statistic": "Sum", "ExtendedStatistic": "p99"}, "One of Statistic and ExtendedStatistic"),
        ({"Period": 45}, "Period 45"),
        ({"DatapointsToAlarm": 2}, "DatapointsToAlarm"),
        ({"EvaluationPeriods": 1441}, "across more than a day"),
        ({"TreatMissingData": "maybe"}, "TreatMissingData"),
    ]
    for settings, reason in cases:
        refused(lambda settings=settings: alarm_on(world, "bad", **settings), reason)  # type: ignore[misc]
    assert world.client("cloudwatch").describe_alarms()["MetricAlarms"] == []


def test_dashboards_and_tags_are_kept(world: World) -> None:
    cloudwatch = world.client("cloudwatch")
    cloudwatch.put_dashboard(DashboardName="one", DashboardBody='{"widgets": []}')
    assert cloudwatch.get_dashboard(DashboardName="one")["DashboardBody"] == '{"widgets": []}'
    assert [e["DashboardName"] for e in cloudwatch.list_dashboards()["DashboardEntries"]] == ["one"]
    refused(lambda: cloudwatch.put_dashboard(DashboardName="two", DashboardBody="{"), "valid JSON")
    cloudwatch.delete_dashboards(DashboardNames=["one"])
    refused(lambda: cloudwatch.get_dashboard(DashboardName="one"), "does not exist")
    alarm_on(world, "tagged", Tags=[{"Key": "a", "Value": "1"}])
    arn = cloudwatch.describe_alarms()["MetricAlarms"][0]["AlarmArn"]
    cloudwatch.tag_resource(ResourceARN=arn, Tags=[{"Key": "b", "Value": "2"}])
    cloudwatch.untag_resource(ResourceARN=arn, TagKeys=["a"])
    assert cloudwatch.list_tags_for_resource(ResourceARN=arn)["Tags"] == [{"Key": "b", "Value": "2"}]
