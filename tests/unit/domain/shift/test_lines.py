"""What a log line says of a request: our own line, and Lambda's where an invocation died."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from safe_deploy.domain.shift.lines import Served, read_line

ID = "0a1b2c3d-1111-4222-8333-444455556666"
STREAM = "2026/01/31/predict[7]0123456789abcdef"


def own(**changes: Any) -> str:
    line = {
        "requestId": ID,
        "version": "7",
        "status": 200,
        "coldStart": False,
        "prediction": 12.5,
        "Latency": 3.25,
        **changes,
    }
    return json.dumps(line) + "\n"


def test_our_own_line_says_all() -> None:
    assert read_line(own(), STREAM, 5.0) == Served(ID, 5.0, "7", False, 3.25, False, 12.5)


@pytest.mark.parametrize("status", [400, 422, 500, 503])
def test_any_status_but_200_is_an_error(status: int) -> None:
    served = read_line(own(status=status, prediction=None), STREAM, 5.0)
    assert served is not None
    assert served.error
    assert served.prediction is None


def test_a_cold_start_is_marked() -> None:
    served = read_line(own(coldStart=True), STREAM, 5.0)
    assert served is not None
    assert served.cold


@pytest.mark.parametrize(
    "message",
    [
        f"REPORT RequestId: {ID}\tDuration: 29000.00 ms\tBilled Duration: 29000 ms\tStatus: timeout\t",
        f"REPORT RequestId: {ID}\tDuration: 9.00 ms\tStatus: error\tError Type: Runtime.ExitError\t",
        f"2026-01-31T12:00:00.000Z {ID} Task timed out after 29.00 seconds",
        f"RequestId: {ID} Error: Runtime exited with error: signal: killed",
    ],
)
def test_an_invocation_that_died_is_an_error_of_the_version_in_the_streams_name(message: str) -> None:
    assert read_line(message, STREAM, 5.0) == Served(ID, 5.0, "7", True, 0.0, False, None)
    assert read_line(message, "2026/01/31/[$LATEST]0123", 5.0) is None


@pytest.mark.parametrize(
    "message",
    [
        f"START RequestId: {ID} Version: 7",
        f"END RequestId: {ID}",
        f"REPORT RequestId: {ID}\tDuration: 3.00 ms\tBilled Duration: 3 ms\tMemory Size: 512 MB\t",
        "{}",
        '{"requestId": 1}',
        own(Latency=None),
        own()[:-5],
        "",
    ],
)
def test_other_lines_tell_of_no_requests_end(message: str) -> None:
    assert read_line(message, STREAM, 5.0) is None


@given(st.text(), st.text())
def test_no_line_breaks_the_reading(message: str, stream: str) -> None:
    read_line(message, stream, 0.0)
    read_line("{" + message, stream, 0.0)
