"""The socket of one HTTP API: reads requests as they are, repeated headers included. Used by the gateway."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote

from cheroot.server import HeaderReader, HTTPConnection, HTTPRequest
from cheroot.wsgi import Server

from localaws.http_api.payload import HttpRequest, HttpResponse, problem
from localaws.keep_alive import keep_alive

MAX_BODY = 10 * 1024 * 1024
READ_ANYWAY = 64 * 1024 * 1024
"""A body that is too large is still read up to this, so that the answer reaches the client."""
THREADS = 32


class _JoiningHeaderReader(HeaderReader):
    """Joins repeated headers by commas, whatever their name, as payload format 2.0 does."""

    def __call__(self, rfile: Any, hdict: dict[bytes, bytes] | None = None) -> dict[bytes, bytes]:
        joined: dict[bytes, bytes] = {} if hdict is None else hdict
        while True:
            read: dict[bytes, bytes] = {}
            line = rfile.readline()
            if line == b"\r\n":
                return joined
            super().__call__(_OneHeader(line), read)
            for name, value in read.items():
                glue = b"; " if name == b"Cookie" else b","
                joined[name] = joined[name] + glue + value if name in joined else value


class _OneHeader:
    """A single header line as a stream."""

    def __init__(self, line: bytes) -> None:
        self._lines = [line, b"\r\n"] if line else []

    def readline(self) -> bytes:
        return self._lines.pop(0) if self._lines else b""


class _Request(HTTPRequest):
    header_reader = _JoiningHeaderReader()


class _Connection(HTTPConnection):
    RequestHandlerClass = _Request


class _Server(Server):
    ConnectionClass = _Connection


class ApiServer:
    """Listens for one API."""

    def __init__(self, answer: Callable[[HttpRequest], HttpResponse]) -> None:
        self._answer = answer
        self._server = _Server(("127.0.0.1", 0), self._serve, numthreads=THREADS, server_name="localaws")
        self._server.nodelay = True
        keep_alive(self._server)
        self._server.prepare()
        self._thread = threading.Thread(target=self._server.serve, name="http-api", daemon=True)
        self._thread.start()

    @property
    def endpoint(self) -> str:
        """Its address."""
        return f"http://localhost:{self._server.bind_addr[1]}"

    def close(self) -> None:
        """Answer what is being served, then give the port back."""
        self._server.stop()
        self._thread.join(timeout=10)

    def _serve(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        response = self._respond(environ)
        try:
            phrase = HTTPStatus(response.status).phrase
        except ValueError:
            phrase = "Unknown"
        headers = [*response.headers, ("Content-Length", str(len(response.body)))]
        start_response(f"{response.status} {phrase}", headers)
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [response.body]

    def _respond(self, environ: dict[str, Any]) -> HttpResponse:
        length = int(environ.get("CONTENT_LENGTH") or 0)
        if length > MAX_BODY:
            if length <= READ_ANYWAY:
                environ["wsgi.input"].read(length)
            return problem(413, "Request Entity Too Large")
        chunked = environ.get("HTTP_TRANSFER_ENCODING", "").lower() == "chunked"
        body = environ["wsgi.input"].read() if chunked else environ["wsgi.input"].read(length)
        if len(body) > MAX_BODY:
            return problem(413, "Request Entity Too Large")
        headers = {k[5:].replace("_", "-").lower(): str(v) for k, v in environ.items() if k.startswith("HTTP_")}
        for name in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            if environ.get(name):
                headers[name.replace("_", "-").lower()] = str(environ[name])
        raw_path = str(environ["REQUEST_URI"]).partition("?")[0]
        request = HttpRequest(
            method=environ["REQUEST_METHOD"],
            raw_path=raw_path,
            path=unquote(raw_path),
            raw_query=environ.get("QUERY_STRING", ""),
            headers=headers,
            body=body,
            source_ip=environ.get("REMOTE_ADDR", ""),
            protocol=environ.get("SERVER_PROTOCOL", "HTTP/1.1"),
        )
        return self._answer(request)
