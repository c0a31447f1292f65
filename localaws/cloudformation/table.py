"""The handler of most types: properties → one call, a name, an ARN. A new type is a class of a few lines.

class Application(Table):
    type = "AWS::CodeDeploy::Application"
    service, name = "codedeploy", "ApplicationName"
    create_call, update_call, delete_call = "CreateApplication", None, "DeleteApplication"
    own = ("ApplicationName", "ComputePlatform")
    create_only = frozenset({"ApplicationName", "ComputePlatform"})
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from botocore import xform_name

from localaws.cloudformation.handler import Context, Made, Properties, ResourceType
from localaws.cloudformation.shapes import FREE, Api, Spec, call, input_shape
from localaws.cloudformation.tags import create_member, retag


class Table(ResourceType):
    """A type whose properties are the members of its API's calls."""

    service: ClassVar[str]
    name: ClassVar[str]
    """The property that names it; generated when the template gives none."""
    name_limit: ClassVar[int] = 64
    create_call: ClassVar[str]
    update_call: ClassVar[str | None]
    """None when nothing but its tags can be changed in place."""
    delete_call: ClassVar[str]
    delete_with: ClassVar[tuple[str, ...]] = ()
    """Properties that the delete call needs; the name alone when empty."""
    own: ClassVar[tuple[str, ...]]
    """Its properties, without Tags."""
    renamed: ClassVar[Mapping[str, str]] = {}
    """Property → the API's member, where more than the letter case differs."""
    specs: ClassVar[Mapping[str, Spec]] = {}
    """Properties whose inside the API's model doesn't tell."""
    tagged: ClassVar[bool] = False
    arn_format: ClassVar[str] = ""
    """The resource part of its ARN, such as `alarm:{}`; the attribute `Arn` comes from it."""

    def __init_subclass__(cls) -> None:
        specs: dict[str, Spec] = {
            name: Api(cls.service, cls.create_call, cls.renamed.get(name, name)) for name in cls.own
        }
        specs.update(cls.specs)
        cls.properties = {**specs, "Tags": FREE} if cls.tagged else specs
        if cls.name_property is None:
            cls.name_property = cls.name

    def create(self, at: Context, wanted: Properties) -> Made:
        name = str(wanted.get(self.name) or at.generated_name(self.name_limit))
        values = self.values(at, name, wanted)
        if self.tagged:
            values.update(create_member(self.service, self.create_call, at.all_tags(wanted.get("Tags"))))
        answer = self.send(at, self.create_call, values)
        at.made(name)
        return Made(name, self.describe(at, name, wanted, answer))

    def update(self, at: Context, physical_id: str, old: Properties, wanted: Properties) -> Made:
        if self.update_call and any(old.get(p) != wanted.get(p) for p in self.own):
            self.send(at, self.update_call, self.update_values(at, physical_id, old, wanted))
        if self.tagged:
            retag(at, self.service, self.arn(at, physical_id, wanted), old.get("Tags"), wanted.get("Tags"))
        return Made(physical_id, self.describe(at, physical_id, wanted, {}))

    def delete(self, at: Context, physical_id: str, properties: Properties) -> None:
        named = {self.renamed.get(p, p): properties.get(p) for p in self.delete_with}
        self.send(at, self.delete_call, {**named, self.renamed.get(self.name, self.name): physical_id})

    def values(self, at: Context, name: str, wanted: Properties) -> dict[str, Any]:
        """The properties as the API names them."""
        found = {self.renamed.get(p, p): wanted[p] for p in self.own if p in wanted}
        return {**found, self.renamed.get(self.name, self.name): name}

    def update_values(
        self,
        at: Context,
        name: str,
        old: Properties,
        wanted: Properties,
    ) -> dict[str, Any]:
        """The input of the update call: as at creation, without what that call doesn't take."""
        assert self.update_call is not None
        members = {member.lower() for member in input_shape(self.service, self.update_call).members}
        return {k: v for k, v in self.values(at, name, wanted).items() if k.lower() in members}

    def send(self, at: Context, operation: str, values: Mapping[str, Any]) -> dict[str, Any]:
        """Make one call of the service."""
        method = getattr(at.client(self.service), xform_name(operation))
        answer: dict[str, Any] = method(**call(self.service, operation, values))
        return answer

    def arn(self, at: Context, name: str, wanted: Properties) -> str:
        """Its ARN."""
        return at.arn(self.service, self.arn_format.format(name, **wanted))

    def describe(
        self,
        at: Context,
        name: str,
        wanted: Properties,
        answer: Mapping[str, Any],
    ) -> dict[str, str]:
        """Its attributes; `answer` is the create call's, empty after an update."""
        return {"Arn": self.arn(at, name, wanted)} if "Arn" in self.attributes else {}
