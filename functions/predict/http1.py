"""One HTTP/1.1 connection, kept alive, as far as a POST to SageMaker needs it. Called by `endpoint`.

http.client reads headers with the email package: a third of this function's cold start and of its CPU a
request. The tests hold this reader to http.client's, answer by answer. What it doesn't know it refuses.
"""

from __future__ import annotations

import socket
import time

TYPE_CHECKING = False  # typing itself costs milliseconds of every cold start
if TYPE_CHECKING:
    import ssl

_HEAD_LIMIT = 64 * 1024
_PIECE = 64 * 1024
_GRAIN_SECONDS = 0.05


class ProtocolError(Exception):
    """The answer is not HTTP as we know it, or ends early."""


class Answer:
    """Status, headers by lower-case name, and the whole body."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body


class Connection:
    """Closed until `open`; closed again by any error and when the server says so."""

    def __init__(self, scheme: str, host: str, port: int | None) -> None:
        self._address = (host, port or (443 if scheme == "https" else 80))
        self._tls = _tls_context() if scheme == "https" else None
        self._socket: socket.socket | None = None
        self._received = b""

    @property
    def is_open(self) -> bool:
        """Whether there is a connection, as far as we know: the server may have closed it meanwhile."""
        return self._socket is not None

    def open(self, seconds: float) -> None:
        """Connect, with TLS for https; raises OSError."""
        raw = socket.create_connection(self._address, seconds)
        try:
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._socket = self._tls.wrap_socket(raw, server_hostname=self._address[0]) if self._tls else raw
        except BaseException:
            raw.close()
            raise

    def close(self) -> None:
        """Close it, if it is open."""
        if self._socket is not None:
            self._socket.close()
        self._socket = None
        self._received = b""

    def exchange(self, path: str, headers: dict[str, str], body: bytes, deadline: float) -> Answer:
        """The answer to one POST, all of it received before `deadline` (of time.monotonic).

        Raises TimeoutError, another OSError where the connection broke, or `ProtocolError`.
        """
        try:
            return self._exchange(path, headers, body, deadline)
        except BaseException:
            self.close()
            raise

    def _exchange(self, path: str, headers: dict[str, str], body: bytes, deadline: float) -> Answer:
        lines = [f"{name}: {value}\r\n" for name, value in headers.items()]
        head = f"POST {path} HTTP/1.1\r\n{''.join(lines)}content-length: {len(body)}\r\n\r\n"
        sock = self._open_socket(deadline)
        sock.sendall(head.encode("latin-1") + body)
        self._received = sock.recv(_PIECE)
        if not self._received:
            raise ConnectionResetError("closed before an answer")
        status, answered, version = self._read_head(deadline)
        while 100 <= status < 200:
            status, answered, version = self._read_head(deadline)
        content, reusable = self._read_body(status, answered, deadline)
        tokens = answered.get("connection", "").lower()
        if not reusable or version != b"HTTP/1.1" or "close" in tokens or self._received:
            self.close()
        return Answer(status, answered, content)

    def _read_head(self, deadline: float) -> tuple[int, dict[str, str], bytes]:
        while b"\r\n\r\n" not in self._received:
            if len(self._received) > _HEAD_LIMIT:
                raise ProtocolError("the headers are too long")
            self._receive(deadline)
        head, _, self._received = self._received.partition(b"\r\n\r\n")
        first, *lines = head.split(b"\r\n")
        version, _, rest = first.partition(b" ")
        if version not in (b"HTTP/1.1", b"HTTP/1.0") or not rest[:3].isdigit() or rest[3:4] not in (b" ", b""):
            raise ProtocolError("the answer is not HTTP/1.1")
        headers: dict[str, str] = {}
        for line in lines:
            name, colon, value = line.decode("latin-1").partition(":")
            if not colon or not name or name != name.strip():
                raise ProtocolError("a header can't be read")
            name, value = name.lower(), value.strip()
            if headers.setdefault(name, value) != value and name in ("content-length", "transfer-encoding"):
                raise ProtocolError("the length is given twice")
        return int(rest[:3]), headers, version

    def _read_body(self, status: int, headers: dict[str, str], deadline: float) -> tuple[bytes, bool]:
        """The body, and whether its end is known well enough to use the connection again."""
        if status in (204, 304):
            return b"", True
        encoding = headers.get("transfer-encoding")
        if encoding is not None:
            if encoding.lower() != "chunked":
                raise ProtocolError("the transfer encoding is not known")
            return self._read_chunks(deadline), True
        length = headers.get("content-length")
        if length is None:
            return self._read_to_end(deadline), False
        if not (length.isascii() and length.isdigit()):
            raise ProtocolError("the length is not a number")
        return self._take(int(length), deadline), True

    def _read_chunks(self, deadline: float) -> bytes:
        chunks = []
        while True:
            size = self._take_line(deadline).partition(b";")[0].strip()
            if not size or size.strip(b"0123456789abcdefABCDEF"):
                raise ProtocolError("the size of a chunk is not a number")
            length = int(size, 16)
            if length == 0:
                break
            chunks.append(self._take(length, deadline))
            if self._take(2, deadline) != b"\r\n":
                raise ProtocolError("a chunk is longer than its size")
        while self._take_line(deadline):
            pass  # trailers say nothing to us
        return b"".join(chunks)

    def _read_to_end(self, deadline: float) -> bytes:
        pieces = [self._received]
        self._received = b""
        while piece := self._open_socket(deadline).recv(_PIECE):
            pieces.append(piece)
        return b"".join(pieces)

    def _take_line(self, deadline: float) -> bytes:
        while b"\r\n" not in self._received:
            if len(self._received) > _HEAD_LIMIT:
                raise ProtocolError("a line is too long")
            self._receive(deadline)
        line, _, self._received = self._received.partition(b"\r\n")
        return line

    def _take(self, count: int, deadline: float) -> bytes:
        pieces = [self._received]
        missing = count - len(self._received)
        while missing > 0:
            piece = self._open_socket(deadline).recv(min(missing, _PIECE))
            if not piece:
                raise ProtocolError("the answer ends early")
            pieces.append(piece)
            missing -= len(piece)
        taken = b"".join(pieces)
        self._received = taken[count:]
        return taken[:count]

    def _receive(self, deadline: float) -> None:
        piece = self._open_socket(deadline).recv(_PIECE)
        if not piece:
            raise ProtocolError("the answer ends early")
        self._received += piece

    def _open_socket(self, deadline: float) -> socket.socket:
        """The socket, with the time that is left as its time-out."""
        if self._socket is None:
            raise ConnectionError("not connected")
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        if abs((self._socket.gettimeout() or 0) - left) > _GRAIN_SECONDS:  # setting it is a system call
            self._socket.settimeout(left)
        return self._socket


def _tls_context() -> ssl.SSLContext:
    import ssl  # nearly as dear as all else together, and a plain http endpoint does without

    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context
