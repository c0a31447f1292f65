"""Stands for the model server: answers as its body is told to. Started by localaws in tests of endpoints.

The model folder's `model.txt` names the model; `broken` ends at once, `slow` says nothing for ever.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class Handler(BaseHTTPRequestHandler):
    """GET /ping, POST /invocations."""

    protocol_version = "HTTP/1.1"
    model = ""

    def do_GET(self) -> None:
        self._answer(200, b"", "text/plain")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        if body == b"die":
            os._exit(9)
        if body.startswith(b"status "):
            self._answer(int(body.split()[1]), b"as you wish", "text/plain")
        elif body == b"headers":
            names = ("content-type", "accept", "x-amzn-sagemaker-custom-attributes")
            self._answer(200, repr([self.headers.get(n) for n in names]).encode(), "text/plain")
        elif body == b"hang":
            time.sleep(30)
        else:
            self._answer(200, f"{self.model},{body.decode()}\n".encode(), "text/csv; charset=utf-8")

    def _answer(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int)
    parser.add_argument("--model-dir", type=Path)
    given = parser.parse_args()
    Handler.model = (given.model_dir / "model.txt").read_text()
    if Handler.model == "broken":
        sys.exit("the model can't be loaded")
    if Handler.model == "slow":
        time.sleep(600)
    server = ThreadingHTTPServer(("127.0.0.1", given.port), Handler)
    sys.stdout.write(f"listening on {server.server_port}\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main()
