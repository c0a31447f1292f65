"""Faults over the wire: their API, calls that fail as AWS words it, processes that die, tasks that time out."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError, EndpointConnectionError

from localaws.faults.service import FaultInjection
from localaws.lambda_.service import Lambda
from localaws.page.service import Page
from localaws.run import ALL_SERVICES
from localaws.settings import PERSON_ACCESS_KEY
from localaws.stepfunctions.service import StepFunctions
from localaws.world import World
from tests.localaws.lambda_support import create, invoke, log_messages
from tests.unit.localaws.stepfunctions.machines import machine

PATH = "/_localaws/faults"
WorldOf = Callable[..., World]
MakeRole = Callable[[World, str, str], str]


def ask(world: World, method: str, path: str = PATH, body: Any = None, **headers: str) -> tuple[int, Any]:
    """Speak to the API."""
    data = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
    sent = {"Content-Type": "application/json", **{k.replace("_", "-"): v for k, v in headers.items()}}
    request = urllib.request.Request(f"{world.endpoint}{path}", data=data, headers=sent, method=method)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        text = error.read()
        return error.code, json.loads(text) if text.startswith((b"{", b"[")) else text.decode()


def inject(world: World, effect: dict[str, Any], place: str = "call", **fault: Any) -> str:
    """Set a fault; its id."""
    match = fault.pop("match", {})
    status, answered = ask(world, "POST", body={"place": place, "match": match, "effect": effect, **fault})
    assert status == 201, answered
    return str(answered["id"])


def struck(world: World, identity: str) -> int:
    """How often a fault struck."""
    return int(ask(world, "GET", f"{PATH}/{identity}")[1]["struck"])


def client(world: World, service: str, attempts: int) -> Any:
    """A client as a person has it, with so many attempts."""
    return boto3.client(  # type: ignore[call-overload]
        service,
        endpoint_url=world.endpoint,
        region_name="us-east-1",
        aws_access_key_id=PERSON_ACCESS_KEY,
        aws_secret_access_key=PERSON_ACCESS_KEY,
        config=Config(retries={"mode": "standard", "total_max_attempts": attempts}),
    )


def test_the_api_sets_shows_and_takes_away(world_of: WorldOf) -> None:
    world = world_of(Lambda, Page, FaultInjection)
    assert ask(world, "GET") == (200, [])
    status, made = ask(world, "POST", body={"place": "job", "match": {"job": "*-train"}, "effect": {"kind": "kill"}})
    assert (status, made["struck"], made["times"]) == (201, 0, None)
    other = inject(world, {"kind": "throttle"})
    assert [fault["id"] for fault in ask(world, "GET")[1]] == [made["id"], other]
    assert ask(world, "GET", f"{PATH}/{other}")[1]["place"] == "call"
    assert ask(world, "DELETE", f"{PATH}/{other}") == (200, {"removed": 1})
    assert ask(world, "DELETE", f"{PATH}/{other}")[0] == 404
    assert ask(world, "GET", f"{PATH}/{other}")[0] == 404
    assert ask(world, "DELETE") == (200, {"removed": 1})
    assert ask(world, "DELETE") == (200, {"removed": 0})


@pytest.mark.parametrize(
    ("body", "headers", "status", "words"),
    [
        (b"{", {}, 400, "not JSON"),
        ({"place": "moon"}, {}, 400, "place must be one of"),
        ({"place": "job", "effect": {"kind": "kill"}}, {"Content_Type": "text/plain"}, 415, "application/json"),
        (b" " * 70_000, {}, 413, "at most"),
        ({"place": "job", "effect": {"kind": "kill"}}, {"Host": "evil.example"}, 403, "localhost"),
    ],
)
def test_the_api_refuses_what_is_no_fault_or_comes_from_elsewhere(
    world_of: WorldOf, body: Any, headers: dict[str, str], status: int, words: str
) -> None:
    world = world_of(Lambda, Page, FaultInjection)
    found, answer = ask(world, "POST", body=body, **headers)
    assert found == status
    assert words in str(answer)
    assert ask(world, "GET") == (200, [])
    assert ask(world, "PUT", body={})[0] == 405


CALLS: dict[str, tuple[Callable[[Any], Any], str, str]] = {
    "sagemaker": (lambda c: c.list_models(), "ThrottlingException", "InternalFailure"),
    "lambda": (lambda c: c.list_functions(), "TooManyRequestsException", "ServiceException"),
    "dynamodb": (lambda c: c.list_tables(), "ThrottlingException", "InternalServerError"),
    "s3": (lambda c: c.list_buckets(), "SlowDown", "InternalError"),
    "sns": (lambda c: c.list_topics(), "Throttling", "InternalFailure"),
    "codedeploy": (lambda c: c.list_applications(), "ThrottlingException", "InternalFailure"),
    "scheduler": (lambda c: c.list_schedules(), "ThrottlingException", "InternalServerException"),
    "cloudwatch": (lambda c: c.list_metrics(), "Throttling", "InternalFailure"),
    "stepfunctions": (lambda c: c.list_state_machines(), "ThrottlingException", "InternalFailure"),
    "application-autoscaling": (
        lambda c: c.describe_scalable_targets(ServiceNamespace="sagemaker"),
        "ThrottlingException",
        "InternalServiceException",
    ),
}


def test_each_service_fails_in_its_own_words_and_its_sdk_tries_again(world_of: WorldOf) -> None:
    world = world_of(*ALL_SERVICES)
    for service, (call, throttle, unavailable) in CALLS.items():
        for kind, code in (("throttle", throttle), ("unavailable", unavailable)):
            fault = inject(world, {"kind": kind}, match={"service": service}, times=2)
            with pytest.raises(ClientError) as failed:
                call(client(world, service, attempts=1))
            assert failed.value.response["Error"]["Code"] == code, service
            call(client(world, service, attempts=3))
            assert struck(world, fault) == 2, f"{service}: the SDK took {code} for something to try again"
            call(client(world, service, attempts=1))
    fault = inject(world, {"kind": "error", "code": "ResourceLimitExceeded", "message": "no more"}, times=1)
    with pytest.raises(ClientError, match="no more"):
        client(world, "sagemaker", attempts=3).list_models()
    assert struck(world, fault) == 1, "a permanent error is not tried again"


def test_an_operation_that_is_taken_over_from_a_delegated_service_fails_too(world_of: WorldOf) -> None:
    world = world_of(*ALL_SERVICES)
    logs = client(world, "logs", attempts=1)
    logs.create_log_group(logGroupName="quiet")
    reading = {"service": "logs", "operation": "FilterLogEvents"}
    for effect, error in (({"kind": "throttle"}, ClientError), ({"kind": "lose-answer"}, ConnectionClosedError)):
        fault = inject(world, effect, match=reading, times=1)
        with pytest.raises(error):
            logs.filter_log_events(logGroupName="quiet")
        assert struck(world, fault) == 1
    assert logs.filter_log_events(logGroupName="quiet")["events"] == []


def test_calls_are_late_dropped_or_lose_their_answer(world_of: WorldOf) -> None:
    world = world_of(*ALL_SERVICES)
    topics = {"service": "sns", "operation": "CreateTopic", "parameters": {"Name": "lost-*"}}
    inject(world, {"kind": "drop"}, match=topics, times=1)
    once = client(world, "sns", attempts=1)
    with pytest.raises((ConnectionClosedError, EndpointConnectionError)):
        once.create_topic(Name="lost-1")
    assert once.list_topics()["Topics"] == [], "a dropped call was not served"
    inject(world, {"kind": "lose-answer"}, match=topics, times=1)
    with pytest.raises((ConnectionClosedError, EndpointConnectionError)):
        once.create_topic(Name="lost-2")
    assert [t["TopicArn"].rsplit(":", 1)[1] for t in once.list_topics()["Topics"]] == ["lost-2"], "this one was served"
    inject(world, {"kind": "drop"}, match={"service": "sns"}, times=1)
    assert client(world, "sns", attempts=2).list_topics()["Topics"], "a broken connection is tried again"
    inject(world, {"kind": "delay", "milliseconds": 300}, match={"service": "sns"}, times=1)
    began = time.monotonic()
    once.list_topics()
    assert time.monotonic() - began >= 0.3


ASKS = """
import boto3
def handler(event, context):
    for number in range(3):
        boto3.client("sns").create_topic(Name=f"asked-{number}")
    return "done"
"""


def test_a_function_dies_in_the_middle_of_what_it_does(world_of: WorldOf) -> None:
    world = world_of(*ALL_SERVICES)
    create(world, "asks", ASKS, Timeout=20)
    asked = {"service": "sns", "principal": "*role/function-role"}
    inject(world, {"kind": "crash-caller"}, match=asked, skip=1, times=1)
    died = invoke(world, "asks")
    assert died["errorType"] == "Runtime.ExitError"
    assert "killed" in died["errorMessage"]
    topics = world.client("sns").list_topics()["Topics"]
    assert len(topics) == 1, "it died at its second call"
    assert invoke(world, "asks") == "done", "a fresh environment serves"
    inject(world, {"kind": "crash", "afterMilliseconds": 100}, place="function", match={"function": "sleeps"}, times=1)
    create(
        world, "sleeps", "import time\ndef handler(event, context):\n    time.sleep(event)\n    return 1\n", Timeout=400
    )
    began = time.monotonic()
    assert invoke(world, "sleeps", 300)["errorType"] == "Runtime.ExitError"
    assert time.monotonic() - began < 100
    assert invoke(world, "sleeps", 0) == 1


def test_what_a_function_logs_after_a_lost_write_is_kept(world_of: WorldOf) -> None:
    world = world_of(*ALL_SERVICES)
    create(world, "says", "def handler(event, context):\n    print(f'said {event}')\n")
    invoke(world, "says", "first")
    said = ["said first"]
    assert [line.strip() for line in log_messages(world, "/aws/lambda/says") if "said" in line] == said
    writing = inject(world, {"kind": "drop"}, match={"service": "logs", "operation": "PutLogEvents"}, times=1)
    invoke(world, "says", "lost")
    world.service(Lambda).flush()
    assert struck(world, writing) == 1
    invoke(world, "says", "second")
    said += ["said second"]
    assert [line.strip() for line in log_messages(world, "/aws/lambda/says") if "said" in line] == said


def test_a_tasks_time_passes_with_its_request_made_or_not(world_of: WorldOf, make_role: MakeRole) -> None:
    world = world_of(*ALL_SERVICES)
    role = make_role(world, "machine", "states.amazonaws.com")
    topic = {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:sns:createTopic",
        "Arguments": {"Name": "of-a-task"},
        "TimeoutSeconds": 300,
    }
    states = world.client("stepfunctions")
    made = states.create_state_machine(name="topics", definition=json.dumps(machine(Make=topic)), roleArn=role)

    def run(stop: bool = False) -> dict[str, Any]:
        execution = states.start_execution(stateMachineArn=made["stateMachineArn"])["executionArn"]
        if stop:
            while not any(fault["struck"] for fault in ask(world, "GET")[1]):
                time.sleep(0.02)
            states.stop_execution(executionArn=execution)
        assert world.service(StepFunctions)._execution(execution).ended.wait(60)
        return dict(states.describe_execution(executionArn=execution))

    def topics() -> int:
        return len(world.client("sns").list_topics()["Topics"])

    match = {"state": "Make", "machine": "topics"}
    inject(world, {"kind": "time-out", "made": False}, place="task", match=match, times=1)
    began = time.monotonic()
    ended = run()
    assert (ended["status"], ended["error"]) == ("FAILED", "States.Timeout")
    assert 0.4 < time.monotonic() - began < 200, "300 s at a time scale of 600"
    assert topics() == 0
    inject(world, {"kind": "time-out", "made": True}, place="task", match=match, times=1)
    assert run()["error"] == "States.Timeout"
    assert topics() == 1, "its request took effect all the same"
    ask(world, "DELETE")
    inject(world, {"kind": "hold", "made": False}, place="task", match=match, times=1)
    assert run(stop=True)["status"] == "ABORTED"
    assert run()["status"] == "SUCCEEDED"
