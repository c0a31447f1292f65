"""Services that only note what they were asked, for tests of those who ask."""

from __future__ import annotations

from typing import Any, ClassVar

from localaws.errors import AwsError
from localaws.service import Call, Service
from localaws.watched import Watched
from localaws.world import World


class StepFunctionsStub(Service):
    """Takes every execution; `failures` are raised first, one a call."""

    name: ClassVar[str] = "stepfunctions"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.started: Watched[Call] = Watched(1000)
        self.failures: list[AwsError] = []

    def start_execution(self, call: Call) -> dict[str, Any]:
        self.started.add(call)
        if self.failures:
            raise self.failures.pop(0)
        arn = call.params["stateMachineArn"].replace(":stateMachine:", ":execution:")
        return {"executionArn": f"{arn}:{call.params['name']}", "startDate": self.world.clock.now()}


class LambdaStub(Service):
    """Takes every invocation by a service."""

    name: ClassVar[str] = "lambda"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.invoked: Watched[tuple[str, bytes, str, str]] = Watched(1000)

    def queue_for_service(self, arn: str, payload: bytes, *, principal: str, source_arn: str) -> None:
        self.invoked.add((arn, payload, principal, source_arn))

    def invoke(self, call: Call) -> dict[str, Any]:
        self.invoked.add((call.params["FunctionName"], call.params["Payload"], call.principal.arn, ""))
        return {"StatusCode": 202}
