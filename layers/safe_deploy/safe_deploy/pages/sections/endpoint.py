"""What the dev endpoint answered: golden rows, latency, and replayed traffic beside the champion's answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from safe_deploy.domain.figures import UNKNOWN, count, figure, is_known, percent
from safe_deploy.pages.html import escape, facts, heading, paragraph, section, unknown
from safe_deploy.pages.plots import figure as plot
from safe_deploy.pages.plots import histogram


def render(evidence: Mapping[str, Any], anchor: str, title: str) -> str:
    """Return the section."""
    test = evidence["devTest"]
    latency = test["latencyMilliseconds"]
    limit = test.get("limitMilliseconds")
    entries = [
        ("Tests", "passed" if test["passed"] else escape("; ".join(test["failures"]) or "failed")),
        ("Golden rows, asked twice, alone and together", escape(count(test.get("goldenRows")))),
        ("One row, median", escape(_milliseconds(latency["p50"]))),
        ("One row, 99th percentile", escape(f"{_milliseconds(latency['p99'])} (limit {_milliseconds(limit)})")),
    ]
    return section(anchor, title, facts(entries), heading("Replayed traffic"), _replay(test["replay"]))


def _milliseconds(value: Any) -> str:
    return f"{figure(value)} ms" if is_known(value) else UNKNOWN


def _replay(replay: Mapping[str, Any]) -> str:
    left_out = replay.get("leftOut") or 0
    spare = f" {count(left_out)} captured rows were left out, since they had another shape." if left_out else ""
    if not replay["rows"]:
        return paragraph(
            f"Nothing was replayed: no traffic of the champion was captured in the last 24 hours.{spare} How the "
            "candidate's answers would differ on live traffic is unknown."
        )
    words = (
        f"The candidate was asked {count(replay['rows'])} rows that the champion was asked in the last 24 hours."
        f"{spare} Mean answer {figure(replay['candidateMean'])}, the champion's {figure(replay['championMean'])}; "
        f"mean distance {figure(replay['meanDistance'])}, largest {figure(replay['largestDistance'])}."
    )
    if "largestShift" in replay:
        shift = figure(replay["largestShift"])
        words += f" As a whole the answers have shifted by at most {shift} of the champion's standard deviations."
    return paragraph(words) + _histogram(replay.get("differences"), replay["rows"])


def _histogram(found: Mapping[str, Any] | None, rows: int) -> str:
    if not found:
        return unknown("How the differences are distributed")
    width, counts = found["width"], found["counts"]
    if width == 0:
        return paragraph("Every answer is the same as the champion's.")
    reach = (len(counts) // 2 + 0.5) * width
    middle = counts[len(counts) // 2]
    outside = found["below"] + found["above"]
    described = (
        f"{percent(middle / rows)} of the answers differ by less than {figure(width / 2)}; "
        f"{percent(sum(counts[: len(counts) // 2]) / rows)} are lower than the champion's by more, "
        f"{percent(sum(counts[len(counts) // 2 + 1 :]) / rows)} higher; {count(outside)} rows lie outside the plot."
    )
    marks = (f"−{figure(reach)}", "same", f"+{figure(reach)}")
    drawn = histogram("plot-replay", "Candidate's answer less the champion's", described, counts, marks)
    return plot(drawn, f"Candidate's answer less the champion's, in bins of {figure(width)}. {described}")
