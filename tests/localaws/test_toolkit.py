"""The shipped train.py under SageMaker's genuine training toolkit, as a training job runs it."""

from __future__ import annotations

import io
import json
import random
import re
import subprocess
import tarfile
from pathlib import Path

import pytest
from safe_deploy.domain.source import TRAINING_PROGRAM, archive

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
    packed = ml.parent / "sourcedir.tar.gz"
    packed.write_bytes(archive(shipped()))
    script_mode = {"sagemaker_program": TRAINING_PROGRAM, "sagemaker_submit_directory": str(packed)}
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


def shipped() -> dict[str, bytes]:
    """The files of model/ and jobs/, as the layer model_source has them."""
    return {
        path.relative_to(ROOT).as_posix(): path.read_bytes()
        for folder in ("model", "jobs")
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and not {"samples", "__pycache__"} & set(path.parts)
    }


def test_a_training_job_leaves_a_model_and_the_lines_that_metrics_are_read_from(opt_ml: Path) -> None:
    policy = json.loads((ROOT / "model/policy.json").read_text())
    hyperparameters = {**policy["training"]["hyperparameters"], "num_round": 5}
    done = train(opt_ml, **hyperparameters)
    log = done.stdout + done.stderr
    assert done.returncode == 0, log
    rounds = re.findall(r"^\[(\d+)\]\ttrain-rmse:([0-9.]+)\tvalidation-rmse:([0-9.]+)$", log, re.M)
    assert [int(number) for number, _, _ in rounds] == list(range(5))
    assert (opt_ml / "model/xgboost-model").stat().st_size > 1000
    assert [path.name for path in (opt_ml / "model").iterdir()] == ["xgboost-model"]
    assert (opt_ml / "output/success").exists()
    assert not (opt_ml / "output/failure").exists()


def test_a_training_job_that_fails_says_so(opt_ml: Path) -> None:
    (opt_ml / "input/data/train/train.csv").write_text("1,2\n")
    done = train(opt_ml, num_round=5)
    assert done.returncode == 1
    assert "training failed: channel train has 2 columns, the contract asks for 6" in done.stdout + done.stderr
    assert "ExecuteUserScriptError" in (opt_ml / "output/failure").read_text()
    assert not (opt_ml / "model/xgboost-model").exists()


def test_the_program_runs_as_a_module_as_the_xgboost_image_runs_it(opt_ml: Path, tmp_path: Path) -> None:
    # GIVEN the archive unpacked; the image makes its folder the current one, and installs it besides
    with tarfile.open(fileobj=io.BytesIO(archive(shipped()))) as tar:
        tar.extractall(tmp_path / "code", filter="data")
    channels = {f"SM_CHANNEL_{name.upper()}": str(opt_ml / "input/data" / name) for name in ("train", "validation")}
    for place, found_by in ((tmp_path / "code", {}), (tmp_path, {"PYTHONPATH": str(tmp_path / "code")})):
        model = tmp_path / f"model-{place.name}"
        # WHEN
        done = subprocess.run(
            [str(BIN / "python"), "-m", TRAINING_PROGRAM.removesuffix(".py"), "--num_round", "2"],
            env={**channels, **found_by, "SM_MODEL_DIR": str(model)},
            cwd=place,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        # THEN
        assert done.returncode == 0, done.stderr
        assert "trained 2 rounds on 200 rows" in done.stdout
        assert (model / "xgboost-model").exists()
