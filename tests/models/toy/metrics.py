"""How well the chance of being late is predicted."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

Numbers: TypeAlias = npt.NDArray[np.float64]


def metrics(labels: Numbers, predictions: Numbers) -> dict[str, float]:
    """Return the area under the ROC curve, the log loss and the number of rows."""
    late = labels > 0.5
    many, rest = int(late.sum()), int((~late).sum())
    if not many or not rest:
        raise ValueError("all rows have the same label")
    ranks = float(rankdata(predictions)[late].sum())
    chance = np.clip(np.where(late, predictions, 1 - predictions), 1e-15, 1.0)
    return {
        "count": float(len(labels)),
        "auc": (ranks - many * (many + 1) / 2) / (many * rest),
        "logloss": float(-np.log(chance).mean()),
    }
