"""Evaluate against Champion: the processing job that measures both models. Run by path."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from jobs.evaluation.job import main

if __name__ == "__main__":
    sys.exit(main())
