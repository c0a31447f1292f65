"""Test an endpoint: contract, determinism, latency, replay. Used by test_endpoint."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from safe_deploy.domain.golden import GoldenRows, Latency, disagreement, parse_scores, to_csv
from safe_deploy.domain.replay import Replay
from safe_deploy.errors import ModelAnswerError

TIMED_CALLS = 50
TIMED_SECONDS = 120
REPLAY_BATCH = 100


@dataclass(slots=True)
class DevTest:
    """One test of an endpoint, and what it has found so far."""

    ask: Callable[[str], bytes]
    """Sends CSV rows and returns the CSV answer; raises ModelAnswerError."""
    seconds: Callable[[], float]
    failures: list[str] = field(default_factory=list)
    latency: Latency | None = None
    golden_scores: list[float] = field(default_factory=list)
    replay: dict[str, Any] = field(default_factory=dict)

    def run(self, golden: GoldenRows, replay: Replay, limit: float) -> None:
        """Make every check; `limit` is the longest one row may take, in milliseconds."""
        try:
            first = self._timed(golden.rows[:1])[1]
            self.golden_scores = self._scores(golden.rows)
            self._compare(self.golden_scores, self._scores(golden.rows), "when asked twice")
            self._time_single_rows(golden, first, limit)
            self.replay = replay.compare(self._scores(replay.rows))
        except ModelAnswerError as error:
            self.failures.append(str(error))
        if not self.replay:
            self.replay = {"rows": 0, "leftOut": replay.left_out}

    def to_output(self) -> dict[str, Any]:
        """Return the result as the state machine reads it."""
        return {
            "passed": not self.failures,
            "failures": self.failures,
            "latencyMilliseconds": {"p50": None, "p99": None} if self.latency is None else self.latency.to_output(),
            "goldenRows": len(self.golden_scores),
            "replayed": self.replay["rows"],
            "replay": self.replay,
        }

    def _scores(self, rows: Sequence[Sequence[float]]) -> list[float]:
        scores: list[float] = []
        for start in range(0, len(rows), REPLAY_BATCH):
            batch = rows[start : start + REPLAY_BATCH]
            scores += parse_scores(self.ask(to_csv(batch)), len(batch))
        return scores

    def _timed(self, rows: Sequence[Sequence[float]]) -> tuple[float, float]:
        began = self.seconds()
        answer = self.ask(to_csv(rows))
        took = (self.seconds() - began) * 1000
        return parse_scores(answer, len(rows))[0], took

    def _time_single_rows(self, golden: GoldenRows, first: float, limit: float) -> None:
        began, singles, took = self.seconds(), list[float](), [first]
        while len(took) <= TIMED_CALLS and self.seconds() - began < TIMED_SECONDS:
            for row in golden.rows:
                score, milliseconds = self._timed([row])
                took.append(milliseconds)
                if len(singles) < len(golden.rows):
                    singles.append(score)
        self._compare(self.golden_scores, singles, "alone and among others")
        self.latency = Latency.of(took)
        failure = self.latency.failure(limit)
        if failure:
            self.failures.append(failure)

    def _compare(self, scores: Sequence[float], others: Sequence[float], when: str) -> None:
        place = disagreement(scores, others)
        if place is not None:
            self.failures.append(f"golden row {place + 1} scores {scores[place]:g} and {others[place]:g} {when}")
