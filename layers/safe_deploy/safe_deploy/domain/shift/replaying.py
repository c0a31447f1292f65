"""Send captured requests of the champion again, each by a fair coin to one of the two versions. Used by the watch.

Live traffic may be too little to prove anything by. A replayed request is answered by the real version and read from
the same log line as a live one, and harms nobody when it fails.
"""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from safe_deploy.domain.analysis import CANDIDATE, CHAMPION, Observation
from safe_deploy.domain.golden import GoldenRows
from safe_deploy.domain.names import split_uri
from safe_deploy.domain.ports import Clock, Functions, Outside
from safe_deploy.domain.release import Release
from safe_deploy.domain.replay import Replay
from safe_deploy.domain.shift.evidence import Versions
from safe_deploy.domain.shift.lines import Served, read_line
from safe_deploy.domain.shift.state import place
from safe_deploy.domain.version_check import predict_event
from safe_deploy.errors import NotFoundError, TransientError

FAIR = 0.5
AT_A_TIME = 4
"""Requests under way at once."""
LONGEST = 45
"""Seconds after which a request has ended, whether or not its answer came through: see `clients.ONCE`."""
ROWS = 500
"""Different captured rows, at most."""
Row = list[float]


@dataclass(slots=True)
class Replayer:
    """Sends rows to versions and reads what the log says of each."""

    functions: Functions
    clock: Clock
    versions: Versions
    chance: random.Random
    lost: list[str] = field(default_factory=list)
    """The versions of requests whose answers didn't come: their lines may, without our knowing that they are ours."""
    has_ended: bool = False
    """Whether no more are sent."""

    def send(self, rows: Sequence[Row], number: int, seconds: float) -> list[tuple[Served, Observation]]:
        """Send up to `number` requests, a few at a time, each to a version that a coin chooses.

        None begins later than `seconds` from now. A version that takes too long or dies has failed. Where Lambda has no
        room or an answer is lost, that says nothing of either version: it doesn't count, and no more are sent.
        """
        until = self.clock.seconds() + seconds

        def ask(turn: int) -> tuple[Served, Observation] | None:
            if self.has_ended or self.clock.seconds() >= until:
                return None
            role = CANDIDATE if self.chance.random() < FAIR else CHAMPION
            version = self.versions.candidate if role == CANDIDATE else self.versions.champion
            served = self._ask(version, self.chance.choice(rows), turn)
            return None if served is None else (served, served.observed_as(role))

        with ThreadPoolExecutor(AT_A_TIME) as pool:
            answers = list(pool.map(ask, range(number)))
        found = [answer for answer in answers if answer is not None]
        return sorted(found, key=lambda answer: answer[0].time)

    def _ask(self, version: str, row: Row, turn: int) -> Served | None:
        at = self.clock.now().timestamp()
        event = predict_event([row], f"replay-{turn}", int(at * 1000), agent="watch-shift")
        try:
            answer = self.functions.replay(version, event)
        except TransientError:
            self.lost.append(version)
            answer = None
        if answer is None:
            self.has_ended = True
            return None
        lines = [read_line(line, f"[{version}]", at) for line in answer.log.splitlines()]
        told = [served for served in lines if served is not None]
        # No line at all: the version died before it could say anything.
        return told[0] if told else Served(answer.request_id, at, version, True, 0.0, False, None)


def captured_rows(release: Release, outside: Outside) -> list[Row]:
    """Return rows that the champion was asked in the last day; once there are some, they are kept with the release."""
    kept = place(release, "rows.json")
    try:
        rows: list[Row] = outside.objects.read_json(kept)
    except NotFoundError:
        rows = _gather(release, outside)
        if rows:
            outside.objects.write(kept, json.dumps(rows).encode(), "application/json")
    return rows


def _gather(release: Release, outside: Outside) -> list[Row]:
    """Read the champion's capture, without the golden rows: those were sent by its own release, by nobody's wish."""
    if release.champion is None:
        return []
    champion = outside.releases.get(release.champion.release_id)
    golden = GoldenRows.parse(outside.objects.read_json(release.place("data", "golden", "golden.json")))
    theirs = GoldenRows.parse(outside.objects.read_json(champion.place("data", "golden", "golden.json")))
    replay = Replay(len(golden.columns), ROWS + len(theirs.rows))
    bucket, _ = split_uri(release.place("capture"))
    replay.collect(outside.objects, bucket, release.champion.endpoint_name, outside.clock.now())
    ours = {row for rows in (golden.rows, theirs.rows) for row in rows}
    return [list(row) for row in replay.rows if row not in ours][:ROWS]
