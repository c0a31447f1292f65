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
    head = _break_glass(evidence["data"]["manifest"])
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
    parts = ["<h2>Break glass</h2>", paragraph(words), paragraph(f"Reason: {glass['reason']}")]
    return f'<div class="panel problem">{"".join(parts)}</div>\n'
