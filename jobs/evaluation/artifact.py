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

import numpy as np
import numpy.typing as npt
import xgboost as xgb

from jobs.folder import Contract, parse_contract
from jobs.outcome import JobError

NAMES_SHOWN = 5


class NoContractError(JobError):
    """The model doesn't say what it was trained on."""


@dataclass(frozen=True)
class Artifact:
    """A trained model and the contract that it was trained under, which is the booster's attribute `contract`."""

    booster: xgb.Booster
    contract: Contract

    def predict(self, features: npt.NDArray[np.float64], names: list[str]) -> npt.NDArray[np.float64]:
        """Return one prediction for each row; the columns `names` are picked as this model wants them."""
        places = [names.index(name) for name in self.contract.feature_names]
        predictions: npt.NDArray[np.float64] = self.booster.predict(
            xgb.DMatrix(features[:, places]), validate_features=False
        ).astype(np.float64)
        return predictions

    def obstacle(self, names: list[str], label: str) -> str | None:
        """Return why this model can't be tested on rows with these features and this label, or None."""
        if self.contract.label.name != label:
            return f"it predicts {self.contract.label.name}, the contract's label is {label}"
        missing = [name for name in self.contract.feature_names if name not in names]
        shown = ", ".join(missing[:NAMES_SHOWN]) + (" and others" if len(missing) > NAMES_SHOWN else "")
        return f"it needs {shown}, which the contract no longer has" if missing else None


def open_artifact(folder: Path, whose: str) -> Artifact:
    """Load the model of a folder that holds model.tar.gz. Raises JobError, saying whose it is.

    Raises NoContractError for a model that was not trained by a train.py like ours.
    """
    archive = folder / "model.tar.gz"
    if not archive.is_file():
        raise JobError(f"the {whose}'s model.tar.gz is missing from {folder}.")
    with tempfile.TemporaryDirectory() as scratch:
        try:
            with tarfile.open(archive, "r:gz") as tar:
                tar.extractall(scratch, filter="data")
            booster = xgb.Booster()
            booster.load_model(bytearray(Path(scratch, "xgboost-model").read_bytes()))
            text: str | None = booster.attr("contract")
            contract = json.loads(text) if text else None
        except (tarfile.TarError, OSError, ValueError, xgb.core.XGBoostError) as error:
            first_line = str(error).strip().splitlines()[0]
            raise JobError(f"the {whose}'s model.tar.gz can't be used: {first_line}") from error
    if contract is None:
        raise NoContractError(f"the {whose}'s model holds no contract; train.py has to set it as an attribute")
    return Artifact(booster, parse_contract(contract))
