"""Four judges as others build them, on the same streams, minute by minute. Used by bench/canary.py.

Each gives the index of the request at which it rolls back, or None where it promotes at the end. They are likenesses
of what these products do by their own examples, not those products.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from bench.peers.streams import Stream

Array = Any


def cloudwatch(stream: Stream) -> int | None:
    """Roll back on an alarm: more than 0 errors of the candidate in two minutes running; no data is no breach."""
    running = 0
    for end, now in _minutes(stream):
        running = running + 1 if np.any(stream.error[now] & stream.served[now]) else 0
        if running == 2:
            return end
    return None


def argo(stream: Stream) -> int | None:
    """Roll back when the candidate's success rate of a minute is below 95 %, failure limit 0; no data is a failure."""
    for end, now in _minutes(stream):
        errors = stream.error[now][stream.served[now]]
        if not errors.size or 1 - errors.mean() < 0.95:
            return end
    return None


def flagger(stream: Stream) -> int | None:
    """Roll back after five minutes with success below 99 %, a p99 above 500 ms, or no data."""
    failed = 0
    for end, now in _minutes(stream):
        served = stream.served[now]
        errors, latency = stream.error[now][served], stream.latency[now][served]
        failed += not errors.size or 1 - errors.mean() < 0.99 or np.quantile(latency, 0.99) > 500
        if failed == 5:
            return end
    return None


def kayenta(stream: Stream) -> int | None:
    """Every five minutes, compare the minutes' values of both versions: roll back on a Mann-Whitney U at 98 %."""
    ours: list[list[float]] = [[], [], []]
    theirs: list[list[float]] = [[], [], []]
    for minute, (end, now) in enumerate(_minutes(stream), 1):
        for served, values in ((True, ours), (False, theirs)):
            own = stream.served[now] == served
            if np.any(own):
                for kept, figure in zip(values, (stream.error, stream.latency, stream.prediction), strict=True):
                    kept.append(float(figure[now][own].mean()))
        if minute % 5 == 0 and any(
            _differs(np.array(a), np.array(b), both)
            for a, b, both in zip(ours, theirs, (False, False, True), strict=True)
        ):
            return end
    return None


JUDGES = {"cloudwatch": cloudwatch, "argo": argo, "flagger": flagger, "kayenta": kayenta}


def _minutes(stream: Stream) -> Iterator[tuple[int, slice]]:
    if not stream.time.size:
        return
    ends = np.searchsorted(stream.time, np.arange(60, stream.time[-1] + 60, 60))
    start = 0
    for end in ends.tolist():
        yield max(end - 1, 0), slice(start, end)
        start = end


def _differs(ours: Array, theirs: Array, both: bool) -> bool:
    """Mann-Whitney's U with ties, by its normal approximation."""
    n, m = ours.size, theirs.size
    if n < 3 or m < 3:
        return False
    pooled = np.concatenate([ours, theirs])
    _, inverse, counts = np.unique(pooled, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    u = ranks[:n].sum() - n * (n + 1) / 2
    total = n + m
    variance = n * m / 12 * (total + 1 - (counts**3 - counts).sum() / (total * (total - 1)))
    if variance <= 0:
        return False
    score = (u - n * m / 2) / np.sqrt(variance)
    return bool(abs(score) > 2.326 if both else score > 2.054)
