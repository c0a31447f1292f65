"""Reads a template, JSON or YAML with short forms; checks its sections and attributes by name. For plans.

What isn't known here is refused: were a section or an attribute ignored, a green local deployment would
mean nothing.
"""

from __future__ import annotations

import json
from collections.abc import Hashable
from typing import Any

import yaml

from localaws.cloudformation.errors import invalid

Body = dict[str, Any]

SECTIONS = frozenset(
    {
        "AWSTemplateFormatVersion",
        "Description",
        "Metadata",
        "Parameters",
        "Mappings",
        "Conditions",
        "Transform",
        "Globals",
        "Resources",
        "Outputs",
    }
)
RESOURCE_ATTRIBUTES = frozenset(
    {"Type", "Properties", "DependsOn", "Condition", "Metadata", "DeletionPolicy", "UpdateReplacePolicy"}
)
OUTPUT_ATTRIBUTES = frozenset({"Value", "Description", "Condition"})
LIMITS = {"Resources": 500, "Parameters": 200, "Outputs": 200, "Mappings": 200}
"""AWS's limits on the members of a section."""
POLICIES = frozenset({"Delete", "Retain", "RetainExceptOnCreate"})
SERVERLESS = "AWS::Serverless-2016-10-31"

_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_Base):  # type: ignore[misc]
    """YAML 1.1 as CloudFormation reads it: dates stay text, a key stands once, `!Ref x` is `{"Ref": x}`."""


def _short_form(loader: Any, suffix: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    if suffix in ("Ref", "Condition"):
        return {suffix: value}
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {f"Fn::{suffix}": value}


def _mapping(loader: Any, node: yaml.MappingNode) -> dict[Hashable, Any]:
    loader.flatten_mapping(node)
    keys = [loader.construct_object(key, deep=True) for key, _ in node.value]
    twice = sorted({str(key) for key in keys if keys.count(key) > 1})
    if twice:
        raise invalid(f"Template format error: duplicate keys {twice} in line {node.start_mark.line + 1}")
    found: dict[Hashable, Any] = loader.construct_mapping(node, deep=True)
    return found


_Loader.add_multi_constructor("!", _short_form)
_Loader.add_constructor("tag:yaml.org,2002:timestamp", lambda loader, node: loader.construct_scalar(node))
_Loader.add_constructor("tag:yaml.org,2002:map", _mapping)


def parse(body: str) -> Body:
    """The template as a dictionary with long-form intrinsics. Raises `ValidationError` when it is none."""
    try:
        parsed = json.loads(body) if body.lstrip().startswith("{") else yaml.load(body, _Loader)  # noqa: S506
    except (ValueError, yaml.YAMLError) as error:
        raise invalid(f"Template format error: {error}") from error
    if not isinstance(parsed, dict):
        raise invalid("Template format error: unsupported structure.")
    return parsed


def check(body: Body) -> None:
    """Raise unless every section, resource attribute and output attribute is one that is acted upon."""
    unknown = sorted(set(body) - SECTIONS)
    if unknown:
        raise invalid(f"Template format error: localaws does not implement the template sections {unknown}")
    for section, limit in LIMITS.items():
        if len(body.get(section) or {}) > limit:
            raise invalid(f"Template format error: Number of {section.lower()} is greater than {limit}")
    resources = body.get("Resources")
    if not isinstance(resources, dict) or not resources:
        raise invalid("Template format error: At least one Resources member must be defined.")
    for logical_id, resource in resources.items():
        _check_resource(logical_id, resource)
    for name, output in (body.get("Outputs") or {}).items():
        unknown = sorted(set(output) - OUTPUT_ATTRIBUTES)
        if unknown:
            raise invalid(f"Template format error: localaws does not implement {unknown} of the output {name}")
        if "Value" not in output:
            raise invalid(f"Template format error: Output {name} is malformed: it has no Value.")


def transforms(body: Body) -> list[str]:
    """The names of the template's transforms. Raises when one is not known."""
    named = body.get("Transform", [])
    found = [named] if isinstance(named, str) else list(named)
    unknown = [name for name in found if name != SERVERLESS]
    if unknown:
        raise invalid(f"localaws does not implement the transforms {unknown}; it knows {SERVERLESS}")
    return found


def _check_resource(logical_id: str, resource: Any) -> None:
    if not logical_id.isalnum():
        raise invalid(f"Template format error: Resource name {logical_id} is non alphanumeric.")
    if not isinstance(resource, dict) or "Type" not in resource:
        raise invalid(f"Template format error: [/Resources/{logical_id}] Every Resources object must have a Type.")
    unknown = sorted(set(resource) - RESOURCE_ATTRIBUTES)
    if "UpdatePolicy" in unknown:
        raise invalid(
            f"localaws does not implement UpdatePolicy of {logical_id} ({resource['Type']}): CloudFormation "
            "never moves an alias here, a release does, through CodeDeploy"
        )
    if unknown:
        raise invalid(f"localaws does not implement the attributes {unknown} of {logical_id}")
    for attribute in ("DeletionPolicy", "UpdateReplacePolicy"):
        policy = resource.get(attribute, "Delete")
        if policy not in POLICIES:
            raise invalid(f"localaws does not implement {attribute} {policy!r} of {logical_id}")
