"""CodeDeploy through boto3: real requests, real threads, scaled time, a Lambda and alarms that stand in."""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import pytest
from botocore.exceptions import ClientError

from localaws.clock import Clock
from localaws.codedeploy.service import CodeDeploy
from localaws.errors import AwsError
from localaws.service import Call, Service
from localaws.settings import Settings
from localaws.world import World
from tests.localaws.contract import answers_checked

CANARY = "CodeDeployDefault.LambdaCanary10Percent5Minutes"
STYLE = {"deploymentType": "BLUE_GREEN", "deploymentOption": "WITH_TRAFFIC_CONTROL"}
NUMBERS = itertools.count(1)
EVENTS = ["DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM", "DEPLOYMENT_STOP_ON_REQUEST"]


class FakeLambda(Service):
    """One function with an alias `live`; hooks report what `verdicts` says, or nothing."""

    name: ClassVar[str] = "lambda"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.shifted = threading.Condition()
        self.begin_again()

    def begin_again(self) -> None:
        self.version = "1"
        self.weights: dict[str, float] = {}
        self.updates: list[tuple[str, dict[str, float]]] = []
        self.verdicts: dict[str, str] = {}

    def get_alias(self, call: Call) -> dict[str, Any]:
        if call.params["FunctionName"] != "predict":
            raise AwsError("ResourceNotFoundException", "Function not found", 404)
        return {
            "Name": "live",
            "FunctionVersion": self.version,
            "RoutingConfig": {"AdditionalVersionWeights": self.weights},
        }

    def update_alias(self, call: Call) -> dict[str, Any]:
        with self.shifted:
            self.version = call.params["FunctionVersion"]
            self.weights = call.params["RoutingConfig"].get("AdditionalVersionWeights", {})
            self.updates.append((self.version, self.weights))
            self.shifted.notify_all()
        return {"FunctionVersion": self.version}

    def invoke(self, call: Call) -> dict[str, Any]:
        assert call.params["InvocationType"] == "Event"
        payload = json.loads(call.params["Payload"])
        verdict = self.verdicts.get(call.params["FunctionName"])
        if verdict is not None:
            threading.Thread(target=self._report, args=(payload, verdict)).start()
        return {"StatusCode": 202, "Payload": b""}

    def _report(self, payload: dict[str, str], verdict: str) -> None:
        self.world.client("codedeploy").put_lifecycle_event_hook_execution_status(
            deploymentId=payload["DeploymentId"],
            lifecycleEventHookExecutionId=payload["LifecycleEventHookExecutionId"],
            status=verdict,
        )


class FakeCloudWatch(Service):
    """Alarms by name and state."""

    name: ClassVar[str] = "cloudwatch"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.states = {"errors": "OK"}

    def describe_alarms(self, call: Call) -> dict[str, Any]:
        return {
            "MetricAlarms": [
                {"AlarmName": name, "StateValue": state}
                for name, state in self.states.items()
                if name in call.params["AlarmNames"]
            ]
        }


class Bench:
    """An application and a deployment group of a test's own, in a world that the tests share."""

    def __init__(self, world: World, role: str, number: int) -> None:
        self.world, self.role, self.application = world, role, f"app-{number}"
        self.client: Any = world.client("codedeploy")
        self.functions, self.cloudwatch = world.service(FakeLambda), world.service(FakeCloudWatch)
        self.functions.begin_again()
        self.cloudwatch.states = {"errors": "OK"}
        self.codedeploy = world.service(CodeDeploy)
        self.events: list[dict[str, Any]] = []
        world.delegated.on_event(self._note)
        self.client.create_application(
            applicationName=self.application, computePlatform="Lambda", tags=[{"Key": "a", "Value": "b"}]
        )
        self.group = {
            "applicationName": self.application,
            "deploymentGroupName": "group",
            "deploymentConfigName": CANARY,
            "serviceRoleArn": role,
            "deploymentStyle": STYLE,
            "alarmConfiguration": {"enabled": True, "alarms": [{"name": "errors"}]},
            "autoRollbackConfiguration": {"enabled": True, "events": EVENTS},
        }
        self.client.create_deployment_group(**self.group)

    def _note(self, event: dict[str, Any]) -> None:
        if event["detail"].get("application") == self.application:
            self.events.append(event)

    def close(self) -> None:
        """End what still runs, so that the next test has the alias for itself."""
        running = self.client.list_deployments(includeOnlyStatuses=["Created", "InProgress"])
        for identifier in running["deployments"]:
            self.client.stop_deployment(deploymentId=identifier, autoRollbackEnabled=False)
            assert self.codedeploy.wait_for_deployment(identifier, 60)

    def revision(self, hooks: dict[str, str] | None = None, **changes: str) -> dict[str, Any]:
        properties = {
            "Name": "predict", "Alias": "live", "CurrentVersion": "1", "TargetVersion": "2", **changes
        }  # fmt: skip
        content = {
            "version": 0.0,
            "Resources": [{"f": {"Type": "AWS::Lambda::Function", "Properties": properties}}],
            "Hooks": [{name: function} for name, function in (hooks or {}).items()],
        }
        return {"revisionType": "AppSpecContent", "appSpecContent": {"content": json.dumps(content)}}

    def deploy(self, hooks: dict[str, str] | None = None, **params: Any) -> str:
        given = {
            "applicationName": self.application,
            "deploymentGroupName": "group",
            "revision": self.revision(hooks),
        }
        return str(self.client.create_deployment(**{**given, **params})["deploymentId"])

    def end(self, identifier: str) -> dict[str, Any]:
        assert self.codedeploy.wait_for_deployment(identifier, 60)
        return dict(self.client.get_deployment(deploymentId=identifier)["deploymentInfo"])

    def target(self, identifier: str) -> dict[str, Any]:
        (target,) = self.client.list_deployment_targets(deploymentId=identifier)["targetIds"]
        found = self.client.get_deployment_target(deploymentId=identifier, targetId=target)
        return dict(found["deploymentTarget"]["lambdaTarget"])

    def await_weight(self) -> None:
        with self.functions.shifted:
            assert self.functions.shifted.wait_for(lambda: self.functions.weights, 30)


MakeBench = Callable[..., Bench]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[World, str]]:
    """One world for all tests of this file, and a role that CodeDeploy may assume."""
    home = tmp_path_factory.mktemp("codedeploy")
    settings = Settings(home=home, lambda_python=home, jobs_python=home, port=0)
    world = World(settings, [FakeLambda, FakeCloudWatch, CodeDeploy])
    world.start()
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "codedeploy.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }
    name, trust = f"deploy-{home.name}", json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    role = world.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    yield world, role
    world.stop()


@pytest.fixture
def bench(shared: tuple[World, str]) -> Iterator[MakeBench]:
    """`bench(time_scale)` sets up one test; its deployments end with it."""
    made: list[Bench] = []

    def make(time_scale: float = 600.0) -> Bench:
        world, role = shared
        world.clock = Clock(time_scale)
        made.append(Bench(world, role, next(NUMBERS)))
        return made[-1]

    with answers_checked():
        yield make
        for stage in made:
            stage.close()


def code_of(failure: pytest.ExceptionInfo[ClientError]) -> str:
    return str(failure.value.response["Error"]["Code"])


def test_a_canary_with_hooks_succeeds(bench: MakeBench) -> None:
    stage = bench()
    stage.functions.verdicts = {"before": "Succeeded", "after": "Succeeded"}

    identifier = stage.deploy({"BeforeAllowTraffic": "before", "AfterAllowTraffic": "after"})
    info = stage.end(identifier)

    assert info["status"] == "Succeeded"
    assert info["deploymentOverview"]["Succeeded"] == 1
    assert info["completeTime"] > info["startTime"]
    assert stage.functions.updates == [("1", {"2": 0.1}), ("2", {})]
    target = stage.target(identifier)
    assert [event["status"] for event in target["lifecycleEvents"]] == ["Succeeded"] * 3
    assert target["lambdaFunctionInfo"]["targetVersionWeight"] == 1.0
    group = stage.client.get_deployment_group(applicationName=stage.application, deploymentGroupName="group")
    assert group["deploymentGroupInfo"]["lastSuccessfulDeployment"]["deploymentId"] == identifier
    assert [event["detail"]["state"] for event in stage.events] == ["START", "SUCCESS"]
    assert stage.events[0]["detail-type"] == "CodeDeploy Deployment State-change Notification"


def test_everything_is_done_with_the_group_s_role(bench: MakeBench) -> None:
    stage = bench()
    stage.functions.verdicts = {"before": "Succeeded"}

    stage.end(stage.deploy({"BeforeAllowTraffic": "before"}))

    used = {p.action for p in stage.world.ledger.used() if p.principal == stage.role}
    assert used == {
        "lambda:GetAlias", "lambda:UpdateAlias", "lambda:InvokeFunction", "cloudwatch:DescribeAlarms"
    }  # fmt: skip


def test_an_alarm_takes_the_traffic_back(bench: MakeBench) -> None:
    stage = bench(time_scale=10)
    identifier = stage.deploy()
    stage.await_weight()

    stage.cloudwatch.states["errors"] = "ALARM"
    info = stage.end(identifier)

    assert (info["status"], info["errorInformation"]["code"]) == ("Stopped", "ALARM_ACTIVE")
    assert stage.functions.updates == [("1", {"2": 0.1}), ("1", {})]
    way_back = stage.client.get_deployment(deploymentId=info["rollbackInfo"]["rollbackDeploymentId"])
    undoing = way_back["deploymentInfo"]
    assert (undoing["status"], undoing["creator"]) == ("Succeeded", "codeDeployRollback")
    assert undoing["rollbackInfo"]["rollbackTriggeringDeploymentId"] == identifier
    assert [event["detail"]["state"] for event in stage.events] == ["START", "STOP", "START", "SUCCESS"]


def test_a_stop_on_request_takes_the_traffic_back(bench: MakeBench) -> None:
    stage = bench(time_scale=1)
    identifier = stage.deploy()
    stage.await_weight()

    stage.client.stop_deployment(deploymentId=identifier, autoRollbackEnabled=True)

    assert stage.end(identifier)["errorInformation"]["code"] == "MANUAL_STOP"
    assert (stage.functions.version, stage.functions.weights) == ("1", {})
    with pytest.raises(ClientError) as refused:
        stage.client.stop_deployment(deploymentId=identifier)
    assert code_of(refused) == "DeploymentAlreadyCompletedException"


def test_one_deployment_of_a_group_at_a_time(bench: MakeBench) -> None:
    stage = bench(time_scale=1)
    identifier = stage.deploy()

    with pytest.raises(ClientError, match=f"already has an active Deployment '{identifier}'") as refused:
        stage.deploy()

    assert code_of(refused) == "DeploymentLimitExceededException"


def test_a_failed_hook_fails_the_deployment(bench: MakeBench) -> None:
    stage = bench()
    stage.functions.verdicts = {"before": "Failed"}

    info = stage.end(stage.deploy({"BeforeAllowTraffic": "before"}))

    assert (info["status"], info["errorInformation"]["code"]) == ("Failed", "HOOK_EXECUTION_FAILURE")


def test_a_verdict_counts_once_and_only_with_the_right_id(bench: MakeBench) -> None:
    stage = bench(time_scale=1)
    identifier = stage.deploy({"BeforeAllowTraffic": "silent"})
    report = stage.client.put_lifecycle_event_hook_execution_status

    for execution, status, code in (
        ("wrong", "Succeeded", "InvalidLifecycleEventHookExecutionIdException"),
        ("wrong", "Skipped", "InvalidLifecycleEventHookExecutionStatusException"),
    ):
        with pytest.raises(ClientError) as refused:
            report(deploymentId=identifier, lifecycleEventHookExecutionId=execution, status=status)
        assert code_of(refused) == code


def test_an_alias_elsewhere_fails_the_deployment_and_stays(bench: MakeBench) -> None:
    stage = bench()
    stage.functions.version = "7"

    info = stage.end(stage.deploy())

    assert info["errorInformation"]["code"] == "INVALID_LAMBDA_CONFIGURATION"
    assert "rollbackInfo" not in info
    assert stage.functions.updates == []


def test_a_function_that_is_not_there_is_named(bench: MakeBench) -> None:
    stage = bench()

    info = stage.end(stage.deploy(revision=stage.revision(Name="nothing")))

    assert info["errorInformation"]["code"] == "INVALID_LAMBDA_FUNCTION"


def test_overrides_of_a_deployment_win_over_its_group_s(bench: MakeBench) -> None:
    stage = bench()
    stage.cloudwatch.states["errors"] = "ALARM"

    info = stage.end(
        stage.deploy(
            deploymentConfigName="CodeDeployDefault.LambdaAllAtOnce",
            overrideAlarmConfiguration={"enabled": False, "alarms": []},
            description="break glass",
        )
    )

    assert (info["status"], info["description"]) == ("Succeeded", "break glass")
    assert stage.functions.updates == [("2", {})]


def test_deployments_are_listed_newest_first_and_by_status(bench: MakeBench) -> None:
    stage = bench()
    first = stage.deploy()
    stage.end(first)
    second = stage.deploy(revision=stage.revision(CurrentVersion="2", TargetVersion="3"))
    stage.end(second)
    stage.functions.version = "9"
    third = stage.deploy()
    stage.end(third)

    listed = stage.client.list_deployments(applicationName=stage.application, deploymentGroupName="group")
    assert listed["deployments"] == [third, second, first]
    assert stage.client.list_deployments(includeOnlyStatuses=["Failed"])["deployments"][:1] == [third]
    began = stage.client.get_deployment(deploymentId=second)["deploymentInfo"]["createTime"]
    for spelled in (began, began.isoformat()):
        since = {"createTimeRange": {"start": spelled}}
        assert stage.client.list_deployments(**since)["deployments"] == [third, second]
    batch = stage.client.batch_get_deployments(deploymentIds=[first, second])["deploymentsInfo"]
    assert [info["deploymentId"] for info in batch] == [first, second]
    assert batch[1]["previousRevision"] == batch[0]["revision"]
    targets = stage.client.batch_get_deployment_targets(deploymentId=first, targetIds=["predict"])
    assert targets["deploymentTargets"][0]["lambdaTarget"]["status"] == "Succeeded"


def test_groups_are_updated_renamed_and_deleted(bench: MakeBench) -> None:
    stage = bench()

    stage.client.update_deployment_group(
        applicationName=stage.application,
        currentDeploymentGroupName="group",
        newDeploymentGroupName="renamed",
        alarmConfiguration={"enabled": False, "alarms": []},
    )

    found = stage.client.get_deployment_group(applicationName=stage.application, deploymentGroupName="renamed")
    assert found["deploymentGroupInfo"]["alarmConfiguration"] == {"enabled": False, "alarms": []}
    assert found["deploymentGroupInfo"]["deploymentConfigName"] == CANARY
    assert stage.client.list_deployment_groups(applicationName=stage.application)["deploymentGroups"] == ["renamed"]
    stage.client.delete_deployment_group(applicationName=stage.application, deploymentGroupName="renamed")
    stage.client.delete_application(applicationName=stage.application)
    assert stage.application not in stage.client.list_applications()["applications"]


GROUPS_THAT_CANNOT_BE: list[tuple[dict[str, Any], str]] = [
    ({"deploymentStyle": {"deploymentType": "IN_PLACE"}}, "InvalidDeploymentStyleException"),
    ({"deploymentConfigName": "nothing"}, "DeploymentConfigDoesNotExistException"),
    ({"alarmConfiguration": {"enabled": True, "alarms": []}}, "InvalidAlarmConfigException"),
    ({"autoRollbackConfiguration": {"enabled": True, "events": []}}, "InvalidAutoRollbackConfigException"),
    ({"serviceRoleArn": "arn:aws:iam::123456789012:role/nobody"}, "InvalidRoleException"),
    ({"applicationName": "nothing"}, "ApplicationDoesNotExistException"),
    ({"deploymentGroupName": "group"}, "DeploymentGroupAlreadyExistsException"),
    ({"ecsServices": [{"serviceName": "s", "clusterName": "c"}]}, "LocalAwsNotImplemented"),
]


def test_groups_that_cannot_be_are_refused(bench: MakeBench) -> None:
    stage = bench()

    for change, code in GROUPS_THAT_CANNOT_BE:
        with pytest.raises(ClientError) as refused:
            stage.client.create_deployment_group(**{**stage.group, "deploymentGroupName": "other", **change})
        assert code_of(refused) == code


def test_configurations_of_one_s_own(bench: MakeBench) -> None:
    stage = bench()
    routing = {"type": "TimeBasedCanary", "timeBasedCanary": {"canaryPercentage": 25, "canaryInterval": 1}}
    stage.client.create_deployment_config(
        deploymentConfigName="quarter", computePlatform="Lambda", trafficRoutingConfig=routing
    )

    found = stage.client.get_deployment_config(deploymentConfigName="quarter")["deploymentConfigInfo"]
    assert found["trafficRoutingConfig"] == routing
    stage.end(stage.deploy(deploymentConfigName="quarter"))
    assert stage.functions.updates[0] == ("1", {"2": 0.25})
    stage.client.delete_deployment_config(deploymentConfigName="quarter")
    assert "quarter" not in stage.client.list_deployment_configs()["deploymentConfigsList"]
    with pytest.raises(ClientError) as refused:
        stage.client.delete_deployment_config(deploymentConfigName=CANARY)
    assert code_of(refused) == "DeploymentConfigInUseException"


def test_other_compute_platforms_are_refused_by_name(bench: MakeBench) -> None:
    stage = bench()

    with pytest.raises(ClientError, match="computePlatform ECS"):
        stage.client.create_application(applicationName="ecs", computePlatform="ECS")
    with pytest.raises(ClientError, match="ContinueDeployment is not supported"):
        stage.client.continue_deployment(deploymentId=stage.deploy())


def test_tags(bench: MakeBench) -> None:
    stage = bench()
    arn = f"arn:aws:codedeploy:us-east-1:123456789012:application:{stage.application}"

    stage.client.tag_resource(ResourceArn=arn, Tags=[{"Key": "c", "Value": "d"}])
    stage.client.untag_resource(ResourceArn=arn, TagKeys=["a"])

    assert stage.client.list_tags_for_resource(ResourceArn=arn)["Tags"] == [{"Key": "c", "Value": "d"}]
