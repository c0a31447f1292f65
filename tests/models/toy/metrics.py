"""How well the chance of being late is predicted."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from sklearn.metrics import log_loss, roc_auc_score

Numbers: TypeAlias = npt.NDArray[np.float64]


def metrics(labels: Numbers, predictions: Numbers) -> dict[str, float]:
    """Return the area under the ROC curve, the log loss and the number of rows."""
    return {
        "count": float(len(labels)),
        "auc": float(roc_auc_score(labels, predictions)),
        "logloss": float(log_loss(labels, predictions)),
    }
