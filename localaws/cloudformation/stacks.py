"""What is known of a stack: resources, events, outputs, change sets. For operations and the API."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from localaws.cloudformation.errors import invalid
from localaws.cloudformation.handler import ResourceType
from localaws.cloudformation.parameters import Parameter
from localaws.cloudformation.plan import Plan
from localaws.cloudformation.template import Body

STACK = "AWS::CloudFormation::Stack"
_TICK = timedelta(milliseconds=1)


@dataclass
class Resource:
    """A resource as it was last deployed."""

    logical_id: str
    handler: ResourceType
    properties: Mapping[str, Any]
    """All functions resolved."""
    depends_on: frozenset[str]
    deletion_policy: str
    replace_policy: str
    physical_id: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)
    status: str = ""
    reason: str | None = None
    updated: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass(frozen=True, slots=True)
class Event:
    """A line of a stack's history."""

    event_id: str
    timestamp: datetime
    logical_id: str
    physical_id: str
    type: str
    status: str
    reason: str | None


@dataclass
class ChangeSet:
    """A change set: a plan that waits for its execution, or the reason why there is none."""

    name: str
    id: str
    type: str
    status: str
    reason: str | None
    plan: Plan | None
    changes: list[dict[str, Any]]
    parameters: list[dict[str, Any]]
    tags: Mapping[str, str]
    capabilities: list[str]
    description: str | None
    on_failure: str
    role: str | None
    created: datetime = field(default_factory=lambda: datetime.now(UTC))
    executed: bool = False


class Stack:
    """One stack, alive or deleted. Its parts are replaced whole, so readers need no lock."""

    def __init__(self, name: str, arn: str) -> None:
        self.name = name
        self.id = arn
        self.created = datetime.now(UTC)
        self.updated: datetime | None = None
        self.deleted: datetime | None = None
        self.status = ""
        self.reason: str | None = None
        self.description: str | None = None
        self.original = ""
        self.processed: Body = {}
        self.parameters: Mapping[str, Parameter] = {}
        self.tags: Mapping[str, str] = {}
        self.capabilities: list[str] = []
        self.outputs: dict[str, dict[str, str | None]] = {}
        self.resources: dict[str, Resource] = {}
        self.change_sets: dict[str, ChangeSet] = {}
        self.events: list[Event] = []
        self.role: str | None = None
        self.protected = False
        self.disable_rollback = False
        self._lock = threading.Lock()
        self._settled = threading.Event()

    def set_status(self, status: str, reason: str | None = None) -> None:
        """The stack's own status, with its event. Readers see the status before its event."""
        self.status, self.reason = status, reason
        if status == "DELETE_COMPLETE":
            self.deleted = datetime.now(UTC)
        self._record(self.name, self.id, STACK, status, reason)
        if self.busy:
            self._settled.clear()
        else:
            self._settled.set()

    def wait_until_settled(self, seconds: float) -> None:
        """Return when no operation runs, at the latest after so many seconds."""
        self._settled.wait(seconds)

    def note(self, resource: Resource, status: str, reason: str | None = None) -> None:
        """A resource's status, with its event."""
        resource.status, resource.reason, resource.updated = status, reason, datetime.now(UTC)
        self._record(resource.logical_id, resource.physical_id, resource.handler.type, status, reason)

    def adopt(self, plan: Plan, capabilities: list[str], role: str | None) -> None:
        """Make a plan's template, parameters and tags the stack's."""
        self.original, self.processed = plan.original, plan.processed
        self.parameters, self.tags = plan.parameters, plan.tags
        self.description = plan.processed.get("Description")
        self.capabilities, self.role = capabilities, role or self.role

    def resource(self, logical_id: str) -> Resource:
        """A resource by its logical id. Raises `ValidationError`."""
        if logical_id not in self.resources:
            raise invalid(f"Resource {logical_id} does not exist for stack {self.name}")
        return self.resources[logical_id]

    @property
    def busy(self) -> bool:
        """Whether an operation runs."""
        return self.status.endswith("_IN_PROGRESS") and self.status != "REVIEW_IN_PROGRESS"

    def _record(self, logical_id: str, physical_id: str, kind: str, status: str, reason: str | None) -> None:
        with self._lock:
            now = datetime.now(UTC)
            if self.events and self.events[-1].timestamp >= now:
                now = self.events[-1].timestamp + _TICK  # pollers ask for what is later than the last they saw
            event_id = f"{logical_id}-{status}-{uuid.uuid4()}"
            self.events.append(Event(event_id, now, logical_id, physical_id, kind, status, reason))
