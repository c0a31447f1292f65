"""What the release's record says about its shift: section `shift`. Written by watch_shift, read by whoever decides.

status, reason     the analysis's last word; `reason` is its sentence
                   all traffic may go to the candidate only while it is a pass: what was proven can be lost again
passed             when it said pass for the first time, for information
findings           per metric: requests, estimate with its interval, whether it is proven
live, replayed     requests counted of champion and candidate; requests sent again
deployments        one for each window; the last is the present one
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Self

from safe_deploy.domain.analysis import Status, Verdict
from safe_deploy.domain.monitoring import iso
from safe_deploy.domain.release import WAS_LIVE, Release
from safe_deploy.domain.shift.state import ShiftState

LARGEST = 1e30
"""E-values grow without bound; the table's numbers don't."""
NOT_YET = "no look at the shift has said anything yet"


@dataclass(frozen=True, slots=True)
class ShiftRecord:
    """The section as one look leaves it."""

    deployments: tuple[str, ...]
    content: dict[str, Any]

    @classmethod
    def of(cls, release: Release, deployment_id: str) -> Self:
        """Read the section, as a deployment of the release continues it."""
        content = dict(release.item.get("shift") or {})
        earlier = [entry for entry in content.get("deployments", ()) if entry != deployment_id]
        return cls((*earlier, deployment_id), content)

    @property
    def previous_deployment(self) -> str | None:
        """Return the deployment of the window before, if there was one."""
        return self.deployments[-2] if len(self.deployments) > 1 else None

    @property
    def status(self) -> str:
        """Return the analysis's last word."""
        return str(self.content.get("status", Status.INSUFFICIENT))

    @property
    def reason(self) -> str:
        """Return its sentence."""
        return str(self.content.get("reason", NOT_YET))

    @property
    def is_proven(self) -> bool:
        """Return whether all traffic may go to the candidate: by the last word, whatever was said before."""
        return self.status == Status.PASS

    @property
    def explained(self) -> str:
        """Return its sentence, and before it when it had passed, where that is lost."""
        passed = self.content.get("passed")
        if passed is None or self.is_proven:
            return self.reason
        return f"It passed at {passed['at']}, but that is lost since. {self.reason}"

    def after(self, verdict: Verdict, state: ShiftState, look: int, now: datetime) -> Self:
        """Return the section with another look's verdict."""
        said = verdict.to_output()
        content = {
            **self.content,
            **{key: said[key] for key in ("status", "reason", "metric", "candidateRequests", "championRequests")},
            "findings": [_plain(finding) for finding in said["findings"]],
            "live": {"champion": state.live[0], "candidate": state.live[1]},
            "replayed": state.replayed,
            "looks": look,
        }
        if verdict.status is Status.PASS and "passed" not in content:
            content["passed"] = {"at": iso(now), "look": look, "reason": verdict.reason}
        return replace(self, content=content)

    def to_item(self) -> dict[str, Any]:
        """Return the section as it is recorded."""
        return {**self.content, "deployments": list(self.deployments)}


def decide(release: Release, deployment_id: str) -> dict[str, str]:
    """Say at the deadline what becomes of a shift: `proven`, `hold` (another window) or `stop`, and why."""
    record, policy = ShiftRecord.of(release, deployment_id), release.policy.canary
    if record.is_proven:
        return {"status": "proven", "reason": record.reason}
    if record.status == Status.FAIL:
        return {"status": "stop", "reason": record.reason}
    windows = len(record.deployments)
    reason = f"Not proven in time, in {windows} window{'s' if windows > 1 else ''}. {record.explained}"
    return {"status": "hold" if windows <= policy.further_windows else "stop", "reason": reason}


def unproven(release: Release) -> str | None:
    """Return a sentence when a release that has a champion gets all traffic without proof. For check_traffic.

    The last look counts here, too: it may have read what the decision didn't know yet.
    """
    if release.state in WAS_LIVE or release.champion is None or not release.strategy.is_stepwise:
        return None
    record = ShiftRecord.of(release, "")
    return None if record.is_proven else f"the analysis does not pass the candidate: {record.explained}"


def told(release: Release) -> list[str]:
    """Return what a person is told of the shift: how traffic moved, what the analysis saw."""
    if release.champion is None or not release.item.get("strategy"):
        return []
    strategy, content = release.strategy, release.item.get("shift") or {}
    if not strategy.is_stepwise:
        return [f"All traffic went at once, as asked, without a comparison: {strategy.reason}"]
    if not content:
        return []
    live, replayed = content["live"], content["replayed"]
    counts = (
        f"{live['candidate']} live requests of the candidate, {live['champion']} of the champion, {replayed} replayed"
    )
    said = ShiftRecord.of(release, "").explained
    lines = [f"Traffic shift ({strategy}): {content['status']}. {said}", f"Compared on {counts}."]
    for finding in content["findings"]:
        estimate = finding["estimate"] or {}
        figures = (
            f"{estimate['figure']} {estimate['candidate']:.3g}, champion's {estimate['champion']:.3g}"
            if estimate
            else "nothing to compare"
        )
        proven = "within its margin" if finding["isProven"] else "not proven"
        lines.append(f"- {finding['metric']}: {proven}; {figures}, on {finding['candidateRequests']} requests")
    return ["\n".join(lines)]


def _plain(value: Any) -> Any:
    """Return a value with numbers that a table can hold and a person can read."""
    if isinstance(value, dict):
        return {key: _plain(entry) for key, entry in value.items()}
    if isinstance(value, float):
        if not math.isfinite(value) or abs(value) > LARGEST:
            return math.copysign(LARGEST, value) if not math.isnan(value) else None
        return float(f"{value:.6g}")
    return value
