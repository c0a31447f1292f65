"""Tests of jobs/ and model/. They need the XGBoost image's packages, so they run under the jobs' own environment:

    .venvs/jobs/bin/python -m pytest tests/jobs --confcutdir=tests/jobs

Collected elsewhere (a plain `pytest` in the tools' environment), there is nothing here.
"""

from __future__ import annotations

import importlib.util
import json
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

collect_ignore_glob = [] if importlib.util.find_spec("xgboost") else ["test_*.py"]

ROOT = Path(__file__).resolve().parents[2]
HEADER = "pickup_datetime,dropoff_datetime,passenger_count,trip_distance,rate_code_id,congestion_surcharge,total_amount"
Prepare = Callable[..., "Prepared"]


def trip(i: int = 0, **changes: str) -> str:
    """Return a good row that differs from all others, with some of its cells changed."""
    cells = {
        "pickup_datetime": f"2018-03-{1 + i % 28:02} 10:{i // 28 % 60:02}:{i // 1680 % 60:02}",
        "dropoff_datetime": f"2018-03-{1 + i % 28:02} 11:{i // 28 % 60:02}:{i // 1680 % 60:02}",
        "passenger_count": "1",
        "trip_distance": f"{1 + i % 97 / 10}",
        "rate_code_id": "1",
        "congestion_surcharge": "",
        "total_amount": f"{10 + i % 89 / 2}",
    }
    return ",".join({**cells, **changes}.values())


def table(rows: Iterable[str], header: str = HEADER) -> bytes:
    """Return a CSV file."""
    return ("\n".join([header, *rows]) + "\n").encode()


class Prepared:
    """What a run of prepare left behind."""

    def __init__(self, folder: Path, code: int) -> None:
        self.folder, self.code = folder, code

    @property
    def message(self) -> str:
        return (self.folder / "message").read_text()

    @property
    def report(self) -> dict[str, Any]:
        report: dict[str, Any] = json.loads((self.folder / "output" / "report" / "report.json").read_text())
        return report

    @property
    def golden(self) -> dict[str, Any]:
        golden: dict[str, Any] = json.loads((self.folder / "output" / "golden" / "golden.json").read_text())
        return golden

    def rows(self, split: str) -> list[str]:
        return (self.folder / "output" / split / f"{split}.csv").read_text().splitlines()


@pytest.fixture
def code(tmp_path: Path) -> Path:
    """A code channel of its own, whose policy asks for few rows, so that tests may edit and be small."""
    target = tmp_path / "src"
    shutil.copytree(ROOT / "model", target / "model", ignore=shutil.ignore_patterns("samples", "__pycache__"))
    policy = json.loads((target / "model" / "policy.json").read_text())
    policy["data"]["minimumRows"] = 40
    (target / "model" / "policy.json").write_text(json.dumps(policy))
    return target


@pytest.fixture
def prepare(tmp_path: Path, code: Path) -> Prepare:
    """Run the job over files given by name; returns what it left."""
    from jobs.preparation import job

    runs = 0

    def run(files: dict[str, bytes], code: Path = code) -> Prepared:
        nonlocal runs
        runs += 1
        folder = tmp_path / f"run-{runs}"
        (folder / "input").mkdir(parents=True)
        for name, content in files.items():
            (folder / "input" / name).write_bytes(content)
        arguments = {"code": code, "input": folder / "input", "output": folder / "output"}
        argv = [f"--{name}={path}" for name, path in {**arguments, "message": folder / "message"}.items()]
        return Prepared(folder, job.main(argv))

    return run
