"""The app with the small model, its first release live, and users who never stop asking."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from typing import Any

import pytest

from demo.traffic import Traffic, rows_of
from tests.e2e.conftest import PROVABLE, Deploy, MakeSource
from tests.e2e.faults.whole import Whole

FAULTY: dict[str, Any] = {**PROVABLE, "shareMargin": 0.2, "latencyTolerance": 1.0, "predictionTolerance": 0.5}
"""As few as eight requests a second prove it, while all is busy, and slow answers are judged, too."""


@pytest.fixture(scope="module")
def whole(deploy: Deploy, toy_source: MakeSource) -> Iterator[Whole]:
    """One deployed app for all; the champion is whichever release went live last."""
    source = toy_source(production={"graceMinutes": 1}, canary=FAULTY)
    app = deploy(source, "parcels", "parcels")
    samples = source / "model" / "samples"
    lines = gzip.decompress((samples / "parcels.csv.gz").read_bytes()).decode().splitlines()
    users = Traffic(app.stack.outputs["ApiUrl"], rows_of(samples / "traffic.csv.gz"), rate=8)
    found = Whole(app, users, lines)
    first = found.release("champion")
    assert first.ended["status"] == "SUCCEEDED", first.ended
    users.start()
    yield found
    users.stop()
