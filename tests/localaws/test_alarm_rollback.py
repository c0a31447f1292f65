"""The template's own alarms against a candidate that goes wrong: real processes, real metrics, a real deployment.

Each candidate gets a tenth of the traffic of an alias whose champion is well. The alarm on its version alone must
see it, whether the alias's sees it too or not.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from safe_deploy.domain.alarms import Alarm, twin

from localaws.cloudwatch.service import CloudWatch
from localaws.codedeploy.service import CodeDeploy
from localaws.lambda_.service import Lambda
from localaws.world import World
from tests.localaws.conftest import MakeRole
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
        return text
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
