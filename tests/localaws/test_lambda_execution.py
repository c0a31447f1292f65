"""How Lambda runs a function: what it can import and see, and how each way to fail looks to the caller."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from localaws.lambda_.service import Lambda
from localaws.sts.service import Sts
from localaws.world import World
from tests.localaws.lambda_support import ECHO, Metrics, create, invoke, log_messages, wait_updated, zipped

FAULTY = """
import os, sys, time
def handler(event, context):
    kind = event["kind"]
    print("about to", kind)
    if kind == "raise":
        raise ValueError("no such fare")
    if kind == "exit":
        os._exit(7)
    if kind == "end":
        os._exit(0)
    if kind == "abort":
        os.abort()
    if kind == "hang":
        time.sleep(60)
    if kind == "large":
        return "x" * 6_300_000
    if kind == "unserializable":
        return {1, 2}
    return kind
"""


@pytest.fixture
def world(world_of: Callable[..., World]) -> World:
    return world_of(Sts, Lambda, Metrics)


def failure(world: World, event: object, name: str = "faulty") -> dict[str, Any]:
    client: Any = world.client("lambda")
    answer = client.invoke(FunctionName=name, Payload=json.dumps(event))
    assert answer["StatusCode"] == 200
    assert answer["FunctionError"] == "Unhandled"
    body: dict[str, Any] = json.loads(answer["Payload"].read())
    return body


@pytest.mark.parametrize("module", ["moto", "yaml", "cheroot", "localaws", "pytest"])
def test_a_bundle_can_import_nothing_of_the_tools_or_the_repository(world: World, module: str) -> None:
    create(world, "importer", f"import {module}\n{ECHO}")
    error = failure(world, {}, "importer")
    assert error["errorType"] == "Runtime.ImportModuleError"
    assert error["errorMessage"] == f"Unable to import module 'app': No module named '{module}'"
    assert error["stackTrace"] == []
    assert error["requestId"]


def test_a_function_sees_its_bundle_the_runtime_and_nothing_else(world: World) -> None:
    source = """
import boto3, json, os, sys
def handler(event, context):
    return {"variables": dict(os.environ), "path": sys.path, "directory": os.getcwd()}
"""
    create(world, "looker", source, Environment={"Variables": {"MODEL_NAME": "taxi"}})
    seen = invoke(world, "looker")
    variables = seen["variables"]
    task_root = variables["LAMBDA_TASK_ROOT"]
    assert seen["directory"] == task_root
    assert seen["path"][0] == task_root
    repository = str(world.settings.lambda_python.parents[3])
    outside = [p for p in seen["path"][1:] if p.startswith(repository) and "/.venvs/lambda/" not in p]
    assert outside == []
    assert variables["MODEL_NAME"] == "taxi"
    assert variables["AWS_EXECUTION_ENV"] == "AWS_Lambda_python3.13"
    assert variables["AWS_LAMBDA_FUNCTION_VERSION"] == "$LATEST"
    assert variables["AWS_ENDPOINT_URL"] == world.endpoint
    expected = {
        "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_DEFAULT_REGION",
        "AWS_ENDPOINT_URL", "_HANDLER", "AWS_EXECUTION_ENV", "AWS_LAMBDA_FUNCTION_NAME",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_VERSION", "AWS_LAMBDA_INITIALIZATION_TYPE",
        "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME", "AWS_LAMBDA_LOG_FORMAT",
        "AWS_LAMBDA_RUNTIME_API", "AWS_XRAY_CONTEXT_MISSING", "LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR",
        "LANG", "LC_CTYPE", "TZ", "PATH", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE", "TMPDIR", "MODEL_NAME",
        "_X_AMZN_TRACE_ID",
    }  # fmt: skip
    assert set(variables) - expected == set()


def test_a_function_acts_with_its_role(world: World) -> None:
    source = """
import boto3
def handler(event, context):
    boto3.client("sts").get_caller_identity()
    return boto3.client("s3").create_bucket(Bucket="made-by-function")["Location"]
"""
    create(world, "actor", source, Timeout=30)
    assert invoke(world, "actor") == "/made-by-function"
    used = {(p.principal, p.action, p.resource) for p in world.ledger.used()}
    role = "arn:aws:iam::123456789012:role/function-role"
    assert (role, "s3:CreateBucket", "arn:aws:s3:::made-by-function") in used


def test_the_context_is_complete(world: World) -> None:
    source = """
def handler(event, context):
    return {
        "arn": context.invoked_function_arn, "version": context.function_version,
        "memory": context.memory_limit_in_mb, "left": context.get_remaining_time_in_millis(),
        "group": context.log_group_name, "client": context.client_context.custom,
    }
"""
    arn = create(world, "context", source, Timeout=60, MemorySize=256)
    custom = base64.b64encode(json.dumps({"custom": {"who": "me"}}).encode()).decode()
    seen = invoke(world, "context", ClientContext=custom)
    assert seen["arn"] == arn
    assert seen["memory"] == "256"
    assert 30_000 < seen["left"] <= 60_000
    assert seen["client"] == {"who": "me"}
    assert seen["group"] == "/aws/lambda/context"


def test_an_exception_is_reported_and_the_environment_lives_on(world: World) -> None:
    create(world, "faulty", FAULTY)
    error = failure(world, {"kind": "raise"})
    assert (error["errorType"], error["errorMessage"]) == ("ValueError", "no such fare")
    assert "handler" in error["stackTrace"][0]
    assert invoke(world, "faulty", {"kind": "fine"}) == "fine"
    assert world.service(Lambda).pool.processes() == 1


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("exit", "Runtime exited with error: exit status 7"),
        ("end", "Runtime exited without providing a reason"),
        ("abort", "Runtime exited with error: signal: aborted"),
    ],
)
def test_a_crash_is_told_and_the_next_invocation_gets_a_new_environment(world: World, kind: str, reason: str) -> None:
    create(world, "faulty", FAULTY)
    error = failure(world, {"kind": kind})
    assert error["errorType"] == "Runtime.ExitError"
    assert error["errorMessage"].endswith(f"Error: {reason}")
    assert invoke(world, "faulty", {"kind": "fine"}) == "fine"


def test_a_time_out_kills(world: World) -> None:
    create(world, "faulty", FAULTY, Timeout=5)
    error = failure(world, {"kind": "hang"})
    assert error["errorType"] == "Sandbox.Timedout"
    assert error["errorMessage"].endswith("Error: Task timed out after 5.00 seconds")
    assert world.service(Lambda).pool.processes() == 0
    messages = log_messages(world, "/aws/lambda/faulty")
    assert "about to hang" in messages
    assert any(m.startswith("REPORT") and "Status: timeout" in m for m in messages)


def test_a_crash_while_loading_is_told(world: World) -> None:
    create(world, "faulty", f"import os\nos._exit(3)\n{ECHO}")
    error = failure(world, {})
    assert error["errorType"] == "Runtime.ExitError"
    assert error["errorMessage"].endswith("exit status 3")


def test_a_missing_handler_is_told(world: World) -> None:
    create(world, "faulty", "x = 1\n")
    error = failure(world, {})
    assert error["errorType"] == "Runtime.HandlerNotFound"


def test_an_answer_over_six_megabytes_is_refused(world: World) -> None:
    create(world, "faulty", FAULTY, Timeout=10)
    error = failure(world, {"kind": "large"})
    assert error["errorType"] == "Function.ResponseSizeTooLarge"
    assert invoke(world, "faulty", {"kind": "fine"}) == "fine"


def test_an_answer_that_is_no_json_is_refused(world: World) -> None:
    create(world, "faulty", FAULTY)
    assert failure(world, {"kind": "unserializable"})["errorType"] == "Runtime.MarshalError"


@pytest.mark.parametrize(
    ("kind", "size", "refused"),
    [
        ("RequestResponse", 6_291_456, False),
        ("RequestResponse", 6_291_457, True),
        ("Event", 1_048_577, True),
    ],
)
def test_requests_have_a_largest_size(world: World, kind: str, size: int, refused: bool) -> None:
    create(world, "count", "def handler(event, context):\n    return len(event)\n", Timeout=20)
    payload = b'"' + b"x" * (size - 2) + b'"'
    client: Any = world.client("lambda")
    if not refused:
        assert json.loads(client.invoke(FunctionName="count", Payload=payload)["Payload"].read()) == size - 2
        return
    with pytest.raises(ClientError) as caught:
        client.invoke(FunctionName="count", Payload=payload, InvocationType=kind)
    assert caught.value.response["Error"]["Code"] == "RequestTooLargeException"
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 413


def test_a_payload_that_is_no_json_is_refused(world: World) -> None:
    create(world, "echo", ECHO)
    client: Any = world.client("lambda")
    with pytest.raises(client.exceptions.InvalidRequestContentException):
        client.invoke(FunctionName="echo", Payload=b"{nope")


def test_dry_run_runs_nothing(world: World) -> None:
    create(world, "echo", ECHO)
    client: Any = world.client("lambda")
    assert client.invoke(FunctionName="echo", InvocationType="DryRun")["StatusCode"] == 204
    assert world.service(Lambda).pool.processes() == 0
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.invoke(FunctionName="nobody", InvocationType="DryRun")


def test_logs_come_in_order_with_the_lines_of_lambda_itself(world: World) -> None:
    source = """
import logging
print("loading")
def handler(event, context):
    print("grüß dich")
    logging.getLogger().warning("two\\nlines")
    print("no line end", end="")
    return 1
"""
    create(world, "writer", source)
    client: Any = world.client("lambda")
    answer = client.invoke(FunctionName="writer", LogType="Tail")
    tail = base64.b64decode(answer["LogResult"]).decode()
    messages = log_messages(world, "/aws/lambda/writer")
    assert [m.split(" ")[0].split("\t")[0] for m in messages] == [
        "loading", "START", "grüß", "[WARNING]", "no", "END", "REPORT",
    ]  # fmt: skip
    assert messages[3].endswith("two\nlines")
    for part in ("Duration: ", "Billed Duration: ", "Memory Size: 128 MB", "Init Duration: "):
        assert part in messages[-1]
    assert tail == "\n".join(messages) + "\n"
    invoke(world, "writer")
    assert "Init Duration" not in log_messages(world, "/aws/lambda/writer")[-1]
    logs: Any = world.client("logs")
    stream = logs.describe_log_streams(logGroupName="/aws/lambda/writer")["logStreams"][0]["logStreamName"]
    group = "arn:aws:logs:us-east-1:123456789012:log-group:/aws/lambda/writer"
    used = {(p.action, p.resource) for p in world.ledger.used() if p.principal.endswith("role/function-role")}
    assert used == {
        ("logs:CreateLogGroup", group),
        ("logs:CreateLogStream", f"{group}:log-stream:{stream}"),
        ("logs:PutLogEvents", f"{group}:log-stream:{stream}"),
    }


def test_json_logs_go_to_the_group_that_is_named(world: World) -> None:
    source = "import logging\ndef handler(event, context):\n    logging.getLogger().warning('careful')\n"
    logging = {"LogFormat": "JSON", "LogGroup": "shared", "ApplicationLogLevel": "WARN"}
    create(world, "writer", source, LoggingConfig=logging)
    invoke(world, "writer")
    start, warning, report = (json.loads(message) for message in log_messages(world, "shared"))
    assert start["type"] == "platform.start"
    assert (warning["level"], warning["message"]) == ("WARNING", "careful")
    assert report["record"]["status"] == "success"
    logs: Any = world.client("logs")
    stream = logs.describe_log_streams(logGroupName="shared")["logStreams"][0]["logStreamName"]
    assert "/writer[$LATEST]" in stream


def test_environments_are_reused_and_never_shared_at_once(world: World) -> None:
    source = """
import os, threading
def handler(event, context):
    if event:
        os.write(os.open(event["ready"], os.O_WRONLY), b"x")
        os.read(os.open(event["go"], os.O_RDONLY), 1)
    return os.getpid()
"""
    import os

    create(world, "busy", source, Timeout=30)
    assert invoke(world, "busy") == invoke(world, "busy")
    ready, go = world.settings.home / "ready", world.settings.home / "go"
    os.mkfifo(ready)
    os.mkfifo(go)
    found: list[int] = []
    event = {"ready": str(ready), "go": str(go)}
    threads = [threading.Thread(target=lambda: found.append(invoke(world, "busy", event))) for _ in range(3)]
    for thread in threads:
        thread.start()
    with ready.open("rb") as stream:
        assert len(stream.read(3)) == 3  # all three run now
    with go.open("wb") as stream:
        stream.write(b"ggg")
        stream.flush()
        for thread in threads:
            thread.join()
    assert len(set(found)) == 3
    assert world.service(Lambda).pool.processes() == 3


def test_reserved_concurrency_throttles(world: World) -> None:
    create(world, "echo", ECHO)
    client: Any = world.client("lambda")
    client.put_function_concurrency(FunctionName="echo", ReservedConcurrentExecutions=0)
    with pytest.raises(client.exceptions.TooManyRequestsException) as caught:
        client.invoke(FunctionName="echo")
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 429
    assert caught.value.response["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"
    metrics = world.service(Metrics)
    world.service(Lambda).flush()
    assert metrics.total("Throttles", FunctionName="echo") == 1
    assert metrics.total("Invocations", FunctionName="echo") == 0
    client.delete_function_concurrency(FunctionName="echo")
    assert invoke(world, "echo", 5) == 5


def test_new_code_retires_old_environments(world: World) -> None:
    create(world, "echo", ECHO)
    assert invoke(world, "echo", 1) == 1
    client: Any = world.client("lambda")
    client.update_function_code(
        FunctionName="echo", ZipFile=zipped({"app.py": "def handler(event, context):\n    return 'new'\n"})
    )
    wait_updated(world, "echo")
    assert world.service(Lambda).pool.processes() == 0
    assert invoke(world, "echo", 1) == "new"


def test_metrics_by_function_alias_and_version(world: World) -> None:
    create(world, "faulty", FAULTY)
    client: Any = world.client("lambda")
    version = client.publish_version(FunctionName="faulty")["Version"]
    client.create_alias(FunctionName="faulty", Name="live", FunctionVersion=version)
    invoke(world, "faulty:live", {"kind": "fine"})
    invoke(world, "faulty:live", {"kind": "raise"})
    invoke(world, "faulty", {"kind": "fine"})
    world.service(Lambda).flush()
    metrics = world.service(Metrics)
    executed = {"FunctionName": "faulty", "Resource": "faulty:live", "ExecutedVersion": "1"}
    assert metrics.total("Invocations", FunctionName="faulty") == 3
    assert metrics.total("Invocations", **executed) == 2
    assert metrics.total("Errors", **executed) == 1
    assert metrics.total("Errors", FunctionName="faulty", Resource="faulty:live") == 1
    assert metrics.total("Duration", **executed) > 0
    assert metrics.total("Invocations", FunctionName="faulty", Resource="faulty") == 1


def test_embedded_metrics_are_published(world: World) -> None:
    line = {
        "_aws": {
            "Timestamp": 1_750_000_000_000,
            "CloudWatchMetrics": [
                {
                    "Namespace": "SafeDeployment/Predict",
                    "Dimensions": [["Release"]],
                    "Metrics": [{"Name": "Rows", "Unit": "Count"}],
                }
            ],
        },
        "Release": "r1",
        "Rows": [2, 3],
    }
    create(world, "emf", f"def handler(event, context):\n    print({json.dumps(line)!r})\n")
    invoke(world, "emf")
    world.service(Lambda).flush()
    metrics = world.service(Metrics)
    assert metrics.total("Rows", Release="r1") == 5
    assert "SafeDeployment/Predict" in metrics.namespaces()
