"""What a template asks for, once its parameters are known: checked resources in order. For change sets.

Everything that can be known before the first resource is made is checked here: types, properties, attributes,
references, circles. A plan that exists names nothing that localaws would ignore.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from localaws.cloudformation import graph, template
from localaws.cloudformation.errors import invalid
from localaws.cloudformation.handler import ResourceType
from localaws.cloudformation.intrinsics import Scope, references
from localaws.cloudformation.parameters import Parameter
from localaws.cloudformation.resources import TYPES
from localaws.cloudformation.template import Body


@dataclass(frozen=True, slots=True)
class Planned:
    """A resource that the template asks for, its conditions decided."""

    logical_id: str
    handler: ResourceType
    properties: dict[str, Any]
    """With functions, but without `Fn::If`."""
    depends_on: frozenset[str]
    deletion_policy: str
    replace_policy: str


@dataclass(frozen=True, slots=True)
class Plan:
    """A whole template, ready to be carried out."""

    original: str
    processed: Body
    parameters: Mapping[str, Parameter]
    scope: Scope
    resources: Mapping[str, Planned]
    outputs: Mapping[str, Body]
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def dependencies(self) -> dict[str, frozenset[str]]:
        """Each resource's logical id with those it depends on."""
        return {name: planned.depends_on for name, planned in self.resources.items()}

    def capabilities(self) -> list[str]:
        """What the caller must acknowledge: IAM resources, and those with names of their own."""
        found = set()
        for planned in self.resources.values():
            if planned.handler.type.startswith("AWS::IAM::"):
                named = planned.handler.name_property in planned.properties
                found.add("CAPABILITY_NAMED_IAM" if named else "CAPABILITY_IAM")
        return ["CAPABILITY_NAMED_IAM"] if "CAPABILITY_NAMED_IAM" in found else sorted(found)


def build(
    original: str,
    body: Body,
    parameters: Mapping[str, Parameter],
    pseudo: Mapping[str, Any],
    tags: Mapping[str, str],
) -> Plan:
    """The plan of a template whose transforms are done. Raises `ValidationError` naming what is wrong."""
    template.check(body)
    values = {**pseudo, **{name: parameter.referenced for name, parameter in parameters.items()}}
    scope = Scope(values, body.get("Mappings") or {}, body.get("Conditions") or {})
    active = {
        name: resource
        for name, resource in body["Resources"].items()
        if "Condition" not in resource or scope.holds(str(resource["Condition"]))
    }
    _check_types(active)
    known = {*values, *body["Resources"], "AWS::NoValue"}
    resources = {name: _planned(name, resource, scope, active, known) for name, resource in active.items()}
    problems = [
        problem
        for planned in resources.values()
        for problem in planned.handler.problems(planned.properties, planned.logical_id)
    ]
    if problems:
        raise invalid("; ".join(problems))
    outputs = _outputs(body, scope, active, known)
    graph.order({name: planned.depends_on for name, planned in resources.items()})
    return Plan(original, body, parameters, scope, resources, outputs, tags)


def _check_types(active: Mapping[str, Body]) -> None:
    unknown = [f"{name} ({body['Type']})" for name, body in active.items() if body["Type"] not in TYPES]
    if unknown:
        raise invalid(f"localaws does not implement the resource types of {', '.join(unknown)}")


def _planned(name: str, body: Body, scope: Scope, active: Mapping[str, Body], known: set[str]) -> Planned:
    given = body.get("Properties") or {}
    _check_names(given, known, "Resources")
    properties = scope.prune(given)
    explicit = body.get("DependsOn", [])
    named = [explicit] if isinstance(explicit, str) else list(explicit)
    _check_names([{"Ref": other} for other in named], known, "Resources")
    implicit = _used_resources(properties, scope, active, "Resources")
    policy = body.get("DeletionPolicy", "Delete")
    return Planned(
        logical_id=name,
        handler=TYPES[body["Type"]],
        properties=properties,
        depends_on=frozenset(implicit | {other for other in named if other in active}),
        deletion_policy=policy,
        replace_policy=body.get("UpdateReplacePolicy", "Delete"),
    )


def _outputs(body: Body, scope: Scope, active: Mapping[str, Body], known: set[str]) -> dict[str, Body]:
    found = {}
    for name, output in (body.get("Outputs") or {}).items():
        if "Condition" in output and not scope.holds(str(output["Condition"])):
            continue
        _check_names(output["Value"], known, "Outputs")
        value = scope.prune(output["Value"])
        _used_resources(value, scope, active, "Outputs")
        found[name] = {"Value": value, "Description": output.get("Description")}
    return found


def _check_names(value: Any, known: set[str], section: str) -> None:
    missing = sorted({name for name, _ in references(value)} - known)
    if missing:
        raise invalid(
            f"Template format error: Unresolved resource dependencies {_listed(missing)} in the {section} "
            "block of the template"
        )


def _used_resources(value: Any, scope: Scope, active: Mapping[str, Body], section: str) -> set[str]:
    used = set()
    for name, attribute in references(value):
        if name in scope.values and attribute is None:
            continue
        if name not in active:
            raise invalid(
                f"Template format error: Unresolved resource dependencies [{name}] in the {section} "
                "block of the template"
            )
        handler = TYPES[active[name]["Type"]]
        if attribute is not None and attribute not in handler.attributes:
            raise invalid(f"Template error: resource {name} does not support attribute type {attribute} in Fn::GetAtt")
        used.add(name)
    return used


def _listed(names: list[str]) -> str:
    return f"[{', '.join(names)}]"
