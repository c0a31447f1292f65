"""What the canary analysis is tried on: cells of invented traffic, and how often each is run. Used by bench/canary.py.

The time goes where it shows most. A run costs by its requests: one at 200 a second as much as a thousand at 0.2.
"""

from __future__ import annotations

from dataclasses import replace
from math import exp
from typing import NamedTuple

from safe_deploy.domain.analysis import AnalysisPolicy

from bench.peers.streams import SIGMA, Traffic

EDGES = {0.05: 0.12566, 0.1: 0.25335}
"""By share margin: the normal score by which a candidate lies beyond the champion's median that much more often."""
LINEAR = (0.1, 0.2, 0.3, 0.4, 0.5)
KINDS: dict[str, Traffic] = {
    "plain": Traffic(),
    "outage": Traffic(outage=True),
    "weight 12%": Traffic(true=0.12),
    "weight 8%": Traffic(true=0.08),
}


class Cell(NamedTuple):
    """What happens, and how many runs of it there are at full scale."""

    traffic: Traffic
    runs: int
    is_shipped: bool = False
    """Whether it is judged by model/policy.json instead of the analysis's own defaults."""


def false_rollbacks(_own: AnalysisPolicy, _shipped: AnalysisPolicy) -> dict[str, Cell]:
    """Identical candidates: by rate and base error, with an outage of both, with another weight than was asked."""
    found = {}
    for rate, base, runs in (
        (0.2, 0.001, (2000, 200, 200, 200)),
        (0.2, 0, (200, 0, 0, 0)),
        (0.2, 0.01, (200, 0, 0, 200)),
        (2, 0.001, (60, 60, 60, 60)),
        (20, 0.001, (150, 40, 40, 40)),
        (20, 0.01, (150, 40, 40, 40)),
        (200, 0.001, (20, 0, 0, 0)),
        (200, 0.01, (20, 0, 0, 0)),
    ):
        for (kind, traffic), number in zip(KINDS.items(), runs, strict=True):
            if number:
                history = 500 if rate < 200 else 2000
                cell = Cell(replace(traffic, rate=rate, base=base, history=history), number)
                found[f"{rate:g}/s, errors {base:.1%}, {kind}"] = cell
    slow = Traffic(rate=2)
    found["2/s, tolerance used up"] = Cell(replace(slow, slower=1.0, tolerated=True), 60)
    found["2/s, 5 cold starts"] = Cell(replace(slow, cold=5), 60)
    found["2/s, no history"] = Cell(replace(slow, history=0), 60)
    found["2/s and 10/s replayed"] = Cell(replace(slow, base=0.01, replayed=100, minutes=15), 100)
    found["6/s, linear, kept and taken out"] = Cell(replace(slow, rate=6, minutes=10, steps=LINEAR, is_kept=True), 60)
    found["20/s, policy.json"] = Cell(Traffic(), 60, True)
    found["2/s, tolerance used up, policy.json"] = Cell(replace(slow, slower=1.0, tolerated=True), 60, True)
    return found


def detection(_own: AnalysisPolicy, _shipped: AnalysisPolicy) -> dict[str, Cell]:
    """Candidates that differ, at 20 requests a second: 3,600 of the candidate in half an hour."""
    return {
        "errors 0.1 to 1%": Cell(Traffic(errors=0.01), 240),
        "errors 0.1 to 5%": Cell(Traffic(errors=0.05), 200),
        "errors 0.1 to 20%": Cell(Traffic(errors=0.2), 200),
        "errors 0.1 to 100%": Cell(Traffic(errors=1.0), 200),
        "errors 0 to 1%": Cell(Traffic(base=0.0, errors=0.01), 200),
        "errors 1 to 5%": Cell(Traffic(base=0.01, errors=0.05), 200),
        "errors 0.1 to 100%, no history": Cell(Traffic(errors=1.0, history=0), 200),
        "errors 0.1 to 100%, from minute 10": Cell(Traffic(errors=1.0, bad_from=10), 40),
        "latency x1.2": Cell(Traffic(slower=1.2), 200),
        "latency x1.5": Cell(Traffic(slower=1.5), 200),
        "latency x2": Cell(Traffic(slower=2.0), 200),
        "latency, slowest 1% x5": Cell(Traffic(tail=5.0), 200),
        "latency x1.5, from minute 10": Cell(Traffic(slower=1.5, bad_from=10), 40),
        "predictions +0.1 sd": Cell(Traffic(shift=0.1), 60),
        "predictions +0.25 sd": Cell(Traffic(shift=0.25), 100),
        "predictions +0.5 sd": Cell(Traffic(shift=0.5), 150),
        "predictions stuck": Cell(Traffic(spread=0.0), 40),
        "predictions spread x2": Cell(Traffic(spread=2.0), 40),
        "errors 0.1 to 5%, policy.json": Cell(Traffic(errors=0.05), 100, True),
        "latency x1.5, policy.json": Cell(Traffic(slower=1.5), 100, True),
        "predictions +0.25 sd, policy.json": Cell(Traffic(shift=0.25), 100, True),
    }


def false_passes(own: AnalysisPolicy, shipped: AnalysisPolicy) -> dict[str, Cell]:
    """Candidates exactly at one margin, and identical ones (which should pass)."""
    edge, wide = EDGES[own.share_margin], EDGES[shipped.share_margin]
    at = {
        "errors 0 to 1%": Traffic(base=0.0, errors=0.01),
        "errors 1 to 2%": Traffic(base=0.01, errors=0.02),
        "errors 1 to 2%, weight 12%": Traffic(base=0.01, errors=0.02, true=0.12),
        "errors 1 to 2%, weight 8%": Traffic(base=0.01, errors=0.02, true=0.08),
        "errors 1 to 2%, outage": Traffic(base=0.01, errors=0.02, outage=True),
        "errors 1 to 2%, live and replayed": Traffic(base=0.01, errors=0.02, replayed=100),
        "errors 1 to 2%, linear": Traffic(base=0.01, errors=0.02, steps=LINEAR),
        "latency": Traffic(slower=exp(SIGMA * edge)),
        "predictions": Traffic(shift=edge),
    }
    found = {name: Cell(replace(traffic, rate=2 if traffic.replayed else 10), 200) for name, traffic in at.items()}
    by_shipped = {
        "errors 1 to 3%, policy.json": Traffic(base=0.01, errors=0.01 + shipped.error_margin),
        "latency, policy.json": Traffic(slower=exp(SIGMA * wide)),
        "predictions, policy.json": Traffic(shift=wide),
    }
    found |= {name: Cell(replace(traffic, rate=10), 200, True) for name, traffic in by_shipped.items()}
    for base in (0, 0.001, 0.01):
        found[f"identical, errors {base:.1%}"] = Cell(Traffic(rate=10, base=base), 40)
    found["identical, errors 0.1%, policy.json"] = Cell(Traffic(rate=10), 40, True)
    return {name: cell._replace(traffic=replace(cell.traffic, minutes=20)) for name, cell in found.items()}


def silence(_own: AnalysisPolicy, _shipped: AnalysisPolicy) -> dict[str, Cell]:
    """Nothing, or next to nothing, reaches the candidate."""
    return {
        "champion only": Cell(Traffic(rate=2, true=0.0), 20),
        "no traffic at all": Cell(Traffic(rate=0.0005), 20),
        "candidate at 0.2/s": Cell(Traffic(rate=0.2), 20),
    }
