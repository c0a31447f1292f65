"""Train the model. Run in script mode by SageMaker's training toolkit, on AWS and on a laptop alike.

Channels `train` and `validation` hold headerless CSV files, label first, features in the contract's order.
Hyperparameters are the arguments; `xgboost-model` goes to SM_MODEL_DIR with the contract in it, and nothing
else: the container that serves takes every file there for a model.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import xgboost as xgb

CONTRACT = Path(__file__).resolve().parent / "contract.json"


def arguments(argv: list[str] | None = None) -> argparse.Namespace:
    """Parse the hyperparameters; an unknown one is an error, so that a typo can't pass unseen."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--num_round", type=int, default=60)
    parser.add_argument("--max_depth", type=int, default=4)
    parser.add_argument("--eta", type=float, default=0.1)
    parser.add_argument("--min_child_weight", type=float, default=5.0)
    parser.add_argument("--subsample", type=float, default=0.9)
    parser.add_argument("--objective", default="reg:squarederror")
    parser.add_argument("--eval_metric", default="rmse")
    parser.add_argument("--seed", type=int, default=20180101)
    return parser.parse_args(argv)


def read_channel(name: str, width: int) -> xgb.DMatrix:
    """Read every CSV file of a channel.

    Raises ValueError, naming the channel, when it is empty, has another number of columns, or holds a blank.
    """
    folder = Path(os.environ[f"SM_CHANNEL_{name.upper()}"])
    files = [path for path in sorted(folder.rglob("*.csv")) if path.stat().st_size > 0]
    if not files:
        raise ValueError(f"channel {name} has no rows")
    rows = pd.concat([pd.read_csv(path, header=None, dtype=np.float64) for path in files], ignore_index=True)
    if rows.shape[1] != width:
        raise ValueError(f"channel {name} has {rows.shape[1]} columns, the contract asks for {width}")
    if not np.isfinite(rows.to_numpy()).all():
        raise ValueError(f"channel {name} has a blank or infinite value")
    return xgb.DMatrix(rows.iloc[:, 1:].to_numpy(), label=rows.iloc[:, 0].to_numpy())


def main() -> None:
    """Train, printing one line of metrics a round, and save."""
    given = arguments()
    contract = json.loads(CONTRACT.read_text(encoding="utf-8"))
    width = 1 + len(contract["features"])
    train, validation = read_channel("train", width), read_channel("validation", width)
    parameters = {name: value for name, value in vars(given).items() if name != "num_round"}
    model = xgb.train(
        parameters,
        train,
        given.num_round,
        evals=[(train, "train"), (validation, "validation")],
        verbose_eval=True,
    )
    target = Path(os.environ["SM_MODEL_DIR"])
    target.mkdir(parents=True, exist_ok=True)
    model.set_attr(contract=json.dumps(contract, sort_keys=True, separators=(",", ":")))
    (target / "xgboost-model").write_bytes(model.save_raw("ubj"))
    print(f"trained {given.num_round} rounds on {train.num_row()} rows", flush=True)


if __name__ == "__main__":
    try:
        main()
    except (ValueError, KeyError, xgb.core.XGBoostError) as error:
        sys.exit(f"training failed: {error}")
