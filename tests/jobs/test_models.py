"""The jobs take any model: the shipped one, and a toy that shares nothing with it."""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xgboost as xgb

from jobs.evaluation import job as evaluation
from jobs.evaluation.artifact import Artifact
from jobs.folder import ModelFolder, parse_contract
from jobs.preparation import job as preparation
from model.metrics import metrics
from tests.jobs.drops import ROOT

TOY = ROOT / "tests" / "models" / "toy"


def test_why_a_champion_can_not_be_compared_is_one_line_of_a_bearable_length(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = {"type": "number"}
    features = [{"name": f"feature {i}\n" + "x" * 80, **number} for i in range(300)]
    champion = parse_contract({"columns": features, "features": features, "label": {"name": "y", **number}})
    monkeypatch.setattr(evaluation, "open_artifact", lambda *_: Artifact(xgb.Booster(), champion))
    today = parse_contract({"columns": features, "features": features[:1], "label": {"name": "y", **number}})
    _, obstacle = evaluation.comparable_champion(tmp_path, today)
    assert obstacle is not None
    assert obstacle.startswith("it needs feature 1 xxx")
    assert obstacle.endswith(" and others, which the contract no longer has")
    assert obstacle.isprintable()


class Release:
    """A drop taken through prepare, train and evaluate, as the state machine does it."""

    def __init__(self, folder: Path, model: Path, drop: Path, **overrides: Any) -> None:
        self.folder = folder
        self.code = folder / "src"
        shutil.copytree(model, self.code / "model", ignore=shutil.ignore_patterns("samples", "__pycache__"))
        (folder / "input").mkdir()
        shutil.copy(drop, folder / "input")
        self.policy = json.loads((model / "policy.json").read_text())
        self.hyperparameters = {**self.policy["training"]["hyperparameters"], **overrides}

    def job(self, name: str, *arguments: str) -> None:
        message = self.folder / "message"
        main = {"prepare": preparation.main, "evaluate": evaluation.main}[name]
        assert main([f"--code={self.code}", *arguments, f"--message={message}"]) == 0, message.read_text()

    def prepare(self) -> None:
        self.job("prepare", f"--input={self.folder / 'input'}", f"--output={self.folder}")

    def train(self, check: bool = True) -> subprocess.CompletedProcess[str]:
        (self.folder / "model").mkdir(exist_ok=True)
        arguments = [part for name, value in self.hyperparameters.items() for part in (f"--{name}", str(value))]
        run = subprocess.run(
            [sys.executable, str(self.code / "model" / "train.py"), *arguments],
            capture_output=True,
            text=True,
            check=False,
            env={
                **os.environ,
                "SM_CHANNEL_TRAIN": str(self.folder / "train"),
                "SM_CHANNEL_VALIDATION": str(self.folder / "validation"),
                "SM_MODEL_DIR": str(self.folder / "model"),
            },
        )
        if check:
            assert run.returncode == 0, run.stderr
            (self.folder / "artifact").mkdir(exist_ok=True)
            with tarfile.open(self.folder / "artifact" / "model.tar.gz", "w:gz") as tar:
                tar.add(self.folder / "model", arcname=".")
        return run

    def evaluate(self, champion: Release | None = None) -> dict[str, Any]:
        rival = [f"--champion={champion.folder / 'artifact'}"] if champion else []
        self.job(
            "evaluate",
            f"--test={self.folder / 'test'}",
            f"--candidate={self.folder / 'artifact'}",
            *rival,
            f"--output={self.folder / 'evaluation'}",
        )
        result: dict[str, Any] = json.loads((self.folder / "evaluation" / "evaluation.json").read_text())
        return result

    def passes_gates(self, found: dict[str, float]) -> bool:
        gates = self.policy["gates"]
        return all(found[gate["metric"]] <= gate["atMost"] for gate in gates if "atMost" in gate) and all(
            found[gate["metric"]] >= gate["atLeast"] for gate in gates if "atLeast" in gate
        )


def make(folder: Path, model: Path, drop: str, **overrides: Any) -> Release:
    folder.mkdir()
    release = Release(folder, model, model / "samples" / drop, **overrides)
    release.prepare()
    release.train()
    return release


@pytest.fixture(scope="module")
def taxi_2018(tmp_path_factory: pytest.TempPathFactory) -> Release:
    return make(tmp_path_factory.mktemp("m") / "2018", ROOT / "model", "2018.csv.gz")


@pytest.fixture(scope="module")
def taxi_2019(tmp_path_factory: pytest.TempPathFactory) -> Release:
    return make(tmp_path_factory.mktemp("m") / "2019", ROOT / "model", "2019.csv.gz")


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Release:
    return make(tmp_path_factory.mktemp("m") / "toy", TOY, "parcels.csv.gz")


def test_the_first_taxi_release_passes_its_gates(taxi_2018: Release) -> None:
    result = taxi_2018.evaluate()
    assert result["testRows"] == result["metrics"]["candidate"]["count"] == 4427
    assert result["metrics"]["champion"] is None
    assert taxi_2018.passes_gates(result["metrics"]["candidate"])


def test_2019_beats_the_champion_of_2018_on_2019s_rows(taxi_2018: Release, taxi_2019: Release) -> None:
    result = taxi_2019.evaluate(champion=taxi_2018)["metrics"]
    assert taxi_2019.passes_gates(result["candidate"])
    assert result["candidate"]["rmse"] < 0.8 * result["champion"]["rmse"]
    assert not taxi_2018.passes_gates(result["champion"])


def test_the_readme_tells_the_measured_figures(taxi_2018: Release, taxi_2019: Release) -> None:
    readme = (ROOT / "model" / "README.md").read_text()
    for candidate, champion, year, other in (
        (taxi_2018, taxi_2019, 2018, 2019),
        (taxi_2019, taxi_2018, 2019, 2018),
    ):
        result = candidate.evaluate(champion=champion)["metrics"]
        for trained, found in ((year, result["candidate"]), (other, result["champion"])):
            told = re.search(rf"^\| {trained} \| {year} \| ([0-9.]+) \| ([0-9.]+) \| ([0-9.]+) \|$", readme, re.M)
            assert told
            figures = [float(figure) for figure in told.groups()]
            assert figures == pytest.approx([found["rmse"], found["mae"], found["r2"]], rel=0.03)


def test_a_corrupted_drop_fails_the_gates(taxi_2018: Release, tmp_path: Path) -> None:
    # GIVEN totals that stand one row too low, as after a bad join
    corrupt = Release(tmp_path, ROOT / "model", ROOT / "model" / "samples" / "2018.csv.gz")
    for split in ("train", "validation", "test"):
        rows = pd.read_csv(taxi_2018.folder / split / f"{split}.csv", header=None)
        rows[0] = np.roll(rows[0], 1)
        (tmp_path / split).mkdir()
        rows.to_csv(tmp_path / split / f"{split}.csv", header=False, index=False)
    corrupt.train()
    assert not corrupt.passes_gates(corrupt.evaluate()["metrics"]["candidate"])


def test_a_model_of_another_kind_needs_another_folder_and_nothing_else(toy: Release) -> None:
    result = toy.evaluate(champion=toy)
    assert result["metrics"]["candidate"] == result["metrics"]["champion"]
    assert set(result["metrics"]["candidate"]) == {"count", "auc", "logloss"}
    assert toy.passes_gates(result["metrics"]["candidate"])
    header = (toy.folder / "baseline" / "baseline.csv").read_text().splitlines()[0]
    assert header == "weight_kg,promised_days,is_north,is_south"


def test_a_champion_that_the_rows_cant_feed_is_left_out_with_the_reason(toy: Release, taxi_2018: Release) -> None:
    result = taxi_2018.evaluate(champion=toy)
    assert result["metrics"]["champion"] is None
    assert result["championObstacle"] == "it predicts late, the contract's label is total_amount"
    assert taxi_2018.evaluate()["championObstacle"] is None


def test_a_champion_of_another_making_is_left_out_with_the_reason(taxi_2018: Release, tmp_path: Path) -> None:
    # GIVEN a model that wasn't trained by a train.py like ours
    foreign = Release(tmp_path, ROOT / "model", ROOT / "model" / "samples" / "2018.csv.gz")
    (tmp_path / "artifact").mkdir()
    pack(tmp_path / "artifact", {"xgboost-model": with_contract(None)})
    # WHEN
    result = taxi_2018.evaluate(champion=foreign)
    # THEN
    assert result["metrics"]["champion"] is None
    assert (
        result["championObstacle"] == "the champion's model holds no contract; train.py has to set it as an attribute"
    )


def test_a_champion_with_fewer_features_is_given_its_own(taxi_2018: Release, tmp_path: Path) -> None:
    # GIVEN a champion that was trained without passenger_count
    older = Release(tmp_path, ROOT / "model", ROOT / "model" / "samples" / "2018.csv.gz", num_round=5)
    contract = json.loads((older.code / "model" / "contract.json").read_text())
    contract["features"] = [entry for entry in contract["features"] if entry["name"] != "passenger_count"]
    (older.code / "model" / "contract.json").write_text(json.dumps(contract))
    policy = {**older.policy, "slices": []}
    (older.code / "model" / "policy.json").write_text(json.dumps(policy))
    older.prepare()
    older.train()
    # WHEN it is tested on a candidate's rows THEN it is given these rows without that column
    rows = pd.read_csv(taxi_2018.folder / "test" / "test.csv", header=None)
    rows.drop(columns=3).to_csv(older.folder / "test" / "test.csv", header=False, index=False)
    assert taxi_2018.evaluate(champion=older)["metrics"]["champion"] == older.evaluate()["metrics"]["candidate"]


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda folder: (folder / "model.tar.gz").unlink(), "the candidate's model.tar.gz is missing"),
        (
            lambda folder: (folder / "model.tar.gz").write_bytes(b"x"),
            "the candidate's model.tar.gz can't be used",
        ),
        (lambda folder: pack(folder, {"other-model": b"{}"}), "the candidate's model.tar.gz can't be used"),
        (
            lambda folder: pack(folder, {"xgboost-model": b"\x80\x04junk"}),
            "the candidate's model.tar.gz can't be used",
        ),
        (
            lambda folder: pack(folder, {"xgboost-model": with_contract(None)}),
            "the candidate's model holds no contract; train.py has to set it as an attribute",
        ),
        (
            lambda folder: pack(folder, {"xgboost-model": with_contract("{")}),
            "the candidate's model.tar.gz can't be used",
        ),
        (lambda folder: pack(folder, {"xgboost-model": with_contract("{}")}), "contract.json has no 'columns'"),
        (lambda folder: pack(folder, {"../evil": b""}), "the candidate's model.tar.gz can't be used"),
    ],
)
def test_an_unusable_artifact_is_named(toy: Release, tmp_path: Path, spoil: Any, sentence: str) -> None:
    shutil.copytree(toy.folder / "artifact", tmp_path / "artifact")
    spoil(tmp_path / "artifact")
    arguments = {
        "code": toy.code,
        "test": toy.folder / "test",
        "candidate": tmp_path / "artifact",
        "output": tmp_path,
    }
    assert evaluation.main([f"--{k}={v}" for k, v in {**arguments, "message": tmp_path / "message"}.items()]) == 1
    assert (tmp_path / "message").read_text().startswith(sentence)
    assert not (tmp_path.parent / "evil").exists()


def with_contract(contract: str | None) -> bytes:
    """A model of one feature."""
    model = xgb.train({}, xgb.DMatrix(np.zeros((2, 1)), label=[0, 1]), 1)
    model.set_attr(contract=contract)
    return bytes(model.save_raw("ubj"))


def pack(folder: Path, files: dict[str, bytes]) -> None:
    with tarfile.open(folder / "model.tar.gz", "w:gz") as tar:
        for name, content in files.items():
            (folder / "file").write_bytes(content)
            tar.add(folder / "file", arcname=name)


def test_training_prints_the_lines_that_sagemaker_reads(taxi_2018: Release) -> None:
    lines = taxi_2018.train().stdout.splitlines()
    rounds = [line for line in lines if re.fullmatch(r"\[\d+\]\ttrain-rmse:[0-9.]+\tvalidation-rmse:[0-9.]+", line)]
    assert len(rounds) == taxi_2018.hyperparameters["num_round"]


def test_training_twice_gives_the_same_bytes(taxi_2018: Release) -> None:
    model = taxi_2018.folder / "model" / "xgboost-model"
    before = model.read_bytes()
    taxi_2018.train()
    assert model.read_bytes() == before


@pytest.mark.parametrize(
    ("content", "overrides", "sentence"),
    [
        ("", {}, "training failed: channel train has no rows"),
        ("1,2,3\n", {}, "training failed: channel train has 3 columns, the contract asks for 6"),
        ("1,2,,4,5,6\n", {}, "training failed: channel train has a blank or infinite value"),
        ("a,2,3,4,5,6\n", {}, "training failed: could not convert string to float"),
        ("1,2,3,4,5,6\n", {"max_dept": 3}, "train.py: error: unrecognized arguments: --max_dept 3"),
        ("1,2,3,4,5,6\n", {"objective": "reg:nonsense"}, "training failed:"),
    ],
)
def test_training_refuses_what_it_cant_use(
    tmp_path: Path, content: str, overrides: dict[str, Any], sentence: str
) -> None:
    release = Release(tmp_path, ROOT / "model", ROOT / "model" / "samples" / "2018.csv.gz", **overrides)
    for split, text in (("train", content), ("validation", "1,2,3,4,5,6\n")):
        (tmp_path / split).mkdir()
        (tmp_path / split / f"{split}.csv").write_text(text)
    run = release.train(check=False)
    assert run.returncode != 0
    assert sentence in run.stderr
    assert not (tmp_path / "model" / "xgboost-model").exists()


@pytest.mark.parametrize("folder", [ROOT / "model", TOY], ids=["taxi", "toy"])
def test_the_policy_names_what_exists(folder: Path) -> None:
    policy = json.loads((folder / "policy.json").read_text())
    code = (folder / "train.py").read_text()
    for name in policy["training"]["hyperparameters"]:
        assert f'"--{name}"' in code
    for path in policy["overridable"]:
        section, name = path.split(".")
        assert name in (policy["training"] if section == "hyperparameters" else policy)[section]
    found = ModelFolder(folder).function("metrics.py", "metrics")(np.array([0.0, 1.0]), np.array([0.2, 0.7]))
    assert {gate["metric"] for gate in policy["gates"]} <= set(policy["metrics"]) <= set(found)


@pytest.mark.parametrize("name", ["traffic-2019.csv.gz"])
def test_the_sample_traffic_meets_the_contract(name: str) -> None:
    contract = ModelFolder(ROOT / "model").contract()
    with gzip.open(ROOT / "model" / "samples" / name, "rt") as file:
        rows = pd.read_csv(file)
    assert list(rows.columns) == contract.feature_names
    assert 3000 < len(rows) < 5000
    for feature in contract.features:
        assert rows[feature.name].notna().all()
        assert rows[feature.name].min() >= feature.bounds.get("minimum", 0)
        assert rows[feature.name].max() <= feature.bounds.get("maximum", feature.bounds.get("exclusiveMaximum"))
    assert (rows["congestion_surcharge"][:250] == 0).mean() > 0.95
    assert (rows["congestion_surcharge"][-3000:] > 0).mean() > 0.85


def test_samples_are_small() -> None:
    assert sum(path.stat().st_size for path in (ROOT / "model").rglob("*.gz")) < 4_000_000


def test_metrics_against_known_values() -> None:
    found = metrics(np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 6.0]))
    assert found == pytest.approx({"count": 3, "rmse": 3**0.5, "mae": 1.0, "r2": 1 - 3 / (2 / 3)})
    assert "r2" not in metrics(np.array([2.0, 2.0]), np.array([1.0, 2.0]))


def test_the_model_can_be_served_without_feature_names(taxi_2018: Release) -> None:
    booster = xgb.Booster(model_file=str(taxi_2018.folder / "model" / "xgboost-model"))
    assert booster.feature_names is None
    assert [path.name for path in (taxi_2018.folder / "model").iterdir()] == ["xgboost-model"]
    assert json.loads(booster.attr("contract")) == json.loads((ROOT / "model" / "contract.json").read_text())
    assert booster.predict(xgb.DMatrix(np.array([[10.5, 2.1, 1, 1, 0]]))) == pytest.approx(12.2, abs=1)


def test_the_evaluation_says_how_sure_it_is_and_where_it_is_worse(taxi_2018: Release, taxi_2019: Release) -> None:
    found = taxi_2019.evaluate(champion=taxi_2018)["comparison"]
    assert {name: entry["verdict"] for name, entry in found["metrics"].items()} == dict.fromkeys(
        ("rmse", "mae", "r2"), "better"
    )
    assert found["sliceMetric"] == "rmse"
    rates = {entry["value"]: entry["rows"] for entry in found["slices"] if entry["slice"] == "Rate"}
    assert rates["standard"] > rates["JFK"] > rates["Newark"]
    assert sum(rates.values()) == 4081
    # a champion beside itself: no difference anywhere
    same = taxi_2019.evaluate(champion=taxi_2019)["comparison"]
    assert {entry["verdict"] for entry in same["metrics"].values()} == {"same"}


def test_a_classifier_has_slices_too(toy: Release) -> None:
    found = toy.evaluate(champion=toy)["comparison"]
    assert {entry["slice"] for entry in found["slices"]} == {"Weight", "is_north"}
    assert found["metrics"]["auc"]["candidate"]["low"] < found["metrics"]["auc"]["candidate"]["value"]
