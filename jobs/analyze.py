"""Compute Baseline and Monitor: the processing job that describes data and finds drift. Run by path."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from jobs.analysis.job import main

if __name__ == "__main__":
    sys.exit(main())
