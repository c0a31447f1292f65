"""The template's own alarms against what goes wrong: real processes, real metrics, a real deployment.

Each candidate gets a tenth of the traffic of an alias whose champion is well. The alarm on its version alone must
see it, whether the alias's sees it too or not. What goes wrong too seldom for a minute, or is no error to Lambda, an
alarm over a longer time must see.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from safe_deploy.domain.alarms import Alarm, twin

from bench.fake_sagemaker import Answer, FakeSageMaker
from localaws.cloudwatch.service import CloudWatch
from localaws.codedeploy.service import CodeDeploy
from localaws.lambda_.service import Lambda
from localaws.world import World
from tests.localaws.conftest import ROOT, MakeRole
from tests.localaws.lambda_support import create, invoke, wait_updated, zipped
from tests.template.test_template import of_type

CALLERS = 6
LIMITS = {"ErrorPercentAlarm": "5", "LatencyAlarmMilliseconds": "500"}
GUARDS = ("ErrorAlarm", "LatencyAlarm")
WELL = "def handler(event, context):\n    return 'well'\n"
CANDIDATES = {
    "the model answers 5xx": (
        "def handler(event, context):\n    raise RuntimeError('the model answered 500')\n",
        "errors",
    ),
    "the model is slow": (
        "import time\ndef handler(event, context):\n    time.sleep(0.7)\n    return 'slow'\n",
        "latency",
    ),
    "the function doesn't start": ("raise ImportError('no such module')\n", "errors"),
    "the function times out": ("import time\ndef handler(event, context):\n    time.sleep(60)\n", "errors"),
    "the function is killed, as for its memory": (
        "import os, signal\ndef handler(event, context):\n    os.kill(os.getpid(), signal.SIGKILL)\n",
        "errors",
    ),
}


def rendered(value: Any) -> Any:
    """A part of the template with its functions resolved."""
    if isinstance(value, list):
        return [rendered(part) for part in value]
    if not isinstance(value, dict):
        return value
    if set(value) == {"Ref"}:
        return "predict"
    if set(value) == {"Fn::Sub"}:
        text = str(value["Fn::Sub"]).replace("${PredictFunction}", "predict")
        for name, limit in LIMITS.items():
            text = text.replace(f"${{{name}}}", limit)
        return re.sub(r"\$\{(\w+Alarm)\}", r"\1", text)
    return {key: rendered(part) for key, part in value.items()}


class Stage:
    """A function with a champion behind `live`, a candidate beside it, and the alarms of both."""

    def __init__(self, world: World, role: str, candidate: str, timeout: int) -> None:
        self.world = world
        self.lambda_: Any = world.client("lambda")
        self.cloudwatch: Any = world.client("cloudwatch")
        self.codedeploy: Any = world.client("codedeploy")
        create(world, "predict", WELL, Timeout=timeout)
        self.lambda_.publish_version(FunctionName="predict")
        self.lambda_.create_alias(FunctionName="predict", Name="live", FunctionVersion="1")
        self.lambda_.update_function_code(FunctionName="predict", ZipFile=zipped({"app.py": candidate}))
        wait_updated(world, "predict")
        assert self.lambda_.publish_version(FunctionName="predict")["Version"] == "2"
        self.codedeploy.create_application(applicationName="app", computePlatform="Lambda")
        self.codedeploy.create_deployment_group(
            applicationName="app",
            deploymentGroupName="group",
            serviceRoleArn=role,
            deploymentStyle={"deploymentType": "BLUE_GREEN", "deploymentOption": "WITH_TRAFFIC_CONTROL"},
            autoRollbackConfiguration={"enabled": True, "events": ["DEPLOYMENT_STOP_ON_ALARM"]},
        )

    def put_alarms(self) -> None:
        """The alias's alarms as the template has them, and the candidate's as check_alarms makes them."""
        for name in GUARDS:
            self.cloudwatch.put_metric_alarm(AlarmName=name, **rendered(of_type("AWS::CloudWatch::Alarm")[name]))
        for name, kind in zip(GUARDS, ("errors", "latency"), strict=True):
            (found,) = self.cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"]
            self.cloudwatch.put_metric_alarm(**twin(Alarm(name, "OK", "", found), kind, "2"))

    def shift(self, alarms: list[str]) -> str:
        """Begin a canary that these alarms watch."""
        properties = {"Name": "predict", "Alias": "live", "CurrentVersion": "1", "TargetVersion": "2"}
        content = {"version": 0.0, "Resources": [{"f": {"Type": "AWS::Lambda::Function", "Properties": properties}}]}
        return str(
            self.codedeploy.create_deployment(
                applicationName="app",
                deploymentGroupName="group",
                deploymentConfigName="CodeDeployDefault.LambdaCanary10Percent30Minutes",
                revision={"revisionType": "AppSpecContent", "appSpecContent": {"content": json.dumps(content)}},
                overrideAlarmConfiguration={"enabled": True, "alarms": [{"name": name} for name in alarms]},
            )["deploymentId"]
        )

    @contextmanager
    def traffic(self) -> Iterator[None]:
        """Callers who ask the alias all the time."""
        over = threading.Event()

        def call() -> None:
            while not over.is_set():
                invoke(self.world, "predict", Qualifier="live")

        with ThreadPoolExecutor(CALLERS) as callers:
            asking = [callers.submit(call) for _ in range(CALLERS)]
            try:
                yield
            finally:
                over.set()
        for each in asking:
            each.result()

    def ended(self, identifier: str) -> dict[str, Any]:
        assert self.world.service(CodeDeploy).wait_for_deployment(identifier, 90)
        return dict(self.codedeploy.get_deployment(deploymentId=identifier)["deploymentInfo"])

    def state(self, name: str) -> str:
        (found,) = self.cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"]
        return str(found["StateValue"])


@pytest.fixture
def stage(world_of: Callable[..., World], make_role: MakeRole) -> Callable[..., Stage]:
    """`stage(source)`: an app whose candidate is this program. A minute lasts three seconds."""

    def make(candidate: str, timeout: int = 1) -> Stage:
        world = world_of(Lambda, CloudWatch, CodeDeploy, time_scale=20)
        return Stage(world, make_role(world, "deploy", "codedeploy.amazonaws.com"), candidate, timeout)

    return make


@pytest.mark.parametrize("case", CANDIDATES)
def test_a_candidate_that_goes_wrong_is_rolled_back_by_its_own_alarm(stage: Callable[..., Stage], case: str) -> None:
    source, kind = CANDIDATES[case]
    at = stage(source)
    at.put_alarms()
    with at.traffic():
        identifier = at.shift([kind])  # whichever of the others fires first must not stop it
        info = at.ended(identifier)
    assert info["status"] == "Stopped"
    assert info["errorInformation"]["code"] == "ALARM_ACTIVE"
    assert f"<{kind}>" in info["errorInformation"]["message"]
    alias = at.lambda_.get_alias(FunctionName="predict", Name="live")
    assert alias["FunctionVersion"] == "1"
    assert not alias.get("RoutingConfig", {}).get("AdditionalVersionWeights")


def test_a_candidate_that_is_well_sets_off_nothing(
    stage: Callable[..., Stage], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(LIMITS, "LatencyAlarmMilliseconds", "29000")  # a busy machine isn't a slow candidate
    at = stage(WELL + "# another version\n", timeout=30)
    at.put_alarms()
    with at.traffic():
        identifier = at.shift([*GUARDS, "errors", "latency"])
        threading.Event().wait(12)
        assert at.codedeploy.get_deployment(deploymentId=identifier)["deploymentInfo"]["status"] == "InProgress"
        states = {name: at.state(name) for name in (*GUARDS, "errors", "latency")}
        at.codedeploy.stop_deployment(deploymentId=identifier, autoRollbackEnabled=False)
        at.ended(identifier)
    assert states == dict.fromkeys(states, "OK")


# ---- what a minute can't show ----

EVENT = json.loads((ROOT / "events/predict/csv_one_row.json").read_text())
NO_ROOM = Answer(429, b'{"message": "the model is not ready"}', "x-amzn-ErrorType: ModelNotReadyException\r\n")
MINUTE = 0.2
"""Real seconds, in a world that is 300 times faster: a quarter of an hour lasts three seconds."""


def shipped() -> dict[str, str]:
    """The inference function's own files."""
    files = {path.name: path.read_text() for path in (ROOT / "functions/predict").glob("*.py")}
    return files | {"contract.json": (ROOT / "model/contract.json").read_text()}


class Alias:
    """An alias `live` of a function, the template's alarms on it, and one caller."""

    def __init__(self, world: World, source: str | dict[str, str], **variables: str) -> None:
        self.world = world
        self.cloudwatch: Any = world.client("cloudwatch")
        lambda_: Any = world.client("lambda")
        create(world, "predict", source, Environment={"Variables": {"MODEL_NAME": "predict", **variables}})
        lambda_.publish_version(FunctionName="predict")
        lambda_.create_alias(FunctionName="predict", Name="live", FunctionVersion="1")
        for name in (*GUARDS, "UnansweredAlarm"):
            self.cloudwatch.put_metric_alarm(AlarmName=name, **rendered(of_type("AWS::CloudWatch::Alarm")[name]))
        rule = rendered(of_type("AWS::CloudWatch::CompositeAlarm")["PredictionsAlarm"]["AlarmRule"])
        self.cloudwatch.put_composite_alarm(AlarmName="PredictionsAlarm", AlarmRule=rule)

    def ask_until_it_is_told(self, event: Any, pause: float) -> list[Any]:
        """Call, one after the other, until the composite alarm fires; the answers."""
        answers: list[Any] = []
        over, deadline = threading.Event(), time.monotonic() + 60
        while not self.has_fired("PredictionsAlarm"):
            assert time.monotonic() < deadline, answers[-3:]
            answers.append(invoke(self.world, "predict", event, Qualifier="live"))
            over.wait(pause)
        return answers

    def has_fired(self, name: str) -> bool:
        """Whether an alarm was ever in its state ALARM."""
        asked = {"AlarmName": name, "AlarmTypes": ["MetricAlarm", "CompositeAlarm"], "HistoryItemType": "StateUpdate"}
        items = self.cloudwatch.describe_alarm_history(**asked)["AlarmHistoryItems"]
        return any(item["HistorySummary"].endswith("to ALARM") for item in items)


def test_an_endpoint_that_has_no_room_is_told_though_lambda_counts_no_error(
    world_of: Callable[..., World], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(LIMITS, "LatencyAlarmMilliseconds", "29000")  # it is asked again, with pauses
    with FakeSageMaker() as sagemaker:
        sagemaker.answers.extend([NO_ROOM] * 10_000)
        given = {"ENDPOINT_NAME": "b-prod", "RELEASE_ID": "20261122-130810-ab12"}
        world = world_of(Lambda, CloudWatch, time_scale=60 / MINUTE)
        alias = Alias(world, shipped(), AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME=sagemaker.url, **given)
        with ThreadPoolExecutor(CALLERS) as callers:
            asked = [callers.submit(alias.ask_until_it_is_told, EVENT, 0.0) for _ in range(CALLERS)]
        statuses = {answer["statusCode"] for each in asked for answer in each.result()}
    assert statuses == {503}
    assert alias.has_fired("UnansweredAlarm")
    assert not alias.has_fired("ErrorAlarm")


def test_failures_that_are_two_a_minute_are_told_by_the_longer_alarm_alone(world_of: Callable[..., World]) -> None:
    world = world_of(Lambda, CloudWatch, time_scale=60 / MINUTE)
    alias = Alias(world, "def handler(event, context):\n    raise RuntimeError('no model')\n")
    alias.ask_until_it_is_told({}, MINUTE * 0.55)
    assert alias.has_fired("UnansweredAlarm")
    assert not alias.has_fired("ErrorAlarm")
