"""What a yes sets in motion."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from safe_deploy.domain.figures import duration, is_known
from safe_deploy.domain.shift.strategy import in_words
from safe_deploy.pages.html import escape, section


def render(evidence: Mapping[str, Any], anchor: str, title: str) -> str:
    """Return the section."""
    steps = [
        "The release waits for its turn; should production or this evidence have changed by then, your yes is void.",
        "A production endpoint is made, and the new version is asked itself before any traffic reaches it.",
    ]
    items = [f"<li>{escape(step)}</li>" for step in [*steps]]
    items += [f"<li>{step}</li>" for step in (_shift(evidence), _after(evidence))]
    return section(anchor, title, f"<ol>\n{''.join(items)}\n</ol>")


def _shift(evidence: Mapping[str, Any]) -> str:
    how = "unknown" if evidence["champion"] and not evidence.get("strategy") else in_words(evidence)
    words = f"Traffic moves: {how}."
    if evidence["champion"] is not None:
        words += " A failing check, an alarm or the analysis sends it back to the champion."
    return escape(words)


def _after(evidence: Mapping[str, Any]) -> str:
    grace = evidence.get("graceMinutes")
    words = "The monitor compares live traffic with the new baseline every hour."
    if evidence["champion"] is None:
        return escape(words)
    kept = duration(grace * 60) if is_known(grace) else "an unknown time"
    return escape(f"The champion's endpoint is kept for {kept}, to go back to. {words}")
