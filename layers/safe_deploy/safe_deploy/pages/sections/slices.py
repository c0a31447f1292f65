"""Where the candidate is better or worse: the policy's slices, worst regressions first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from safe_deploy.domain.essence import JUDGEMENTS
from safe_deploy.domain.figures import count, figure, is_known, percent, relative, span
from safe_deploy.domain.manifest import CODE
from safe_deploy.pages.html import cell, folded, paragraph, rich_table, section, tag, unknown
from safe_deploy.pages.plots import Interval, intervals
from safe_deploy.pages.plots import figure as plot
from safe_deploy.pages.sections.quality import shifts

PLOTTED = 8


def render(evidence: Mapping[str, Any], anchor: str, title: str) -> str:
    """Return the section."""
    compared = evidence.get("comparison")
    if evidence.get("kind") == CODE:
        return section(anchor, title, paragraph("The model stays, and so does how it does on parts of the data."))
    if not compared:
        return section(anchor, title, unknown("How the models do on parts of the data"))
    found = compared["slices"]
    if not found:
        words = "The policy names no slices, so how the models do on parts of the data is unknown."
        return section(anchor, title, paragraph(words))
    metric = compared["sliceMetric"]
    better = (compared["metrics"].get(metric) or {}).get("better")
    if not any(entry["difference"] for entry in found):
        words = f"Measured by {metric}; worst first. There is no champion to compare with."
        return section(anchor, title, paragraph(words), _table(found, metric))
    words = f"Measured by {metric}; worst regressions first."
    note = (
        "A slice counts as better or worse only when the difference is clear even though there are "
        f"{len(found)} slices to look at; fewer than 30 rows are not judged."
    )
    return section(
        anchor,
        title,
        paragraph(words),
        _plot(found, metric, better),
        folded(f"All {len(found)} slices", _table(found, metric)),
        paragraph(note, "soft small"),
    )


def _plot(found: Sequence[Mapping[str, Any]], metric: str, better: str | None) -> str:
    rows = []
    for entry in found:
        if not entry["difference"] or not entry["champion"]:
            continue
        shares = shifts(entry["difference"], entry["champion"]["value"], better)
        if is_known(shares["value"]) and is_known(shares["low"]):
            words = f"{percent(abs(shares['value']))} {'worse' if shares['value'] > 0 else 'better'}"
            label = f"{entry['slice']}: {entry['value']}"
            rows.append(Interval(label, words, shares["value"], shares["low"], shares["high"], entry["verdict"]))
    if not rows:
        return ""
    shown = rows[:PLOTTED]
    drawn = intervals("plot-slices", f"{metric} by slice, candidate against champion", shown, ("better", "worse"))
    more = f" The first {len(shown)} of {len(rows)} slices with enough rows." if len(rows) > len(shown) else ""
    return plot(drawn, f"Difference in percent of the champion's {metric} on the slice, with 95 % intervals.{more}")


def _table(found: Sequence[Mapping[str, Any]], metric: str) -> str:
    rows = []
    for entry in found:
        candidate, champion, difference = entry["candidate"], entry["champion"], entry["difference"]
        shares = relative(difference, (champion or {}).get("value"))
        rows.append(
            [
                cell(f"{entry['slice']}: {entry['value']}", entry["note"]),
                count(entry["rows"]),
                cell(figure(candidate["value"]), span(candidate)) if candidate else "unknown",
                cell(figure(champion["value"]), span(champion)) if champion else "–",
                cell(percent(shares["value"], signed=True)) if shares else "–",
                tag(entry["verdict"], JUDGEMENTS[entry["verdict"]]) if difference else "–",
            ]
        )
    heads = ["Slice", "Rows", f"Candidate's {metric}", f"Champion's {metric}", "Difference", "Judgement"]
    return rich_table(heads, rows)
