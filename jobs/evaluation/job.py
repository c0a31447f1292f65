"""Measure the candidate, and the champion on the same test rows. Called by jobs/evaluate.py."""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from jobs.evaluation.artifact import Artifact, NoContractError, open_artifact
from jobs.evaluation.bootstrap import Numbers
from jobs.evaluation.comparison import Answers, compare
from jobs.evaluation.slices import Slicing
from jobs.folder import Contract, ModelFolder
from jobs.outcome import JobError, ModelFolderError, finish, one_line, write_json

CHUNK_ROWS = 200_000
OBSTACLE_LIMIT = 1000


def ask(contract: Contract, test: Path, models: list[Artifact], kept: list[str]) -> Answers:
    """Return the labels, each model's predictions and the columns to keep. Reads the rows once, in chunks."""
    names = contract.feature_names
    labels: list[Numbers] = []
    predictions: list[list[Numbers]] = [[] for _ in models]
    columns: dict[str, list[Numbers]] = {name: [] for name in kept}
    for chunk in read_rows(test, 1 + len(names)):
        labels.append(chunk[:, 0].copy())
        for model, scores in zip(models, predictions, strict=True):
            scores.append(model.predict(chunk[:, 1:], names))
        for name, values in columns.items():
            values.append(chunk[:, 1 + names.index(name)].copy())
    if not labels:
        raise JobError(f"{test} holds no test rows.")
    return Answers(
        np.concatenate(labels),
        [np.concatenate(scores) for scores in predictions],
        {name: np.concatenate(values) for name, values in columns.items()},
    )


def comparable_champion(folder: Path, contract: Contract) -> tuple[Artifact | None, str | None]:
    """Return the champion if it can be tested on rows under this contract, or else why it can't."""
    try:
        champion = open_artifact(folder, "champion")
    except NoContractError as error:
        return None, one_line(str(error), OBSTACLE_LIMIT)
    obstacle = champion.obstacle(contract.feature_names, contract.label.name)
    return (None, one_line(obstacle, OBSTACLE_LIMIT)) if obstacle else (champion, None)


def read_rows(folder: Path, width: int) -> Iterator[npt.NDArray[np.float64]]:
    """Yield the rows of every CSV file of a folder, in chunks. Raises JobError if one has another width."""
    for path in sorted(folder.rglob("*.csv")):
        if path.stat().st_size == 0:
            continue
        for chunk in pd.read_csv(path, header=None, dtype=np.float64, chunksize=CHUNK_ROWS):
            if chunk.shape[1] != width:
                raise JobError(f"{path.name} has {chunk.shape[1]} columns, the contract asks for {width}.")
            yield chunk.to_numpy()


def checked(metrics: dict[str, float]) -> dict[str, float]:
    """Return the metrics as plain numbers. Raises ModelFolderError for one that a gate couldn't compare."""
    plain = {str(name): float(value) for name, value in metrics.items()}
    for name, value in plain.items():
        if not math.isfinite(value):
            raise ModelFolderError(f"model/metrics.py returned {value} for {name}; leave a metric out instead.")
    return plain


def main(argv: list[str] | None = None) -> int:
    """Run the job and return its exit code."""
    parser = argparse.ArgumentParser(description="Measure candidate and champion on the same test rows.")
    parser.add_argument("--code", type=Path, required=True, help="the code channel: holds model/ and jobs/")
    parser.add_argument("--test", type=Path, required=True, help="prepared test rows, label first")
    parser.add_argument("--candidate", type=Path, required=True, help="folder with the candidate's model.tar.gz")
    parser.add_argument("--champion", type=Path, help="folder with the champion's model.tar.gz, if there is one")
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--message", type=Path, required=True, help="where SageMaker reads the exit message")
    given = parser.parse_args(argv)

    def job() -> str:
        folder = ModelFolder.of(given.code)
        contract = folder.contract()
        models = [open_artifact(given.candidate, "candidate")]
        obstacle = models[0].obstacle(contract.feature_names, contract.label.name)
        if obstacle:
            raise JobError(f"the candidate can't be tested: {obstacle}.")
        if given.champion:
            champion, obstacle = comparable_champion(given.champion, contract)
            models += [] if champion is None else [champion]
        metrics, better = folder.function("metrics.py", "metrics"), folder.better()
        slicings = [Slicing.from_json(entry, contract.feature_names) for entry in folder.slices()]
        answers = ask(contract, given.test, models, sorted({slicing.column for slicing in slicings}))
        results = [checked(metrics(answers.labels, scores)) for scores in answers.predictions]
        write_json(
            given.output / "evaluation.json",
            {
                "testRows": len(answers.labels),
                "metrics": {"candidate": results[0], "champion": results[1] if len(results) > 1 else None},
                "championObstacle": obstacle,
                "comparison": compare(metrics, better, slicings, answers),
            },
        )
        closing = f"Evaluated on {len(answers.labels):,} test rows"
        return f"{closing}; the champion can't be compared: {obstacle}." if obstacle else f"{closing}."

    return finish(given.message, job)
