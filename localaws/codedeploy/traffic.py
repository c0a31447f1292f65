"""When how much traffic goes to the new version: deployment configurations as steps. Used by deployments."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from localaws.errors import AwsError

DEFAULT = "CodeDeployDefault.LambdaAllAtOnce"
LONGEST_INTERVAL = 2880
"""Minutes; two days."""


@dataclass(frozen=True, slots=True)
class Step:
    """From `after` AWS seconds on, `weight` (0 to 1) of the traffic goes to the new version."""

    after: float
    weight: float


def canary(percentage: int, minutes: int) -> dict[str, Any]:
    """A trafficRoutingConfig of two steps."""
    return {
        "type": "TimeBasedCanary",
        "timeBasedCanary": {"canaryPercentage": percentage, "canaryInterval": minutes},
    }


def linear(percentage: int, minutes: int) -> dict[str, Any]:
    """A trafficRoutingConfig of equal steps."""
    return {
        "type": "TimeBasedLinear",
        "timeBasedLinear": {"linearPercentage": percentage, "linearInterval": minutes},
    }


PREDEFINED: dict[str, dict[str, Any]] = {
    DEFAULT: {"type": "AllAtOnce"},
    **{f"CodeDeployDefault.LambdaCanary10Percent{m}Minutes": canary(10, m) for m in (5, 10, 15, 30)},
    "CodeDeployDefault.LambdaLinear10PercentEvery1Minute": linear(10, 1),
    **{f"CodeDeployDefault.LambdaLinear10PercentEvery{m}Minutes": linear(10, m) for m in (2, 3, 10)},
}


def steps(routing: dict[str, Any]) -> tuple[Step, ...]:
    """The steps of a trafficRoutingConfig; the last has weight 1.

    A linear deployment shifts at the start of each interval: ten steps of a minute take nine minutes.
    """
    if routing["type"] == "AllAtOnce":
        return (Step(0, 1.0),)
    if routing["type"] == "TimeBasedCanary":
        given = routing["timeBasedCanary"]
        return (Step(0, given["canaryPercentage"] / 100), Step(given["canaryInterval"] * 60, 1.0))
    given = routing["timeBasedLinear"]
    percentage, seconds = given["linearPercentage"], given["linearInterval"] * 60
    count = -(-100 // percentage)
    return tuple(Step(i * seconds, min(1.0, (i + 1) * percentage / 100)) for i in range(count))


def check_routing(routing: dict[str, Any] | None) -> dict[str, Any]:
    """A valid trafficRoutingConfig. Raises `InvalidTrafficRoutingConfigurationException`."""
    kind = (routing or {}).get("type")
    members = {
        "TimeBasedCanary": ("timeBasedCanary", "canaryPercentage", "canaryInterval"),
        "TimeBasedLinear": ("timeBasedLinear", "linearPercentage", "linearInterval"),
    }
    if routing is None or kind not in {*members, "AllAtOnce"}:
        raise _refused("trafficRoutingConfig needs a type")
    if kind == "AllAtOnce":
        return {"type": "AllAtOnce"}
    member, percentage, interval = members[kind]
    given = routing.get(member, {})
    if not 1 <= given.get(percentage, 0) <= 99:
        raise _refused(f"{percentage} must be between 1 and 99")
    if not 1 <= given.get(interval, 0) <= LONGEST_INTERVAL:
        raise _refused(f"{interval} must be between 1 and {LONGEST_INTERVAL} minutes")
    return {"type": kind, member: given}


def _refused(message: str) -> AwsError:
    return AwsError("InvalidTrafficRoutingConfigurationException", message)
