"""One JSON line for each request: log record and CloudWatch metrics (EMF) at once. Called by `service`.

What a line holds, for people, alarms and the canary analysis (which reads lines, not minute-wide metrics):

    level, timestamp, message     INFO for scores, WARNING for a 4xx or 503, ERROR for a failure of the model
    requestId, traceId            Lambda's id; the X-Ray trace where there is one
    version, endpoint             the Lambda version that served, and its endpoint
    ModelName, Release            the metrics' dimensions; Throttled is one by ModelName alone, too, for the alarm on
                                  the alias, whose release changes
    status                        200, the 4xx or 503 answered, 500 where an error left the handler
    error, row, column            the refusal's code or the error's class; row (from 1) and feature refused
    coldStart                     true on an environment's first request: compare no latencies of those
    rows                          rows in the request; left out where they could not be read
    prediction                    mean of the request's scores: enough to compare two versions' predictions.
                                  Single scores and inputs are in the data capture, never here
    attempts                      calls to SageMaker, retries included
    Latency, ModelLatency         milliseconds: all of the handler; the wait for SageMaker, retries included
    Predictions, Rows             metrics: 1 for an answer with scores, and how many scores it had
    Failures, Refused, Throttled  metrics: 1 where the model failed, for a 4xx, for a 503 by throttling
    ColdStart                     metric: 1 on an environment's first request

What is not known is left out. The counts are written as 0 too, so that a metric's average is a rate and no
data means no requests. The latencies are metrics of answers with scores only, cold starts left out: a flood
of refusals can't make a model look fast, nor its first requests a new version slow. A line holds no body, no
header, no credential.
"""

from __future__ import annotations

import sys
import time

from formats import encode_json

TYPE_CHECKING = False  # typing itself costs milliseconds of every cold start
if TYPE_CHECKING:
    from collections.abc import Mapping

NAMESPACE = "SafeDeployment/Predict"
_LEVELS = {200: "INFO", 500: "ERROR"}


def _declared(*units: tuple[str, tuple[str, ...]]) -> str:
    metrics = [{"Name": name, "Unit": unit} for unit, names in units for name in names]
    throttled = [{"Name": "Throttled", "Unit": "Count"}]
    return encode_json(
        [
            {"Namespace": NAMESPACE, "Dimensions": [dimensions], "Metrics": given}
            for dimensions, given in ((["ModelName", "Release"], metrics), (["ModelName"], throttled))
        ]
    )


# Encoded once: these never change, and are half of every line.
_COUNTS = ("Count", ("Predictions", "Rows", "Failures", "Refused", "Throttled", "ColdStart"))
_COUNTS_ONLY = _declared(_COUNTS)
_WITH_LATENCIES = _declared(_COUNTS, ("Milliseconds", ("Latency", "ModelLatency")))


class RequestLog:
    """What is known of one request so far; `write` ends it."""

    __slots__ = (
        "_started",
        "attempts",
        "cold_start",
        "column",
        "error",
        "model_seconds",
        "prediction",
        "row",
        "rows",
        "status",
        "throttled",
    )

    def __init__(self, *, cold_start: bool) -> None:
        self._started = time.perf_counter()
        self.cold_start = cold_start
        self.status = 500
        self.throttled = False
        self.error: str | None = None
        self.row: int | None = None
        self.column: str | None = None
        self.rows: int | None = None
        self.prediction: float | None = None
        self.attempts: int | None = None
        self.model_seconds: float | None = None

    def write(
        self, *, request_id: str, trace_id: str | None, version: str, endpoint: str, model: str, release: str
    ) -> None:
        """Write the line to standard output, which Lambda sends to CloudWatch Logs."""
        now = time.time()
        served = self.status == 200
        line: dict[str, object] = {
            "level": _LEVELS.get(self.status, "WARNING"),
            "timestamp": f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(now))}.{int(now % 1 * 1000):03d}Z",
            "message": "prediction" if served else "no prediction",
            "requestId": request_id,
            "traceId": trace_id,
            "version": version,
            "endpoint": endpoint,
            "status": self.status,
            "error": self.error,
            "row": self.row,
            "column": self.column,
            "coldStart": self.cold_start,
            "rows": self.rows,
            "prediction": self.prediction,
            "attempts": self.attempts,
            "Latency": _milliseconds(time.perf_counter() - self._started),
            "ModelLatency": _milliseconds(self.model_seconds),
            "ModelName": model,
            "Release": release,
            "Predictions": int(served),
            "Rows": self.rows if served else 0,
            "Failures": int(self.status == 500),
            "Refused": int(400 <= self.status < 500),
            "Throttled": int(self.throttled),
            "ColdStart": int(self.cold_start),
        }
        known: Mapping[str, object] = {name: value for name, value in line.items() if value is not None}
        metrics = _WITH_LATENCIES if served and not self.cold_start else _COUNTS_ONLY
        emf = f'"_aws":{{"Timestamp":{int(now * 1000)},"CloudWatchMetrics":{metrics}}}'
        sys.stdout.write(f"{encode_json(known)[:-1]},{emf}}}\n")


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 3)
