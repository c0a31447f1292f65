"""One Lambda environment: awslambdaric and its Runtime API. Called by bench/predict.py and process tests."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

ROOT = Path(__file__).resolve().parent.parent
ARN = "arn:aws:lambda:eu-west-1:123456789012:function:demo-predict:7"
PYTHON = ROOT / ".venvs/lambda/bin/python"


class LambdaHost:
    """Starts `handler` with nothing on its path but `bundle`; serves it in the caller's thread."""

    def __init__(
        self, bundle: Path, environ: dict[str, str], *, handler: str = "app.handler", seconds: float = 30.0
    ) -> None:
        self._seconds = seconds
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(30)
        self._connection: socket.socket | None = None
        self._buffer = b""
        self._output = tempfile.TemporaryFile()  # noqa: SIM115 - a pipe would fill up
        self.process = subprocess.Popen(
            [PYTHON, "-m", "awslambdaric", handler],
            cwd=bundle,
            env={
                "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{self._listener.getsockname()[1]}",
                "AWS_LAMBDA_FUNCTION_VERSION": "7",
                "AWS_REGION": "eu-west-1",
                "AWS_DEFAULT_REGION": "eu-west-1",
                "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
                "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
                "AWS_SESSION_TOKEN": "a-session-token",
                "PYTHONPATH": str(bundle),
                "PYTHONDONTWRITEBYTECODE": "1",  # as /var/task, which is read-only
                "PATH": os.environ["PATH"],
                **environ,
            },
            stdout=self._output,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def invoke(
        self,
        event: Any,
        *,
        trace_id: str = "Root=1-5759e988-bd862e3fe1be46a994272793",
        client_context: dict[str, Any] | None = None,
    ) -> tuple[str, Any]:
        """What the function posted: ("response" or "error", its document). A failed init raises."""
        path, refusal = self._receive()  # GET …/next
        if path.endswith("/init/error"):
            raise RuntimeError(refusal.decode())
        body = json.dumps(event).encode()
        head = (
            "Lambda-Runtime-Aws-Request-Id: 8476a536-e9f4-11e8-9739-2dfe598c3fcd\r\n"
            f"Lambda-Runtime-Deadline-Ms: {int((time.time() + self._seconds) * 1000)}\r\n"
            f"Lambda-Runtime-Trace-Id: {trace_id}\r\n"
            f"Lambda-Runtime-Invoked-Function-Arn: {ARN}\r\n"
            "Content-Type: application/json\r\n"
        )
        if client_context is not None:
            head += f"Lambda-Runtime-Client-Context: {json.dumps(client_context)}\r\n"
        self._send("200 OK", head, body)
        path, answer = self._receive()
        self._send("202 Accepted", "", b"")
        return path.rsplit("/", 1)[1], json.loads(answer)

    def log_lines(self) -> list[str]:
        """End the environment; everything it wrote to standard output."""
        self.process.terminate()
        self.process.wait(timeout=30)
        self._output.seek(0)
        return self._output.read().decode().splitlines()

    def close(self) -> None:
        """End the process and free what belongs to it."""
        self.process.kill()
        self.process.wait(timeout=30)
        self._output.close()
        self._listener.close()
        if self._connection is not None:
            self._connection.close()

    def _receive(self) -> tuple[str, bytes]:
        if self._connection is None:
            self._connection, _ = self._listener.accept()
            self._connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._connection.settimeout(60)
        while b"\r\n\r\n" not in self._buffer:
            self._fill()
        head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        length = next((int(line[15:]) for line in lines if line.lower().startswith("content-length:")), 0)
        while len(self._buffer) < length:
            self._fill()
        body, self._buffer = self._buffer[:length], self._buffer[length:]
        return lines[0].split(" ")[1], body

    def _fill(self) -> None:
        assert self._connection is not None
        data = self._connection.recv(1 << 16)
        if not data:
            raise ConnectionError("the function's process closed the Runtime API's connection")
        self._buffer += data

    def _send(self, status: str, head: str, body: bytes) -> None:
        assert self._connection is not None
        self._connection.sendall(f"HTTP/1.1 {status}\r\n{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
