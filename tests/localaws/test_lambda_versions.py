"""Versions, aliases and layers: what is immutable, how traffic is divided, what is refused."""

from __future__ import annotations

import random
import urllib.request
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from localaws.lambda_.service import Lambda
from localaws.world import World
from tests.localaws.lambda_support import ECHO, create, invoke, wait_updated, zipped

WHICH = "import os\ndef handler(event, context):\n    return [os.environ['RELEASE'], context.function_version]\n"


@pytest.fixture
def world(world_of: Callable[..., World]) -> World:
    return world_of(Lambda)


def refused(code: str, call: Callable[..., Any], **params: Any) -> None:
    with pytest.raises(ClientError) as caught:
        call(**params)
    assert caught.value.response["Error"]["Code"] == code


def release(world: World, name: str, value: str) -> str:
    """Set the environment of $LATEST and publish; the version's number."""
    client = world.client("lambda")
    client.update_function_configuration(FunctionName=name, Environment={"Variables": {"RELEASE": value}})
    wait_updated(world, name)
    return str(client.publish_version(FunctionName=name, Description=value)["Version"])


def test_a_version_never_changes(world: World) -> None:
    create(world, "which", WHICH, Environment={"Variables": {"RELEASE": "none"}})
    first, second = release(world, "which", "a"), release(world, "which", "b")
    client = world.client("lambda")
    client.update_function_code(FunctionName="which", ZipFile=zipped({"app.py": ECHO}))
    wait_updated(world, "which")
    assert invoke(world, "which", Qualifier=first) == ["a", "1"]
    assert invoke(world, "which", Qualifier=second) == ["b", "2"]
    assert invoke(world, "which", 3) == 3
    listed = client.list_versions_by_function(FunctionName="which")["Versions"]
    assert [(v["Version"], v["Description"]) for v in listed] == [("$LATEST", ""), ("1", "a"), ("2", "b")]
    refused("ResourceNotFoundException", client.invoke, FunctionName="which", Qualifier="9")


def test_the_same_content_is_the_same_version(world: World) -> None:
    create(world, "which", WHICH, Environment={"Variables": {"RELEASE": "a"}})
    client = world.client("lambda")
    first = client.publish_version(FunctionName="which")
    assert client.publish_version(FunctionName="which", Description="again")["Version"] == first["Version"]
    assert release(world, "which", "b") == "2"
    # AWS compares with the newest version only, so the same content again makes a new one
    assert release(world, "which", "a") == "3"


def test_publishing_guards_the_code_digest(world: World) -> None:
    create(world, "which", WHICH)
    client = world.client("lambda")
    refused("InvalidParameterValueException", client.publish_version, FunctionName="which", CodeSha256="x")
    digest = client.get_function_configuration(FunctionName="which")["CodeSha256"]
    assert client.publish_version(FunctionName="which", CodeSha256=digest)["Version"] == "1"


def test_update_code_can_publish_at_once(world: World) -> None:
    create(world, "which", WHICH)
    client = world.client("lambda")
    made = client.update_function_code(FunctionName="which", ZipFile=zipped({"app.py": ECHO}), Publish=True)
    assert made["Version"] == "1"
    assert invoke(world, "which:1", "x") == "x"


def test_weights_divide_requests_at_random(world: World) -> None:
    """GIVEN an alias with 30 % on a second version WHEN 200 requests come THEN about 60 are served by it."""
    world.service(Lambda).chance = random.Random(20180101)
    create(world, "which", WHICH, Environment={"Variables": {"RELEASE": "none"}})
    first, second = release(world, "which", "a"), release(world, "which", "b")
    client = world.client("lambda")
    client.create_alias(
        FunctionName="which",
        Name="live",
        FunctionVersion=first,
        RoutingConfig={"AdditionalVersionWeights": {second: 0.3}},
    )
    served: Counter[str] = Counter()
    for _ in range(200):
        answer = client.invoke(FunctionName="which", Qualifier="live")
        served[answer["ExecutedVersion"]] += 1
        assert (
            answer["Payload"].read()
            == f'["{"ab"[int(answer["ExecutedVersion"]) - 1]}", "{answer["ExecutedVersion"]}"]'.encode()
        )
    assert served.total() == 200
    assert 40 <= served["2"] <= 80  # three standard deviations
    client.update_alias(FunctionName="which", Name="live", FunctionVersion=second, RoutingConfig={})
    assert {invoke(world, "which:live")[1] for _ in range(10)} == {"2"}


@pytest.mark.parametrize(
    ("version", "weights"),
    [
        ("1", {"1": 0.1}),
        ("1", {"2": 0.1, "3": 0.1}),
        ("1", {"2": 1.1}),
        ("$LATEST", {"1": 0.1}),
        ("1", {"$LATEST": 0.1}),
    ],
)
def test_weights_that_aws_refuses(world: World, version: str, weights: dict[str, float]) -> None:
    create(world, "which", WHICH, Environment={"Variables": {"RELEASE": "none"}})
    for value in "abc":
        release(world, "which", value)
    client = world.client("lambda")
    with pytest.raises(ClientError) as caught:
        client.create_alias(
            FunctionName="which",
            Name="live",
            FunctionVersion=version,
            RoutingConfig={"AdditionalVersionWeights": weights},
        )
    assert caught.value.response["Error"]["Code"] in ("InvalidParameterValueException", "ValidationException")
    refused("ResourceNotFoundException", client.get_alias, FunctionName="which", Name="live")


def test_an_alias_lives_from_create_to_delete(world: World) -> None:
    arn = create(world, "which", WHICH, Environment={"Variables": {"RELEASE": "none"}})
    first, second = release(world, "which", "a"), release(world, "which", "b")
    client = world.client("lambda")
    made = client.create_alias(FunctionName="which", Name="live", FunctionVersion=first, Description="d")
    assert made["AliasArn"] == f"{arn}:live"
    refused(
        "ResourceConflictException",
        client.create_alias,
        FunctionName="which",
        Name="live",
        FunctionVersion=first,
    )
    refused("ResourceConflictException", client.delete_function, FunctionName="which", Qualifier=first)
    moved = client.update_alias(
        FunctionName="which", Name="live", FunctionVersion=second, RevisionId=made["RevisionId"]
    )
    assert (moved["FunctionVersion"], moved["Description"]) == (second, "d")
    refused(
        "PreconditionFailedException",
        client.update_alias,
        FunctionName="which",
        Name="live",
        FunctionVersion=first,
        RevisionId=made["RevisionId"],
    )
    assert client.get_function_configuration(FunctionName="which", Qualifier="live")["Version"] == second
    assert [a["Name"] for a in client.list_aliases(FunctionName="which")["Aliases"]] == ["live"]
    client.delete_function(FunctionName="which", Qualifier=first)
    refused("ResourceNotFoundException", client.invoke, FunctionName="which", Qualifier=first)
    client.delete_alias(FunctionName="which", Name="live")
    refused("ResourceNotFoundException", client.invoke, FunctionName="which", Qualifier="live")
    refused("InvalidParameterValueException", client.delete_function, FunctionName="which", Qualifier="$LATEST")


def test_a_later_layer_covers_an_earlier_one_and_the_bundle_covers_both(world: World) -> None:
    client = world.client("lambda")
    layers = []
    for name, files in {
        "low": {
            "python/shared.py": "WHO = 'low'",
            "python/only_low.py": "WHO = 'low'",
            "python/app_own.py": "WHO = 'low'",
        },
        "high": {
            "python/shared.py": "WHO = 'high'",
            "python/lib/python3.13/site-packages/deep.py": "WHO = 'deep'",
        },
    }.items():
        made = client.publish_layer_version(LayerName=name, Content={"ZipFile": zipped(files)})
        layers.append(made["LayerVersionArn"])
    source = """
import shared, only_low, deep, app_own
def handler(event, context):
    return [shared.WHO, only_low.WHO, deep.WHO, app_own.WHO]
"""
    create(world, "layered", {"app.py": source, "app_own.py": "WHO = 'bundle'"}, Layers=layers)
    assert invoke(world, "layered") == ["high", "low", "deep", "bundle"]
    shown = client.get_function_configuration(FunctionName="layered")["Layers"]
    assert [layer["Arn"] for layer in shown] == layers


def test_a_layer_version_is_immutable_and_stays_with_its_functions(world: World) -> None:
    client = world.client("lambda")
    for number in (1, 2):
        made = client.publish_layer_version(
            LayerName="lib",
            Content={"ZipFile": zipped({"python/lib.py": f"NUMBER = {number}"})},
            CompatibleRuntimes=["python3.13"],
        )
        assert made["Version"] == number
    first = made["LayerArn"] + ":1"
    create(world, "user", "import lib\ndef handler(event, context):\n    return lib.NUMBER\n", Layers=[first])
    client.delete_layer_version(LayerName="lib", VersionNumber=1)
    assert invoke(world, "user") == 1
    refused("ResourceNotFoundException", client.get_layer_version_by_arn, Arn=first)
    assert [v["Version"] for v in client.list_layer_versions(LayerName="lib")["LayerVersions"]] == [2]
    second = client.get_layer_version(LayerName="lib", VersionNumber=2)
    assert second["CompatibleRuntimes"] == ["python3.13"]
    with urllib.request.urlopen(second["Content"]["Location"]) as answer:
        assert len(answer.read()) == second["Content"]["CodeSize"]
    again = client.publish_layer_version(LayerName="lib", Content={"ZipFile": zipped({"python/x.py": ""})})
    assert again["Version"] == 3
