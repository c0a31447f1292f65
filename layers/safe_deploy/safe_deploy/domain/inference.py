"""What a version of the inference Lambda runs: its code and its settings. Used wherever two are compared.

The endpoint and the release in its environment are left out: they are what a release adds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

LATEST = "$LATEST"
"""What `sam deploy` changes and the next release publishes."""


@dataclass(frozen=True, slots=True)
class Inference:
    """Code and settings of a version, or of what isn't published yet."""

    code: str = ""
    """Lambda's CodeSha256: of the bundle, contract.json included."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """By our own words: memory, time-out and all else that a version freezes."""

    def differences(self, other: Inference) -> list[str]:
        """Return what `other` has differently, as a person reads it."""
        found = [] if self.code == other.code else [f"code {self.code[:12]} → {other.code[:12]}"]
        for name in sorted({*self.settings, *other.settings}):
            old, new = self.settings.get(name), other.settings.get(name)
            if old != new:
                found.append(f"{name} {_shown(old)} → {_shown(new)}")
        return found

    def to_output(self) -> dict[str, Any]:
        """Return it as records and evidence hold it."""
        return {"code": self.code, "settings": dict(self.settings)}

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> Inference:
        """Read what `to_output` wrote."""
        return cls(item["code"], item["settings"])


def _shown(value: Any) -> str:
    return str(value)[:60] if value not in (None, "", []) else "none"
