"""Compare a candidate with the champion on rows that the champion served. Used by test_endpoint and watch_shift."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from safe_deploy.domain.analysis import largest_shift, spread
from safe_deploy.domain.capture import CapturedCall, hour_prefixes, parse_line
from safe_deploy.domain.ports import Objects
from safe_deploy.errors import InvalidRequestError

LOOK_BACK = timedelta(hours=24)
FILES_READ = 200
BINS_EACH_SIDE = 10
FILE_LIMIT = 8 * 1024 * 1024
ENOUGH_ROWS = 50
"""For how far the predictions as a whole have shifted, in the champion's standard deviations."""


@dataclass(slots=True)
class Replay:
    """Captured rows of a bounded number, and the scores that the champion gave them."""

    columns: int
    """How many values a row has under the candidate's contract."""
    limit: int
    rows: list[tuple[float, ...]] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)
    left_out: int = 0
    """Rows of another shape: the champion's contract was a different one."""

    @property
    def is_full(self) -> bool:
        """Return whether enough rows were collected."""
        return len(self.rows) >= self.limit

    def add(self, calls: Iterable[CapturedCall]) -> None:
        """Take rows until the limit is reached."""
        for call in calls:
            for row, score in zip(call.rows, call.scores, strict=True):
                if self.is_full:
                    return
                if len(row) != self.columns:
                    self.left_out += 1
                    continue
                self.rows.append(row)
                self.scores.append(score)

    def collect(self, objects: Objects, bucket: str, endpoint_name: str, now: datetime) -> None:
        """Take rows from the newest capture files of an endpoint, until full or the bounds are reached."""
        read = 0
        for prefix in reversed(list(hour_prefixes(endpoint_name, now - LOOK_BACK, now))):
            for found in reversed(list(objects.list(bucket, prefix))):
                if self.is_full or read == FILES_READ:
                    return
                read += 1
                try:
                    lines = objects.read(found.uri, limit=FILE_LIMIT).splitlines()
                except InvalidRequestError:
                    continue
                self.add(call for line in lines if (call := parse_line(line)) is not None)

    def compare(self, candidate: Sequence[float]) -> dict[str, Any]:
        """Return how far the candidate's scores of these rows are from the champion's, for a person."""
        found: dict[str, Any] = {"rows": len(self.rows), "leftOut": self.left_out}
        if self.rows:
            distances = [abs(new - old) for new, old in zip(candidate, self.scores, strict=True)]
            found["championMean"] = _short(statistics.fmean(self.scores))
            found["candidateMean"] = _short(statistics.fmean(candidate))
            found["meanDistance"] = _short(statistics.fmean(distances))
            found["largestDistance"] = _short(max(distances))
            found["differences"] = histogram([new - old for new, old in zip(candidate, self.scores, strict=True)])
        if len(self.rows) >= ENOUGH_ROWS and spread(sorted(self.scores)) > 0:
            found["largestShift"] = _short(largest_shift(self.scores, candidate))
        return found


def histogram(values: Sequence[float]) -> dict[str, Any]:
    """Return `values` counted in bins of equal, round width, of which one is centred on nought.

    The bins reach from the 1st to the 99th percentile; beyond that, `below` and `above` count.
    """
    ordered = sorted(values)
    edge = max(abs(ordered[len(ordered) // 100]), abs(ordered[-1 - len(ordered) // 100]))
    width = _round_width(edge / BINS_EACH_SIDE)
    reach = min(BINS_EACH_SIDE, round(edge / width)) if width else 0
    counts = [0] * (2 * reach + 1)
    below = above = 0
    for value in ordered:
        place = reach + (math.floor(value / width + 0.5) if width else 0)
        if place < 0:
            below += 1
        elif place >= len(counts):
            above += 1
        else:
            counts[place] += 1
    return {"width": width, "counts": counts, "below": below, "above": above}


def _round_width(least: float) -> float:
    """Return the smallest of 1, 2, 5 times a power of ten that isn't below `least`; nought for nought."""
    if least <= 0:
        return 0.0
    power = 10.0 ** math.floor(math.log10(least))
    return float(f"{next(step * power for step in (1, 2, 5, 10) if step * power >= least * (1 - 1e-9)):.6g}")


def _short(value: float) -> float:
    return float(f"{value:.6g}")
