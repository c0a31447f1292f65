"""The rules of the event buses, read from moto and kept compiled until one changes. Called by EventBridge."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from localaws.actor import client_as
from localaws.errors import AwsError, NotModelledError
from localaws.eventbridge.inputs import check_input
from localaws.eventbridge.patterns import Match, compile_pattern
from localaws.service import Call
from localaws.trust import may_assume

if TYPE_CHECKING:
    from localaws.world import World

CHANGES = (
    "PutRule",
    "DeleteRule",
    "EnableRule",
    "DisableRule",
    "PutTargets",
    "RemoveTargets",
    "DeleteEventBus",
)
TARGETS = {"states": "stateMachine:", "lambda": "function:", "sns": ""}
"""The services whose resources can be targets, and how the resource part of their ARNs begins."""
TARGET_MEMBERS = {"Id", "Arn", "RoleArn", "Input", "InputPath", "InputTransformer", "RetryPolicy"}


@dataclass(frozen=True, slots=True)
class Rule:
    """An enabled rule with a pattern, and where its events go."""

    name: str
    arn: str
    matches: Match
    targets: tuple[dict[str, Any], ...]


class Rules:
    """Finds the rules that want an event."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._by_bus: dict[str, list[Rule]] = {}
        self._version = 0
        self._lock = threading.Lock()

    def register(self) -> None:
        """Begin to check and to notice changes."""
        for operation in CHANGES:
            self._world.delegated.after("events", operation, self._forget)
        self._world.front_door.intercept(self._check)

    def wanting(self, event: Mapping[str, Any], bus: str) -> list[Rule]:
        """The enabled rules of a bus whose patterns match an event."""
        return [rule for rule in self._of(bus) if rule.matches(event)]

    def _of(self, bus: str) -> list[Rule]:
        with self._lock:
            held, version = self._by_bus.get(bus), self._version
        if held is not None:
            return held
        events = client_as(self._world, "events.amazonaws.com", "events")
        rules = []
        for page in events.get_paginator("list_rules").paginate(EventBusName=bus):
            for rule in page["Rules"]:
                if rule["State"] == "ENABLED" and rule.get("EventPattern"):
                    listed = events.list_targets_by_rule(Rule=rule["Name"], EventBusName=bus)
                    matches = compile_pattern(rule["EventPattern"])
                    rules.append(Rule(rule["Name"], rule["Arn"], matches, tuple(listed["Targets"])))
        with self._lock:
            if version == self._version:
                self._by_bus[bus] = rules
        return rules

    def _forget(self, _call: Call, _reply: object) -> None:
        with self._lock:
            self._version += 1
            self._by_bus.clear()

    def _check(self, call: Call) -> dict[str, Any] | None:
        """Refuse rules and targets that AWS would refuse, or that can't be served. Answers `TestEventPattern`."""
        if call.service != "events":
            return None
        if call.operation == "PutRule":
            _check_rule(call.params)
        if call.operation == "PutTargets":
            for target in call.params["Targets"]:
                _check_target(self._world, target)
        if call.operation == "TestEventPattern":
            return {"Result": compile_pattern(call.params["EventPattern"])(json.loads(call.params["Event"]))}
        return None


def _check_rule(params: dict[str, Any]) -> None:
    if params.get("ScheduleExpression"):
        raise NotModelledError("ScheduleExpression of an EventBridge rule (use EventBridge Scheduler)")
    if not params.get("EventPattern"):
        raise AwsError("ValidationException", "Parameter(s) EventPattern or ScheduleExpression must be specified.")
    compile_pattern(params["EventPattern"])


def _check_target(world: World, target: dict[str, Any]) -> None:
    for member in sorted(target.keys() - TARGET_MEMBERS):
        raise NotModelledError(f"{member} of an EventBridge target")
    parts = str(target["Arn"]).split(":", 5)
    service, resource = (parts[2], parts[5]) if len(parts) == 6 else ("", "")
    if service not in TARGETS or not resource.startswith(TARGETS[service]):
        raise NotModelledError(f"the EventBridge target {target['Arn']}")
    if service == "states" and not target.get("RoleArn"):
        raise AwsError("ValidationException", f"RoleArn is required for target {target['Arn']}.")
    if service == "lambda" and target.get("RoleArn"):
        raise NotModelledError("RoleArn of an EventBridge target that is a Lambda function (use its resource policy)")
    role = target.get("RoleArn")
    if role and not may_assume(world, role, "events.amazonaws.com"):
        reason = f"Provided role '{role}' cannot be assumed by principal 'events.amazonaws.com'."
        raise AwsError("ValidationException", reason)
    check_input(target)
