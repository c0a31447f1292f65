"""`make demo`, as a newcomer runs it: it must end well, and print the account that the README promises."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from demo.stack import ROOT

pytestmark = pytest.mark.e2e


@pytest.mark.timeout(420)
def test_the_demo_ends_well(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "demo", "--home", str(tmp_path)],
        cwd=ROOT, capture_output=True, text=True, timeout=400, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert "✗" not in done.stdout
    assert "Result: good" in done.stdout
    for state in ("Prepare Data", "Train Model", "Compute Baseline", "Ask for Approval", "Shift Traffic"):
        assert len(re.findall(rf"{state} +\d", done.stdout)) == 2, f"{state} is told for both releases"
    assert "release 2 answered everything" in done.stdout
    left = subprocess.run(["pgrep", "-f", str(tmp_path)], capture_output=True, text=True, check=False).stdout
    assert not left.strip(), f"processes are left: {left}"
