"""Open a training job's model.tar.gz. Called by job.py for the candidate and the champion.

Nothing in an artifact is ever executed: the archive is unpacked with the `data` filter, the model is in
XGBoost's own format, and there is no pickle.
"""

from __future__ import annotations

import json
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import xgboost as xgb

from jobs.folder import parse_contract
from jobs.outcome import JobError


@dataclass(frozen=True)
class Artifact:
    """A trained model and the features that it was trained on, in its own order."""

    booster: xgb.Booster
    feature_names: list[str]
    label_name: str

    def predict(self, features: npt.NDArray[np.float64], names: list[str]) -> npt.NDArray[np.float64]:
        """Return one prediction for each row; the columns `names` are picked as this model wants them."""
        places = [names.index(name) for name in self.feature_names]
        predictions: npt.NDArray[np.float64] = self.booster.predict(
            xgb.DMatrix(features[:, places]), validate_features=False
        ).astype(np.float64)
        return predictions

    def obstacle(self, names: list[str], label: str) -> str | None:
        """Return why this model can't be tested on rows with these features and this label, or None."""
        if self.label_name != label:
            return f"it predicts {self.label_name}, the contract's label is {label}"
        missing = [name for name in self.feature_names if name not in names]
        return f"it needs {', '.join(missing)}, which the contract no longer has" if missing else None


def open_artifact(folder: Path, whose: str) -> Artifact:
    """Load the model of a folder that holds model.tar.gz. Raises JobError, saying whose it is."""
    archive = folder / "model.tar.gz"
    if not archive.is_file():
        raise JobError(f"the {whose}'s model.tar.gz is missing from {folder}.")
    with tempfile.TemporaryDirectory() as scratch:
        try:
            with tarfile.open(archive, "r:gz") as tar:
                tar.extractall(scratch, filter="data")
            booster = xgb.Booster()
            booster.load_model(bytearray(Path(scratch, "xgboost-model").read_bytes()))
            contract: dict[str, Any] = json.loads(Path(scratch, "contract.json").read_text(encoding="utf-8"))
        except (tarfile.TarError, OSError, ValueError, xgb.core.XGBoostError) as error:
            first_line = str(error).strip().splitlines()[0]
            raise JobError(f"the {whose}'s model.tar.gz can't be used: {first_line}") from error
    parsed = parse_contract(contract)
    return Artifact(booster, parsed.feature_names, parsed.label.name)
