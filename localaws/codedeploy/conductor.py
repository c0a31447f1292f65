"""Conducts one Lambda deployment from its first hook to its last, or an alarm. Run by the service.

It knows AWS through two ports only, and time through a clock, so that tests can play all of them.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Protocol

from localaws.codedeploy.deployment import FAILURE, ON_ALARM, ON_REQUEST, Deployment, Hook

HOOK_TIMEOUT = 3600.0
"""AWS seconds that a hook function has for its verdict. That it failed is noticed by nothing else."""
POLL = 5.0
"""AWS seconds between two looks at the alarms."""
SHORTEST_POLL = 0.1
"""Real seconds between them at least, however fast time passes."""


class Time(Protocol):
    """The world's clock."""

    scale: float

    def now(self) -> datetime:
        """The present, unscaled."""

    def real(self, seconds: float) -> float:
        """Real seconds of so many AWS seconds."""

    def sleep(self, seconds: float, cancelled: threading.Event | None = None) -> bool:
        """Wait so many AWS seconds, or until cancelled."""


class PortError(Exception):
    """AWS refused what the deployment needs; `code` is CodeDeploy's error code for it."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Functions(Protocol):
    """Lambda, as the deployment group's service role sees it. Raises `PortError`."""

    def alias(self, function: str, alias: str) -> tuple[str, dict[str, float]]:
        """The version an alias points to, and the weights of others."""

    def shift(self, function: str, alias: str, version: str, weights: dict[str, float]) -> None:
        """Point an alias to a version, with a share for others."""

    def invoke(self, function: str, payload: dict[str, str]) -> None:
        """Invoke a hook function asynchronously."""


class Alarms(Protocol):
    """CloudWatch's alarms, as the service role sees them. Raises `PortError` when a state can't be had."""

    def active(self, names: tuple[str, ...]) -> list[str]:
        """Those of the alarms that are in ALARM."""


class AbandonedError(Exception):
    """The world ends; the deployment stays as it is."""


class Halt(Exception):  # noqa: N818
    """The deployment ends here, for a reason that may call for a rollback."""

    def __init__(self, reason: str, code: str, message: str, *, shifted: bool = True) -> None:
        super().__init__(message)
        self.reason, self.code, self.message = reason, code, message
        self.may_roll_back = shifted


class Conductor:
    """Moves one deployment. `changed(deployment)` is called after each change that others may see."""

    def __init__(
        self,
        functions: Functions,
        alarms: Alarms,
        clock: Time,
        changed: Callable[[Deployment], None],
        ended: threading.Event | None = None,
    ) -> None:
        self._functions = functions
        self._alarms = alarms
        self._clock = clock
        self._changed = changed
        self._world_ended = ended or threading.Event()

    def conduct(self, deployment: Deployment, roll_back: Callable[[Deployment], Deployment]) -> None:
        """Run a deployment to its end; `roll_back(deployment)` makes the one that undoes it."""
        deployment.begin(self._clock.now())
        self._changed(deployment)
        try:
            self._check_alias(deployment)
            self._look(deployment)
            self._hook(deployment, "BeforeAllowTraffic")
            self._allow_traffic(deployment)
            self._hook(deployment, "AfterAllowTraffic")
            self._look(deployment)
        except Halt as halt:
            self._halt(deployment, halt, roll_back)
        except PortError as error:
            self._halt(deployment, Halt(FAILURE, error.code, str(error)), roll_back)
        else:
            deployment.succeed(self._clock.now())
            self._changed(deployment)

    def _halt(self, deployment: Deployment, halt: Halt, roll_back: Callable[[Deployment], Deployment]) -> None:
        wanted = halt.reason in deployment.rollback_on
        if halt.reason == ON_REQUEST and deployment.rollback_on_stop is not None:
            wanted = deployment.rollback_on_stop
        way_back = roll_back(deployment) if wanted and halt.may_roll_back else None
        status = "Failed" if halt.reason == FAILURE else "Stopped"
        deployment.halt(status, halt.code, halt.message, self._clock.now())
        self._changed(deployment)
        if way_back is not None:
            self._return(way_back)

    def _return(self, deployment: Deployment) -> None:
        """A rollback: all traffic at once to where it was, whatever the alias says; no hook, no alarm."""
        deployment.begin(self._clock.now())
        self._changed(deployment)
        spec = deployment.spec
        try:
            for event in deployment.events:
                deployment.enter(event, self._clock.now())
                if event == "AllowTraffic":
                    self._functions.shift(spec.function, spec.alias, spec.target, {})
                    deployment.weight = 1.0
                deployment.leave(event, self._clock.now())
        except PortError as error:
            deployment.halt("Failed", error.code, str(error), self._clock.now())
        else:
            deployment.succeed(self._clock.now())
        self._changed(deployment)

    def _check_alias(self, deployment: Deployment) -> None:
        spec = deployment.spec
        version, weights = self._functions.alias(spec.function, spec.alias)
        if version != spec.current or weights:
            # Nothing was shifted, and CurrentVersion isn't where the alias was: there is no way back.
            raise Halt(
                FAILURE,
                "INVALID_LAMBDA_CONFIGURATION",
                f"The alias {spec.alias} of function {spec.function} must point to CurrentVersion "
                f"{spec.current} with all its traffic; it points to {version}, additional weights {weights}.",
                shifted=False,
            )

    def _hook(self, deployment: Deployment, event: str) -> None:
        deployment.enter(event, self._clock.now())
        function = deployment.spec.hooks.get(event)
        if function is not None:
            self._ask(deployment, event, function)
        deployment.leave(event, self._clock.now())
        self._changed(deployment)

    def _ask(self, deployment: Deployment, event: str, function: str) -> None:
        hook = deployment.hook = Hook(secrets.token_urlsafe(48), event)
        self._changed(deployment)
        try:
            self._functions.invoke(
                function,
                {"DeploymentId": deployment.identifier, "LifecycleEventHookExecutionId": hook.execution},
            )
        except PortError as error:
            message = f"The hook function {function} could not be invoked: {error}"
            raise Halt(FAILURE, "HOOK_EXECUTION_FAILURE", message) from error
        if not self._wait(deployment, HOOK_TIMEOUT, lambda: hook.verdict is not None):
            raise Halt(FAILURE, "TIMEOUT", f"The hook function {function} gave no verdict within an hour.")
        if hook.verdict != "Succeeded":
            message = f"The hook function {function} of {event} reported {hook.verdict}."
            raise Halt(FAILURE, "HOOK_EXECUTION_FAILURE", message)

    def _allow_traffic(self, deployment: Deployment) -> None:
        spec, passed = deployment.spec, 0.0
        deployment.enter("AllowTraffic", self._clock.now())
        for step in deployment.steps:
            self._wait(deployment, step.after - passed, lambda: False)
            passed = step.after
            if step.weight < 1:
                self._functions.shift(spec.function, spec.alias, spec.current, {spec.target: step.weight})
            else:
                self._functions.shift(spec.function, spec.alias, spec.target, {})
            deployment.weight, deployment.updated = step.weight, self._clock.now()
            self._changed(deployment)
        deployment.leave("AllowTraffic", self._clock.now())
        self._changed(deployment)

    def _wait(self, deployment: Deployment, seconds: float, done: Callable[[], bool]) -> bool:
        """Wait, with an eye on alarms and on requests to stop. True when `done()` came true in time."""
        until = self._clock.now() + timedelta(seconds=self._clock.real(seconds))
        pause = max(POLL, SHORTEST_POLL * self._clock.scale)
        while not done():
            self._look(deployment)
            left = (until - self._clock.now()).total_seconds() * self._clock.scale
            if left <= 0:
                return False
            self._clock.sleep(min(pause, left), deployment.wake)
            deployment.wake.clear()
        return True

    def _look(self, deployment: Deployment) -> None:
        """Raise when there is a reason to end now."""
        if self._world_ended.is_set():
            raise AbandonedError
        if deployment.stop_requested:
            raise Halt(ON_REQUEST, "MANUAL_STOP", "The deployment was stopped on request.")
        if not deployment.alarms:
            return
        try:
            active = self._alarms.active(deployment.alarms)
        except PortError as error:
            if deployment.ignore_alarm_failure:
                return
            raise Halt(ON_ALARM, error.code, f"The state of the alarms could not be had: {error}") from error
        if active:
            raise Halt(
                ON_ALARM,
                "ALARM_ACTIVE",
                "One or more alarms have been activated according to the Amazon CloudWatch metrics you "
                "selected, and the affected deployments have been stopped. Activated alarms: "
                + " ".join(f"<{name}>" for name in active),
            )
