"""The shape of a service that `localaws` owns: its operations are methods named as botocore names them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from localaws.front_door.credentials import Principal
    from localaws.world import World


@dataclass(frozen=True, slots=True)
class Call:
    """One request that the front door has authenticated, parsed and checked against the service's model."""

    service: str
    """botocore's name of the service, such as `codedeploy`."""
    operation: str
    """AWS's name of the operation, such as `CreateDeployment`."""
    params: dict[str, Any]
    """Its input, keyed as the model spells it; blobs are bytes, timestamps aware datetimes."""
    principal: Principal
    """Who calls."""
    headers: dict[str, str] = field(default_factory=dict)
    """The request's headers, names in lower case."""
    gone: Callable[[], bool] = lambda: False
    """Whether the caller has hung up: an answer would reach nobody."""


class Service:
    """Base of the services that `localaws` owns.

    An operation `CreateDeployment` is the method `create_deployment(self, call) -> dict | None`, which returns the
    operation's output, keyed as the model spells it, or raises `AwsError`. An operation without a method is answered
    with an error that names it.
    """

    name: ClassVar[str]

    def __init__(self, world: World) -> None:
        self.world = world

    def start(self) -> None:
        """Called once, after every service was made and before the front door opens."""

    def stop(self) -> None:
        """Called once, after the front door has closed: end every thread and process."""

    def resource_of(self, operation: str, params: dict[str, Any]) -> str | None:  # noqa: ARG002
        """The ARN that IAM weighs for a call, where the input alone doesn't tell; else None."""
        return None

    def arn(self, resource: str, service: str | None = None) -> str:
        """The ARN of a resource of this account and region."""
        settings = self.world.settings
        return f"arn:aws:{service or self.name}:{settings.region}:{settings.account}:{resource}"
