"""Plots as inline SVG: intervals, bars, a histogram. Used by the sections of the evidence.

Each has a title and a description for those who don't see it, colours from the style sheet, and shapes and words
that say the same. Lengths are in units of a drawing 600 wide; phones show larger text, for which there is room.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import TypeVar

from safe_deploy.domain.figures import is_known
from safe_deploy.pages.html import escape

WIDTH = 600
LEFT, RIGHT = 10, 590
ROW = 54
LINE = 27
"""Between two lines of a label, as a phone shows them."""
LABELS_LIMIT = 42
"""Characters of a label's line and its figure together, as a phone shows them."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A row of an interval plot. Values are where they stand on the axis; None where they aren't known."""

    label: str
    text: str
    value: float | None
    low: float | None
    high: float | None
    kind: str
    """better, worse, same or unknown"""


@dataclass(frozen=True, slots=True)
class Bar:
    """A row of a bar chart."""

    label: str
    text: str
    value: float
    kind: str = "same"


Row = TypeVar("Row", Interval, Bar)


def intervals(anchor: str, title: str, rows: Sequence[Interval], ends: tuple[str, str]) -> str:
    """Return intervals around nought; `ends` says what left and right of it mean."""
    reach = _reach(rows)
    middle = (LEFT + RIGHT) / 2

    def x(value: float) -> float:
        return middle + max(-1.0, min(1.0, value / reach)) * (RIGHT - LEFT) / 2

    placed, bottom = _placed(rows, 34)
    parts = [
        f'<text class="soft" x="0" y="22">← {escape(ends[0])}</text>',
        f'<text class="soft" x="{WIDTH}" y="22" text-anchor="end">{escape(ends[1])} →</text>',
        f'<line class="zero" x1="{middle:g}" x2="{middle:g}" y1="30" y2="{bottom}"/>',
    ]
    for row, lines, top, base in placed:
        parts += _labels(lines, row.text, top, row.kind)
        parts += _mark(row, x, base + 38, reach)
    described = "; ".join(f"{row.label}: {row.text}" for row in rows)
    return _svg(anchor, title, described, bottom + 6, parts)


def bars(anchor: str, title: str, rows: Sequence[Bar], limit: tuple[float, str] | None = None) -> str:
    """Return horizontal bars from nought, and a dashed line at a limit, if that is a number that can be drawn."""
    limit = limit if limit and is_known(limit[0]) and limit[0] >= 0 else None
    known = [row.value for row in rows if is_known(row.value)]
    most = max([*known, limit[0] if limit else 0.0]) or 1.0
    scale = WIDTH / (most * 1.02)
    placed, bottom = _placed(rows, 0)
    bottom += 30 if limit else 4
    parts = []
    for row, lines, top, base in placed:
        parts += _labels(lines, row.text, top, row.kind)
        parts.append(f'<rect class="track" x="0" y="{base + 30}" width="{WIDTH}" height="14" rx="3"/>')
        if is_known(row.value) and row.value > 0:
            width = max(2.0, row.value * scale)
            parts.append(
                f'<rect class="bar {escape(row.kind)}" x="0" y="{base + 30}" width="{width:.1f}" height="14" rx="3"/>'
            )
    if limit:
        at, words = limit[0] * scale, escape(limit[1])
        anchor_at = "end" if at > WIDTH / 2 else "start"
        parts += [
            *(f'<line class="limit" x1="{at:.1f}" x2="{at:.1f}" y1="{base + 29}" y2="{base + 46}"/>'
              for _, _, _, base in placed),
            f'<text class="soft" x="{at:.1f}" y="{bottom - 8}" text-anchor="{anchor_at}">{words}</text>',
        ]  # fmt: skip
    described = "; ".join(f"{row.label}: {row.text}" for row in rows)
    return _svg(anchor, title, f"{described}{f'; {limit[1]}' if limit else ''}", bottom, parts)


def histogram(anchor: str, title: str, described: str, counts: Sequence[int], marks: Sequence[str]) -> str:
    """Return vertical bars side by side; `marks` are written under the left end, the middle and the right end."""
    height, base = 170, 178
    most = max(counts, default=0) or 1
    step = (RIGHT - LEFT) / max(1, len(counts))
    parts = []
    for place, count in enumerate(counts):
        tall = max(2.0, count / most * height) if count else 0.0
        kind = "same" if place == len(counts) // 2 and len(counts) % 2 else "plain"
        parts.append(
            f'<rect class="bar {kind}" x="{LEFT + step * place + 1:.1f}" y="{base - tall:.1f}" '
            f'width="{step - 2:.1f}" height="{tall:.1f}"/>'
        )
    parts.append(f'<line class="axis" x1="{LEFT}" x2="{RIGHT}" y1="{base}" y2="{base}"/>')
    places = ((LEFT, "start"), ((LEFT + RIGHT) / 2, "middle"), (RIGHT, "end"))
    parts += [
        f'<text class="soft" x="{at:g}" y="{base + 26}" text-anchor="{side}">{escape(mark)}</text>'
        for (at, side), mark in zip(places, marks, strict=True)
    ]
    return _svg(anchor, title, described, base + 36, parts)


def _reach(rows: Sequence[Interval]) -> float:
    """Return how far the axis goes: to the ends of the intervals, but a single wide one must not flatten the rest."""
    values = [abs(row.value) for row in rows if is_known(row.value)]
    ends = sorted(abs(end) for row in rows for end in (row.low, row.high) if is_known(end))
    usual = ends[int(0.9 * (len(ends) - 1))] if ends else 0.0
    return max([usual, *values]) * 1.05 or 1.0


def _placed(rows: Sequence[Row], top: int) -> tuple[list[tuple[Row, list[str], int, int]], int]:
    """Return each row with its label's lines, where these begin and where its last begins; and where all ends."""
    found = []
    for row in rows:
        lines = _lines(row.label, max(10, LABELS_LIMIT - len(row.text)))
        base = top + LINE * (len(lines) - 1)
        found.append((row, lines, top, base))
        top = base + ROW
    return found, top


def _lines(label: str, limit: int) -> list[str]:
    """Return a label in as few lines as it needs, and those as short as that allows."""

    def wrapped(width: int) -> list[str]:
        return wrap(label, width, break_on_hyphens=False) or [""]

    fewest = len(wrapped(limit))
    return next(lines for width in range(1, limit + 1) if len(lines := wrapped(width)) == fewest)


def _labels(lines: Sequence[str], text: str, top: float, kind: str) -> list[str]:
    tone = f' class="{escape(kind)}"' if kind in ("better", "worse") else ""
    return [
        *(f'<text x="0" y="{top + 22 + LINE * place}">{escape(line)}</text>' for place, line in enumerate(lines)),
        f'<text{tone} x="{WIDTH}" y="{top + 22}" text-anchor="end">{escape(text)}</text>',
    ]


def _mark(row: Interval, x: Callable[[float], float], y: float, reach: float) -> list[str]:
    parts, kind = [], escape(row.kind)
    if is_known(row.low) and is_known(row.high):
        parts.append(f'<line class="whisker {kind}" x1="{x(row.low):.1f}" x2="{x(row.high):.1f}" y1="{y}" y2="{y}"/>')
        for end, way in ((row.low, -1), (row.high, 1)):
            if abs(end) > reach and end * way > 0:
                tip = x(end)
                parts.append(f'<path class="{kind}" d="M{tip:.1f} {y}l{-9 * way} -6v12z"><title>goes on</title></path>')
    if is_known(row.value):
        at = x(row.value)
        if row.kind == "worse":
            parts.append(f'<path class="{kind}" d="M{at:.1f} {y - 9}l9 9l-9 9l-9 -9z"/>')
        elif row.kind == "better":
            parts.append(f'<circle class="{kind}" cx="{at:.1f}" cy="{y}" r="7"/>')
        else:
            parts.append(f'<circle class="{kind} hollow" cx="{at:.1f}" cy="{y}" r="6"/>')
    return parts


def _svg(anchor: str, title: str, described: str, height: float, parts: Sequence[str]) -> str:
    body = "\n".join(parts)
    return (
        f'<svg viewBox="0 0 {WIDTH} {math.ceil(height)}" role="img" aria-labelledby="{anchor}-t" '
        f'aria-describedby="{anchor}-d">\n'
        f'<title id="{anchor}-t">{escape(title)}</title>\n<desc id="{anchor}-d">{escape(described)}</desc>\n'
        f"{body}\n</svg>"
    )


def figure(svg: str, caption: str) -> str:
    """Return a plot with its caption."""
    return f"<figure>\n{svg}\n<figcaption>{escape(caption)}</figcaption>\n</figure>"
