"""Runs one invocation and says how it ended, as AWS would. Called by the invoke operations."""

from __future__ import annotations

import json
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from localaws.errors import AwsError
from localaws.lambda_ import metrics, report
from localaws.lambda_.metrics import Served
from localaws.lambda_.model import Version
from localaws.lambda_.output import Line
from localaws.lambda_.pool import Pool
from localaws.lambda_.report import Measured
from localaws.lambda_.sandbox import (
    MAX_RESPONSE,
    Answer,
    Event,
    ExitedError,
    InitFailedError,
    Sandbox,
    TimedOutError,
)
from localaws.lambda_.telemetry import LogTarget, Telemetry

if TYPE_CHECKING:
    from localaws.world import World

INIT_SECONDS = 10.0
"""What AWS allows for the init phase, before the function's own time-out begins to count."""
ACCOUNT_CONCURRENCY = 1000
MAX_LOG_TAIL = 4096


@dataclass(frozen=True, slots=True)
class Invocation:
    """One event for one version, as the router decided."""

    event: Event
    version: Version
    served: Served
    reserved: int | None
    """The function's reserved concurrency."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an invocation ended."""

    payload: bytes
    function_error: str
    """`Unhandled`, or "" when the function answered."""
    executed_version: str
    request_id: str
    log_tail: str


@dataclass(frozen=True, slots=True)
class _Ran:
    """What the sandbox brought about."""

    payload: bytes
    measured: Measured
    failed: bool
    usable: bool
    """Whether the environment may serve again."""
    init_lines: list[Line]
    started: float
    """When the event was handed over, in seconds since the epoch."""


class Invoker:
    """Counts what runs at once and reports every invocation's log lines and metrics."""

    def __init__(self, world: World, pool: Pool, telemetry: Telemetry) -> None:
        self._world = world
        self._pool = pool
        self._telemetry = telemetry
        self._running: Counter[str] = Counter()
        self._lock = threading.Lock()

    def invoke(self, invocation: Invocation) -> Outcome:
        """Run it to its end. Raises `TooManyRequestsException` when it may not run now."""
        version, served = invocation.version, invocation.served
        with self._slot(invocation) as running:
            sandbox = self._pool.warm(version)
            is_cold = sandbox is None
            if sandbox is None:
                sandbox = self._pool.cold(version)
            usable = False
            self._let_crash(sandbox, version)
            try:
                ran = _run(sandbox, invocation, is_cold=is_cold)
                usable = ran.usable
                lines = [
                    *ran.init_lines,
                    *report.before(version, invocation.event.request_id, ran.started),
                    *sandbox.lines(),
                    *report.after(version, replace(ran.measured, megabytes=sandbox.peak_memory())),
                ]
            finally:
                if usable:
                    self._pool.give_back(sandbox)
                else:
                    self._pool.discard(sandbox)
        configuration = version.configuration
        target = LogTarget(sandbox.plan.log_group, sandbox.plan.log_stream, configuration.role, version.function)
        self._telemetry.put(target, lines)
        points = metrics.invoked(
            served,
            self._world.clock.now(),
            failed=ran.failed,
            milliseconds=ran.measured.milliseconds,
            running=running,
        )
        self._telemetry.publish(metrics.NAMESPACE, points)
        text = "\n".join(line.text for line in lines) + "\n"
        return Outcome(
            payload=ran.payload,
            function_error="Unhandled" if ran.failed else "",
            executed_version=version.number,
            request_id=invocation.event.request_id,
            log_tail=text[-MAX_LOG_TAIL:],
        )

    def dropped(self, served: Served) -> None:
        """Note that an asynchronous event was given up."""
        self._telemetry.publish(metrics.NAMESPACE, metrics.dropped(served, self._world.clock.now()))

    def _let_crash(self, sandbox: Sandbox, version: Version) -> None:
        """Kill the process when a fault says so; a timer that comes too late finds nobody."""
        effect = self._world.faults.strike("function", {"function": version.function, "version": version.number})
        if effect is not None:
            timer = threading.Timer(effect.get("afterMilliseconds", 0) / 1000, sandbox.interrupt)
            timer.daemon = True
            timer.start()

    @contextmanager
    def _slot(self, invocation: Invocation) -> Iterator[int]:
        """One of the function's concurrent executions; how many run, this one included."""
        name, reserved = invocation.version.function, invocation.reserved
        with self._lock:
            if reserved is not None and self._running[name] >= reserved:
                reason = "ReservedFunctionConcurrentInvocationLimitExceeded"
            elif self._running.total() >= ACCOUNT_CONCURRENCY:
                reason = "ConcurrentInvocationLimitExceeded"
            else:
                reason = ""
                self._running[name] += 1
                running = self._running[name]
        if reason:
            self._telemetry.publish(metrics.NAMESPACE, metrics.throttled(invocation.served, self._world.clock.now()))
            raise AwsError("TooManyRequestsException", "Rate Exceeded.", 429, Reason=reason, Type="User")
        try:
            yield running
        finally:
            with self._lock:
                self._running[name] -= 1


def _run(sandbox: Sandbox, invocation: Invocation, *, is_cold: bool) -> _Ran:
    event, seconds = invocation.event, float(invocation.version.configuration.timeout)
    run = _Run(event.request_id)
    try:
        if is_cold:
            run.init = sandbox.initialize(INIT_SECONDS + seconds)
            run.init_lines = sandbox.lines()
            run.began = time.time()
        answer = sandbox.invoke(event, seconds)
    except InitFailedError as error:
        return run.failed("error", error.kind, _with_request_id(error.body, event.request_id))
    except ExitedError as error:
        kind = "Runtime.ExitError"
        return run.failed(
            "error", kind, _error(kind, f"RequestId: {event.request_id} Error: {exit_reason(error.status)}")
        )
    except TimedOutError:
        message = f"RequestId: {event.request_id} Error: Task timed out after {seconds:.2f} seconds"
        return run.failed("timeout", "", _error("Sandbox.Timedout", message))
    if answer.is_too_large:
        kind = "Function.ResponseSizeTooLarge"
        message = f"Response payload size exceeded maximum allowed payload size ({MAX_RESPONSE} bytes)."
        return run.failed("error", kind, _error(kind, message))
    return run.answered(answer)


@dataclass(slots=True)
class _Run:
    """What is known of an invocation while it runs."""

    request_id: str
    began: float = field(default_factory=time.time)
    init: float | None = None
    init_lines: list[Line] = field(default_factory=list)

    def answered(self, answer: Answer) -> _Ran:
        measured = Measured(self.request_id, answer.milliseconds, self.init, None)
        return _Ran(answer.body, measured, answer.is_error, True, self.init_lines, self.began)

    def failed(self, status: str, kind: str, body: bytes) -> _Ran:
        """It failed in a way after which the environment is of no use."""
        milliseconds = (time.time() - self.began) * 1000
        measured = Measured(self.request_id, milliseconds, self.init, None, status, kind)
        return _Ran(body, measured, True, False, self.init_lines, self.began)


def exit_reason(status: int) -> str:
    """In AWS's words how a runtime's process ended."""
    if status == 0:
        return "Runtime exited without providing a reason"
    if status > 0:
        return f"Runtime exited with error: exit status {status}"
    return f"Runtime exited with error: signal: {(signal.strsignal(-status) or str(-status)).lower()}"


def _error(kind: str, message: str) -> bytes:
    return json.dumps({"errorType": kind, "errorMessage": message}).encode()


def _with_request_id(body: bytes, request_id: str) -> bytes:
    """The runtime reports a failed init before it knows of any request."""
    try:
        return json.dumps({**json.loads(body), "requestId": request_id}).encode()
    except (ValueError, TypeError):
        return body
