"""The words of the mail about going back. Used by close_rollback."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from safe_deploy.domain.notices import Notice

OUTCOMES = ("restored", "stopped", "refused", "failed")


@dataclass(frozen=True, slots=True)
class Ending:
    """How going back ended."""

    outcome: str
    by: str
    reason: str
    left: str
    """The release that one came from; empty when none was live."""
    target: str
    """The release that one wanted to go to; empty when none was found."""
    serving: str
    """What production serves from now, as a sentence."""
    problem: str
    state: str
    """The state that failed; empty when none did."""
    differences: Sequence[str]
    notes: Sequence[str]


def of(model_name: str, ending: Ending) -> Notice:
    """Tell how going back ended, and what production serves from."""
    target, left = ending.target, ending.left
    to, tried = (f" to release {release}" if release else "" for release in (target, left))
    but = ", but not as it should be" if ending.differences or ending.problem else ""
    subjects = {
        "restored": f"is back on release {target}{but}",
        "stopped": f"the shift{tried} was stopped{but}",
        "refused": "going back was refused",
        "failed": "going back failed",
    }
    words = {
        "restored": f"Production of {model_name} went from {_named(ending.left)} to release {target}.",
        "stopped": f"The shift of {model_name}{tried} was stopped; release {target} serves on.",
        "refused": f"Production of {model_name} can't go back{to}. Nothing was changed.",
        "failed": f"Production of {model_name} could not be brought back{to}.",
    }
    kept = f"The endpoint of release {left} is kept for its grace time, then removed." if ending.left else ""
    seen = "Alias, weights, endpoint, capture, scaling and monitoring were read back: all is as it should be."
    moved = ending.outcome in ("restored", "stopped")
    return Notice.of(
        f"{model_name}: {subjects[ending.outcome]}",
        words[ending.outcome],
        seen if moved and not but else "",
        "Not as it should be:\n" + "\n".join(f"- {sentence}" for sentence in ending.differences)
        if ending.differences
        else "",
        f"Why not: {ending.problem}" if ending.problem and not ending.differences else "",
        f"Ended in the state: {ending.state}" if ending.state else "",
        ending.serving,
        f"Asked for by {ending.by}: {ending.reason}",
        kept if ending.outcome == "restored" else "",
        "\n".join(note for note in ending.notes if note),
    )


def _named(release_id: str) -> str:
    return f"release {release_id}" if release_id else "no release"
