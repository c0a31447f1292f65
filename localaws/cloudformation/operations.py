"""Creates, updates and deletes a stack, and takes back what failed. Run by the service in its own thread."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from localaws.cloudformation.actions import Actions
from localaws.cloudformation.errors import ResourceFailedError
from localaws.cloudformation.graph import walk
from localaws.cloudformation.plan import Plan
from localaws.cloudformation.stacks import Resource, Stack

if TYPE_CHECKING:
    from localaws.world import World

log = logging.getLogger("localaws.cloudformation")


@dataclass(frozen=True, slots=True)
class _Step:
    """One change of an update, as its taking back needs it."""

    before: Resource | None
    after: Resource | None
    tried: Mapping[str, Any] | None
    """The properties of an update in place; None when a new resource was made."""


class Operation:
    """One operation on one stack."""

    def __init__(self, world: World, stack: Stack, stopping: threading.Event, role: str | None = None) -> None:
        self._world = world
        self._stack = stack
        self._stopping = stopping
        self._role = role or stack.role
        self._lock = threading.Lock()
        self._steps: list[_Step] = []

    def create(self, plan: Plan, on_failure: str) -> None:
        """Make everything; when something fails, do what `on_failure` says (ROLLBACK, DELETE, DO_NOTHING)."""
        stack = self._stack
        actions = self._actions(plan.tags)

        def one(name: str) -> None:
            planned = plan.resources[name]
            try:
                stack.resources[name] = actions.create(planned, self._wanted(plan, name))
            except ResourceFailedError as failure:
                if failure.resource is not None:
                    stack.resources[name] = failure.resource
                raise

        reason = self._attempt(plan, one, "create")
        if reason is None:
            stack.set_status("CREATE_COMPLETE")
        elif on_failure == "DO_NOTHING":
            stack.set_status("CREATE_FAILED", reason)
        elif on_failure == "DELETE":
            stack.set_status("DELETE_IN_PROGRESS", f"{reason}Delete requested by user.")
            self._delete_all("DELETE", creating=True)
        else:
            stack.set_status("ROLLBACK_IN_PROGRESS", f"{reason}Rollback requested by user.")
            self._delete_all("ROLLBACK", creating=True)

    def update(self, plan: Plan, capabilities: list[str]) -> None:
        """Change what differs, then remove what isn't asked for; after a failure, take it all back."""
        stack = self._stack
        before = dict(stack.resources)
        actions = self._actions(plan.tags)

        def one(name: str) -> None:
            current = before.get(name)
            wanted = self._wanted(plan, name)
            changed = self._change(actions, plan, name, current, wanted)
            if changed is not None:
                stack.resources[name] = changed

        reason = self._attempt(plan, one, "update")
        if reason is not None:
            self._take_back(plan, reason, before)
            return
        removed = [before[name] for name in before if name not in plan.resources]
        replaced = [step.before for step in self._steps if step.before is not None and step.tried is None]
        stack.adopt(plan, capabilities, self._role)
        stack.set_status("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")
        self._clean_up(actions, [(old, old.replace_policy) for old in replaced])
        self._clean_up(actions, [(old, old.deletion_policy) for old in removed])
        for old in removed:
            del stack.resources[old.logical_id]
        stack.set_status("UPDATE_COMPLETE")

    def delete(self, retained: Iterable[str]) -> None:
        """Remove everything, what depends on others first."""
        for name in retained:
            self._stack.resource(name).deletion_policy = "Retain"
        self._delete_all("DELETE", creating=False)

    def _actions(self, tags: Mapping[str, str]) -> Actions:
        return Actions(self._world, self._stack, self._stopping, role=self._role, tags=tags)

    def _wanted(self, plan: Plan, name: str) -> dict[str, Any]:
        resources = self._stack.resources
        scope = plan.scope.with_resources(
            lambda other: resources[other].physical_id,
            lambda other, attribute: resources[other].attributes[attribute],
        )
        wanted: dict[str, Any] = scope.resolve(plan.resources[name].properties)
        return wanted

    def _attempt(self, plan: Plan, one: Any, verb: str) -> str | None:
        """Walk the plan and compute the outputs. The reason of the failure, or None."""
        failures = walk(plan.dependencies, one, self._stopping)
        if failures:
            unforeseen = {k: e for k, e in failures.items() if not isinstance(e, ResourceFailedError)}
            for name, error in unforeseen.items():
                log.error("%s of %s failed: %r", name, self._stack.name, error)
            details = "".join(f" {name}: {error}." for name, error in unforeseen.items())
            return f"The following resource(s) failed to {verb}: [{', '.join(sorted(failures))}].{details} "
        if self._stopping.is_set():
            return "localaws is stopping. "
        resources = self._stack.resources
        scope = plan.scope.with_resources(
            lambda other: resources[other].physical_id,
            lambda other, attribute: resources[other].attributes[attribute],
        )
        self._stack.outputs = resolve_outputs(plan, scope)
        return None

    def _change(
        self, actions: Actions, plan: Plan, name: str, current: Resource | None, wanted: Mapping[str, Any]
    ) -> Resource | None:
        planned = plan.resources[name]
        if current is None:
            return self._create_step(actions, plan, name, None, wanted)
        retagged = plan.tags != self._stack.tags and "Tags" in planned.handler.properties
        if wanted == current.properties and not retagged:
            current.depends_on = planned.depends_on
            current.deletion_policy, current.replace_policy = planned.deletion_policy, planned.replace_policy
            return None
        if planned.handler.replaces(current.properties, wanted):
            named = planned.handler.name_property
            if named is not None and named in wanted and wanted[named] == current.properties.get(named):
                reason = (
                    "CloudFormation cannot update a stack when a custom-named resource requires replacing. "
                    f"Rename {wanted[named]} and update the stack again."
                )
                self._stack.note(current, "UPDATE_FAILED", reason)
                raise ResourceFailedError(reason)
            return self._create_step(actions, plan, name, current, wanted)
        with self._lock:
            self._steps.append(_Step(current, None, wanted))
        changed = actions.update(current, planned, wanted, self._stack.tags)
        with self._lock:
            self._steps = [_Step(current, changed, wanted) if step.before is current else step for step in self._steps]
        return changed

    def _create_step(
        self, actions: Actions, plan: Plan, name: str, current: Resource | None, wanted: Mapping[str, Any]
    ) -> Resource:
        try:
            made = actions.create(plan.resources[name], wanted, replacing=current is not None)
        except ResourceFailedError as failure:
            if failure.resource is not None:
                with self._lock:
                    self._steps.append(_Step(current, failure.resource, None))
            raise
        with self._lock:
            self._steps.append(_Step(current, made, None))
        return made

    def _take_back(self, plan: Plan, reason: str, before: dict[str, Resource]) -> None:
        """Give what was updated its former properties, then remove what was made."""
        stack = self._stack
        stack.set_status("UPDATE_ROLLBACK_IN_PROGRESS", reason)
        actions = self._actions(stack.tags)
        failed = []
        for step in reversed(self._steps):
            if step.before is not None and step.tried is not None:
                try:
                    actions.restore(step.before, step.tried, plan.tags)
                except ResourceFailedError:
                    failed.append(step.before.logical_id)
        stack.resources = before
        if failed:
            stack.set_status("UPDATE_ROLLBACK_FAILED", f"The following resource(s) failed to update: {failed}.")
            return
        stack.set_status("UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS")
        made = [step.after for step in self._steps if step.after is not None and step.tried is None]
        self._clean_up(actions, [(resource, "Delete") for resource in made])
        stack.set_status("UPDATE_ROLLBACK_COMPLETE")

    def _clean_up(self, actions: Actions, resources: list[tuple[Resource, str]]) -> None:
        """Remove resources in reverse order; one that can't be removed is left behind, as on AWS."""
        _delete_in_order(resources, actions, self._stopping)

    def _delete_all(self, verb: str, *, creating: bool) -> None:
        stack = self._stack
        policies = []
        for resource in stack.resources.values():
            if resource.status in ("DELETE_COMPLETE", "DELETE_SKIPPED"):
                continue  # by a deletion that failed elsewhere
            policy = resource.deletion_policy
            if policy == "RetainExceptOnCreate":
                policy = "Delete" if creating else "Retain"
            policies.append((resource, policy))
        failed = _delete_in_order(policies, self._actions(stack.tags), self._stopping)
        if failed or self._stopping.is_set():
            names = f"[{', '.join(sorted(failed))}]"
            stack.set_status(f"{verb}_FAILED", f"The following resource(s) failed to delete: {names}. ")
            return
        for resource in stack.resources.values():
            if resource.status not in ("DELETE_COMPLETE", "DELETE_SKIPPED"):
                resource.status = "DELETE_COMPLETE"
        stack.set_status(f"{verb}_COMPLETE")


def resolve_outputs(plan: Plan, scope: Any) -> dict[str, dict[str, str | None]]:
    """The plan's outputs, resolved."""
    return {
        name: {"Value": scope.resolve(output["Value"]), "Description": output["Description"]}
        for name, output in plan.outputs.items()
    }


def _delete_in_order(resources: list[tuple[Resource, str]], actions: Actions, stopping: threading.Event) -> list[str]:
    """Delete each after those that depend on it; the logical ids of those that could not be."""
    keyed = {f"{resource.logical_id}#{index}": (resource, policy) for index, (resource, policy) in enumerate(resources)}
    graph = {
        key: [other for other, (dependent, _) in keyed.items() if resource.logical_id in dependent.depends_on]
        for key, (resource, _) in keyed.items()
    }
    failures = walk(graph, lambda key: actions.delete(*keyed[key]), stopping, keep_going=True)
    return [keyed[key][0].logical_id for key in failures]
