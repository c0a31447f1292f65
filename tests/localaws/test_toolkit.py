"""The shipped train.py under SageMaker's genuine training toolkit, as a training job runs it."""

from __future__ import annotations

import json
import random
import re
import subprocess
import tarfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BIN = ROOT / ".venvs/jobs/bin"


@pytest.fixture
def opt_ml(tmp_path: Path) -> Path:
    """What stands for /opt/ml, with two channels of invented trips."""
    ml = tmp_path / "ml"
    for folder in ("input/config", "model", "output/data"):
        (ml / folder).mkdir(parents=True)
    chance = random.Random(5)
    channels = {}
    for name in ("train", "validation"):
        channel = ml / "input/data" / name
        channel.mkdir(parents=True)
        rows = [(chance.uniform(1, 60), chance.uniform(0.1, 20)) for _ in range(200)]
        lines = [f"{3 + 0.5 * minutes + 2 * miles},{minutes},{miles},1,1,0.0\n" for minutes, miles in rows]
        (channel / f"{name}.csv").write_text("".join(lines))
        channels[name] = {"ContentType": "text/csv", "TrainingInputMode": "File", "RecordWrapperType": "None"}
    write(ml, "inputdataconfig", channels)
    write(
        ml,
        "resourceconfig",
        {"current_host": "algo-1", "hosts": ["algo-1"], "network_interface_name": "eth0"},
    )
    return ml


def write(ml: Path, name: str, content: object) -> None:
    (ml / "input/config" / f"{name}.json").write_text(json.dumps(content))


def train(ml: Path, **hyperparameters: object) -> subprocess.CompletedProcess[str]:
    """Run the toolkit's `train` as the image does."""
    archive = ml.parent / "sourcedir.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:  # names without "./", or the toolkit warns of each
        for folder in ("model", "jobs"):
            tar.add(ROOT / folder, arcname=folder, filter=without_caches)
    script_mode = {"sagemaker_program": "model/train.py", "sagemaker_submit_directory": str(archive)}
    given = {**hyperparameters, **script_mode, "sagemaker_region": "us-east-1", "sagemaker_job_name": "test"}
    # as SageMaker's SDK and CreateTrainingJob have it: every value a string that holds JSON
    write(ml, "hyperparameters", {name: json.dumps(value) for name, value in given.items()})
    environment = {
        "PATH": f"{BIN}:/usr/bin:/bin",
        "SAGEMAKER_BASE_DIR": str(ml),
        "SM_STUDIO_LOCAL_MODE": "true",
        "AWS_REGION": "us-east-1",
    }
    return subprocess.run(
        [str(BIN / "train")],
        env=environment,
        cwd=ml,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def without_caches(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    return None if "__pycache__" in member.name or "samples" in member.name else member


def test_a_training_job_leaves_a_model_and_the_lines_that_metrics_are_read_from(opt_ml: Path) -> None:
    policy = json.loads((ROOT / "model/policy.json").read_text())
    hyperparameters = {**policy["training"]["hyperparameters"], "num_round": 5}
    done = train(opt_ml, **hyperparameters)
    log = done.stdout + done.stderr
    assert done.returncode == 0, log
    rounds = re.findall(r"^\[(\d+)\]\ttrain-rmse:([0-9.]+)\tvalidation-rmse:([0-9.]+)$", log, re.M)
    assert [int(number) for number, _, _ in rounds] == list(range(5))
    assert (opt_ml / "model/xgboost-model").stat().st_size > 1000
    assert (opt_ml / "model/contract.json").read_bytes() == (ROOT / "model/contract.json").read_bytes()
    assert (opt_ml / "output/success").exists()
    assert not (opt_ml / "output/failure").exists()


def test_a_training_job_that_fails_says_so(opt_ml: Path) -> None:
    (opt_ml / "input/data/train/train.csv").write_text("1,2\n")
    done = train(opt_ml, num_round=5)
    assert done.returncode == 1
    assert "training failed: channel train has 2 columns, the contract asks for 6" in done.stdout + done.stderr
    assert "ExecuteUserScriptError" in (opt_ml / "output/failure").read_text()
    assert not (opt_ml / "model/xgboost-model").exists()
