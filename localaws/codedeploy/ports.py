"""Lambda and CloudWatch as a deployment group's service role reaches them. Used by the conductor."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from localaws.codedeploy.conductor import PortError

if TYPE_CHECKING:
    from localaws.world import World

SESSION = "CodeDeploy"
CODES = {
    "AccessDeniedException": "IAM_ROLE_PERMISSIONS",
    "AccessDenied": "IAM_ROLE_PERMISSIONS",
    "ResourceNotFoundException": "INVALID_LAMBDA_FUNCTION",
    "TooManyRequestsException": "THROTTLED",
    "Throttling": "THROTTLED",
}


class LambdaFunctions:
    """Aliases and hook functions, through Lambda's API."""

    def __init__(self, world: World, role: str) -> None:
        self._client: Any = world.client("lambda", role=role, session=SESSION)

    def alias(self, function: str, alias: str) -> tuple[str, dict[str, float]]:
        """The version an alias points to, and the weights of others."""
        found = self._call("get_alias", FunctionName=function, Name=alias)
        weights = found.get("RoutingConfig", {}).get("AdditionalVersionWeights", {})
        return str(found["FunctionVersion"]), {str(version): float(w) for version, w in weights.items()}

    def shift(self, function: str, alias: str, version: str, weights: dict[str, float]) -> None:
        """Point an alias to a version, with a share for others."""
        self._call(
            "update_alias",
            FunctionName=function,
            Name=alias,
            FunctionVersion=version,
            RoutingConfig={"AdditionalVersionWeights": weights},
        )

    def invoke(self, function: str, payload: dict[str, str]) -> None:
        """Invoke a hook function asynchronously."""
        body = json.dumps(payload).encode()
        self._call("invoke", FunctionName=function, InvocationType="Event", Payload=body)

    def _call(self, operation: str, **params: Any) -> dict[str, Any]:
        try:
            found: dict[str, Any] = getattr(self._client, operation)(**params)
        except ClientError as error:
            code = CODES.get(error.response["Error"]["Code"], "INVALID_LAMBDA_CONFIGURATION")
            raise PortError(code, str(error)) from error
        except BotoCoreError as error:
            raise PortError("INTERNAL_ERROR", str(error)) from error
        return found


class CloudWatchAlarms:
    """States of alarms, metric and composite, through CloudWatch's API."""

    def __init__(self, world: World, role: str) -> None:
        self._client: Any = world.client("cloudwatch", role=role, session=SESSION)

    def active(self, names: tuple[str, ...]) -> list[str]:
        """Those of the alarms that are in ALARM. One that doesn't exist has no state to be had."""
        try:
            found = self._client.describe_alarms(AlarmNames=list(names), AlarmTypes=["MetricAlarm", "CompositeAlarm"])
        except ClientError as error:
            code = CODES.get(error.response["Error"]["Code"], "INTERNAL_ERROR")
            raise PortError(code, str(error)) from error
        except BotoCoreError as error:
            raise PortError("INTERNAL_ERROR", str(error)) from error
        alarms = [*found.get("MetricAlarms", []), *found.get("CompositeAlarms", [])]
        states = {alarm["AlarmName"]: alarm["StateValue"] for alarm in alarms}
        missing = [name for name in names if name not in states]
        if missing:
            raise PortError("INTERNAL_ERROR", f"there is no alarm {', '.join(missing)}")
        return [name for name in names if states[name] == "ALARM"]
