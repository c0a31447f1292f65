"""The alarms that guard a shift: those of the alias, and the same for the candidate's version alone.

Used by check_alarms. An alarm of the alias sees the champion's failures too, and only a tenth of the traffic is the
candidate's: what breaks the candidate altogether may stay below the alias's limit. So each of the alias's alarms gets a
twin that watches one version behind the alias. What is tolerated stands once, in template.yaml.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from safe_deploy.errors import InvalidRequestError

FIRING = "ALARM"
VERSION_DIMENSION = "ExecutedVersion"
"""How Lambda tells the versions behind an alias apart in its metrics; it needs FunctionName and Resource beside it."""
ALARM_KINDS = ("errors", "latency")
"""What the alarms of one version are called."""
COPIED = ("EvaluationPeriods", "DatapointsToAlarm", "Threshold", "ComparisonOperator", "TreatMissingData")


@dataclass(frozen=True, slots=True)
class Alarm:
    """A metric alarm of CloudWatch."""

    name: str
    state: str
    """OK, ALARM or INSUFFICIENT_DATA."""
    reason: str
    settings: Mapping[str, Any]
    """As PutMetricAlarm takes them, `Metrics` among them."""

    @property
    def fires(self) -> bool:
        """Return whether CodeDeploy would stop a deployment for it; an alarm that knows nothing stops none."""
        return self.state == FIRING


@dataclass(frozen=True, slots=True)
class BreakGlass:
    """A person's wish to shift although alarms fire, and why."""

    reason: str
    by: str


def twin(alarm: Alarm, name: str, version: str) -> dict[str, Any]:
    """Return the settings of an alarm that watches one version as `alarm` watches the whole alias.

    It tells nobody: CodeDeploy looks at it, and a release that is rolled back sends its own mail. Raises
    InvalidRequestError for an alarm that isn't of the alias's metrics.
    """
    metrics = []
    for query in alarm.settings.get("Metrics") or ():
        if "MetricStat" not in query:
            metrics.append(dict(query))
            continue
        metric = query["MetricStat"]["Metric"]
        narrowed = {**metric, "Dimensions": [*metric["Dimensions"], {"Name": VERSION_DIMENSION, "Value": version}]}
        metrics.append({**query, "MetricStat": {**query["MetricStat"], "Metric": narrowed}})
    if not metrics:
        raise InvalidRequestError(f"the alarm {alarm.name} has no Metrics, so no version can be told apart in it")
    return {
        "AlarmName": name,
        "AlarmDescription": f"{alarm.settings.get('AlarmDescription', alarm.name)} (version {version} alone)",
        "ActionsEnabled": False,
        **{key: alarm.settings[key] for key in COPIED if alarm.settings.get(key) is not None},
        "Metrics": metrics,
    }


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a release may begin to shift, and which alarms will watch it."""

    status: str
    """quiet, firing, or overridden."""
    reason: str
    firing: tuple[str, ...]
    watched: tuple[str, ...]

    def to_output(self) -> dict[str, Any]:
        """Return the verdict as the state machine and the record hold it."""
        return {
            "status": self.status,
            "reason": self.reason,
            "firing": list(self.firing),
            "watched": list(self.watched),
        }


def judge(guards: Sequence[Alarm], twins: Sequence[str], glass: BreakGlass | None) -> Verdict:
    """Decide by the alias's alarms as they stand now.

    With the glass broken the alias's alarms don't watch this shift, whether they fire yet or not: what they see is
    what the release is to mend. The candidate's own alarms always watch.
    """
    firing = [alarm for alarm in guards if alarm.fires]
    words = "; ".join(f"the alarm {alarm.name} fires: {alarm.reason}" for alarm in firing)
    names = tuple(alarm.name for alarm in firing)
    if glass is not None:
        return Verdict("overridden", words or "no alarm fires", names, tuple(twins))
    if firing:
        return Verdict("firing", words, names, ())
    return Verdict("quiet", "", (), (*(alarm.name for alarm in guards), *twins))
