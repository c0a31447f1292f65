"""Lambda's operations on functions: states, revisions, code, what is refused."""

from __future__ import annotations

import time
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from localaws.lambda_ import function_operations
from localaws.lambda_.service import Lambda
from localaws.world import World
from tests.localaws.lambda_support import ECHO, create, invoke, role, wait_updated, zipped

EFS = "arn:aws:elasticfilesystem:us-east-1:123456789012"
OTHER = "def handler(event, context):\n    return 'other'\n"


@pytest.fixture
def world(world_of: Callable[..., World]) -> World:
    return world_of(Lambda)


def refused(code: str, call: Callable[..., Any], **params: Any) -> str:
    """The message of the error that a call gives, which must have this code."""
    with pytest.raises(ClientError) as caught:
        call(**params)
    assert caught.value.response["Error"]["Code"] == code
    return str(caught.value.response["Error"]["Message"])


def basics(world: World, **changes: Any) -> dict[str, Any]:
    return {
        "FunctionName": "echo",
        "Runtime": "python3.12",
        "Role": role(world),
        "Handler": "app.handler",
        "Code": {"ZipFile": zipped({"app.py": ECHO})},
        "Timeout": 30,
        **changes,
    }


def test_a_new_function_is_pending_before_it_is_active(
    world_of: Callable[..., World], monkeypatch: pytest.MonkeyPatch
) -> None:
    world = world_of(Lambda, time_scale=1)
    monkeypatch.setattr(function_operations, "CREATE_SECONDS", 30.0)
    client = world.client("lambda")
    made = client.create_function(**basics(world))
    assert made["State"] == "Pending"
    assert refused("ResourceConflictException", client.invoke, FunctionName="echo").endswith("Pending")
    refused("ResourceConflictException", client.publish_version, FunctionName="echo")
    world.service(Lambda).functions["echo"].ready_at = time.monotonic()  # the 30 s are over
    client.get_waiter("function_active_v2").wait(FunctionName="echo")
    assert invoke(world, "echo", 1) == 1


def test_an_update_is_in_progress_for_a_while_and_the_old_code_serves(
    world_of: Callable[..., World], monkeypatch: pytest.MonkeyPatch
) -> None:
    world = world_of(Lambda, time_scale=1)
    create(world, "echo", ECHO)
    assert invoke(world, "echo", 0) == 0, "warm from here on"
    monkeypatch.setattr(function_operations, "UPDATE_SECONDS", 30.0)
    client = world.client("lambda")
    changed = client.update_function_code(FunctionName="echo", ZipFile=zipped({"app.py": OTHER}))
    assert changed["LastUpdateStatus"] == "InProgress"
    assert invoke(world, "echo", 1) == 1
    message = refused("ResourceConflictException", client.update_function_configuration, FunctionName="echo", Timeout=9)
    assert "An update is in progress" in message
    refused("ResourceConflictException", client.publish_version, FunctionName="echo")
    world.service(Lambda).functions["echo"].ready_at = time.monotonic()  # the 30 s are over
    wait_updated(world, "echo")
    assert invoke(world, "echo", 1) == "other"
    assert client.get_function_configuration(FunctionName="echo")["LastUpdateStatus"] == "Successful"


def test_what_is_configured_is_shown(world: World) -> None:
    settings = {
        "Timeout": 30, "MemorySize": 512, "Description": "says it again", "Architectures": ["arm64"],
        "Environment": {"Variables": {"MODEL_NAME": "taxi"}}, "EphemeralStorage": {"Size": 1024},
        "TracingConfig": {"Mode": "Active"}, "LoggingConfig": {"LogFormat": "JSON"},
    }  # fmt: skip
    create(world, "echo", ECHO, **settings, Tags={"app": "x"})
    shown = world.client("lambda").get_function(FunctionName="echo")
    logging = shown["Configuration"].pop("LoggingConfig")
    assert {name: shown["Configuration"][name] for name in settings if name != "LoggingConfig"} == {
        name: value for name, value in settings.items() if name != "LoggingConfig"
    }
    assert logging == {
        "LogFormat": "JSON",
        "ApplicationLogLevel": "INFO",
        "SystemLogLevel": "INFO",
        "LogGroup": "/aws/lambda/echo",
    }
    assert shown["Tags"] == {"app": "x"}


def test_code_can_be_fetched_back(world: World) -> None:
    archive = zipped({"app.py": ECHO})
    world.client("lambda").create_function(**basics(world, Code={"ZipFile": archive}))
    location = world.client("lambda").get_function(FunctionName="echo")["Code"]["Location"]
    with urllib.request.urlopen(location) as answer:
        assert answer.read() == archive


def test_code_in_s3_is_read_with_the_callers_rights(world: World) -> None:
    s3 = world.client("s3")
    s3.create_bucket(Bucket="code")
    s3.put_object(Bucket="code", Key="echo.zip", Body=zipped({"app.py": ECHO}))
    deployer = "arn:aws:iam::123456789012:role/deployer"
    client = world.client("lambda", role=deployer, session="cd")
    client.create_function(**basics(world, Code={"S3Bucket": "code", "S3Key": "echo.zip"}))
    used = {(p.principal, p.action, p.resource) for p in world.ledger.used()}
    assert (deployer, "s3:GetObject", "arn:aws:s3:::code/echo.zip") in used
    assert (deployer, "iam:PassRole", role(world)) in used
    message = refused(
        "InvalidParameterValueException",
        client.create_function,
        **basics(world, FunctionName="none", Code={"S3Bucket": "code", "S3Key": "nothing.zip"}),
    )
    assert "NoSuchKey" in message


def test_a_revision_that_has_passed_is_refused(world: World) -> None:
    create(world, "echo", ECHO)
    client = world.client("lambda")
    revision = client.get_function_configuration(FunctionName="echo")["RevisionId"]
    client.update_function_configuration(FunctionName="echo", Timeout=5, RevisionId=revision)
    wait_updated(world, "echo")
    refused(
        "PreconditionFailedException",
        client.update_function_configuration,
        FunctionName="echo",
        Timeout=6,
        RevisionId=revision,
    )
    refused("PreconditionFailedException", client.publish_version, FunctionName="echo", RevisionId=revision)
    assert client.get_function_configuration(FunctionName="echo")["Timeout"] == 5


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"VpcConfig": {"SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"]}}, "VpcConfig"),
        (
            {
                "FileSystemConfigs": [
                    {
                        "Arn": f"{EFS}:access-point/fsap-11111111111111111",
                        "LocalMountPath": "/mnt/a",
                    }
                ]
            },
            "FileSystemConfigs",
        ),
        ({"DeadLetterConfig": {"TargetArn": "arn:aws:sns:us-east-1:123456789012:t"}}, "DeadLetterConfig"),
        ({"SnapStart": {"ApplyOn": "PublishedVersions"}}, "SnapStart"),
        ({"PackageType": "Image", "Code": {"ImageUri": "x"}}, "PackageType"),
        ({"Runtime": "nodejs22.x"}, "nodejs22.x"),
    ],
)
def test_what_cannot_be_done_faithfully_is_refused_by_name(world: World, changes: dict[str, Any], named: str) -> None:
    client = world.client("lambda")
    assert named in refused("LocalAwsNotImplemented", client.create_function, **basics(world, **changes))
    refused("ResourceNotFoundException", client.get_function, FunctionName="echo")


def test_neutral_values_of_what_is_not_modelled_are_accepted(world: World) -> None:
    world.client("lambda").create_function(
        **basics(
            world,
            SnapStart={"ApplyOn": "None"},
            VpcConfig={"SubnetIds": [], "SecurityGroupIds": []},
            PackageType="Zip",
        )
    )


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"Timeout": 901}, "ValidationException"),
        ({"MemorySize": 20_000}, "ValidationException"),
        ({"Environment": {"Variables": {"AWS_REGION": "x"}}}, "InvalidParameterValueException"),
        ({"Environment": {"Variables": {"LARGE": "x" * 4100}}}, "InvalidParameterValueException"),
        ({"Code": {"ZipFile": b"no zip"}}, "InvalidParameterValueException"),
        ({"Role": "arn:aws:iam::123456789012:role/nobody"}, "InvalidParameterValueException"),
        (
            {"Layers": ["arn:aws:lambda:us-east-1:123456789012:layer:none:1"]},
            "InvalidParameterValueException",
        ),
        (
            {"LoggingConfig": {"LogFormat": "Text", "ApplicationLogLevel": "INFO"}},
            "InvalidParameterValueException",
        ),
    ],
)
def test_bad_configurations_are_refused(world: World, changes: dict[str, Any], code: str) -> None:
    refused(code, world.client("lambda").create_function, **basics(world, **changes))


def test_a_role_that_lambda_may_not_assume_is_refused(
    world: World, make_role: Callable[[World, str, str], str]
) -> None:
    states = make_role(world, "machine", "states.amazonaws.com")
    message = refused(
        "InvalidParameterValueException", world.client("lambda").create_function, **basics(world, Role=states)
    )
    assert message == "The role defined for the function cannot be assumed by Lambda."


def test_deleting_ends_the_environments(world: World) -> None:
    create(world, "echo", ECHO)
    invoke(world, "echo")
    client = world.client("lambda")
    client.delete_function(FunctionName="echo")
    assert world.service(Lambda).pool.processes() == 0
    refused("ResourceNotFoundException", client.invoke, FunctionName="echo")
    refused("ResourceNotFoundException", client.delete_function, FunctionName="echo")


def test_lists_come_in_pages(world: World) -> None:
    for name in ("c", "a", "b"):
        create(world, name, ECHO)
    client = world.client("lambda")
    pages = client.get_paginator("list_functions").paginate(PaginationConfig={"PageSize": 2})
    assert [[f["FunctionName"] for f in page["Functions"]] for page in pages] == [["a", "b"], ["c"]]


def test_tags_and_concurrency_are_kept(world: World) -> None:
    arn = create(world, "echo", ECHO, Tags={"one": "1"})
    client = world.client("lambda")
    client.tag_resource(Resource=arn, Tags={"two": "2"})
    client.untag_resource(Resource=arn, TagKeys=["one"])
    assert client.list_tags(Resource=arn)["Tags"] == {"two": "2"}
    client.put_function_concurrency(FunctionName="echo", ReservedConcurrentExecutions=4)
    assert client.get_function_concurrency(FunctionName="echo")["ReservedConcurrentExecutions"] == 4
    assert client.get_account_settings()["AccountLimit"]["UnreservedConcurrentExecutions"] == 996
    refused(
        "InvalidParameterValueException",
        client.put_function_concurrency,
        FunctionName="echo",
        ReservedConcurrentExecutions=901,
    )


def test_every_spelling_of_a_name_finds_the_function(world: World) -> None:
    arn = create(world, "echo", ECHO)
    client = world.client("lambda")
    client.publish_version(FunctionName="echo")
    for spelling in ("echo:1", f"{arn}:1", "123456789012:function:echo:1"):
        found = client.get_function_configuration(FunctionName=spelling)
        assert (found["FunctionArn"], found["Version"]) == (f"{arn}:1", "1")
    refused("InvalidParameterValueException", client.get_function, FunctionName="echo:1", Qualifier="2")


def test_an_operation_that_is_not_there_is_named(world: World) -> None:
    message = refused("LocalAwsNotImplemented", world.client("lambda").list_event_source_mappings)
    assert "ListEventSourceMappings" in message
