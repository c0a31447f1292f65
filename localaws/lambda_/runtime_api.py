"""The host's side of the Lambda Runtime API (2018-06-01) for one environment. Driven by its `Sandbox`.

Nothing here has a thread of its own: whoever holds the environment reads and writes its sockets, so that
handing an event over costs one `send` and fetching the answer one `recv`.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Mapping
from dataclasses import dataclass

PREFIX = "/2018-06-01/runtime/"
REASONS = {200: "OK", 202: "Accepted", 400: "Bad Request", 404: "Not Found", 413: "Payload Too Large"}


@dataclass(frozen=True, slots=True)
class RuntimeRequest:
    """One request of the runtime: `GET invocation/next`, `POST invocation/<id>/response`, …"""

    method: str
    path: str
    """Without the prefix; whole when it doesn't begin with it."""
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes
    connection: Connection


class Connection:
    """One connection of the runtime, kept alive."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._sock = sock
        self._buffer = bytearray()
        self._missing = 0

    def fileno(self) -> int:
        """For polling."""
        return self._sock.fileno()

    def read(self) -> RuntimeRequest | None:
        """Read what has come; a request once it is whole. Raises `EOFError` when the other side hung up."""
        try:
            chunk = self._sock.recv(262_144)
        except ConnectionError:
            raise EOFError from None
        if not chunk:
            raise EOFError
        self._buffer += chunk
        if len(chunk) < self._missing:
            self._missing -= len(chunk)
            return None
        return self._parse()

    def answer(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """Send a response. Raises `OSError` when the other side has gone."""
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        text = f"HTTP/1.1 {status} {REASONS[status]}\r\n{head}Content-Length: {len(body)}\r\n\r\n"
        self._sock.sendall(text.encode("latin-1", "replace") + body)

    def close(self) -> None:
        """Hang up."""
        self._sock.close()

    def _parse(self) -> RuntimeRequest | None:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return None
        start, *lines = self._buffer[:end].decode("latin-1").split("\r\n")
        pairs = (line.partition(":") for line in lines)
        headers = {name.lower(): value.strip() for name, _, value in pairs}
        length = int(headers.get("content-length") or 0)
        whole = end + 4 + length
        if len(self._buffer) < whole:
            self._missing = whole - len(self._buffer)
            return None
        self._missing = 0
        body = bytes(self._buffer[end + 4 : whole])
        del self._buffer[:whole]
        method, path, _ = start.split(" ", 2)
        return RuntimeRequest(method, path.removeprefix(PREFIX), headers, body, self)


class RuntimeApi:
    """The listening address that one environment is told, and its connections."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=8)
        self._connections: dict[int, Connection] = {}

    @property
    def address(self) -> str:
        """For `AWS_LAMBDA_RUNTIME_API`."""
        return f"127.0.0.1:{self._listener.getsockname()[1]}"

    def fileno(self) -> int:
        """Of the listening socket, for polling."""
        return self._listener.fileno()

    def accept(self) -> Connection:
        """Take a connection that waits to be accepted."""
        sock, _ = self._listener.accept()
        connection = Connection(sock)
        self._connections[connection.fileno()] = connection
        return connection

    def connection(self, fileno: int) -> Connection | None:
        """The connection of that descriptor."""
        return self._connections.get(fileno)

    def forget(self, connection: Connection) -> None:
        """Close a connection that has ended."""
        self._connections.pop(connection.fileno(), None)
        connection.close()

    def close(self) -> None:
        """Hang up on everyone."""
        self._listener.close()
        for connection in self._connections.values():
            with contextlib.suppress(OSError):
                connection.close()
        self._connections.clear()
