"""What a line in the inference function's log says of a request. Used by watch_shift.

The line that `functions/predict` writes says all. An invocation that died (out of time, out of memory) wrote none;
then Lambda's own line has the request's id, and the log stream's name has the version.
"""

from __future__ import annotations

import json
import re
from typing import NamedTuple

from safe_deploy.domain.analysis import Observation

ID = r"(?P<id>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"
DIED = (
    re.compile(rf"REPORT RequestId: {ID}\s.*Status: (?:timeout|error)", re.DOTALL),
    re.compile(rf"\S*\s*{ID} Task timed out"),
    re.compile(rf"RequestId: {ID} Error: "),
)
STREAM = re.compile(r"\[(?P<version>\d+)\]")


class Served(NamedTuple):
    """One request, by the version that served it."""

    request_id: str
    time: float
    """Seconds since the epoch."""
    version: str
    error: bool
    latency: float
    cold: bool
    prediction: float | None

    def observed_as(self, version: str) -> Observation:
        """Return the request as the analysis takes it."""
        return Observation(self.time, version, self.error, self.latency, self.cold, self.prediction)


def read_line(message: str, stream: str, time: float) -> Served | None:
    """Return the request that a line is about; None for the lines that tell of no request's end."""
    if message.startswith("{"):
        return _own_line(message, time)
    for pattern in DIED:
        found = pattern.match(message)
        version = STREAM.search(stream) if found else None
        if found and version:
            return Served(found["id"], time, version["version"], True, 0.0, False, None)
    return None


def _own_line(message: str, time: float) -> Served | None:
    try:
        line = json.loads(message)
        request, version, status = line["requestId"], line["version"], line["status"]
        prediction = line.get("prediction")
        return Served(
            str(request),
            time,
            str(version),
            status != 200,
            float(line["Latency"]),
            line["coldStart"] is True,
            None if prediction is None else float(prediction),
        )
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
