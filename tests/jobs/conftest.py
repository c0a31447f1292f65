"""Tests of jobs/ and model/. They need the XGBoost image's packages, so they run in the jobs' environment:

    .venvs/jobs/bin/python -m pytest tests/jobs --confcutdir=tests/jobs

Collected elsewhere (a plain `pytest` in the tools' environment), there is nothing here.
"""

from __future__ import annotations

import importlib.util
import json
import shutil
from pathlib import Path

import pytest

from tests.jobs.analyses import Analysis, Run
from tests.jobs.drops import ROOT, Prepare, Prepared

collect_ignore_glob = [] if importlib.util.find_spec("xgboost") else ["test_*.py"]


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


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Analyze a CSV text or capture lines; with a baseline, compare."""
    from jobs.analysis import job

    runs = 0

    def analyze(data: str | list[str], baseline: Analysis | None = None, **environment: str) -> Analysis:
        nonlocal runs
        runs += 1
        folder = tmp_path / f"run-{runs}"
        source = folder / "in" / "AllTraffic" / "2019" / "02" / "01" / "10"
        source.mkdir(parents=True)
        if isinstance(data, str):
            (source / "data.csv").write_text(data)
        else:
            (source / "00-00-000-a.jsonl").write_text("".join(line + "\n" for line in data[::2]))
            (source / "00-00-001-b.jsonl").write_text("".join(line + "\n" for line in data[1::2]))
        settings = {
            "dataset_format": '{"csv": {"header": true}}' if isinstance(data, str) else '{"sagemakerCaptureJson": {}}',
            "dataset_source": str(folder / "in"),
            "output_path": str(folder),
            "message_path": str(folder / "message"),
            **environment,
        }
        if baseline:
            settings["baseline_statistics"] = str(baseline.folder / "statistics.json")
            settings["baseline_constraints"] = str(baseline.folder / "constraints.json")
        with monkeypatch.context() as patch:
            for name, value in settings.items():
                patch.setenv(name, value)
            return Analysis(folder, job.main())

    return analyze
