"""Our HTTP reader, on sockets made of bytes, against http.client's."""

from __future__ import annotations

import http.client
import io
import ssl
import time
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.functions.predict.predict_bundle import http1


class FakeSocket:
    """Gives its pieces in turn, each as one arrival, then an end; an exception among them is raised."""

    def __init__(self, pieces: Iterable[bytes | Exception]) -> None:
        self.pieces = list(pieces)
        self.sent = b""
        self.closed = False
        self.timeouts: list[float] = []

    def setsockopt(self, *option: int) -> None:
        pass

    def gettimeout(self) -> float | None:
        return self.timeouts[-1] if self.timeouts else None

    def settimeout(self, seconds: float) -> None:
        self.timeouts.append(seconds)

    def sendall(self, data: bytes) -> None:
        self.sent += data

    def recv(self, size: int) -> bytes:
        if not self.pieces:
            return b""
        piece = self.pieces.pop(0)
        if isinstance(piece, Exception):
            raise piece
        if len(piece) > size:
            self.pieces.insert(0, piece[size:])
        return piece[:size]

    def makefile(self, _mode: str) -> io.BytesIO:  # for http.client
        return io.BytesIO(b"".join(piece for piece in self.pieces if isinstance(piece, bytes)))

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[Any, FakeSocket]]:
    def connected(*pieces: bytes | Exception) -> tuple[Any, FakeSocket]:
        fake = FakeSocket(pieces)
        monkeypatch.setattr(http1.socket, "create_connection", lambda *_: fake)
        connection = http1.Connection("http", "host", None)
        connection.open(1.0)
        return connection, fake

    return connected


def exchange(connection: Any, body: bytes = b"1,2", seconds: float = 5.0) -> Any:
    return connection.exchange("/path", {"host": "h", "content-type": "text/csv"}, body, time.monotonic() + seconds)


def test_sends_one_whole_request(connect: Callable[..., Any]) -> None:
    connection, fake = connect(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nX-Thing:  a b \r\n\r\n1.5")
    answer = exchange(connection)
    assert fake.sent == (b"POST /path HTTP/1.1\r\nhost: h\r\ncontent-type: text/csv\r\ncontent-length: 3\r\n\r\n1,2")
    assert (answer.status, answer.headers["x-thing"], answer.body) == (200, "a b", b"1.5")
    assert connection.is_open


def test_serves_many_requests(connect: Callable[..., Any]) -> None:
    answer = b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n1.5"
    connection, fake = connect(answer, answer, answer)
    assert [exchange(connection).body for _ in range(3)] == [b"1.5"] * 3
    assert not fake.closed


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\n1",
        b"HTTP/1.1 200 OK\r\n\r\n1",
        b"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\n1",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1and more",
    ],
)
def test_a_connection_that_cannot_be_used_again_is_closed(connect: Callable[..., Any], answer: bytes) -> None:
    connection, fake = connect(answer)
    assert exchange(connection).body == b"1"
    assert not connection.is_open
    assert fake.closed


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1",
        b"HTTP/1.1 200\r\nContent-Length: 1\r\n\r\n1",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;x=y\r\n1\r\n000\r\nTrailer: 1\r\n\r\n",
    ],
)
def test_answers_of_other_shapes(connect: Callable[..., Any], answer: bytes) -> None:
    connection, _ = connect(*[answer[i : i + 1] for i in range(len(answer))])
    assert exchange(connection).body == b"1"
    assert connection.is_open


@pytest.mark.parametrize("status", [204, 304])
def test_an_answer_without_a_body(connect: Callable[..., Any], status: int) -> None:
    connection, _ = connect(b"HTTP/1.1 %d X\r\n\r\n" % status)
    assert exchange(connection).body == b""
    assert connection.is_open


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/1.1 2x0 OK\r\n\r\n",
        b"HTTP/1.1 2000 OK\r\n\r\n",
        b"SSH-2.0-x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA: b\r\n folded: c\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1_0\r\n\r\n0123456789",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n12",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n1",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0x1\r\n1\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n12\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n1",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n1\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 20_000,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"0" * 100_000,
    ],
)
def test_what_is_not_known_is_refused_and_the_connection_closed(connect: Callable[..., Any], answer: bytes) -> None:
    connection, fake = connect(answer)
    with pytest.raises(http1.ProtocolError):
        exchange(connection)
    assert not connection.is_open
    assert fake.closed


def test_an_end_before_the_answer_is_a_reset(connect: Callable[..., Any]) -> None:
    connection, fake = connect()
    with pytest.raises(ConnectionResetError):
        exchange(connection)
    assert fake.closed


@pytest.mark.parametrize("error", [TimeoutError(), BrokenPipeError(), ssl.SSLEOFError()])
def test_an_error_of_the_socket_closes_the_connection(connect: Callable[..., Any], error: Exception) -> None:
    connection, fake = connect(b"HTTP/1.1 200", error)
    with pytest.raises(type(error)):
        exchange(connection)
    assert fake.closed
    with pytest.raises(ConnectionError):
        exchange(connection)


def test_the_deadline_holds_for_all_pieces_together(
    connect: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """GIVEN a server that sends a byte every second WHEN 3 seconds are left THEN we stop after 3 bytes."""
    now = 100.0

    def monotonic() -> float:
        nonlocal now
        now += 1.0
        return now

    connection, fake = connect(*[b"x"] * 10)
    monkeypatch.setattr(http1.time, "monotonic", monotonic)
    with pytest.raises(TimeoutError):
        connection.exchange("/", {}, b"", 104.5)
    assert fake.timeouts == [3.5, 2.5, 1.5, 0.5]


def test_the_timeout_is_not_set_anew_for_the_blink_of_an_eye(connect: Callable[..., Any]) -> None:
    answer = b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n1.5"
    connection, fake = connect(answer[:9], answer[9:])
    exchange(connection)
    assert len(fake.timeouts) == 1


def test_tls_checks_the_servers_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """GIVEN https THEN certificates are verified for the host, port 443, HTTP/1.1 only."""
    seen: dict[str, Any] = {}
    fake = FakeSocket([])

    def wrap_socket(context: ssl.SSLContext, raw: FakeSocket, *, server_hostname: str) -> FakeSocket:
        seen.update(context=context, host=server_hostname)
        return raw

    def create_connection(address: tuple[str, int], _seconds: float) -> FakeSocket:
        seen["address"] = address
        return fake

    monkeypatch.setattr(http1.socket, "create_connection", create_connection)
    monkeypatch.setattr(ssl.SSLContext, "wrap_socket", wrap_socket)
    http1.Connection("https", "runtime.example", None).open(1.0)
    assert seen["address"] == ("runtime.example", 443)
    assert seen["host"] == "runtime.example"
    assert seen["context"].verify_mode is ssl.CERT_REQUIRED
    assert seen["context"].check_hostname


def test_a_failed_handshake_leaves_no_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeSocket([])

    def wrap_socket(*_: object, **__: object) -> None:
        raise ssl.SSLCertVerificationError

    monkeypatch.setattr(http1.socket, "create_connection", lambda *_: fake)
    monkeypatch.setattr(ssl.SSLContext, "wrap_socket", wrap_socket)
    connection = http1.Connection("https", "runtime.example", 8443)
    with pytest.raises(ssl.SSLCertVerificationError):
        connection.open(1.0)
    assert fake.closed
    assert not connection.is_open


names = st.sampled_from(["x-amzn-requestid", "Date", "X-Amzn-ErrorType", "Content-Type", "Keep-Alive"])
values = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=12)
bodies = st.binary(max_size=300)


@given(
    status=st.integers(200, 599).filter(lambda status: status not in (204, 304)),
    headers=st.dictionaries(names, values, max_size=4),
    chunks=st.lists(bodies.filter(bool), max_size=4),
    framing=st.sampled_from(["length", "chunked", "end"]),
    connection_header=st.sampled_from(["", "Connection: keep-alive\r\n", "Connection: close\r\n"]),
    cut=st.integers(1, 400),
)
def test_reads_what_http_client_reads(
    status: int,
    headers: dict[str, str],
    chunks: list[bytes],
    framing: str,
    connection_header: str,
    cut: int,
) -> None:
    body = b"".join(chunks)
    length = {
        "length": f"Content-Length: {len(body)}\r\n",
        "chunked": "Transfer-Encoding: chunked\r\n",
        "end": "",
    }
    if framing == "chunked":
        body = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"
    fields = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    head = f"HTTP/1.1 {status} Some Reason\r\n{fields}{connection_header}{length[framing]}\r\n"
    sent = head.encode() + body

    theirs = http.client.HTTPResponse(FakeSocket([sent]), method="POST")  # type: ignore[arg-type]
    theirs.begin()

    with pytest.MonkeyPatch.context() as patch:
        fake = FakeSocket([sent[i : i + cut] for i in range(0, len(sent), cut)])
        patch.setattr(http1.socket, "create_connection", lambda *_: fake)
        connection = http1.Connection("http", "host", 80)
        connection.open(1.0)
        ours = exchange(connection)

    assert ours.status == theirs.status
    assert ours.body == theirs.read()
    assert all(ours.headers[name.lower()] == theirs.headers[name] for name in headers)
    assert connection.is_open is not theirs.will_close
