"""Drops that must not become releases: each ends in a named state, a mail says why, nothing is left."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.e2e.conftest import App

pytestmark = pytest.mark.e2e

HEADER = (
    "vendor_id,pickup_datetime,dropoff_datetime,passenger_count,trip_distance,rate_code_id,store_and_fwd_flag,"
    "pickup_location_id,dropoff_location_id,payment_type,fare_amount,extra,mta_tax,tip_amount,tolls_amount,"
    "improvement_surcharge,total_amount,congestion_surcharge"
)


def without(trips: bytes, column: str) -> bytes:
    """The same drop without one column."""
    rows = [line.split(",") for line in trips.decode().splitlines()]
    at = rows[0].index(column)
    return "\n".join(",".join(row[:at] + row[at + 1 :]) for row in rows).encode()


def with_nonsense(trips: bytes, share: float) -> bytes:
    """The same drop with a share of its rows made unparsable."""
    lines = trips.decode().splitlines()
    broken = int(len(lines) * share)
    return "\n".join([lines[0], *("not,a,trip" for _ in range(broken)), *lines[1 + broken :]]).encode()


def test_bad_drops_are_refused_in_words_and_leave_nothing(app: App, trips: dict[int, bytes]) -> None:
    """All at once, as a bad day would have it."""
    good = trips[2018]
    cases: dict[str, tuple[dict[str, bytes], dict[str, Any] | bytes | None, str, list[str]]] = {
        "not-json": ({"a.csv": good}, b"{files: [a.csv]}", "DropRefused", ["manifest.json", "JSON"]),
        "missing-file": ({"a.csv": good}, {"files": ["b.csv"]}, "DropRefused", ["b.csv"]),
        "no-files": ({}, {"files": []}, "DropRefused", ["files"]),
        "unknown-key": ({"a.csv": good}, {"files": ["a.csv"], "file": 1}, "DropRefused", ["file"]),
        "missing-column": ({"a.csv": without(good, "total_amount")}, None, "ReleaseFailed", ["total_amount"]),
        "nonsense": ({"a.csv": with_nonsense(good, 0.3)}, None, "ReleaseFailed", ["refused", "%"]),
        "empty": ({"a.csv": b""}, None, "DropRefused", ["a.csv", "empty"]),
        "header-only": ({"a.csv": f"{HEADER}\n".encode()}, None, "ReleaseFailed", ["a.csv"]),
    }
    running = {name: app.drop(name, files, manifest) for name, (files, manifest, _, _) in cases.items()}
    for name, (_, _, error, words) in cases.items():
        ended = app.ended(running[name])
        assert (ended["status"], ended["error"]) == ("FAILED", error), f"{name}: {ended}"
        release = app.release_of(running[name])
        told = json.dumps(app.mails_about(release["releaseId"]))
        missing = [word for word in words if word not in told]
        assert not missing, f"{name}: the mail doesn't say {missing}: {told}"
    assert app.sagemaker_resources() == set()
    assert app.lock_holder() is None
    assert app.alias()["FunctionVersion"] == "1", "the alias was never moved"
