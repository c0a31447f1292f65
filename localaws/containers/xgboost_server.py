"""A model server that answers as SageMaker's XGBoost container does. Started by localaws for each endpoint.

    python xgboost_server.py --model-dir <unpacked model.tar.gz> --port 0

It prints `listening on <port>` once the model is loaded. What it answers: to an empty body 204; to a bad
content type, a header row or a row that can't be parsed 415; to too many columns 400; to too few columns and
to blanks, which are missing values, 200; to a bad Accept 406; to a body above the container's limit 413.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np

sys.modules["sklearn"] = None  # type: ignore[assignment]  # xgboost imports it if it can, for nothing here: 1.6 s
import xgboost as xgb  # noqa: E402

BODY_LIMIT = 6_291_456
CSV, JSON = "text/csv", "application/json"
CSV_ANSWER = "text/csv; charset=utf-8"
"""What the container's web framework makes of text/csv."""


class AnswerError(Exception):
    """The request gets this status instead of predictions."""

    def __init__(self, status: HTTPStatus, text: str) -> None:
        super().__init__(text)
        self.status = status


class ModelFolderError(Exception):
    """The model folder is not one that this server can serve."""


def _load(path: Path) -> xgb.Booster:
    booster = xgb.Booster({"nthread": 1})
    try:
        booster.load_model(bytearray(path.read_bytes()))
    except xgb.core.XGBoostError as error:
        reason = str(error).strip().splitlines()[0]
        raise ModelFolderError(
            f"{path} is not a model, and every file of its folder is taken for one: {reason}"
        ) from error
    return booster


class Model:
    """The loaded booster. Predicting is thread-safe."""

    def __init__(self, folder: Path) -> None:
        """Load every plain file of the folder, whatever its name. Raises ModelFolderError unless it is one model."""
        boosters = [_load(path) for path in sorted(folder.iterdir()) if path.is_file()]
        if len(boosters) != 1:
            raise ModelFolderError(f"{folder} holds {len(boosters)} models; the container would take their mean")
        self._booster = boosters[0]
        self._width: int = self._booster.num_features()

    def predict(self, rows: list[list[float]]) -> list[Any]:
        """Return a score for each row. Raises AnswerError for rows wider than the model."""
        given = len(rows[0])
        if given > self._width:
            raise AnswerError(
                HTTPStatus.BAD_REQUEST,
                f"Unable to evaluate payload provided: {given} columns, the model has {self._width} features",
            )
        table = np.full((len(rows), self._width), np.nan, dtype=np.float32)
        table[:, :given] = rows
        scores: list[Any] = self._booster.inplace_predict(table, validate_features=False).tolist()
        return scores


def parse_rows(body: bytes, content_type: str) -> list[list[float]]:
    """Parse a request's rows. Raises AnswerError 415."""
    kind = content_type.partition(";")[0].strip().lower() or CSV
    if kind != CSV:
        raise AnswerError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"Content-type {kind} not supported; use {CSV}")
    try:
        text = body.decode("utf-8").strip()
        rows = [[float(cell) if cell else np.nan for cell in line.split(",")] for line in text.split("\n")]
    except ValueError as error:
        raise AnswerError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"Loading csv data failed: {error}") from error
    if any(len(row) != len(rows[0]) for row in rows):
        raise AnswerError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "Loading csv data failed: rows differ in length")
    return rows


def encode(scores: list[Any], accept: str) -> tuple[bytes, str]:
    """Return the answer's body and content type. Raises AnswerError 406."""
    kind = accept.partition(";")[0].strip().lower()
    if kind in ("", "*/*", CSV):
        return ("\n".join(map(_cell, scores)) + "\n").encode(), CSV_ANSWER
    if kind == JSON:
        return json.dumps({"predictions": [{"score": score} for score in scores]}).encode(), JSON
    raise AnswerError(HTTPStatus.NOT_ACCEPTABLE, f"Accept type {kind} is not supported; use {CSV} or {JSON}")


def _cell(score: Any) -> str:
    return ",".join(map(str, score)) if isinstance(score, list) else str(score)


class Handler(BaseHTTPRequestHandler):
    """One connection, kept alive. Headers and body leave in one packet."""

    protocol_version = "HTTP/1.1"
    server_version = "xgboost-server"
    disable_nagle_algorithm = True
    wbufsize = -1
    model: Model

    def do_GET(self) -> None:
        """Answer the health check."""
        self._answer(HTTPStatus.OK if self.path == "/ping" else HTTPStatus.NOT_FOUND)

    def do_POST(self) -> None:
        """Answer a prediction."""
        try:
            body = self._body()
            if self.path != "/invocations":
                self._answer(HTTPStatus.NOT_FOUND)
            elif not body:
                self._answer(HTTPStatus.NO_CONTENT)
            else:
                scores = self.model.predict(parse_rows(body, self.headers.get("content-type", "")))
                self._answer(HTTPStatus.OK, *encode(scores, self.headers.get("accept", "")))
        except AnswerError as error:
            self._answer(error.status, str(error).encode(), "text/html; charset=utf-8")

    def _body(self) -> bytes:
        length = self.headers.get("content-length", "")
        if not length.isdigit():
            self.close_connection = True
            raise AnswerError(HTTPStatus.LENGTH_REQUIRED, "give a content-length")
        if int(length) > BODY_LIMIT:
            self.close_connection = True
            raise AnswerError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the body exceeds {BODY_LIMIT} bytes")
        return self.rfile.read(int(length))

    def _answer(self, status: HTTPStatus, body: bytes = b"", content_type: str = "text/html; charset=utf-8") -> None:
        self.send_response(status)
        self.send_header("content-type", content_type)
        if status is not HTTPStatus.NO_CONTENT:
            self.send_header("content-length", str(len(body)))
        if self.close_connection:
            self.send_header("connection", "close")
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Log nothing: the host keeps the log of invocations."""


class Server(ThreadingHTTPServer):
    """Threads die with the process; a burst of connections waits instead of being refused."""

    daemon_threads = True
    request_queue_size = 128


def main() -> None:
    """Load the model, say where it listens, serve until terminated."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model-dir", type=Path, required=True)
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--host", default="127.0.0.1")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        Handler.model = Model(given.model_dir)
    except (OSError, ModelFolderError) as error:
        sys.exit(f"the model can't be loaded: {error}")
    with Server((given.host, given.port), Handler) as server:
        sys.stdout.write(f"listening on {server.server_port}\n")
        sys.stdout.flush()
        server.serve_forever()


if __name__ == "__main__":
    main()
