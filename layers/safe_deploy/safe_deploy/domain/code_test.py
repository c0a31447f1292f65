"""Test the inference code that a release will publish, against its dev endpoint. Used by test_endpoint."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from safe_deploy.domain.fields import parse_json
from safe_deploy.domain.golden import GoldenRows, Latency, disagreement, to_csv
from safe_deploy.domain.ports import Clock, Invocation
from safe_deploy.domain.version_check import CALLS, CSV, JSON, Answer, csv_event, read_answer, read_response
from safe_deploy.errors import InvalidRequestError, ModelAnswerError

TIMED_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Asked:
    """A version of the inference Lambda, or `$LATEST` on trial, that can be asked like the HTTP API asks."""

    who: str
    """What sentences about it call it."""
    release_id: str
    """As which release it must answer."""
    invoke: Callable[[Mapping[str, Any]], Invocation]
    clock: Clock
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def csv(self, rows: str) -> bytes:
        """Send CSV rows and return the CSV answer. Raises ModelAnswerError."""
        answer = self._answer(rows, CSV)
        if answer.release_id != self.release_id:
            raise ModelAnswerError(f"{self.who} answers as release {answer.release_id!r:.60}, not {self.release_id}")
        return answer.body.encode()

    def scores(self, rows: Sequence[Sequence[float]]) -> list[float]:
        """Send rows and return the scores of the JSON answer. Raises ModelAnswerError."""
        return read_answer(self.invoke(self._event(to_csv(rows), JSON)), len(rows), self.release_id, self.who)

    def answers(self, rows: Sequence[Sequence[float]]) -> dict[str, Any]:
        """Return whole answers to the same rows, by format; the release's own name is left out."""
        found = {accept: self._answer(to_csv(rows), accept) for accept in (JSON, CSV)}
        try:
            document = parse_json(found[JSON].body, f"{self.who}'s body")
        except InvalidRequestError as error:
            raise ModelAnswerError(f"{self.who}'s answer can't be read: {error}") from error
        if isinstance(document, dict):
            document.pop("release", None)
        return {
            JSON: [found[JSON].content_type, document],
            CSV: [found[CSV].content_type, found[CSV].body],
        }

    def latency(self, row: Sequence[float]) -> Latency:
        """Return how long a row takes, asked alone. Raises ModelAnswerError."""
        began, took = self.clock.seconds(), list[float]()
        while len(took) < 2 or (len(took) <= CALLS and self.clock.seconds() - began < TIMED_SECONDS):
            asked = self.clock.seconds()
            self.scores([row])
            took.append((self.clock.seconds() - asked) * 1000)
        return Latency.of(took)

    def _answer(self, rows: str, accept: str) -> Answer:
        return read_response(self.invoke(self._event(rows, accept)), self.who)

    def _event(self, rows: str, accept: str) -> dict[str, Any]:
        epoch = int(self.clock.now().timestamp() * 1000)
        return csv_event(rows, accept, f"{self.release_id}-{next(self.numbers)}", epoch)


@dataclass(slots=True)
class CodeTest:
    """One test of code that isn't published yet, and what it has found so far."""

    new: Asked
    failures: list[str] = field(default_factory=list)
    latency: Latency | None = None

    def run(self, golden: GoldenRows, scores: Sequence[float], limit: float) -> None:
        """Ask for the golden rows in both formats; `scores` is what the dev endpoint has given for them."""
        try:
            place = disagreement(found := self.new.scores(golden.rows), scores)
            if place is not None:
                self.failures.append(
                    f"golden row {place + 1} scores {found[place]:g} through the new code; "
                    f"the dev endpoint said {scores[place]:g}"
                )
            self.new.csv(to_csv(golden.rows))
            self.latency = self.new.latency(golden.rows[0])
        except ModelAnswerError as error:
            self.failures.append(str(error))
        failure = None if self.latency is None else self.latency.failure(limit)
        if failure:
            self.failures.append(f"through the new code, {failure}")

    def compare(self, live: Asked, golden: GoldenRows) -> dict[str, Any]:
        """Return how the live version answers the same golden rows, for a person.

        That it fails is told, and no failure of the new code: this may be what the release mends.
        """
        try:
            before, after = live.answers(golden.rows), self.new.answers(golden.rows)
            old, new = live.scores(golden.rows), self.new.scores(golden.rows)
            latency = live.latency(golden.rows[0])
        except ModelAnswerError as error:
            return {"failure": str(error)}
        distances = [abs(left - right) for left, right in zip(old, new, strict=True)]
        return {
            "rows": len(distances),
            "identical": before == after,
            "differing": sum(distance > 0 for distance in distances),
            "largestDistance": float(f"{max(distances):.6g}"),
            "latencyMilliseconds": latency.to_output(),
        }

    def latency_output(self) -> dict[str, float | None]:
        """Return the latency through the new code, as it stands in the records."""
        return {"p50": None, "p99": None} if self.latency is None else dict(self.latency.to_output())
