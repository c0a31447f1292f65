"""Read the evidence of a shift out of the inference function's log. Used by the watch.

A line counts under the share that the alias was seen to have before and after it. What one look has no time to
read is read by the next: nothing is passed over. Late lines are found by reading an overlap again; a request counts
once, by its id.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from safe_deploy.domain.analysis import CANDIDATE, CHAMPION, Observation
from safe_deploy.domain.ports import LogEvent, RequestLogs
from safe_deploy.domain.shift.lines import Served, read_line
from safe_deploy.domain.shift.state import ShiftState

OVERLAP = 10_000
"""Milliseconds before the last reading's end that are read again, for lines that came late."""
KEPT = 60_000
"""Milliseconds before that for which ids are kept: a line is written up to an invocation's length after its call."""
SHORTEST_SETTLE, LONGEST_SETTLE = 1_000, 15_000
"""Milliseconds for which the log's end is left alone: twice the lag that was seen, within these bounds."""
PAGES = 30
"""Of the log, at most, in one reading; the rest is read by the next look."""
READINGS = 2
"""In one look, at most."""
HISTORY = 2_000
"""Requests of the champion before the shift, at most."""
HISTORY_WINDOWS = (60_000, 300_000, 900_000)
"""Milliseconds before the shift: the shortest of these that holds enough is read."""


@dataclass(frozen=True, slots=True)
class Versions:
    """Who is who."""

    champion: str
    candidate: str

    def role_of(self, version: str) -> str | None:
        """Return the analysis's name for a version; None for those that have no part in the shift."""
        return {self.champion: CHAMPION, self.candidate: CANDIDATE}.get(version)


def history(logs: RequestLogs, versions: Versions, now: int) -> tuple[list[Observation], int]:
    """Return the champion's last requests, oldest first, and the longest lag of a line."""
    found: list[Observation] = []
    lag, end = 0, now
    for window in HISTORY_WINDOWS:
        events, _ = logs.read(now - window, end, PAGES)
        lag = max([lag, *(event.lag for event in events)])
        served = _requests(events)
        found = [s.observed_as(CHAMPION) for s in served if versions.role_of(s.version) == CHAMPION] + found
        end = now - window - 1
        if len(found) >= HISTORY:
            break
    return found[-HISTORY:], lag


def collect(state: ShiftState, logs: RequestLogs, versions: Versions, now: int) -> list[tuple[float, Observation]]:
    """Read on from where the last look ended; return what counts, in the order of its time, each with its share.

    The log is read twice at most: what a span that has ended left, and what has settled of the next one.
    """
    settled = now - min(max(2 * state.lag, SHORTEST_SETTLE), LONGEST_SETTLE)
    found: list[tuple[float, Observation]] = []
    for _ in range(READINGS):
        until = state.due(settled)
        if until is None:
            break
        found += _read(state, logs, versions, until)
        if state.behind:
            break
    state.behind |= state.due(settled) is not None
    return found


def _read(state: ShiftState, logs: RequestLogs, versions: Versions, until: int) -> list[tuple[float, Observation]]:
    span = state.spans[0]
    start = state.read_until - (0 if state.behind else OVERLAP)
    events, whole = logs.read(max(start, span.since + 1), until, PAGES)
    state.behind = not whole
    state.lag = max([state.lag, *(event.lag for event in events)])
    found = []
    for served in _requests(events):
        role = versions.role_of(served.version)
        if role is not None and state.count(served.request_id, round(served.time * 1000)):
            found.append((span.weight, served.observed_as(role)))
            state.live[role == CANDIDATE] += 1
    state.read_until = until if whole else max(state.read_until, events[-1].timestamp if events else 0)
    state.forget(state.read_until - OVERLAP - KEPT)
    return found


def _requests(events: Iterable[LogEvent]) -> list[Served]:
    """Return each request once: by its own line, where it wrote one."""
    found: dict[str, Served] = {}
    for event in events:
        served = read_line(event.message, event.stream, event.timestamp / 1000)
        if served is not None and (served.request_id not in found or event.message.startswith("{")):
            found[served.request_id] = served
    return sorted(found.values(), key=lambda served: served.time)
