"""The head of the evidence: verdict and three numbers, as in the mail."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from safe_deploy.domain.essence import essence
from safe_deploy.pages.html import escape, paragraph


def render(evidence: Mapping[str, Any]) -> str:
    """Return the verdict and the three numbers."""
    found = essence(evidence)
    lead = found.verdict
    if evidence["championObstacle"]:
        lead += f": {evidence['championObstacle']}"
    rules = evidence["gates"].get("rules") or []
    kept = f"Every gate of the policy was kept ({len(rules)})." if rules else "Every gate of the policy was kept."
    lines = [paragraph(f"{lead}.", "lead"), paragraph(f"{found.slices} {kept}".strip())]
    tiles = "\n".join(
        f'<div><dt>{escape(number.label)}</dt><dd class="value">{escape(number.value)}</dd>'
        f'<dd class="detail">{escape(number.detail)}</dd></div>'
        for number in found.numbers
    )
    manifest = evidence["data"]["manifest"]
    head = _break_glass(manifest) + _acknowledged(manifest)
    return f'{head}<div class="panel verdict {found.kind}">\n{"".join(lines)}\n</div>\n' + (
        f'<dl class="tiles">\n{tiles}\n</dl>'
    )


def _break_glass(manifest: Mapping[str, Any]) -> str:
    glass = manifest.get("breakGlass")
    if not glass:
        return ""
    words = (
        f"{manifest['requestedBy']} wants traffic to shift even if the alarms on what is live fire. "
        "The candidate's own alarms will still roll it back."
    )
    return _warning("Break glass", words, f"Reason: {glass['reason']}")


def _acknowledged(manifest: Mapping[str, Any]) -> str:
    known = manifest.get("acknowledge")
    if not known:
        return ""
    words = "Production was changed by hand. Whoever asks for this release knows, and builds on it all the same:"
    return _warning("Changed by hand", f"{words} {', '.join(known)}")


def _warning(title: str, *words: str) -> str:
    return f'<div class="panel problem"><h2>{escape(title)}</h2>{"".join(map(paragraph, words))}</div>\n'
