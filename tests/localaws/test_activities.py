"""Step Functions' activities over the wire: workers that ask for tasks, and executions that wait for them."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ReadTimeoutError

from localaws.cloudformation.service import CloudFormation
from localaws.faults.fault import Fault
from localaws.front_door.app import hung_up
from localaws.stepfunctions.service import StepFunctions
from localaws.world import World
from tests.localaws import test_stepfunctions as others
from tests.localaws.conftest import WorldOf
from tests.localaws.states_lab import FakeLambda, Lab, refusal
from tests.unit.localaws.stepfunctions.beats import Beating, undisturbed
from tests.unit.localaws.stepfunctions.machines import LAMBDA, machine, passes, task, workflow

WHOLE = {"truncated": False}
GONE = "Task Timed Out: 'Provided task does not exist anymore'"


@pytest.fixture
def activity(lab: Lab) -> str:
    return str(lab.states.create_activity(name=lab.name)["activityArn"])


def decide(activity: str, **fields: Any) -> dict[str, Any]:
    """A Task that an activity's worker does."""
    return task(Resource=activity, Arguments={"n": "{% $states.input.n %}"}, **fields)


def ask(lab: Lab, activity: str, worker: str = "w") -> tuple[str, Any]:
    """What a worker that asks until it gets a task gets: token and input."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        given = lab.states.get_activity_task(activityArn=activity, workerName=worker)
        if "taskToken" in given:
            return given["taskToken"], json.loads(given["input"])
    raise AssertionError("no task came")


def gets_nothing(lab: Lab, activity: str) -> bool:
    given = lab.states.get_activity_task(activityArn=activity)
    return not set(given) - {"ResponseMetadata"}


def told(lab: Lab, execution: str) -> list[dict[str, Any]]:
    """The events of the activity, without when and where."""
    events = lab.states.get_execution_history(executionArn=execution)["events"]
    kept = [event for event in events if event["type"].startswith("Activity")]
    return [{k: v for k, v in event.items() if k not in {"timestamp", "id", "previousEventId"}} for event in kept]


class TestActivities:
    def test_create_describe_delete(self, lab: Lab) -> None:
        made = lab.states.create_activity(name=lab.name)
        arn = made["activityArn"]
        assert arn == f"arn:aws:states:us-east-1:123456789012:activity:{lab.name}"
        found = lab.states.describe_activity(activityArn=arn)
        assert (found["activityArn"], found["name"]) == (arn, lab.name)
        assert found["creationDate"] == made["creationDate"]
        lab.states.delete_activity(activityArn=arn)
        lab.states.delete_activity(activityArn=arn)
        for action in (lab.states.describe_activity, lab.states.get_activity_task):
            error = refusal(partial(action, activityArn=arn))
            assert error == ("ActivityDoesNotExist", f"Activity Does Not Exist: '{arn}'")

    def test_creating_it_again_does_nothing(self, lab: Lab, activity: str) -> None:
        lab.states.tag_resource(resourceArn=activity, tags=[{"key": "a", "value": "b"}])
        again = lab.states.create_activity(name=lab.name, tags=[{"key": "a", "value": "other"}])
        assert again["creationDate"] == lab.states.describe_activity(activityArn=activity)["creationDate"]
        assert lab.states.list_tags_for_resource(resourceArn=activity)["tags"] == [{"key": "a", "value": "b"}]

    def test_tags(self, lab: Lab) -> None:
        arn = lab.states.create_activity(name=lab.name, tags=[{"key": "a", "value": "b"}])["activityArn"]
        lab.states.tag_resource(resourceArn=arn, tags=[{"key": "c", "value": "d"}])
        lab.states.untag_resource(resourceArn=arn, tagKeys=["a"])
        assert lab.states.list_tags_for_resource(resourceArn=arn)["tags"] == [{"key": "c", "value": "d"}]
        lab.states.delete_activity(activityArn=arn)
        assert refusal(lambda: lab.states.list_tags_for_resource(resourceArn=arn))[0] == "ResourceNotFound"

    def test_a_list_has_pages(self, lab: Lab) -> None:
        made = {lab.states.create_activity(name=f"{lab.name}{n}")["activityArn"] for n in range(3)}
        pages = list(lab.states.get_paginator("list_activities").paginate(PaginationConfig={"PageSize": 2}))
        assert all(len(page["activities"]) <= 2 for page in pages)
        assert made <= {found["activityArn"] for page in pages for found in page["activities"]}
        assert refusal(lambda: lab.states.list_activities(nextToken="?"))[0] == "InvalidToken"

    def test_what_can_not_be_made(self, lab: Lab) -> None:
        assert refusal(lambda: lab.states.create_activity(name="a b$")) == ("InvalidName", "Invalid Name: 'a b$'")
        key = {"type": "CUSTOMER_MANAGED_KMS_KEY", "kmsKeyId": "k"}
        code, message = refusal(lambda: lab.states.create_activity(name="a", encryptionConfiguration=key))
        assert code == "LocalAwsNotImplemented"
        assert "encryptionConfiguration" in message
        lab.states.create_activity(name=lab.name, encryptionConfiguration={"type": "AWS_OWNED_KEY"})

    def test_it_is_made_changed_and_removed_by_a_stack(self, world_of: WorldOf) -> None:
        world = world_of(CloudFormation, StepFunctions)
        stacks, states = world.client("cloudformation"), world.client("stepfunctions")

        def template(value: str) -> str:
            tags = [{"Key": "a", "Value": value}]
            made = {"Type": "AWS::StepFunctions::Activity", "Properties": {"Name": "decide", "Tags": tags}}
            outputs = {
                "Ref": {"Value": {"Ref": "Decide"}},
                "Arn": {"Value": {"Fn::GetAtt": ["Decide", "Arn"]}},
                "Name": {"Value": {"Fn::GetAtt": ["Decide", "Name"]}},
            }
            return json.dumps({"Resources": {"Decide": made}, "Outputs": outputs})

        def tag() -> str:
            [value] = [t["value"] for t in states.list_tags_for_resource(resourceArn=arn)["tags"] if t["key"] == "a"]
            return str(value)

        stacks.create_stack(StackName="s", TemplateBody=template("1"))
        stacks.get_waiter("stack_create_complete").wait(StackName="s", WaiterConfig={"Delay": 1})
        outputs = stacks.describe_stacks(StackName="s")["Stacks"][0]["Outputs"]
        given = {output["OutputKey"]: output["OutputValue"] for output in outputs}
        arn = "arn:aws:states:us-east-1:123456789012:activity:decide"
        assert given == {"Ref": arn, "Arn": arn, "Name": "decide"}
        assert tag() == "1"
        stacks.update_stack(StackName="s", TemplateBody=template("2"))
        stacks.get_waiter("stack_update_complete").wait(StackName="s", WaiterConfig={"Delay": 1})
        assert tag() == "2"
        stacks.delete_stack(StackName="s")
        stacks.get_waiter("stack_delete_complete").wait(StackName="s", WaiterConfig={"Delay": 1})
        assert states.list_activities()["activities"] == []


class TestTasks:
    def test_success_and_its_history(self, lab: Lab, activity: str) -> None:
        execution = lab.start(machine(S=decide(activity, TimeoutSeconds=60_000, HeartbeatSeconds=6000)), {"n": 1})
        token, value = ask(lab, activity, worker="me")
        assert value == {"n": 1}
        lab.states.send_task_heartbeat(taskToken=token)
        lab.states.send_task_success(taskToken=token, output='{"ok": true}')
        ended = lab.wait(execution)
        assert (ended["status"], ended["output"]) == ("SUCCEEDED", '{"ok":true}')
        limits = {"timeoutInSeconds": 60_000, "heartbeatInSeconds": 6000}
        scheduled = {"resource": activity, "input": '{"n":1}', "inputDetails": WHOLE, **limits}
        succeeded = {"output": '{"ok":true}', "outputDetails": WHOLE}
        assert told(lab, execution) == [
            {"type": "ActivityScheduled", "activityScheduledEventDetails": scheduled},
            {"type": "ActivityStarted", "activityStartedEventDetails": {"workerName": "me"}},
            {"type": "ActivitySucceeded", "activitySucceededEventDetails": succeeded},
        ]
        assert token not in str(lab.states.get_execution_history(executionArn=execution))
        assert refusal(lambda: lab.states.send_task_success(taskToken=token, output="1")) == ("TaskTimedOut", GONE)

    def test_failure_by_a_worker_without_a_name(self, lab: Lab, activity: str) -> None:
        execution = lab.start(machine(S=decide(activity)), {"n": 1})
        given: dict[str, Any] = {}
        while "taskToken" not in given:
            given = lab.states.get_activity_task(activityArn=activity)
        lab.states.send_task_failure(taskToken=given["taskToken"], error="No", cause="because")
        ended = lab.wait(execution)
        assert (ended["error"], ended["cause"]) == ("No", "because")
        assert told(lab, execution)[1:] == [
            {"type": "ActivityStarted", "activityStartedEventDetails": {}},
            {"type": "ActivityFailed", "activityFailedEventDetails": {"error": "No", "cause": "because"}},
        ]

    def test_a_retry_is_a_task_of_its_own(self, lab: Lab, activity: str) -> None:
        retry = [{"ErrorEquals": ["Busy"], "IntervalSeconds": 1}]
        execution = lab.start(machine(S=decide(activity, Retry=retry)), {"n": 1})
        first, _ = ask(lab, activity)
        lab.states.send_task_failure(taskToken=first, error="Busy")
        second, value = ask(lab, activity)
        assert (second != first, value) == (True, {"n": 1})
        lab.states.send_task_success(taskToken=second, output="2")
        assert lab.wait(execution)["output"] == "2"

    def test_time_counts_from_when_a_worker_gets_it(self, lab: Lab, activity: str) -> None:
        execution = lab.start(machine(S=decide(activity, TimeoutSeconds=60)), {"n": 1})
        assert not lab.world.service(StepFunctions)._execution(execution).ended.wait(0.4), "60 s at a scale of 600"
        token, _ = ask(lab, activity)
        assert lab.wait(execution)["error"] == "States.Timeout"
        timed_out = {"type": "ActivityTimedOut", "activityTimedOutEventDetails": {"error": "States.Timeout"}}
        assert told(lab, execution)[-1] == timed_out
        for late in (
            lambda: lab.states.send_task_success(taskToken=token, output="1"),
            lambda: lab.states.send_task_failure(taskToken=token),
            lambda: lab.states.send_task_heartbeat(taskToken=token),
        ):
            assert refusal(late) == ("TaskTimedOut", GONE)
        assert gets_nothing(lab, activity)

    def test_heartbeats_keep_it_alive(self, lab: Lab, activity: str) -> None:
        catch = [{"ErrorEquals": ["States.HeartbeatTimeout"], "Next": "P"}]
        definition = machine(S=decide(activity, HeartbeatSeconds=1200, Catch=catch, Next="P"), P=passes())

        def lives(beating: Beating) -> str:
            execution = lab.start(definition, {"n": 1})
            ended = lab.world.service(StepFunctions)._execution(execution).ended
            token, _ = ask(lab, activity)
            beating.beat(lambda: lab.beat(token), ended)
            assert not ended.is_set()
            return execution

        execution = undisturbed(lives, limit=2.0)
        assert json.loads(lab.wait(execution)["output"]) == {"Error": "States.Timeout"}
        assert told(lab, execution)[-1]["type"] == "ActivityTimedOut"

    def test_an_activity_that_does_not_exist(self, lab: Lab, activity: str) -> None:
        lab.states.delete_activity(activityArn=activity)
        catch = [{"ErrorEquals": ["States.ALL"], "Next": "P"}]
        execution = lab.start(machine(S=decide(activity, Catch=catch, Next="P"), P=passes()), {"n": 1})
        ended = lab.wait(execution)
        place = "An error occurred while executing the state 'S' (entered at the event id #2)."
        assert (ended["error"], ended["cause"]) == (
            "States.Runtime",
            f"{place} The activity {activity} does not exist.",
        )
        assert lab.types(execution) == ["ExecutionStarted", "TaskStateEntered", "ExecutionFailed"]

    def test_what_was_stopped_is_never_handed_out(self, lab: Lab, activity: str) -> None:
        stopped = lab.start(machine(S=decide(activity)), {"n": 1})
        kept = lab.start(machine(S=decide(activity)), {"n": 2})
        lab.states.stop_execution(executionArn=stopped)
        token, value = ask(lab, activity)
        assert value == {"n": 2}
        lab.states.stop_execution(executionArn=kept)
        assert refusal(lambda: lab.states.send_task_success(taskToken=token, output="1")) == ("TaskTimedOut", GONE)
        assert gets_nothing(lab, activity)

    def test_the_log_has_neither_token_nor_data(self, lab: Lab, activity: str) -> None:
        tokens: list[str] = []

        def work(_: Any) -> None:
            tokens.append(ask(lab, activity)[0])
            lab.states.send_task_success(taskToken=tokens[0], output='"secret"')

        FakeLambda.functions["work"] = work
        waits = workflow(S=task(Resource=activity, Arguments={"secret": 1}))
        works = workflow(W=task(Resource=LAMBDA, Arguments={"FunctionName": "work", "Payload": {}}))
        definition = machine(P={"Type": "Parallel", "Branches": [waits, works]})
        lines = others.TestLogs().logged(lab, "ALL", definition)
        assert {"ActivityScheduled", "ActivityStarted", "ActivitySucceeded"} <= {line["type"] for line in lines}
        assert "secret" not in str(lines)
        assert tokens[0] not in str(lines)


class TestParallel:
    def branches(self, activity: str, worker: dict[str, Any]) -> dict[str, Any]:
        return machine(P={"Type": "Parallel", "Branches": [workflow(S=decide(activity)), workflow(**worker)]})

    def test_the_other_branch_is_the_worker(self, lab: Lab, activity: str) -> None:
        def work(payload: dict[str, str]) -> str:
            token, value = ask(lab, payload["activity"])
            lab.states.send_task_success(taskToken=token, output=json.dumps({"seen": value}))
            return "worked"

        FakeLambda.functions["work"] = work
        invoke = {"FunctionName": "work", "Payload": {"activity": activity}}
        worker = task(Resource=LAMBDA, Arguments=invoke, Output="{% $states.result.Payload %}")
        assert lab.output(self.branches(activity, {"W": worker}), {"n": 7}) == [{"seen": {"n": 7}}, "worked"]

    def test_a_siblings_failure_takes_it_back(self, lab: Lab, activity: str) -> None:
        fails = {"F": {"Type": "Fail", "Error": "E"}}
        execution = lab.start(self.branches(activity, fails), {"n": 1})
        assert lab.wait(execution)["error"] == "E"
        assert gets_nothing(lab, activity)

    def test_and_voids_its_token(self, lab: Lab, activity: str) -> None:
        tokens: list[str] = []

        def take_and_fail(_: Any) -> None:
            tokens.append(ask(lab, activity)[0])
            raise ValueError("no")

        FakeLambda.functions["work"] = take_and_fail
        worker = {"W": task(Resource=LAMBDA, Arguments={"FunctionName": "work", "Payload": {}})}
        assert lab.run(self.branches(activity, worker), {"n": 1})["error"] == "ValueError"
        late = refusal(lambda: lab.states.send_task_success(taskToken=tokens[0], output="1"))
        assert late == ("TaskTimedOut", GONE)


class TestWorkers:
    def test_nothing_came(self, lab: Lab, activity: str) -> None:
        began = time.monotonic()
        assert gets_nothing(lab, activity)
        assert 0.08 < time.monotonic() - began < 50, "a minute at a scale of 600"

    def test_many_workers_share_many_tasks(self, lab: Lab, activity: str) -> None:
        arn = lab.create(machine(S=decide(activity)))
        executions = {n: lab.begin(arn, {"n": n}) for n in range(12)}

        def work(_: int) -> int:
            token, value = ask(lab, activity)
            lab.states.send_task_success(taskToken=token, output=json.dumps(value))
            return int(value["n"])

        with ThreadPoolExecutor(6) as pool:
            assert sorted(pool.map(work, range(12))) == list(range(12))
        assert [json.loads(lab.wait(executions[n])["output"]) for n in range(12)] == [{"n": n} for n in range(12)]

    def test_a_task_is_not_lost_to_a_worker_that_hung_up(
        self, lab: Lab, activity: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(lab.world.clock, "scale", 1.0)  # a minute is a minute: the first asks for all of the test
        who = lab.world.person
        hasty = boto3.client(
            "stepfunctions",
            region_name="us-east-1",
            endpoint_url=lab.world.endpoint,
            aws_access_key_id=who.access_key,
            aws_secret_access_key=who.secret_key,
            config=Config(read_timeout=0.3, retries={"total_max_attempts": 1}),
        )
        with pytest.raises(ReadTimeoutError):
            hasty.get_activity_task(activityArn=activity)
        execution = lab.start(machine(S=decide(activity)), {"n": 1})
        token, _ = ask(lab, activity)
        lab.states.send_task_success(taskToken=token, output="1")
        assert lab.wait(execution)["output"] == "1"

    def test_whether_a_caller_has_hung_up(self) -> None:
        here, caller = socket.socketpair()
        assert not hung_up({"localaws.socket": here})
        caller.send(b"more")
        assert not hung_up({"localaws.socket": here})
        here.recv(4)
        caller.close()
        assert hung_up({"localaws.socket": here})
        here.close()
        assert hung_up({"localaws.socket": here})

    def test_the_end_of_localaws_sends_them_away(self, world_of: WorldOf) -> None:
        world = world_of(StepFunctions, time_scale=1.0)
        states: Any = world.client("stepfunctions")
        activity = states.create_activity(name="a")["activityArn"]
        asked = threading.Event()
        world.front_door.intercept(lambda call: asked.set() if call.operation == "GetActivityTask" else None)
        with ThreadPoolExecutor(1) as pool:
            given = pool.submit(states.get_activity_task, activityArn=activity)
            assert asked.wait(60)
            world.service(StepFunctions).stop()
            assert "taskToken" not in given.result(50)


def fault(world: World, **effect: Any) -> str:
    """Let a fault strike the state S once."""
    document = {"place": "task", "match": {"state": "S"}, "effect": effect, "times": 1}
    return world.faults.add(Fault.read(document)).identity


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


class TestFaults:
    def test_an_answer_is_held_back(self, lab: Lab, activity: str) -> None:
        held = fault(lab.world, kind="hold", made=True)
        execution = lab.start(machine(S=decide(activity)), {"n": 1})
        token, _ = ask(lab, activity)
        lab.states.send_task_success(taskToken=token, output='"held"')
        ended = lab.world.service(StepFunctions)._execution(execution).ended
        assert not ended.wait(0.3)
        assert refusal(lambda: lab.states.send_task_success(taskToken=token, output="2")) == ("TaskTimedOut", GONE)
        lab.world.faults.remove(held)
        assert lab.wait(execution)["output"] == '"held"'

    def test_a_stop_ends_what_is_held(self, lab: Lab, activity: str) -> None:
        held = fault(lab.world, kind="hold", made=True)
        execution = lab.start(machine(S=decide(activity)), {"n": 1})
        token, _ = ask(lab, activity)
        lab.states.send_task_success(taskToken=token, output="1")
        lab.states.stop_execution(executionArn=execution)
        lab.world.faults.remove(held)
        assert lab.wait(execution)["status"] == "ABORTED"

    def test_nobody_gets_a_task_that_is_not_made(self, lab: Lab, activity: str) -> None:
        held = fault(lab.world, kind="hold", made=False)
        execution = lab.start(machine(S=decide(activity)), {"n": 1})
        until(lambda: lab.world.faults.standing()[0].struck == 1)
        assert gets_nothing(lab, activity)
        lab.world.faults.remove(held)
        token, _ = ask(lab, activity)
        lab.states.send_task_success(taskToken=token, output='"after"')
        assert lab.wait(execution)["output"] == '"after"'

    @pytest.mark.parametrize("made", [True, False])
    def test_its_time_passes(self, lab: Lab, activity: str, made: bool) -> None:
        struck = fault(lab.world, kind="time-out", made=made)
        limit = 6000 if made else 600  # a worker's answer has to come before
        execution = lab.start(machine(S=decide(activity, TimeoutSeconds=limit)), {"n": 1})
        if made:
            token, _ = ask(lab, activity)
            lab.states.send_task_success(taskToken=token, output='"lost"')
        else:
            assert gets_nothing(lab, activity)
        ended = lab.wait(execution)
        lab.world.faults.remove(struck)
        assert (ended["status"], ended["error"]) == ("FAILED", "States.Timeout")
