"""CodeDeploy over the fakes: traffic moves while time passes, users' requests are logged, hooks are called."""

from __future__ import annotations

import json
import random
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from safe_deploy.domain import live
from safe_deploy.domain.ports import Deployment, DeploymentProgress, LifecycleEvent, LogEvent

from tests.fakes.story import Story

HOOK_SILENCE = 3600.0
"""Seconds that CodeDeploy waits for a hook."""
RATE, MOST = 6.0, 150
"""Users' requests a second, and how many of them at most are logged at once."""
BEFORE, DURING, AFTER = "BeforeAllowTraffic", "AllowTraffic", "AfterAllowTraffic"


@dataclass
class Shift:
    """A deployment that moves traffic."""

    identity: str
    before: str
    target: str
    hooks: dict[str, str]
    seconds: float
    """For which the candidate gets a share."""
    began: datetime
    """When its present event began."""
    description: str = ""
    event: str = BEFORE
    status: str = "InProgress"
    reason: str = "no reason given"


@dataclass
class Shifts:
    """Every deployment, and what the users' requests leave in the log."""

    story: Story
    hook: Callable[[str, str], bool | None]
    """Calls a hook function: what it reported, or None when it stays silent."""
    worse: float = 1.0
    """By how much the candidate is slower than the champion."""
    configs: dict[str, tuple[float, float]] = field(default_factory=dict)
    """By name: the candidate's share, and for how many seconds."""
    shifts: dict[str, Shift] = field(default_factory=dict)
    chance: random.Random = field(default_factory=lambda: random.Random(7))

    def configure(self, request: dict[str, Any]) -> None:
        """Keep how long a deployment config takes."""
        routing = request["TrafficRoutingConfig"]
        canary = routing.get("TimeBasedCanary") or routing["TimeBasedLinear"]
        share, minutes = (next(v for k, v in canary.items() if word in k) for word in ("Percentage", "Interval"))
        self.configs[request["DeploymentConfigName"]] = (share / 100, minutes * 60.0)

    def begin(self, request: dict[str, Any]) -> str:
        """Create a deployment: its first hook is called at once."""
        content = request["Revision"]["AppSpecContent"]["Content"]
        before, target = (
            re.findall(rf'"{name}": ?"(\d+)"', content)[0] for name in ("CurrentVersion", "TargetVersion")
        )
        hooks = dict(re.findall(r'"((?:Before|After)AllowTraffic)": ?"([^"]+)"', content))
        deployments, config = self.story.outside.deployments, request["DeploymentConfigName"]
        identity = f"d-{len(deployments.deployments) + 1}"
        at_once = "AllAtOnce" in config
        share, seconds = (1.0, 0.0) if at_once else self.configs[config]
        shift = Shift(identity, before, target, hooks, seconds, self._now(), request.get("Description", ""))
        self.shifts[identity] = shift
        deployments.deployments[identity] = Deployment(identity, target, self._now())
        self._log(60.0)
        if self._hook(shift):
            self._enter(shift, DURING)
            self.story.outside.functions.weights = {} if at_once else {target: share}
        return identity

    def find(self, identity: str) -> Shift:
        """A deployment by its id."""
        return self.shifts[identity]

    def pass_time(self, seconds: float) -> None:
        """Let users ask and deployments go on."""
        self.story.outside.clock.advance(seconds)
        if self.story.outside.functions.weights:
            self._log(seconds)
        self.heed_stops()
        for shift in self.running():
            age = (self._now() - shift.began).total_seconds()
            if shift.event == DURING and age >= shift.seconds:
                self.story.outside.functions.alias, self.story.outside.functions.weights = shift.target, {}
                self._enter(shift, AFTER)
                if self._hook(shift):
                    self._end(shift, "Succeeded", "no reason given")
            elif shift.event != DURING and age >= HOOK_SILENCE:
                self.roll_back(shift, f"{shift.event} was silent")

    def heed_stops(self) -> None:
        """Do what a function has asked of CodeDeploy."""
        for shift in self.running():
            if shift.identity in self.story.outside.deployments.stopped:
                self.roll_back(shift, "stopped", status="Stopped")
        going = [live.Shift(shift.identity, shift.before, shift.target) for shift in self.running()]
        self.story.outside.deployments.shift = going[0] if going else None

    def roll_back(self, shift: Shift, reason: str, status: str = "Failed") -> None:
        """Traffic goes back to where it came from."""
        self.story.outside.functions.alias, self.story.outside.functions.weights = shift.before, {}
        self._end(shift, status, reason)

    def running(self) -> list[Shift]:
        """Deployments that move traffic, or are about to."""
        return [shift for shift in self.shifts.values() if shift.status == "InProgress"]

    def _hook(self, shift: Shift) -> bool:
        self._tell(shift)
        if shift.event not in shift.hooks:
            return True
        reported = self.hook(shift.hooks[shift.event], shift.identity)
        if reported is False:
            self.roll_back(shift, f"{shift.event} reported a failure")
        return bool(reported)

    def _enter(self, shift: Shift, event: str) -> None:
        shift.event, shift.began = event, self._now()
        self._tell(shift)

    def _end(self, shift: Shift, status: str, reason: str) -> None:
        shift.status, shift.reason = status, reason
        self._tell(shift)

    def _tell(self, shift: Shift) -> None:
        """What CodeDeploy says of a deployment."""
        event = LifecycleEvent(shift.event, "InProgress", shift.began)
        events = (event,) if shift.status == "InProgress" else ()
        self.story.outside.deployments.stages[shift.identity] = DeploymentProgress(shift.status, shift.reason, events)

    def _log(self, seconds: float) -> None:
        """Users have asked for so long: a line for each request."""
        functions, count = self.story.outside.functions, min(MOST, int(RATE * seconds))
        for number in range(count):
            at = self._now() - timedelta(seconds=seconds * (count - number) / count)
            candidate = next((v for v, share in functions.weights.items() if self.chance.random() < share), None)
            line = {
                "requestId": str(uuid.UUID(int=self.chance.getrandbits(128), version=4)),
                "version": candidate or functions.alias,
                "status": 200,
                "coldStart": False,
                "Latency": self.chance.lognormvariate(2, 0.2) * (self.worse if candidate else 1.0),
                "prediction": self.chance.gauss(10, 2),
            }
            stamp = int(at.timestamp() * 1000)
            stream = f"2026/02/01/predict[{line['version']}]ab"
            self.story.outside.request_logs.events.append(LogEvent(stamp, stamp + 200, stream, json.dumps(line)))

    def _now(self) -> datetime:
        return self.story.outside.clock.now()
