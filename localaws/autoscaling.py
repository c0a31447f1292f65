"""Scaling targets that aren't there: Application Auto Scaling says so by an error of its own. Guards moto's answers.

Targets and policies are kept and told; nothing scales by them here.
https://docs.aws.amazon.com/autoscaling/application/APIReference/API_DeregisterScalableTarget.html
https://docs.aws.amazon.com/autoscaling/application/APIReference/API_RegisterScalableTarget.html
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, ClassVar

from localaws.errors import AwsError
from localaws.front_door.protocol import Reply
from localaws.service import Call, Service

NEED_A_TARGET = frozenset({"DeregisterScalableTarget", "PutScalingPolicy"})
TAGGED_TWICE = (
    "The scalable target that you tried to tag already exists. To update tags on an existing scalable target, use the "
    "TagResource API."
)
IDENTITY = ("ServiceNamespace", "ResourceId", "ScalableDimension")
RANGE = ("MinCapacity", "MaxCapacity")
NOT_SUSPENDED = dict.fromkeys(
    ("DynamicScalingInSuspended", "DynamicScalingOutSuspended", "ScheduledScalingSuspended"), False
)


class Autoscaling(Service):
    """Answers `ObjectNotFoundException` where AWS does; refuses a new target without a range, and tags twice.

    moto serves the rest.
    """

    name: ClassVar[str] = "autoscaling-guard"

    def start(self) -> None:
        self.world.front_door.intercept(self._guard)
        self.world.delegated.after("application-autoscaling", "DescribeScalableTargets", self._suspensions)

    def _guard(self, call: Call) -> None:
        if call.service != "application-autoscaling":
            return
        where = {name: call.params.get(name) for name in IDENTITY}
        if call.operation in NEED_A_TARGET and not self._targets(where):
            raise self._missing("scalable target", where)
        if call.operation == "RegisterScalableTarget":
            self._check_registered(call, where)
        if call.operation == "DeleteScalingPolicy" and not self._policies(where, call.params["PolicyName"]):
            raise self._missing(f"scaling policy {call.params['PolicyName']!r}", where)

    def _check_registered(self, call: Call, where: dict[str, Any]) -> None:
        there = bool(self._targets(where))
        if there and call.params.get("Tags"):
            raise AwsError("ValidationException", TAGGED_TWICE)
        missing = [name for name in RANGE if name not in call.params]
        if missing and not there:
            raise AwsError("ValidationException", f"A new scalable target needs {' and '.join(missing)}.")

    @staticmethod
    def _suspensions(_call: Call, reply: Reply) -> Reply:
        """What moto was not told of is not suspended."""
        answer = json.loads(reply.body)
        for target in answer["ScalableTargets"]:
            target["SuspendedState"] = NOT_SUSPENDED | (target["SuspendedState"] or {})
        body = json.dumps(answer).encode()
        return replace(reply, body=body, headers={**reply.headers, "Content-Length": str(len(body))})

    def _targets(self, where: dict[str, Any]) -> list[Any]:
        found: list[Any] = self.world.client("application-autoscaling").describe_scalable_targets(
            ServiceNamespace=where["ServiceNamespace"],
            ResourceIds=[where["ResourceId"]],
            ScalableDimension=where["ScalableDimension"],
        )["ScalableTargets"]
        return found

    def _policies(self, where: dict[str, Any], name: str) -> list[Any]:
        described = self.world.client("application-autoscaling").describe_scaling_policies(
            ServiceNamespace=where["ServiceNamespace"], ResourceId=where["ResourceId"]
        )
        return [policy for policy in described["ScalingPolicies"] if policy["PolicyName"] == name]

    @staticmethod
    def _missing(what: str, where: dict[str, Any]) -> AwsError:
        return AwsError(
            "ObjectNotFoundException",
            f"No {what} found for service namespace: {where['ServiceNamespace']}, resource ID: "
            f"{where['ResourceId']}, scalable dimension: {where['ScalableDimension']}",
        )
