"""The table of docs/faults.md: rows that tests write while they run, and the page made of them afterwards.

`python -m tests.e2e.faults.rows` writes the page; `make test-faults` calls it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
FOLDER = ROOT / "build" / "faults"
PAGE = ROOT / "docs" / "faults.md"
REHEARSED, WHOLE = "rehearsed", "whole app"
HEAD = ("state", "fault", "outcome", "failed requests", "left behind", "who was told", "how tried")
INTRODUCTION = """# Faults

What goes wrong, at which state, and what becomes of it. Written by `make test-faults`; don't edit it.

* *rehearsed*: the shipped machine and the real functions, with AWS in memory and no waiting. At every step a user asks
  each version that gets traffic.
* *whole app*: deployed on the local AWS, with its processes and sockets. The fault is set at AWS's API or in a process,
  and users ask without pause.

`Await Decision` waits in an activity: that is no call, so nothing can be throttled there, and what is refused for good
is the whole activity.

*failed requests* counts those of users, apart from what a bad candidate itself answered to its share; that is told
beside it. What doesn't hold is said in bold.
"""
LEFT = "something is left"


@dataclass(frozen=True, slots=True)
class Row:
    """One fault at one place, and what became of it."""

    state: str
    fault: str
    outcome: str
    failed: str
    left: str
    told: str
    tried: str
    problems: tuple[str, ...] = ()
    """What should hold and doesn't."""


def note(row: Row) -> Row:
    """Keep a row for the page."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER / f"rows-{os.getpid()}.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(asdict(row)) + "\n")
    return row


def keep(row: Row) -> None:
    """Note a row and hold it to what is due."""
    note(row)
    assert not row.problems, row


def noted() -> list[Row]:
    """Every row that was kept."""
    lines = (line for path in sorted(FOLDER.glob("rows-*.jsonl")) for line in path.read_text().splitlines())
    return [Row(**{**document, "problems": tuple(document["problems"])}) for document in map(json.loads, lines)]


def page(rows: Iterable[Row], order: list[str]) -> str:
    """The page, its rows in the order of the machine's states; other places come last."""
    last = len(order)
    place = {state: number for number, state in enumerate(order)}
    found = sorted(set(rows), key=lambda row: (place.get(row.state, last), row.state, row.tried, row.fault))
    lines = [f"| {' | '.join(HEAD)} |", f"|{'---|' * len(HEAD)}"]
    for row in found:
        outcome = "; ".join([row.outcome, *(f"**{problem}**" for problem in row.problems)])
        cells = (row.state, row.fault, outcome, row.failed, row.left, row.told, row.tried)
        lines.append(f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |")
    held = sum(not row.problems for row in found)
    return f"{INTRODUCTION}\n{held} of {len(found)} rows hold.\n\n" + "\n".join(lines) + "\n"


def rows_of(text: str) -> list[dict[str, str]]:
    """The rows of a page, by its head."""
    lines = [line for line in text.splitlines() if line.startswith("| ")][1:]
    return [dict(zip(HEAD, (cell.strip() for cell in line.strip("|").split("|")), strict=True)) for line in lines]


def main() -> None:
    """Write the page of what was kept."""
    from tests.e2e.faults.states import labels

    found = noted()
    if not found:
        raise SystemExit("no rows were kept: did the tests run?")
    PAGE.write_text(page(found, labels()), encoding="utf-8")


if __name__ == "__main__":
    main()
