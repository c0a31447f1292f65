"""Golden rows, and what must hold of the answers to them. Used by test_endpoint and check_version."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from safe_deploy.domain.fields import Fields, shown
from safe_deploy.errors import ModelAnswerError

AGREEMENT = 1e-5
"""Relative difference up to which two scores of one row count as the same (a model computes in 32 bits)."""
SLOWEST_SHARE = 0.99
CHANCE = 0.05
"""How likely calls have to be slow by bad luck alone before that excuses them."""

Scores = Sequence[float]


@dataclass(frozen=True, slots=True)
class GoldenRows:
    """golden.json: a few test rows, which every endpoint of the release has to answer alike."""

    columns: tuple[str, ...]
    rows: tuple[tuple[float, ...], ...]

    @classmethod
    def parse(cls, document: Any) -> GoldenRows:
        """Read golden.json. Raises InvalidRequestError, naming the key that is wrong."""
        given = Fields(document, "golden.json")
        columns = tuple(str(name) for name in given.list("columns", minimum=1))
        rows = given.list("rows", minimum=1, maximum=1000)
        for place, row in enumerate(rows):
            if not isinstance(row, list) or len(row) != len(columns):
                given.fail(f"rows[{place}]", f"must have {len(columns)} values")
            for value in row:
                if isinstance(value, bool) or not isinstance(value, (int, float)):
                    given.fail(f"rows[{place}]", f"must hold numbers, not {shown(value)}")
        return cls(columns, tuple(tuple(row) for row in rows))


def to_csv(rows: Sequence[Sequence[float]]) -> str:
    """Return rows as the endpoint takes them: CSV, no header, the contract's order."""
    return "".join(",".join(repr(value) for value in row) + "\n" for row in rows)


def parse_scores(body: bytes, count: int) -> list[float]:
    """Read the endpoint's CSV answer. Raises ModelAnswerError unless it is `count` finite numbers."""
    words = body.decode("utf-8", "replace").replace(",", " ").split()
    try:
        scores = [float(word) for word in words]
    except ValueError as error:
        raise ModelAnswerError(f"the endpoint answered something that isn't a number: {error}") from error
    return checked_scores(scores, count)


def checked_scores(scores: list[float], count: int) -> list[float]:
    """Return the scores. Raises ModelAnswerError unless there are `count`, all finite."""
    if len(scores) != count:
        raise ModelAnswerError(f"the endpoint answered {len(scores)} scores for {count} rows")
    wrong = [place for place, score in enumerate(scores) if not math.isfinite(score)]
    if wrong:
        raise ModelAnswerError(f"the endpoint's score of row {wrong[0] + 1} is {scores[wrong[0]]}, not a finite number")
    return scores


def disagreement(first: Scores, second: Scores) -> int | None:
    """Return the place of the first row whose two scores differ, or None."""
    for place, (left, right) in enumerate(zip(first, second, strict=True)):
        if not math.isclose(left, right, rel_tol=AGREEMENT, abs_tol=AGREEMENT):
            return place
    return None


@dataclass(frozen=True, slots=True)
class Latency:
    """How long single-row calls took, in milliseconds."""

    p50: float
    p99: float
    warm: tuple[float, ...]
    """Every call but the first, in order of length."""

    @classmethod
    def of(cls, milliseconds: Sequence[float]) -> Latency:
        """Return the percentiles (nearest rank) of all calls but the first, which may start a container."""
        warm = sorted(milliseconds[1:])
        if not warm:
            raise ValueError("a latency needs at least two calls")
        middle, slowest = (warm[max(0, math.ceil(share * len(warm)) - 1)] for share in (0.5, SLOWEST_SHARE))
        return cls(middle, slowest, tuple(warm))

    def failure(self, limit: float) -> str | None:
        """Return a sentence when more calls are above the limit than a 99th percentile below it would explain.

        One slow call among twenty is no proof: it happens to one endpoint in five that keeps the limit.
        """
        calls, slow = len(self.warm), sum(took > limit for took in self.warm)
        if not slow or _at_least(slow, calls, 1 - SLOWEST_SHARE) > CHANCE:
            return None
        return (
            f"one row takes {self.p99:.0f} ms (99th percentile), above the limit {limit:g} ms "
            f"in {slow} of {calls} calls"
        )

    def to_output(self) -> dict[str, float]:
        """Return the percentiles, rounded to a hundredth of a millisecond."""
        return {"p50": round(self.p50, 2), "p99": round(self.p99, 2)}


def _at_least(count: int, trials: int, chance: float) -> float:
    """Return the probability of `count` or more successes (binomial)."""
    return 1 - sum(math.comb(trials, k) * chance**k * (1 - chance) ** (trials - k) for k in range(count))
