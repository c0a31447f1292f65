"""The Lambda service: its operations put together. Served by the front door, called by other services."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from localaws.lambda_.alias_operations import AliasOperations
from localaws.lambda_.function_operations import FunctionOperations
from localaws.lambda_.invoke_operations import InvokeOperations
from localaws.lambda_.layer_operations import LayerOperations
from localaws.lambda_.policy_operations import PolicyOperations
from localaws.lambda_.setting_operations import SettingOperations

if TYPE_CHECKING:
    from localaws.world import World


class Lambda(
    FunctionOperations,
    AliasOperations,
    LayerOperations,
    PolicyOperations,
    SettingOperations,
    InvokeOperations,
):
    """AWS Lambda for zip-packaged Python functions."""

    name: ClassVar[str] = "lambda"

    def __init__(self, world: World) -> None:
        super().__init__(world)

    def start(self) -> None:
        self.pool.start()
        self.telemetry.start()
        self.events.start()

    def stop(self) -> None:
        self.pool.interrupt()
        self.events.stop()
        self.pool.stop()
        self.telemetry.stop()

    def flush(self) -> None:
        """Wait until every log line and metric of invocations so far is written."""
        self.telemetry.flush()
