"""What the evidence says about the inference code, as a person reads it. Used by the approval page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from safe_deploy.domain.evidence import comparison_words, inference_words
from safe_deploy.pages.layout import escape, table


def inference_section(evidence: Mapping[str, Any]) -> str:
    """Return the section: what runs now, what would run, and how the two answer."""
    found = evidence["inference"]
    parts = ["<h2>Inference code</h2>", f"<p>{escape(inference_words(evidence))}</p>"]
    if found["live"]:
        parts.append(
            f"<p>Live (version {escape(found['live']['version'])}): <code>{escape(found['live']['code'])}</code></p>"
        )
    parts.append(f"<p>New: <code>{escape(found['new']['code'])}</code></p>")
    if found["differences"]:
        parts += ["<h3>What differs</h3>", _listed(found["differences"])]
    parts.append(_answers(found))
    return "\n".join(parts)


def _answers(found: Mapping[str, Any]) -> str:
    comparison, heads = found["comparison"], ["Through", "One row, median", "One row, 99th percentile"]
    rows = [["the new code", *_milliseconds(found["latencyMilliseconds"])]]
    words = ""
    if comparison:
        words = f"<p>{escape(comparison_words(comparison))}</p>\n"
        if "latencyMilliseconds" in comparison:
            rows.insert(0, ["the live version", *_milliseconds(comparison["latencyMilliseconds"])])
    return f"<h3>Answers</h3>\n{words}{table(heads, rows)}"


def _milliseconds(latency: Mapping[str, Any]) -> list[str]:
    return [f"{latency[name]:g} ms" for name in ("p50", "p99")]


def _listed(entries: list[str]) -> str:
    return "<ul>\n" + "\n".join(f"<li>{escape(entry)}</li>" for entry in entries) + "\n</ul>"
