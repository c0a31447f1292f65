"""Train a classifier of parcels, in script mode."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

import pandas as pd
import xgboost as xgb


def read(channel: str) -> xgb.DMatrix:
    """Read a channel's CSV, label first."""
    rows = pd.read_csv(Path(os.environ[f"SM_CHANNEL_{channel.upper()}"], f"{channel}.csv"), header=None).to_numpy()
    return xgb.DMatrix(rows[:, 1:], label=rows[:, 0])


def main() -> None:
    """Train and save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--num_round", type=int, required=True)
    parser.add_argument("--max_depth", type=int, required=True)
    parser.add_argument("--eta", type=float, required=True)
    parser.add_argument("--objective", required=True)
    parser.add_argument("--seed", type=int, required=True)
    given = vars(parser.parse_args())
    rounds = given.pop("num_round")
    train, validation = read("train"), read("validation")
    model = xgb.train(given, train, rounds, evals=[(train, "train"), (validation, "validation")], verbose_eval=True)
    target = Path(os.environ["SM_MODEL_DIR"])
    contract = json.loads(Path(__file__).with_name("contract.json").read_text(encoding="utf-8"))
    model.set_attr(contract=json.dumps(contract, sort_keys=True, separators=(",", ":")))
    (target / "xgboost-model").write_bytes(model.save_raw("ubj"))


if __name__ == "__main__":
    main()
