"""Metrics of candidate and champion with their intervals, and the gates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from safe_deploy.domain.essence import JUDGEMENTS, limit_words, metric_names
from safe_deploy.domain.figures import count, figure, is_known, percent, relative, span
from safe_deploy.domain.manifest import CODE
from safe_deploy.pages.html import cell, escape, heading, paragraph, rich_table, section, table, tag, unknown
from safe_deploy.pages.plots import Interval, intervals
from safe_deploy.pages.plots import figure as plot


def render(evidence: Mapping[str, Any], anchor: str, title: str) -> str:
    """Return the section."""
    champion, compared = evidence["champion"], evidence.get("comparison")
    words = f"Measured on the same {count(evidence['testRows'])} test rows, held back from training."
    if evidence.get("kind") == CODE:
        words = (
            f"The model stays: release {evidence['candidate']['trainedBy']} trained it, and it was measured on "
            f"{count(evidence['testRows'])} test rows then. Today's limits were applied to those figures; comparing "
            "the model with itself would prove nothing."
        )
    elif champion is None:
        words += " Nothing is live yet, so there is no champion to compare with."
    elif evidence["championObstacle"]:
        words += f" The champion can't be compared: {evidence['championObstacle']}."
    found = (compared or {}).get("metrics") or {}
    rows = [_row(name, evidence, found.get(name)) for name in metric_names(evidence)]
    return section(
        anchor,
        title,
        paragraph(words),
        rich_table(["Metric", "Candidate", "Champion", "Difference", "Judgement"], rows),
        _plot(evidence) if champion else "",
        "" if evidence.get("kind") == CODE else _method(compared),
        _gates(evidence),
    )


def shifts(difference: Mapping[str, Any] | None, base: Any, better: str | None) -> dict[str, Any]:
    """Return a difference as shares of the champion's metric, turned so that more is worse."""
    shares = relative(difference, base) or {"value": None, "low": None, "high": None}
    if better != "higher":
        return dict(shares)
    turned = {key: None if value is None else -value for key, value in shares.items()}
    return {"value": turned["value"], "low": turned["high"], "high": turned["low"]}


def _row(name: str, evidence: Mapping[str, Any], found: Mapping[str, Any] | None) -> list[str]:
    value = evidence["candidate"]["metrics"].get(name)
    champion = ((evidence["champion"] or {}).get("metrics") or {}).get(name)
    better = (evidence.get("better") or {}).get(name)
    title = f"{name} ({better} is better)" if better else name
    if found is None:
        judgement = tag("unknown", JUDGEMENTS["unknown"]) if better and champion is not None else "–"
        return [escape(title), figure(value), "–" if champion is None else figure(champion), "–", judgement]
    difference = found["difference"]
    shares = relative(difference, champion)
    change = f" ({percent(shares['value'], signed=True)})" if shares else ""
    return [
        escape(title),
        cell(figure(value), span(found["candidate"])),
        cell(figure(champion), span(found["champion"])) if champion is not None else "–",
        cell(f"{figure(difference['value'])}{change}", span(difference)) if difference else "–",
        tag(found["verdict"], JUDGEMENTS[found["verdict"]]) if difference else "–",
    ]


def _plot(evidence: Mapping[str, Any]) -> str:
    metrics = (evidence.get("comparison") or {}).get("metrics") or {}
    rows = []
    for name in metric_names(evidence):
        found = metrics.get(name)
        if not found or not found["difference"] or not found["champion"]:
            continue
        shares = shifts(found["difference"], found["champion"]["value"], found["better"])
        if is_known(shares["value"]):
            words = f"{percent(abs(shares['value']))} {'worse' if shares['value'] > 0 else 'better'}"
            rows.append(Interval(name, words, shares["value"], shares["low"], shares["high"], found["verdict"]))
    if not rows:
        return ""
    drawn = intervals("plot-quality", "Candidate against champion", rows, ("better", "worse"))
    return plot(drawn, "Difference in percent of the champion's metric, with 95 % intervals. The line is the champion.")


def _method(compared: Mapping[str, Any] | None) -> str:
    if not compared:
        return unknown("Confidence intervals")
    method = compared["method"]
    return paragraph(
        f"Intervals: paired bootstrap, {count(method['resamples'])} resamples of {count(method['rowsEach'])} rows "
        "each, both models on the same rows, the same seed every time. They say how far chance in the choice of "
        "test rows goes, not how the future may differ from them.",
        "soft small",
    )


def _gates(evidence: Mapping[str, Any]) -> str:
    rules = evidence["gates"].get("rules")
    if not rules:
        return unknown("Gates, one by one")
    rows = [
        [
            rule["metric"],
            limit_words(rule),
            figure(rule["found"]),
            "kept" if rule["failure"] is None else rule["failure"],
        ]
        for rule in rules
    ]
    return heading("Gates") + table(["Metric", "The policy asks for", "Found", "Gate"], rows, words=(1, 3))
