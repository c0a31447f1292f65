"""Plots: labels are told whole, whatever their length, and nothing runs into anything else."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from safe_deploy.pages.plots import LABELS_LIMIT, Bar, Interval, bars, intervals

LONG = "Duration in minutes: 40 and more"


def interval(label: str, text: str = "13.6 % better") -> Interval:
    return Interval(label, text, -0.1, -0.2, 0.1, "better")


def lines(svg: str, text: str) -> list[str]:
    """The texts of a drawing that are neither its ends nor the row's figure."""
    found = re.findall(r'<text x="0" y="[\d.]+">([^<]*)</text>', svg)
    assert f">{text}</text>" in svg
    return found


def test_a_label_that_is_too_long_takes_another_line_and_breaks_where_it_reads_best() -> None:
    svg = intervals("p", "Title", [interval(LONG)], ("better", "worse"))
    assert lines(svg, "13.6 % better") == ["Duration in minutes:", "40 and more"]
    assert f'<desc id="p-d">{LONG}: 13.6 % better</desc>' in svg


def test_rows_make_room_for_the_lines_above_them() -> None:
    short, long = (intervals("p", "T", [interval(name), interval("b")], ("l", "r")) for name in ("a", LONG))
    tops = [float(re.findall(r'viewBox="0 0 600 (\d+)"', svg)[0]) for svg in (short, long)]
    assert tops[1] > tops[0]
    places = [float(y) for y in re.findall(r'<text x="0" y="([\d.]+)">', long)]
    assert places == sorted(set(places))
    marks = [float(y) for y in re.findall(r'<circle [^>]*cy="([\d.]+)"', long)]
    assert places[1] < marks[0] < places[2] < marks[1]


@pytest.mark.parametrize("limit", [None, (0.2, "threshold")])
def test_bars_and_their_limit_stand_below_the_labels(limit: tuple[float, str] | None) -> None:
    svg = bars("p", "T", [Bar(LONG, "0.9 · 1.234 → 2.345", 0.9), Bar("b", "1", 0.1)], limit)
    tracks = [float(y) for y in re.findall(r'class="track" x="0" y="([\d.]+)"', svg)]
    assert lines(svg, "1") == ["Duration in minutes:", "40 and more", "b"]
    texts = [float(y) for y in re.findall(r'<text x="0" y="([\d.]+)">', svg)]
    assert texts[1] < tracks[0] < texts[2] < tracks[1]
    assert [float(y) + 1 for y in re.findall(r'class="limit" [^>]*y1="([\d.]+)"', svg)] == (tracks if limit else [])


@given(
    st.text(st.characters(categories=["L", "N"]), min_size=1),
    st.text(st.characters(categories=["N"]), min_size=1, max_size=30),
)
def test_nothing_of_a_label_is_lost(label: str, text: str) -> None:
    found = lines(bars("p", "T", [Bar(label, text, 1.0)]), text)
    assert "".join(found) == label
    assert all(len(line) <= max(10, LABELS_LIMIT - len(text)) for line in found)
