"""What the canary analysis has to reach in simulation, and whether a cell's figures reach it. Used by bench/canary.py.

A share out of few runs may lie beyond its limit by chance alone: below 500 runs it breaks a goal only if its whole
interval lies beyond. `shown` says whether the interval lies within the limit, so that the runs prove the goal.
"""

from __future__ import annotations

from typing import Any

FALSE_ROLLBACKS, IN_LARGE_CELLS, LARGE = 0.01, 0.015, 2000
FALSE_PASSES = 0.05
FAILED_REQUESTS = 3
RATIOS = {"errors": 1.7, "latency": 1.9, "predictions": 2.5}
"""Median candidate requests until a difference is found, in those of the two-sample oracle."""
ENOUGH = 500
FEW = 50
"""Runs, below which a median says too little."""


def goal(part: str, name: str, found: dict[str, Any]) -> dict[str, Any] | None:
    """Return a cell's goal: its limit, whether it is `met`, None where there are too few runs to say, and `shown`."""
    if part == "false_rollbacks":
        return _share(found["rate"], found, IN_LARGE_CELLS if found["runs"] >= LARGE else FALSE_ROLLBACKS)
    if part == "false_passes" and not name.startswith("identical"):
        return _share(found["passed"], found, FALSE_PASSES)
    if part == "silence":
        return {"limit": 0, "met": found["passed"] == 0, "shown": found["passed"] == 0}
    if part == "detection" and "to 100%" in name and "from minute" not in name:
        return _median(found["requests"], FAILED_REQUESTS, found["runs"])
    if part == "detection" and "oracle" in found:
        return _median(found.get("ratio"), RATIOS[name.partition(" ")[0].strip(",")], found["runs"])
    return None


def _share(share: float, found: dict[str, Any], limit: float) -> dict[str, Any]:
    low, high = found["interval"]
    return {"limit": limit, "met": share <= limit if found["runs"] >= ENOUGH else low <= limit, "shown": high <= limit}


def _median(value: float | None, limit: float, runs: int) -> dict[str, Any]:
    met = value is not None and value <= limit
    return {"limit": limit, "met": met if runs >= FEW else None, "shown": met and runs >= FEW}


def sentence(goal: dict[str, Any] | None) -> str:
    """Return what is printed beside a cell's figures."""
    if goal is None:
        return ""
    word = {True: "met", False: "BROKEN", None: "too few runs to say"}[goal["met"]]
    if goal["met"] and not goal["shown"]:
        word = "not contradicted"
    return f"goal<={goal['limit']:g}: {word}"
