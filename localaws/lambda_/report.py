"""The lines that Lambda itself writes to a function's log, as text or as JSON. Called by the invoker."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from localaws.lambda_.model import Configuration, Version
from localaws.lambda_.output import Line


@dataclass(frozen=True, slots=True)
class Measured:
    """What one invocation took."""

    request_id: str
    milliseconds: float
    init_milliseconds: float | None
    """None in a warm environment."""
    megabytes: int | None
    status: str = "success"
    """Or `error`, `timeout`."""
    error_type: str = ""


def before(version: Version, request_id: str, started: float) -> Iterator[Line]:
    """What precedes the function's own lines."""
    if _silent(version.configuration):
        return
    at = int(started * 1000)
    if _is_json(version.configuration):
        yield _platform(at, "platform.start", {"requestId": request_id, "version": version.number})
    else:
        yield Line(at, f"START RequestId: {request_id} Version: {version.number}")


def after(version: Version, measured: Measured) -> Iterator[Line]:
    """What follows them."""
    if _silent(version.configuration):
        return
    at = int(time.time() * 1000)
    if _is_json(version.configuration):
        yield _platform(at, "platform.report", _record(version.configuration, measured))
        return
    yield Line(at, f"END RequestId: {measured.request_id}")
    yield Line(at, "\t".join(_report(version.configuration, measured)) + "\t")


def _report(configuration: Configuration, measured: Measured) -> Iterator[str]:
    billed = math.ceil(measured.milliseconds + (measured.init_milliseconds or 0))
    yield f"REPORT RequestId: {measured.request_id}"
    yield f"Duration: {measured.milliseconds:.2f} ms"
    yield f"Billed Duration: {billed} ms"
    yield f"Memory Size: {configuration.memory} MB"
    if measured.megabytes is not None:
        yield f"Max Memory Used: {measured.megabytes} MB"
    if measured.init_milliseconds is not None:
        yield f"Init Duration: {measured.init_milliseconds:.2f} ms"
    if measured.status != "success":
        yield f"Status: {measured.status}"
    if measured.error_type:
        yield f"Error Type: {measured.error_type}"


def _record(configuration: Configuration, measured: Measured) -> dict[str, Any]:
    metrics: dict[str, Any] = {
        "durationMs": round(measured.milliseconds, 3),
        "billedDurationMs": math.ceil(measured.milliseconds + (measured.init_milliseconds or 0)),
        "memorySizeMB": configuration.memory,
    }
    if measured.megabytes is not None:
        metrics["maxMemoryUsedMB"] = measured.megabytes
    if measured.init_milliseconds is not None:
        metrics["initDurationMs"] = round(measured.init_milliseconds, 3)
    record: dict[str, Any] = {"requestId": measured.request_id, "metrics": metrics, "status": measured.status}
    if measured.error_type:
        record["errorType"] = measured.error_type
    return record


def _platform(at: int, kind: str, record: dict[str, Any]) -> Line:
    stamp = datetime.fromtimestamp(at / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{at % 1000:03d}Z"
    return Line(at, json.dumps({"time": stamp, "type": kind, "record": record}, separators=(",", ":")))


def _is_json(configuration: Configuration) -> bool:
    return configuration.logging["LogFormat"] == "JSON"


def _silent(configuration: Configuration) -> bool:
    """Whether the system log level leaves out what merely informs."""
    return configuration.logging.get("SystemLogLevel") == "WARN"
