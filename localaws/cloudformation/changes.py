"""Foresees what an update will do: the changes that a change set shows, and whether there are any."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from localaws.cloudformation.errors import invalid
from localaws.cloudformation.graph import order
from localaws.cloudformation.intrinsics import UNKNOWN, has_unknown
from localaws.cloudformation.operations import resolve_outputs
from localaws.cloudformation.plan import Plan, Planned
from localaws.cloudformation.stacks import Resource, Stack

Change = dict[str, Any]


def foresee(stack: Stack, plan: Plan) -> tuple[list[Change], bool]:
    """The changes by resource, and whether the update would do anything at all (outputs and tags count)."""
    _check_types(stack, plan)
    renewed: set[str] = set()
    """Resources whose ids and attributes nobody knows yet."""

    def reference(name: str) -> Any:
        return UNKNOWN if name in renewed else stack.resources[name].physical_id

    def attribute(name: str, key: str) -> Any:
        return UNKNOWN if name in renewed else stack.resources[name].attributes[key]

    scope = plan.scope.with_resources(reference, attribute)
    found: list[Change] = []
    for name in order(plan.dependencies):
        planned = plan.resources[name]
        current = stack.resources.get(name)
        if current is None:
            renewed.add(name)
            found.append(_change("Add", name, planned.handler.type))
            continue
        wanted = scope.resolve(planned.properties)
        change = _modification(current, planned, wanted, retagged=plan.tags != stack.tags)
        if change is not None:
            found.append(change)
            if change["Replacement"] != "False":
                renewed.add(name)
    for name, resource in stack.resources.items():
        if name not in plan.resources:
            action = "Retain" if resource.deletion_policy != "Delete" else "Delete"
            change = _change("Remove", name, resource.handler.type, resource.physical_id)
            found.append({**change, "PolicyAction": action})
    anything = bool(found) or plan.tags != stack.tags or resolve_outputs(plan, scope) != stack.outputs
    return found, anything


def _check_types(stack: Stack, plan: Plan) -> None:
    retyped = [
        name
        for name, planned in plan.resources.items()
        if name in stack.resources and stack.resources[name].handler.type != planned.handler.type
    ]
    if retyped:
        raise invalid(
            "Update of resource type is not permitted. The new template modifies resource type of the "
            f"following resources: [{', '.join(retyped)}]"
        )


def _modification(current: Resource, planned: Planned, wanted: Mapping[str, Any], *, retagged: bool) -> Change | None:
    changed = sorted(
        name
        for name in {*wanted, *current.properties}
        if has_unknown(wanted.get(name)) or wanted.get(name) != current.properties.get(name)
    )
    scope = ["Properties"] if changed else []
    if retagged and "Tags" in planned.handler.properties:
        scope.append("Tags")
    if planned.deletion_policy != current.deletion_policy:
        scope.append("DeletionPolicy")
    if planned.replace_policy != current.replace_policy:
        scope.append("UpdateReplacePolicy")
    if not scope:
        return None
    renewing = planned.handler.replaces(current.properties, wanted)
    certain = any(not has_unknown(wanted.get(name)) for name in renewing)
    change = _change("Modify", current.logical_id, current.handler.type, current.physical_id)
    details = [
        {
            "Target": {
                "Attribute": "Properties",
                "Name": name,
                "RequiresRecreation": "Always" if name in renewing else "Never",
            },
            "Evaluation": "Dynamic" if has_unknown(wanted.get(name)) else "Static",
            "ChangeSource": "DirectModification",
        }
        for name in changed
    ]
    replacement = "True" if certain else "Conditional" if renewing else "False"
    return {**change, "Replacement": replacement, "Scope": scope, "Details": details}


def _change(action: str, name: str, kind: str, physical_id: str | None = None) -> Change:
    found: Change = {
        "Action": action,
        "LogicalResourceId": name,
        "ResourceType": kind,
        "Scope": [],
        "Details": [],
    }
    return {**found, "PhysicalResourceId": physical_id} if physical_id else found
