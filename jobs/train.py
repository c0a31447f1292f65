"""Train: what the training job runs. Lies at the root of the archive that domain/source.py packs, beside model/.

The XGBoost image runs it as `python -m train`, the newer training toolkit as `python train.py`; neither of them
finds a program in a folder alike, so this one hands over to the model's own.
"""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

MODEL = Path(__file__).resolve().parent / "model"

if __name__ == "__main__":
    sys.path.insert(0, str(MODEL))
    runpy.run_path(str(MODEL / "train.py"), run_name="__main__")
