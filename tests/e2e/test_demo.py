"""`make demo`, as a newcomer runs it: it must end well, and print the account that the README promises."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from demo.stack import ROOT
from tests.e2e.conftest import processes_of

pytestmark = pytest.mark.e2e


@pytest.mark.timeout(900)
def test_the_demo_ends_well(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "demo", "--home", str(tmp_path)],
        cwd=ROOT, capture_output=True, text=True, timeout=800, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert "✗" not in done.stdout
    assert "Result: good" in done.stdout
    for state in ("Prepare Data", "Train Model", "Compute Baseline", "Ask for Approval", "Shift Traffic"):
        assert len(re.findall(rf"{state} +\d", done.stdout)) == 2, f"{state} is told for both releases"
    assert "release 2 answered everything" in done.stdout
    assert not processes_of(tmp_path), "processes are left"
