"""Makes, changes and removes one resource of a stack, with events that tell of it. Called by operations."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from localaws.cloudformation.errors import ResourceFailedError
from localaws.cloudformation.handler import Context, Properties
from localaws.cloudformation.plan import Planned
from localaws.cloudformation.stacks import Resource, Stack
from localaws.errors import AwsError

if TYPE_CHECKING:
    from localaws.world import World

log = logging.getLogger("localaws.cloudformation")
_REPLACING = "Requested update requires the creation of a new physical resource; hence creating one."


class Actions:
    """Acts for one operation on one stack."""

    def __init__(
        self,
        world: World,
        stack: Stack,
        stopping: threading.Event,
        *,
        role: str | None,
        tags: Mapping[str, str],
    ) -> None:
        self._world = world
        self._stack = stack
        self._stopping = stopping
        self._role = role
        self._tags = tags

    def create(self, planned: Planned, wanted: Properties, *, replacing: bool = False) -> Resource:
        """Make a resource. Raises `ResourceFailedError`, which holds what exists all the same."""
        verb = "UPDATE" if replacing else "CREATE"
        resource = Resource(
            planned.logical_id,
            planned.handler,
            wanted,
            planned.depends_on,
            planned.deletion_policy,
            planned.replace_policy,
        )
        self._stack.note(resource, f"{verb}_IN_PROGRESS", _REPLACING if replacing else None)

        def made(physical_id: str) -> None:
            resource.physical_id = physical_id

        try:
            _check(planned, wanted)
            result = planned.handler.create(self._context(planned.logical_id, made), wanted)
        except Exception as error:
            failure = self._failed(resource, f"{verb}_FAILED", error)
            failure.resource = resource
            raise failure from error
        resource.physical_id, resource.attributes = result.physical_id, result.attributes
        self._stack.note(resource, f"{verb}_IN_PROGRESS", "Resource creation Initiated")
        self._stack.note(resource, f"{verb}_COMPLETE")
        return resource

    def update(
        self, resource: Resource, planned: Planned, wanted: Properties, previous_tags: Mapping[str, str]
    ) -> Resource:
        """Change a resource in place; give back what it is now, leaving `resource` as it was."""
        changed = Resource(
            planned.logical_id,
            planned.handler,
            wanted,
            planned.depends_on,
            planned.deletion_policy,
            planned.replace_policy,
            resource.physical_id,
        )
        self._stack.note(changed, "UPDATE_IN_PROGRESS")
        try:
            _check(planned, wanted)
            at = self._context(planned.logical_id, lambda _: None, previous_tags)
            result = planned.handler.update(at, resource.physical_id, resource.properties, wanted)
        except Exception as error:
            raise self._failed(changed, "UPDATE_FAILED", error) from error
        changed.physical_id, changed.attributes = result.physical_id, result.attributes
        self._stack.note(changed, "UPDATE_COMPLETE")
        return changed

    def restore(self, resource: Resource, tried: Properties, tried_tags: Mapping[str, str]) -> None:
        """Give a resource back the properties it had before an update that failed."""
        self._stack.note(resource, "UPDATE_IN_PROGRESS")
        try:
            at = self._context(resource.logical_id, lambda _: None, tried_tags)
            result = resource.handler.update(at, resource.physical_id, tried, resource.properties)
        except Exception as error:
            raise self._failed(resource, "UPDATE_FAILED", error) from error
        resource.attributes = result.attributes
        self._stack.note(resource, "UPDATE_COMPLETE")

    def delete(self, resource: Resource, policy: str) -> None:
        """Remove a resource, unless its policy retains it."""
        if not resource.physical_id:
            return
        if policy == "Retain":
            self._stack.note(resource, "DELETE_SKIPPED")
            return
        self._stack.note(resource, "DELETE_IN_PROGRESS")
        try:
            at = self._context(resource.logical_id, lambda _: None)
            resource.handler.remove(at, resource.physical_id, resource.properties)
        except Exception as error:
            raise self._failed(resource, "DELETE_FAILED", error) from error
        self._stack.note(resource, "DELETE_COMPLETE")

    def _context(self, logical_id: str, made: Any, previous_tags: Mapping[str, str] | None = None) -> Context:
        settings = self._world.settings
        return Context(
            client=lambda service: self._world.client(service, role=self._role, session="AWSCloudFormation"),
            stack_name=self._stack.name,
            logical_id=logical_id,
            region=settings.region,
            account=settings.account,
            tags=self._tags,
            previous_tags=self._tags if previous_tags is None else previous_tags,
            made=made,
            stopping=self._stopping,
        )

    def _failed(self, resource: Resource, status: str, error: Exception) -> ResourceFailedError:
        if isinstance(error, ResourceFailedError):
            reason = str(error)
        elif isinstance(error, AwsError):
            reason = error.message
        elif isinstance(error, (ClientError, BotoCoreError)):
            reason = f'Resource handler returned message: "{error}"'
        else:
            log.exception("%s of %s failed", resource.logical_id, self._stack.name, exc_info=error)
            reason = f"Internal Failure: {error!r}"
        self._stack.note(resource, status, reason)
        return ResourceFailedError(reason)


def _check(planned: Planned, wanted: Properties) -> None:
    problems = planned.handler.problems(wanted, planned.logical_id)
    if problems:
        raise ResourceFailedError("; ".join(problems))
