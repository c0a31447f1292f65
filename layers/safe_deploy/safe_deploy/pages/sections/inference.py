"""The inference code: what runs now, what would run, and how the two answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from safe_deploy.domain.evidence import comparison_words, inference_words
from safe_deploy.domain.figures import UNKNOWN, figure, is_known
from safe_deploy.pages.html import code, escape, facts, heading, paragraph, section, table, unknown


def render(evidence: Mapping[str, Any], anchor: str, title: str) -> str:
    """Return the section."""
    found = evidence.get("inference")
    if not found:
        return section(anchor, title, unknown("What this release does to the inference code"))
    live = found["live"]
    entries = [(f"Live (version {live['version']})", code(live["code"]))] if live else []
    differences = heading("What differs") + _listed(found["differences"]) if found["differences"] else ""
    return section(
        anchor,
        title,
        paragraph(inference_words(evidence)),
        facts([*entries, ("New", code(found["new"]["code"]))]),
        differences,
        _answers(found),
    )


def _answers(found: Mapping[str, Any]) -> str:
    comparison, heads = found["comparison"], ["Through", "One row, median", "One row, 99th percentile"]
    rows = [["the new code", *_milliseconds(found["latencyMilliseconds"])]]
    words = ""
    if comparison:
        words = paragraph(comparison_words(comparison))
        if "latencyMilliseconds" in comparison:
            rows.insert(0, ["the live version", *_milliseconds(comparison["latencyMilliseconds"])])
    return heading("Answers") + words + table(heads, rows)


def _milliseconds(latency: Mapping[str, Any]) -> list[str]:
    return [f"{figure(latency[name])} ms" if is_known(latency[name]) else UNKNOWN for name in ("p50", "p99")]


def _listed(entries: list[str]) -> str:
    return "<ul>\n" + "\n".join(f"<li>{escape(entry)}</li>" for entry in entries) + "\n</ul>"
