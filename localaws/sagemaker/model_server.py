"""A model's container at work: a server process, pinged, restarted when it dies, asked for predictions."""

from __future__ import annotations

import http.client
import queue
import re
import socket
import tarfile
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from localaws.lambda_.guardian import Guardian
from localaws.sagemaker.children import Child, container_environment
from localaws.sagemaker.logs import LogStream

SERVER = Path(__file__).resolve().parents[1] / "containers" / "xgboost_server.py"
LISTENING = re.compile(r"listening on (\d+)")
STARTUP_TIMEOUT = 480.0
"""Seconds in which a container must answer /ping, unless the variant says otherwise. Never scaled."""
PING_PAUSE = 0.05
RESTART_PAUSE = 0.5
INVOCATION_TIMEOUT = 60.0
STOP_GRACE = 30.0


class NotHealthyError(Exception):
    """The container does not answer /ping: it ended, or its time is over."""


class NoAnswerError(Exception):
    """The container gave no answer to an invocation: it is down, or took more than 60 seconds."""


class ReplacedError(NoAnswerError):
    """The server was told to stop before the invocation reached it; another may have taken its place."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the container answered to an invocation."""

    status: int
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes


@dataclass(frozen=True, slots=True)
class Host:
    """What all servers share: their interpreter, who guards them, and whether the end has come."""

    python: Path
    guardian: Guardian = field(default_factory=Guardian)
    closing: threading.Event = field(default_factory=threading.Event)


def unpack(archive: Path, folder: Path) -> None:
    """A model.tar.gz into a folder; members that would leave it, links and devices are refused."""
    folder.mkdir(parents=True, exist_ok=True)
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")


class ModelServer:
    """One server process of a variant, and its successors."""

    def __init__(self, host: Host, folder: Path, environment: Mapping[str, str], stream: LogStream) -> None:
        python = host.python
        self._argv = [str(python), str(SERVER), "--port", "0", "--model-dir", str(folder / "model")]
        self._folder = folder
        self._environment = {**container_environment(python, folder), **environment}
        self._stream = stream
        self._host = host
        self._stopped = threading.Event()
        self._changed = threading.Condition()
        self._port: int | None = None
        self._child: Child | None = None
        self._idle: queue.LifoQueue[http.client.HTTPConnection] = queue.LifoQueue()
        self._in_flight = 0

    def start(self, timeout: float = STARTUP_TIMEOUT) -> None:
        """Start the process and wait until it answers /ping. Raises `NotHealthyError`."""
        child = self._launch()
        try:
            self._await_health(child, timeout)
        except NotHealthyError:
            child.stop(STOP_GRACE)
            raise
        threading.Thread(target=self._keep, args=(child, timeout), name="model-server", daemon=True).start()

    def stop(self) -> None:
        """End the process, after the invocations in flight unless the world is ending."""
        with self._changed:
            self._stopped.set()
            drained = time.monotonic() + INVOCATION_TIMEOUT
            while self._in_flight and time.monotonic() < drained and not self._host.closing.is_set():
                self._changed.wait(PING_PAUSE)
            child, self._port = self._child, None
        if child is not None:
            child.stop(STOP_GRACE)
        self._drop_connections()
        self._stream.close()

    def invoke(self, body: bytes, headers: Mapping[str, str]) -> Answer:
        """POST /invocations. Raises `ReplacedError` once the server stops, `NoAnswerError`."""
        with self._changed:
            if self._stopped.is_set():
                raise ReplacedError("the container is not running")
            self._in_flight += 1
        try:
            return self._ask(body, headers)
        finally:
            with self._changed:
                self._in_flight -= 1
                self._changed.notify_all()

    def _ask(self, body: bytes, headers: Mapping[str, str]) -> Answer:
        try:
            return self._exchange(body, headers)
        except (
            http.client.RemoteDisconnected,
            ConnectionError,
        ):  # an idle connection that was closed meanwhile
            self._drop_connections()
        try:
            return self._exchange(body, headers)
        except (OSError, http.client.HTTPException) as error:
            raise NoAnswerError(f"the container does not answer: {error}") from error

    def _exchange(self, body: bytes, headers: Mapping[str, str]) -> Answer:
        connection = self._connection()
        try:
            connection.request("POST", "/invocations", body, dict(headers))
            response = connection.getresponse()
            found = {name.lower(): value for name, value in response.getheaders()}
            answer = Answer(response.status, found, response.read())
        except TimeoutError as error:
            connection.close()
            raise NoAnswerError(
                "Your invocation timed out while waiting for a response from container primary. Review the "
                "latency metrics for each container in Amazon CloudWatch, resolve the issue, and try again."
            ) from error
        except BaseException:
            connection.close()
            raise
        self._idle.put(connection)
        return answer

    def _connection(self) -> http.client.HTTPConnection:
        try:
            return self._idle.get_nowait()
        except queue.Empty:
            pass
        with self._changed:
            port = self._port
        if port is None:
            raise NoAnswerError("the container is not running")
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=INVOCATION_TIMEOUT)
        connection.connect()
        connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def _drop_connections(self) -> None:
        while True:
            try:
                self._idle.get_nowait().close()
            except queue.Empty:
                return

    def _launch(self) -> Child:
        child = Child(
            self._argv,
            folder=self._folder,
            environment=self._environment,
            on_line=self._on_line,
            guardian=self._host.guardian,
        )
        with self._changed:
            self._child = child
        return child

    def _on_line(self, line: str) -> None:
        self._stream.add(line)
        found = LISTENING.search(line)
        if found:
            with self._changed:
                self._port = int(found.group(1))
                self._changed.notify_all()

    def _await_health(self, child: Child, timeout: float) -> None:
        until = time.monotonic() + timeout
        while time.monotonic() < until and not self._ending():
            with self._changed:
                self._changed.wait_for(lambda: self._port is not None, PING_PAUSE)
                port = self._port
            if port is not None and _ping(port):
                return
            if child.wait(PING_PAUSE if port is not None else 0) is not None:
                raise NotHealthyError("the container ended before it answered /ping")
        raise NotHealthyError(f"the container did not answer /ping within {timeout:g} s")

    def _ending(self) -> bool:
        return self._stopped.is_set() or self._host.closing.is_set()

    def _keep(self, child: Child, timeout: float) -> None:
        """Start another process whenever one ends unasked, as hosting does."""
        while True:
            child.wait()
            with self._changed:
                self._port = None
            self._drop_connections()
            if self._stopped.wait(RESTART_PAUSE) or self._ending():
                return
            child = self._launch()
            if self._ending():
                child.stop(STOP_GRACE)
                return
            try:
                self._await_health(child, timeout)
            except NotHealthyError:
                child.stop(STOP_GRACE)


def _ping(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", "/ping")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
