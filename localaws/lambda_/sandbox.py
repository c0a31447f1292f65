"""One execution environment: a process with the function's bundle and layers. Held by the pool."""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from localaws.lambda_.guardian import Guardian
from localaws.lambda_.output import Line, Output
from localaws.lambda_.runtime_api import Connection, RuntimeApi, RuntimeRequest

MAX_RESPONSE = 6_291_556
"""Bytes of a synchronous answer: 6 MB and 100 bytes, as AWS counts."""
LOOK_SECONDS = 0.25


class ExitedError(Exception):
    """The process ended by itself."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class TimedOutError(Exception):
    """The time that was allowed has passed."""


class InitFailedError(Exception):
    """The runtime couldn't load the handler."""

    def __init__(self, body: bytes, kind: str) -> None:
        super().__init__(kind)
        self.body = body
        self.kind = kind


@dataclass(frozen=True, slots=True)
class Plan:
    """What an environment is started with."""

    command: tuple[str, ...]
    directory: Path
    """The unpacked bundle, also the working directory."""
    environment: Mapping[str, str]
    scratch: Path
    """Its own directory for temporary files."""
    log_group: str
    log_stream: str


@dataclass(frozen=True, slots=True)
class Event:
    """One invocation, as the runtime is told of it."""

    request_id: str
    payload: bytes
    function_arn: str
    trace_id: str
    client_context: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the runtime posted."""

    body: bytes
    is_error: bool
    is_too_large: bool
    milliseconds: float


class Sandbox:
    """Started once, invoked one event at a time, killed once."""

    def __init__(self, plan: Plan, guardian: Guardian) -> None:
        self.plan = plan
        self.idle_since = time.monotonic()
        self.born = time.monotonic()
        self._guardian = guardian
        self._api = RuntimeApi()
        self._output = Output()
        self._poll = select.poll()
        self._waiting: Connection | None = None
        self._hung_up = False
        self._process = self._spawn()
        guardian.hold(self._process.pid)
        self._poll.register(self._api.fileno(), select.POLLIN)
        self._poll.register(self._output.reader, select.POLLIN)

    def initialize(self, seconds: float) -> float:
        """Wait until the handler is loaded; the milliseconds since the start.

        Raises `InitFailedError`, `ExitedError` or `TimedOutError`.
        """
        self._await_next(self.born + seconds)
        return (time.monotonic() - self.born) * 1000

    def invoke(self, event: Event, seconds: float) -> Answer:
        """Hand over an event and wait for the answer. Raises `ExitedError` or `TimedOutError`."""
        started = time.monotonic()
        connection, self._waiting = self._waiting, None
        assert connection is not None
        headers = {
            "Content-Type": "application/json",
            "Lambda-Runtime-Aws-Request-Id": event.request_id,
            "Lambda-Runtime-Deadline-Ms": str(int((time.time() + seconds) * 1000)),
            "Lambda-Runtime-Invoked-Function-Arn": event.function_arn,
            "Lambda-Runtime-Trace-Id": event.trace_id,
        }
        if event.client_context:
            headers["Lambda-Runtime-Client-Context"] = event.client_context
        with contextlib.suppress(OSError):  # gone: seen by the next read
            connection.answer(200, headers, event.payload)
        while True:
            request = self._hear(started + seconds)
            elapsed = (time.monotonic() - started) * 1000
            kind = request.path.removeprefix(f"invocation/{event.request_id}/")
            if request.method == "POST" and kind in ("response", "error"):
                too_large = kind == "response" and len(request.body) > MAX_RESPONSE
                self._answer(request, 413 if too_large else 202)
                self._output.drain()
                return Answer(request.body, kind == "error", too_large, elapsed)
            self._answer(request, 404)

    def is_ready(self, seconds: float = 5.0) -> bool:
        """Whether the process still lives and asks for the next event."""
        try:
            self._await_next(time.monotonic() + seconds)
        except (ExitedError, TimedOutError, InitFailedError):
            return False
        return True

    def lines(self) -> list[Line]:
        """What was written since the last call."""
        return self._output.take()

    def peak_memory(self) -> int | None:
        """Megabytes, where the system tells."""
        try:
            status = Path(f"/proc/{self._process.pid}/status").read_bytes()
        except OSError:
            return None
        start = status.find(b"VmHWM:")
        return None if start < 0 else int(status[start:].split(None, 2)[1]) // 1024 + 1

    def interrupt(self) -> None:
        """Kill the process and everything it started; whoever holds the environment sees it exit."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def kill(self) -> None:
        """End the process and give everything back. Only for the holder."""
        self.interrupt()
        self._process.wait()
        self._guardian.free(self._process.pid)
        self._output.drain()
        self._output.close()
        self._api.close()
        shutil.rmtree(self.plan.scratch, ignore_errors=True)

    def _spawn(self) -> subprocess.Popen[bytes]:
        self.plan.scratch.mkdir(parents=True)
        writer = self._output.writer
        try:
            return subprocess.Popen(
                self.plan.command,
                cwd=self.plan.directory,
                env={
                    **self.plan.environment,
                    "AWS_LAMBDA_RUNTIME_API": self._api.address,
                    "_LAMBDA_TELEMETRY_LOG_FD": str(writer),
                },
                stdin=subprocess.DEVNULL,
                stdout=writer,
                stderr=writer,
                pass_fds=(writer,),
                start_new_session=True,
            )
        finally:
            self._output.close_writer()

    def _await_next(self, deadline: float) -> None:
        """Return once the runtime waits for an event."""
        while self._waiting is None:
            request = self._hear(deadline)
            if request.method == "GET" and request.path == "invocation/next":
                self._waiting = request.connection
            elif request.method == "POST" and request.path == "init/error":
                self._answer(request, 202)
                self._output.drain()
                kind = request.headers.get("lambda-runtime-function-error-type", "Runtime.Unknown")
                raise InitFailedError(request.body, kind)
            else:
                self._answer(request, 404)

    def _answer(self, request: RuntimeRequest, status: int) -> None:
        body = b'{"status":"OK"}\n' if status == 202 else b'{"errorType":"InvalidRequest"}\n'
        with contextlib.suppress(OSError):
            request.connection.answer(status, {"Content-Type": "application/json"}, body)

    def _hear(self, deadline: float) -> RuntimeRequest:
        """The runtime's next request; what it writes meanwhile is kept."""
        while True:
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                raise TimedOutError
            look = 0.01 if self._hung_up else LOOK_SECONDS
            ready = self._poll.poll(min(remaining, look) * 1000)
            for descriptor, _ in ready:
                request = self._look(descriptor)
                if request is not None:
                    return request
            if not ready or self._hung_up:
                status = self._process.poll()
                if status is not None:
                    self._output.drain()
                    raise ExitedError(status)

    def _look(self, descriptor: int) -> RuntimeRequest | None:
        if descriptor == self._api.fileno():
            self._hung_up = False
            self._poll.register(self._api.accept().fileno(), select.POLLIN)
            return None
        if descriptor == self._output.reader:
            if not self._output.drain():
                self._poll.unregister(descriptor)
                self._hung_up = True
            return None
        connection = self._api.connection(descriptor)
        assert connection is not None
        try:
            return connection.read()
        except EOFError:
            self._poll.unregister(descriptor)
            self._api.forget(connection)
            self._hung_up = True
            return None
