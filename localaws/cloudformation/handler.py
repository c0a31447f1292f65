"""What a resource type is: its properties and attributes, how it is made, changed, removed. See `resources`.

A handler calls nothing but public AWS APIs. Properties that it doesn't list fail the stack by name.
"""

from __future__ import annotations

import secrets
import string
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from botocore.exceptions import ClientError

from localaws.cloudformation.errors import ResourceFailedError
from localaws.cloudformation.shapes import Spec, unknown_properties

Properties = Mapping[str, Any]
_SUFFIX = string.ascii_uppercase + string.digits
_POLL_SECONDS = 0.05


@dataclass
class Context:
    """What a handler works with: clients that act for the caller, the resource's place, the stack's tags."""

    client: Callable[[str], Any]
    """A boto3 client of a service, which acts as the caller or as the stack's role."""
    stack_name: str
    logical_id: str
    region: str
    account: str
    tags: Mapping[str, str] = field(default_factory=dict)
    """The stack's tags, which every resource that can be tagged gets."""
    previous_tags: Mapping[str, str] = field(default_factory=dict)
    """Those it had before, when the stack's tags themselves change."""
    made: Callable[[str], None] = lambda _: None
    """Called as soon as the resource exists, so that a failure afterwards finds it."""
    stopping: threading.Event = field(default_factory=threading.Event)

    def generated_name(self, limit: int = 64, *, lower: bool = False) -> str:
        """`stack-LogicalId-RANDOM` as CloudFormation makes it, cut to the longest name the service takes."""
        suffix = "".join(secrets.choice(_SUFFIX) for _ in range(12))
        room = limit - len(suffix) - 2
        stack = self.stack_name[: max(room - len(self.logical_id), room // 2)]
        name = f"{stack}-{self.logical_id[: room - len(stack)]}-{suffix}"
        return name.lower() if lower else name

    def arn(self, service: str, resource: str) -> str:
        """The ARN of a resource of this account and region."""
        return f"arn:aws:{service}:{self.region}:{self.account}:{resource}"

    def all_tags(self, own: Any) -> dict[str, str]:
        """The resource's own tags (a list of Key and Value, or a map) with the stack's beneath."""
        return tags_of(own, self.tags)

    def tag_list(self, own: Any) -> list[dict[str, str]]:
        """`all_tags` as a list of Key and Value."""
        return [{"Key": key, "Value": value} for key, value in self.all_tags(own).items()]

    def until(self, ready: Callable[[], bool], what: str, seconds: float = 120) -> None:
        """Wait for a condition. Raises `ResourceFailedError` when it doesn't come true in time."""
        deadline = time.monotonic() + seconds
        while not ready():
            if self.stopping.wait(_POLL_SECONDS) or time.monotonic() > deadline:
                raise ResourceFailedError(f"{what} did not stabilize")


def tags_of(own: Any, stack: Mapping[str, str]) -> dict[str, str]:
    """A resource's tags, given as a list of Key and Value or as a map, with its stack's beneath."""
    listed = own if isinstance(own, Mapping) else {tag["Key"]: tag["Value"] for tag in own or ()}
    return {**stack, **{key: str(value) for key, value in listed.items()}}


@dataclass(frozen=True, slots=True)
class Made:
    """A resource that exists: what `Ref` gives and what `Fn::GetAtt` gives."""

    physical_id: str
    attributes: Mapping[str, str] = field(default_factory=dict)


class ResourceType:
    """Base of the handlers. One instance serves all resources of its type."""

    type: ClassVar[str]
    properties: ClassVar[Mapping[str, Spec]]
    required: ClassVar[frozenset[str]] = frozenset()
    create_only: ClassVar[frozenset[str]] = frozenset()
    """Properties whose change makes a new resource in place of the old one."""
    attributes: ClassVar[frozenset[str]] = frozenset()
    name_property: ClassVar[str | None] = None
    """The property that names the resource: with a name of one's own it can't be replaced."""
    gone: ClassVar[frozenset[str]] = frozenset({"ResourceNotFoundException"})
    """Error codes that mean: it is already deleted."""

    def problems(self, properties: Properties, logical_id: str) -> list[str]:
        """What is wrong with a resource's properties, resolved or not, in words that name each."""
        found = [
            f"localaws does not implement the property {logical_id}.{name} of {self.type}"
            for name in properties
            if name not in self.properties
        ]
        for name, value in properties.items():
            if name in self.properties:
                found += [
                    f"localaws does not implement the property {path} of {self.type}"
                    for path in unknown_properties(value, self.properties[name], f"{logical_id}.{name}")
                ]
        missing = sorted(self.required - set(properties))
        return found + [f"{logical_id} ({self.type}) must have the property {name}" for name in missing]

    def replaces(self, old: Properties, wanted: Properties) -> set[str]:
        """The changed properties that make a new resource in place of the old one."""
        return {name for name in self.create_only if old.get(name) != wanted.get(name)}

    def create(self, at: Context, wanted: Properties) -> Made:
        """Make it. `at.made(physical_id)` is called once it exists, if more calls follow."""
        raise NotImplementedError

    def update(self, at: Context, physical_id: str, old: Properties, wanted: Properties) -> Made:
        """Change it from `old` to `wanted`; neither create-only properties nor nothing differ."""
        raise NotImplementedError

    def delete(self, at: Context, physical_id: str, properties: Properties) -> None:
        """Remove it."""
        raise NotImplementedError

    def remove(self, at: Context, physical_id: str, properties: Properties) -> None:
        """`delete`, at peace with a resource that is gone already."""
        try:
            self.delete(at, physical_id, properties)
        except ClientError as error:
            if error.response["Error"]["Code"] not in self.gone:
                raise
