"""A deployment's state: what it is about, how far it has come, and the changes it allows. Pure."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from localaws.codedeploy.appspec import AppSpec
from localaws.codedeploy.traffic import Step

EVENTS = ("BeforeAllowTraffic", "AllowTraffic", "AfterAllowTraffic")
ENDED = ("Succeeded", "Failed", "Stopped")
FAILURE, ON_ALARM, ON_REQUEST = "DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM", "DEPLOYMENT_STOP_ON_REQUEST"


@dataclass
class LifecycleEvent:
    """One of a deployment's three events."""

    name: str
    status: str = "Pending"
    started: datetime | None = None
    ended: datetime | None = None
    message: str = ""

    def describe(self) -> dict[str, Any]:
        """As the API shows it."""
        found: dict[str, Any] = {"lifecycleEventName": self.name, "status": self.status}
        if self.started:
            found["startTime"] = self.started
        if self.ended:
            found["endTime"] = self.ended
        if self.message:
            found["diagnostics"] = {"errorCode": "ScriptFailed", "message": self.message}
        return found


@dataclass
class Hook:
    """A hook function that was asked for its verdict."""

    execution: str
    event: str
    verdict: str | None = None


@dataclass
class Deployment:
    """One deployment. Changed by its conductor only, but for hooks' verdicts and requests to stop."""

    identifier: str
    application: str
    group: str
    config: str
    steps: tuple[Step, ...]
    spec: AppSpec
    revision: dict[str, Any]
    role: str
    created: datetime
    alarms: tuple[str, ...] = ()
    ignore_alarm_failure: bool = False
    rollback_on: tuple[str, ...] = ()
    creator: str = "user"
    extra: dict[str, Any] = field(default_factory=dict)
    """Members that GetDeployment gives back as they came."""
    status: str = "Created"
    started: datetime | None = None
    completed: datetime | None = None
    updated: datetime | None = None
    error: dict[str, str] | None = None
    rollback: dict[str, str] | None = None
    weight: float = 0.0
    events: dict[str, LifecycleEvent] = field(default_factory=lambda: {name: LifecycleEvent(name) for name in EVENTS})
    hook: Hook | None = None
    stop_requested: bool = False
    rollback_on_stop: bool | None = None
    wake: threading.Event = field(default_factory=threading.Event)

    @property
    def active(self) -> bool:
        """Whether it hasn't ended."""
        return self.status not in ENDED

    def begin(self, now: datetime) -> None:
        """Created → InProgress."""
        self._expect("Created")
        self.status, self.started, self.updated = "InProgress", now, now

    def enter(self, event: str, now: datetime) -> None:
        """Begin a lifecycle event."""
        self._expect("InProgress")
        self.events[event].status, self.events[event].started, self.updated = "InProgress", now, now

    def leave(self, event: str, now: datetime) -> None:
        """End a lifecycle event well."""
        self._expect("InProgress")
        self.events[event].status, self.events[event].ended, self.updated = "Succeeded", now, now

    def succeed(self, now: datetime) -> None:
        """InProgress → Succeeded."""
        self._expect("InProgress")
        self.status, self.completed, self.updated = "Succeeded", now, now

    def halt(self, status: str, code: str, message: str, now: datetime) -> None:
        """InProgress → Failed or Stopped: the event under way has failed, those after it are skipped."""
        self._expect("InProgress")
        for event in self.events.values():
            if event.status == "InProgress":
                event.status, event.ended, event.message = "Failed", now, message
            elif event.status == "Pending":
                event.status = "Skipped"
        self.error = {"code": code, "message": message}
        self.status, self.completed, self.updated = status, now, now

    def _expect(self, status: str) -> None:
        if self.status != status:
            raise RuntimeError(f"deployment {self.identifier} is {self.status}, not {status}")
