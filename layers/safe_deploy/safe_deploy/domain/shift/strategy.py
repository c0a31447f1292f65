"""How traffic moves to a candidate, in CodeDeploy's terms. Used by the policy, register_drop and watch_shift."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from typing import Any, Self

from safe_deploy.domain.fields import Fields

TYPES = ("canary", "linear", "allAtOnce")
LONGEST_MINUTES = 2880
"""CodeDeploy shifts within two days."""
ALL_AT_ONCE = "CodeDeployDefault.LambdaAllAtOnce"
PREDEFINED = {
    **{
        ("canary", 10, minutes): f"CodeDeployDefault.LambdaCanary10Percent{minutes}Minutes"
        for minutes in (5, 10, 15, 30)
    },
    ("linear", 10, 1): "CodeDeployDefault.LambdaLinear10PercentEvery1Minute",
    **{
        ("linear", 10, minutes): f"CodeDeployDefault.LambdaLinear10PercentEvery{minutes}Minutes"
        for minutes in (2, 3, 10)
    },
}
DECISION_SECONDS = 60
"""Before all traffic goes to the candidate, this long before, the verdict has to be there: time to stop in."""
SHORTEST_PAUSE = 10
MOST_LOOKS = 1500
"""Over all windows. A look is some ten events of the execution, which may have 25,000."""


@dataclass(frozen=True, slots=True)
class Strategy:
    """By which steps, and how long they take."""

    type: str
    percent: int = 100
    minutes: int = 0
    """Of the canary: until all traffic follows. Of the linear steps: between two of them."""
    reason: str = ""
    """Why all at once, where a champion is replaced so."""

    @classmethod
    def parse(cls, given: Fields) -> Self:
        """Read a strategy. Raises InvalidRequestError, naming the key that is wrong."""
        kind = given.choice("type", TYPES)
        if kind == "allAtOnce":
            found = cls(kind, reason=given.line("reason", maximum=500))
        elif kind == "canary":
            percent = given.integer("percent", minimum=1, maximum=99)
            found = cls(kind, percent, given.integer("minutes", minimum=1, maximum=LONGEST_MINUTES))
        else:
            percent = given.integer("percent", minimum=1, maximum=50)
            steps = ceil(100 / percent) - 1
            found = cls(kind, percent, given.integer("everyMinutes", minimum=1, maximum=LONGEST_MINUTES // steps))
        given.end()
        return found

    def to_item(self) -> dict[str, Any]:
        """Return the strategy as policy.json and the record spell it."""
        if self.type == "allAtOnce":
            return {"type": self.type, "reason": self.reason}
        return {
            "type": self.type,
            "percent": self.percent,
            "minutes" if self.type == "canary" else "everyMinutes": self.minutes,
        }

    @property
    def is_stepwise(self) -> bool:
        """Return whether candidate and champion serve side by side for a time."""
        return self.type != "allAtOnce"

    @property
    def last_step_seconds(self) -> int:
        """Return when, at the earliest, all traffic goes to the candidate; counted from its first share."""
        if not self.is_stepwise:
            return 0
        steps = 1 if self.type == "canary" else ceil(100 / self.percent) - 1
        return steps * self.minutes * 60

    @property
    def decide_seconds(self) -> int:
        """Return by when the verdict has to be there; of a short shift, half of it is left for evidence."""
        return self.last_step_seconds - min(DECISION_SECONDS, self.last_step_seconds // 2)

    def pause_seconds(self, windows: int) -> int:
        """Return how long to wait between two looks, so that the longest shift stays far below the history's limit."""
        return max(SHORTEST_PAUSE, ceil(self.last_step_seconds * (1 + windows) / MOST_LOOKS))

    def config_name(self, model_name: str) -> str:
        """Return CodeDeploy's own configuration where one fits, else the name of one of this model's."""
        if not self.is_stepwise:
            return ALL_AT_ONCE
        own = f"{model_name}-{self.type}-{self.percent}-percent-{self.minutes}-minutes"
        return PREDEFINED.get((self.type, self.percent, self.minutes), own)

    @property
    def routing(self) -> dict[str, Any] | None:
        """Return what a configuration of our own has to hold; None where CodeDeploy has one."""
        if not self.is_stepwise or (self.type, self.percent, self.minutes) in PREDEFINED:
            return None
        if self.type == "canary":
            steps = {"CanaryPercentage": self.percent, "CanaryInterval": self.minutes}
            return {"Type": "TimeBasedCanary", "TimeBasedCanary": steps}
        steps = {"LinearPercentage": self.percent, "LinearInterval": self.minutes}
        return {"Type": "TimeBasedLinear", "TimeBasedLinear": steps}

    def __str__(self) -> str:
        """Return the strategy in words."""
        if self.type == "canary":
            return f"{self.percent} % for {self.minutes} minute{'' if self.minutes == 1 else 's'}, then all"
        if self.type == "linear":
            return f"{self.percent} % more every {'minute' if self.minutes == 1 else f'{self.minutes} minutes'}"
        return f"all at once: {self.reason}" if self.reason else "all at once"


def in_words(evidence: Mapping[str, Any]) -> str:
    """Return how traffic will move if the approver says yes."""
    if evidence["champion"] is None:
        return "all at once: nobody serves yet"
    strategy = Strategy.parse(Fields(dict(evidence["strategy"]), "the evidence", "strategy"))
    compared = ", compared with the champion meanwhile" if strategy.is_stepwise else "; nothing is compared"
    return f"{strategy}{compared}"


def shift_plan(strategy: Strategy, model_name: str, *, has_champion: bool) -> dict[str, Any]:
    """Return what the state machine needs of the strategy. With nobody to compare with, all traffic goes at once."""
    used = strategy if has_champion else Strategy("allAtOnce")
    return {
        "deploymentConfig": used.config_name(model_name),
        "routing": used.routing,
        "decideSeconds": used.decide_seconds,
    }
