"""A stage for deployments: time that passes when waited for, a Lambda and alarms that note and obey."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from localaws.codedeploy import traffic
from localaws.codedeploy.appspec import AppSpec
from localaws.codedeploy.conductor import Conductor, PortError
from localaws.codedeploy.deployment import Deployment

START = datetime(2026, 11, 22, 12, tzinfo=UTC)
HOOKED = {"BeforeAllowTraffic": "before", "AfterAllowTraffic": "after"}


class FakeClock:
    """Time moves only in `sleep`, past what was planned with `at`."""

    scale = 1.0

    def __init__(self) -> None:
        self.elapsed = 0.0
        self._plans: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()

    def at(self, seconds: float, act: Callable[[], None]) -> None:
        """Do something once so many seconds have passed."""
        self._plans.append((seconds, next(self._order), act))
        self._plans.sort()

    def now(self) -> datetime:
        return START + timedelta(seconds=self.elapsed)

    def real(self, seconds: float) -> float:
        return seconds

    def sleep(self, seconds: float, cancelled: threading.Event | None = None) -> bool:
        until = self.elapsed + seconds
        while self._plans and self._plans[0][0] <= until:
            at, _, act = self._plans.pop(0)
            self.elapsed = max(self.elapsed, at)
            act()
            if cancelled is not None and cancelled.is_set():
                return False
        self.elapsed = until
        return True


class FakeFunctions:
    """An alias, its history, and hook functions."""

    def __init__(self, clock: FakeClock, version: str = "1", weights: dict[str, float] | None = None) -> None:
        self.clock = clock
        self.version, self.weights = version, weights or {}
        self.shifts: list[tuple[float, str, dict[str, float]]] = []
        self.invoked: list[tuple[float, str, dict[str, str]]] = []
        self.on_invoke: Callable[[str, dict[str, str]], None] = lambda _function, _payload: None
        self.error: PortError | None = None

    def alias(self, function: str, alias: str) -> tuple[str, dict[str, float]]:
        assert (function, alias) == ("predict", "live")
        return self.version, self.weights

    def shift(self, function: str, alias: str, version: str, weights: dict[str, float]) -> None:
        assert (function, alias) == ("predict", "live")
        if self.error is not None:
            raise self.error
        self.version, self.weights = version, weights
        self.shifts.append((self.clock.elapsed, version, weights))

    def invoke(self, function: str, payload: dict[str, str]) -> None:
        self.invoked.append((self.clock.elapsed, function, payload))
        self.on_invoke(function, payload)


class FakeAlarms:
    """Alarms that are set by hand."""

    def __init__(self) -> None:
        self.firing: list[str] = []
        self.error: PortError | None = None
        self.looks = 0

    def active(self, names: tuple[str, ...]) -> list[str]:
        self.looks += 1
        if self.error is not None:
            raise self.error
        return [name for name in names if name in self.firing]


class Stage:
    """One deployment and all that it meets."""

    def __init__(self, config: str = traffic.DEFAULT, hooks: dict[str, str] | None = None, **members: Any) -> None:
        self.clock = FakeClock()
        self.functions = FakeFunctions(self.clock)
        self.alarms = FakeAlarms()
        self.seen: list[tuple[str, str]] = []
        spec = AppSpec("predict", "live", "1", "2", hooks or {})
        self.deployment = self._make("d-1", config, spec, **members)
        self.undoing: Deployment | None = None

    def run(self) -> Deployment:
        """Conduct the deployment to its end."""
        conductor = Conductor(self.functions, self.alarms, self.clock, self._note)
        conductor.conduct(self.deployment, self._roll_back)
        return self.deployment

    @property
    def code(self) -> str:
        """The deployment's error code."""
        assert self.deployment.error is not None
        return self.deployment.error["code"]

    @property
    def message(self) -> str:
        """The deployment's error message."""
        assert self.deployment.error is not None
        return self.deployment.error["message"]

    @property
    def way_back(self) -> Deployment:
        """The rollback that there was."""
        assert self.undoing is not None
        return self.undoing

    def answer_hooks(self, verdict: str, after: float = 0.0) -> None:
        """Hook functions report a verdict so many seconds after they were invoked."""

        def invoked(_function: str, _payload: dict[str, str]) -> None:
            hook = self.deployment.hook
            assert hook is not None

            def report() -> None:
                hook.verdict = verdict
                self.deployment.wake.set()

            self.clock.at(self.clock.elapsed + after, report)

        self.functions.on_invoke = invoked

    def event_statuses(self) -> list[str]:
        """Of the three lifecycle events, in order."""
        return [event.status for event in self.deployment.events.values()]

    def _note(self, deployment: Deployment) -> None:
        if (deployment.identifier, deployment.status) not in self.seen:
            self.seen.append((deployment.identifier, deployment.status))

    def _roll_back(self, deployment: Deployment) -> Deployment:
        self.undoing = self._make("d-2", traffic.DEFAULT, deployment.spec.reversed())
        return self.undoing

    def _make(self, identifier: str, config: str, spec: AppSpec, **members: Any) -> Deployment:
        steps = traffic.steps(traffic.PREDEFINED[config])
        role = "arn:aws:iam::123456789012:role/codedeploy"
        return Deployment(identifier, "app", "group", config, steps, spec, {}, role, self.clock.now(), **members)
