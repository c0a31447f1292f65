"""The handlers' tables against AWS's own resource schemas, as cfn-lint carries them."""

from __future__ import annotations

from typing import Any

import pytest
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER  # type: ignore[import-untyped]

from localaws.cloudformation.handler import ResourceType
from localaws.cloudformation.resources import TYPES
from localaws.cloudformation.shapes import FREE, Api

HANDLERS = sorted(TYPES.items())
REPLACED_ALL_THE_SAME = {
    ("AWS::DynamoDB::Table", "KeySchema"),  # create-only under a condition, in the schema
    ("AWS::Scheduler::Schedule", "GroupName"),  # the API can't move a schedule
    ("AWS::Logs::LogGroup", "LogGroupClass"),  # the API can't change a class
}
ATTRIBUTES_BEYOND_THE_SCHEMA = {
    "AWS::StepFunctions::Activity": {"Name"},  # the user guide has it
    "AWS::SNS::Topic": {"TopicName"},  # the user guide has it
    "AWS::SSM::Parameter": {"Type", "Value"},  # the user guide has them
}


def schema(name: str) -> dict[str, Any]:
    found: dict[str, Any] = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", name).schema
    return found


def names(found: dict[str, Any], key: str) -> set[str]:
    pointers = (pointer.removeprefix("/properties/") for pointer in found.get(key) or ())
    return {pointer for pointer in pointers if "/" not in pointer}


@pytest.mark.parametrize(("name", "handler"), HANDLERS)
def test_properties_attributes_and_replacement_are_awss(name: str, handler: ResourceType) -> None:
    aws = schema(name)
    read_only = names(aws, "readOnlyProperties")
    settable = set(aws["properties"]) - read_only
    assert set(handler.properties) <= settable
    assert handler.attributes <= read_only | ATTRIBUTES_BEYOND_THE_SCHEMA.get(name, set())
    assert set(aws.get("required") or ()) <= handler.required
    theirs = names(aws, "createOnlyProperties") & set(handler.properties)
    extra = {prop for kind, prop in REPLACED_ALL_THE_SAME if kind == name}
    assert handler.create_only == theirs | extra
    assert handler.name_property is None or handler.name_property in handler.create_only


def nested(spec: Any) -> set[str]:
    inner = spec[0] if isinstance(spec, list) else spec
    return set(inner) if isinstance(inner, dict) else set()


@pytest.mark.parametrize(("name", "handler"), HANDLERS)
def test_nested_properties_exist(name: str, handler: ResourceType) -> None:
    aws = schema(name)

    def members(node: dict[str, Any]) -> set[str]:
        while "$ref" in node or "items" in node:
            name = node.get("$ref", "").rsplit("/", 1)[-1]
            node = aws["definitions"][name] if name else node["items"]
        return set(node.get("properties", ()))

    for prop, spec in handler.properties.items():
        if isinstance(spec, Api):
            assert spec.shape is not None
        elif spec is not FREE:
            assert nested(spec) <= members(aws["properties"][prop]), prop
