"""One prediction from event to answer; the only place that decides on a status. Called by `app`.

Answers: 200 with scores, 4xx for the caller's mistakes, 503 with retry-after while no release is live or the
endpoint has no room. A failing model is not an answer: its error leaves the handler, so that the version's
Lambda `Errors` metric counts it (alarms and rollback watch that) and the HTTP API answers 500. Every answer
carries x-release-id; the HTTP API's own 500 can't.
"""

from __future__ import annotations

import math
import os
import time

from errors import (
    NoReleaseError,
    PredictError,
    RefusedError,
    ThrottledError,
    UnexpectedError,
)
from formats import JSON, answers_csv, encode_json, read_rows, read_scores, write_scores
from request_log import RequestLog

TYPE_CHECKING = False  # typing itself costs milliseconds of every cold start
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, Protocol

    from contract import Contract
    from endpoint import ModelEndpoint

    class Context(Protocol):
        """What we use of Lambda's context."""

        aws_request_id: str
        client_context: Any
        """Of a direct invocation that has one, with `custom` values; None otherwise."""

        def get_remaining_time_in_millis(self) -> int: ...


# The HTTP API itself takes 10 MB and Lambda an event of 6 MB, base64 and escapes included.
BODY_LIMIT = 5 * 1024 * 1024
MODEL_BODY_LIMIT = 6_291_456  # of SageMaker's XGBoost container
ANSWER_LIMIT = 6_000_000  # Lambda's is 6 MB, our headers included
RESERVED_SECONDS = 0.5  # of Lambda's time-out, to write the line and answer
_RETRY_AFTER = {"ModelThrottled": "1", "NoReleaseLive": "60"}


class Release:
    """What this Lambda version serves, from its environment; `endpoint` is empty before the first release."""

    __slots__ = ("endpoint", "id", "model", "version")

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        endpoint = environ.get("ENDPOINT_NAME", "")
        self.endpoint = "" if endpoint == "none" else endpoint
        self.id = environ.get("RELEASE_ID") or "none"  # a metric's dimension can't be empty
        self.model = environ.get("MODEL_NAME") or "none"
        self.version = environ.get("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")


class PredictionService:
    """Serves one environment's requests. `endpoint` may only be None while no release is live."""

    def __init__(self, release: Release, contract: Contract, endpoint: ModelEndpoint | None) -> None:
        self._release = release
        self._contract = contract
        self._endpoint = endpoint
        self._cold = True

    def handle(self, event: Any, context: Context) -> dict[str, Any]:
        """The HTTP API's answer (payload 2.0); raises a `ModelFailedError`. Always writes one log line."""
        log = RequestLog(cold_start=self._cold)
        self._cold = False
        try:
            return self._answer(event, context, log)
        except PredictError as error:
            log.error = type(error).__name__
            raise
        except Exception as error:
            log.error = type(error).__name__
            raise UnexpectedError(f"{log.error} at {_origin(error)}") from error
        finally:
            log.write(
                request_id=context.aws_request_id,
                trace_id=os.environ.get("_X_AMZN_TRACE_ID"),
                version=self._release.version,
                endpoint=self._release.endpoint or "none",
                model=self._release.model,
                release=self._release.id,
            )

    def _answer(self, event: Any, context: Context, log: RequestLog) -> dict[str, Any]:
        try:
            content_type, body = self._predict(event, context, log)
        except RefusedError as error:
            log.row, log.column = error.row, error.column
            return self._problem(log, error.status, error.code, error.message)
        except NoReleaseError as error:
            return self._problem(log, 503, "NoReleaseLive", str(error))
        except ThrottledError:
            log.throttled = True
            return self._problem(log, 503, "ModelThrottled", "the model has no room now: try again")
        log.status = 200
        return self._response(200, content_type, body)

    def _predict(self, event: Any, context: Context, log: RequestLog) -> tuple[str, str]:
        if self._endpoint is None:
            raise NoReleaseError("no release is live yet: predictions start with the first one")
        headers = _headers(event)
        rows = read_rows(headers.get("content-type", ""), _body(event), self._contract)
        log.rows = len(rows)
        payload = "\n".join(rows).encode("ascii")
        if len(payload) > MODEL_BODY_LIMIT:
            raise _too_large(f"the rows take {len(payload)} bytes, the model takes {MODEL_BODY_LIMIT}")
        scores = self._invoke(self._endpoint, payload, context, log)
        log.prediction = math.fsum(scores) / len(scores)
        answer = write_scores(scores, self._release.id, as_csv=answers_csv(headers.get("accept", "")))
        escaped = len(answer[1]) + answer[1].count('"') + answer[1].count("\n")
        if escaped > ANSWER_LIMIT:
            raise _too_large(f"the answer takes {escaped} bytes, Lambda carries {ANSWER_LIMIT}")
        return answer

    def _invoke(self, endpoint: ModelEndpoint, payload: bytes, context: Context, log: RequestLog) -> list[float]:
        started = time.perf_counter()
        try:
            seconds = context.get_remaining_time_in_millis() / 1000 - RESERVED_SECONDS
            answer = endpoint.invoke(payload, seconds=seconds)
        finally:
            log.model_seconds = time.perf_counter() - started
            log.attempts = endpoint.attempts
        return read_scores(answer, log.rows or 0)

    def _problem(self, log: RequestLog, status: int, code: str, message: str) -> dict[str, Any]:
        log.status, log.error = status, code
        error = {"code": code, "message": message, "row": log.row, "column": log.column}
        response = self._response(status, JSON, encode_json({"error": error}))
        if code in _RETRY_AFTER:
            response["headers"]["retry-after"] = _RETRY_AFTER[code]
        return response

    def _response(self, status: int, content_type: str, body: str) -> dict[str, Any]:
        headers = {"content-type": content_type, "x-release-id": self._release.id}
        return {"statusCode": status, "headers": headers, "body": body, "isBase64Encoded": False}


def _headers(event: Any) -> dict[str, str]:
    given = event.get("headers", {}) if isinstance(event, dict) else None
    if not isinstance(given, dict) or not all(isinstance(value, str) for value in given.values()):
        raise RefusedError(400, "InvalidRequest", "the event is not one of an HTTP API (payload format 2.0)")
    return {name.lower(): value for name, value in given.items()}


def _body(event: Any) -> bytes:
    text = event.get("body") or ""
    if not isinstance(text, str):
        raise RefusedError(400, "InvalidRequest", "the event's body is not text")
    try:
        body = text.encode()
    except UnicodeEncodeError:
        raise RefusedError(400, "InvalidRequest", "the body is not UTF-8") from None
    if event.get("isBase64Encoded") is True:
        import base64  # rare: the API sends text types as they are

        try:
            body = base64.b64decode(body, validate=True)
        except ValueError:
            raise RefusedError(400, "InvalidRequest", "the body is not base64 as announced") from None
    if len(body) > BODY_LIMIT:
        raise _too_large(f"the body has {len(body)} bytes, the limit is {BODY_LIMIT} (5 MiB)")
    return body


def _too_large(message: str) -> RefusedError:
    return RefusedError(413, "TooLarge", f"{message}: send fewer rows at a time")


def _origin(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return "an unknown line"
    return f"{os.path.basename(trace.tb_frame.f_code.co_filename)}:{trace.tb_lineno}"  # noqa: PTH119
