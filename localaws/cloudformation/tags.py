"""Tags of resources, at creation and when they change. Services differ in names only: one table serves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from botocore import xform_name

from localaws.cloudformation.handler import Context, tags_of
from localaws.cloudformation.shapes import input_shape, operation

_CALLS = {
    "sagemaker": ("AddTags", "DeleteTags", "ResourceArn"),
    "lambda": ("TagResource", "UntagResource", "Resource"),
    "kms": ("TagResource", "UntagResource", "KeyId"),
    "iam": ("TagRole", "UntagRole", "RoleName"),
    "ssm": ("AddTagsToResource", "RemoveTagsFromResource", "ResourceId"),
}


def create_member(service: str, operation_name: str, tags: Mapping[str, str]) -> dict[str, Any]:
    """The tags as a member of a call's input, in the service's own form; nothing when there are none."""
    if not tags:
        return {}
    shape = operation(service, operation_name).input_shape
    assert shape is not None
    member = next(name for name in shape.members if name.lower() == "tags")
    return {member: _formed(shape.members[member], tags)}


def retag(
    at: Context, service: str, resource: str, old: Any, wanted: Any, *, extra: Mapping[str, str] | None = None
) -> None:
    """Make a resource's tags those of `wanted`. `extra` are further members that the service's calls need."""
    before, after = tags_of(old, at.previous_tags), tags_of(wanted, at.tags)
    tag, untag, identifier = _CALLS.get(service, ("TagResource", "UntagResource", ""))
    shape = input_shape(service, tag)
    identifier = identifier or next(name for name in shape.members if name.lower() == "resourcearn")
    client = at.client(service)
    common = {identifier: resource, **(extra or {})}
    removed = sorted(set(before) - set(after))
    added = {key: value for key, value in after.items() if before.get(key) != value}
    if removed:
        keys = next(name for name in input_shape(service, untag).members if name.lower() == "tagkeys")
        getattr(client, xform_name(untag))(**common, **{keys: removed})
    if added:
        getattr(client, xform_name(tag))(**common, **create_member(service, tag, added))


def _formed(shape: Any, tags: Mapping[str, str]) -> Any:
    if shape.type_name == "map":
        return dict(tags)
    names = {name.lower().removeprefix("tag"): name for name in shape.member.members}
    return [{names["key"]: key, names["value"]: value} for key, value in tags.items()]
