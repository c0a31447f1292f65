"""A peer of jobs/analyze.py: pandas and scipy over the same two files. Started by bench/analyze.py."""

from __future__ import annotations

import importlib
import json
import sys

import pandas as pd

ks_2samp = importlib.import_module("scipy.stats").ks_2samp


def main() -> None:
    """Compare each column of two CSV files; print the distances."""
    baseline, current = pd.read_csv(sys.argv[1]), pd.read_csv(sys.argv[2])
    current.describe()
    print(json.dumps({name: float(ks_2samp(baseline[name], current[name]).statistic) for name in current}))


if __name__ == "__main__":
    main()
