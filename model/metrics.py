"""How good predictions are. Called by the evaluate job, for candidate and champion on the same rows."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Numbers: TypeAlias = npt.NDArray[np.float64]


def metrics(labels: Numbers, predictions: Numbers) -> dict[str, float]:
    """Return the metrics that policy.json's gates may name, and `count`, the number of rows.

    `rmse` and `mae` are in the label's unit (dollars). `r2` is the share of the labels' variance that is
    explained; it is left out when all labels are equal, since it isn't defined then.
    """
    errors = predictions - labels
    result = {
        "count": float(len(labels)),
        "rmse": float(np.sqrt(np.mean(errors**2))),
        "mae": float(np.mean(np.abs(errors))),
    }
    variance = float(np.var(labels))
    if variance > 0:
        result["r2"] = 1.0 - float(np.mean(errors**2)) / variance
    return result
