"""Links in plain text, and the bars of a timeline."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from localaws.page.links import linked
from localaws.page.timeline import WIDTH, bars

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


def test_addresses_become_links_and_the_rest_is_escaped() -> None:
    assert linked("<b> see https://x.y/a?b=1&c=2. & go") == (
        '&lt;b&gt; see <a href="https://x.y/a?b=1&amp;c=2">https://x.y/a?b=1&amp;c=2</a>. &amp; go'
    )


@given(st.text(alphabet="<>\"'& httpsjavscript:/.x"))
def test_no_text_gets_a_tag_of_its_own_through(text: str) -> None:
    without_links = linked(text).replace("</a>", "")
    assert "<" not in without_links.replace('<a href="http', "")


def event(kind: str, name: str, seconds: float) -> dict[str, Any]:
    details = "stateEnteredEventDetails" if kind == "entered" else "stateExitedEventDetails"
    return {"timestamp": BEGIN + timedelta(seconds=seconds), details: {"name": name}}


def test_bars_are_drawn_to_time() -> None:
    events = [
        {"timestamp": BEGIN},
        event("entered", "A", 0),
        event("exited", "A", 5),
        event("entered", "B", 5),
        {"timestamp": BEGIN + timedelta(seconds=10)},
    ]
    first, second = bars(events, "FAILED", BEGIN)
    assert (first.name, first.left, first.width, first.outcome) == ("A", 0, WIDTH // 2, "done")
    assert (second.name, second.left, second.width, second.outcome) == ("B", WIDTH // 2, WIDTH // 2, "failed")


def test_a_state_that_runs_reaches_to_now() -> None:
    [only] = bars([event("entered", "A", 0)], "RUNNING", BEGIN + timedelta(seconds=3))
    assert (only.outcome, only.seconds, only.width) == ("running", 3.0, WIDTH)


def test_nothing_has_no_bars() -> None:
    assert bars([], "RUNNING", BEGIN) == []
