"""Makes change sets: what a template would do to a stack, or why it can't. Called by the service."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from localaws.cloudformation import template, templates
from localaws.cloudformation.changes import foresee
from localaws.cloudformation.stacks import ChangeSet, Stack
from localaws.errors import AwsError, NotModelledError

if TYPE_CHECKING:
    from localaws.world import World

__all__ = ["foresee", "make", "tags_of"]

EMPTY = "The submitted information didn't contain changes. Submit different information to create a change set."


def make(world: World, stack: Stack, params: Mapping[str, Any], kind: str, arn: str) -> ChangeSet:
    """A change set, complete or failed. Raises what AWS answers at once: that a template is none, say.

    As on AWS, what is wrong with a template that has a transform shows in the change set's status.
    """
    if params["ChangeSetName"] in stack.change_sets:
        raise AwsError("AlreadyExistsException", f"ChangeSet {params['ChangeSetName']} already exists")
    if kind == "UPDATE" and params.get("OnStackFailure", "ROLLBACK") != "ROLLBACK":
        raise NotModelledError(f"an update with OnStackFailure {params['OnStackFailure']}")
    text = templates.text_of(world, params, stack)
    tags = tags_of(params, stack.tags)
    given = params.get("Parameters", [])
    change = ChangeSet(
        name=params["ChangeSetName"],
        id=arn,
        type=kind,
        status="CREATE_COMPLETE",
        reason=None,
        plan=None,
        changes=[],
        parameters=given,
        tags=tags,
        capabilities=params.get("Capabilities", []),
        description=params.get("Description"),
        on_failure=params.get("OnStackFailure", "ROLLBACK"),
        role=params.get("RoleARN"),
    )
    transformed = bool(template.transforms(template.parse(text)))
    try:
        plan = templates.make(world, stack, text, given, tags, update=kind == "UPDATE")
        templates.acknowledge(plan, change.capabilities, direct=False)
        change.changes, anything = foresee(stack, plan)
    except AwsError as error:
        if not transformed or error.code != "ValidationError":
            raise
        change.status, change.reason = "FAILED", error.message
        return change
    change.plan = plan
    change.parameters = [
        {"ParameterKey": name, "ParameterValue": parameter.shown} for name, parameter in plan.parameters.items()
    ]
    if not anything:
        change.status, change.reason = "FAILED", EMPTY
    return change


def tags_of(params: Mapping[str, Any], previous: Mapping[str, str]) -> dict[str, str]:
    """The stack's tags that a call asks for; those it had before when the call names none."""
    given = params.get("Tags")
    return {tag["Key"]: tag["Value"] for tag in given} if given else dict(previous)
