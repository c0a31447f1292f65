"""SageMaker's runtime as far as a socket shows it. Called by bench/predict.py and process tests."""

from __future__ import annotations

import socket
import ssl
import threading
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import NamedTuple, Self


class Request(NamedTuple):
    """What arrived, and on which connection (from 0)."""

    connection: int
    path: str
    headers: dict[str, str]
    body: bytes


class Answer(NamedTuple):
    """What to answer; `body` None scores each row 1.5, `closes` ends the connection without telling."""

    status: int = 200
    body: bytes | None = None
    headers: str = "Content-Type: text/csv; charset=utf-8\r\n"
    closes: bool = False
    wait: Callable[[], object] | None = None


class FakeSageMaker:
    """Listens on a port of its own, maybe with TLS. Gives `answers` in turn, then the default for ever."""

    def __init__(self, *answers: Answer, tls: ssl.SSLContext | None = None) -> None:
        self.answers = deque(answers)
        self.requests: list[Request] = []
        self.connections = 0
        self.closed = threading.Semaphore(0)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._tls = tls
        port = self._listener.getsockname()[1]
        self.url = f"https://localhost:{port}" if tls else f"http://127.0.0.1:{port}"
        self._acceptor = threading.Thread(target=self._accept, daemon=True)
        self._acceptor.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)  # close alone leaves the acceptor waiting for one more
        self._acceptor.join(timeout=10)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            number, self.connections = self.connections, self.connections + 1
            threading.Thread(target=self._serve, args=(connection, number), daemon=True).start()

    def _serve(self, raw: socket.socket, number: int) -> None:
        try:
            connection = self._tls.wrap_socket(raw, server_side=True) if self._tls else raw
        except OSError:
            raw.close()  # the caller doesn't trust us
            return
        with connection, connection.makefile("rb") as stream:
            while request := _read(stream.readline, stream.read, number):
                self.requests.append(request)
                answer = self.answers.popleft() if self.answers else Answer()
                if answer.wait:
                    answer.wait()
                body = b"1.5\n" * (request.body.count(b"\n") + 1) if answer.body is None else answer.body
                head = f"HTTP/1.1 {answer.status} X\r\n{answer.headers}Content-Length: {len(body)}\r\n\r\n"
                try:
                    connection.sendall(head.encode() + body)
                except OSError:
                    break  # the caller gave up waiting
                if answer.closes:
                    break
        self.closed.release()


def _read(line: Callable[[], bytes], read: Callable[[int], bytes], number: int) -> Request | None:
    first = line()
    if not first:
        return None
    headers = {}
    while (header := line()) not in (b"\r\n", b""):
        name, _, value = header.decode().partition(":")
        headers[name.lower()] = value.strip()
    return Request(number, first.decode().split(" ")[1], headers, read(int(headers.get("content-length", "0"))))
