"""The evidence as a person reads it: what matters most first. Used by the approval page.

A section is a function of the evidence that returns HTML; a new one is a line in SECTIONS.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from safe_deploy.domain.manifest import CODE
from safe_deploy.pages.html import escape
from safe_deploy.pages.sections import cost, data, endpoint, inference, origin, quality, rollout, slices, summary

Evidence = Mapping[str, Any]

SECTIONS: tuple[tuple[str, str, Callable[[Evidence, str, str], str]], ...] = (
    ("quality", "Candidate and champion", quality.render),
    ("slices", "Slices", slices.render),
    ("data", "Data", data.render),
    ("inference", "Inference code", inference.render),
    ("endpoint", "Dev endpoint", endpoint.render),
    ("rollout", "What happens after a yes", rollout.render),
    ("cost", "What it costs", cost.render),
)
"""Anchor, heading, and what writes it: called with the evidence, the anchor and the heading."""


def evidence_sections(evidence: Evidence, digest: str) -> str:
    """Return the whole evidence: essence, contents, sections."""
    sections = list(SECTIONS)
    if evidence.get("kind") == CODE:  # what changes comes first
        sections.sort(key=lambda entry: entry[0] != "inference")
    entries = [*((anchor, title) for anchor, title, _ in sections), ("origin", origin.TITLE), ("decide", "Decide")]
    items = "".join(f'<li><a href="#{anchor}">{escape(title)}</a></li>' for anchor, title in entries)
    contents = f'<nav aria-label="Contents"><ul>{items}</ul></nav>'
    return "\n".join(
        (
            summary.render(evidence),
            contents,
            *(render(evidence, anchor, title) for anchor, title, render in sections),
            origin.render(evidence, digest),
        )
    )
