"""What a CodeDeploy deployment says, and a hook's event. Used by check_version and check_traffic."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from safe_deploy.domain.fields import Fields, parse_json
from safe_deploy.domain.live import Alias
from safe_deploy.domain.ports import Endpoint
from safe_deploy.errors import InvalidRequestError

SERVING = ("InService", "Updating", "SystemUpdating", "RollingBack")
"""Statuses in which an endpoint answers. Scaling makes it Updating, or RollingBack where no instance is to be had;
maintenance makes it SystemUpdating. Only a fresh endpoint has to be InService: the state machines wait for that.
"""


@dataclass(frozen=True, slots=True)
class HookEvent:
    """What CodeDeploy sends to a hook."""

    deployment_id: str
    execution_id: str

    @classmethod
    def from_event(cls, event: Any) -> HookEvent:
        """Read the event. Raises InvalidRequestError, naming the field that is wrong."""
        given = Fields(event, "the event")
        return cls(given.text("DeploymentId"), given.text("LifecycleEventHookExecutionId", maximum=10_000))


@dataclass(frozen=True, slots=True)
class Target:
    """What an AppSpec shifts traffic to."""

    function_name: str
    alias: str
    current_version: str
    version: str

    @classmethod
    def parse(cls, app_spec: str) -> Target:
        """Read the AppSpec's one Lambda function. Raises InvalidRequestError; it must be JSON, as ours is."""
        resources = Fields(parse_json(app_spec, "the AppSpec"), "the AppSpec").list("Resources", minimum=1, maximum=1)
        entry = Fields(resources[0], "the AppSpec", "Resources[0]")
        names = list(entry)
        if len(names) != 1:
            raise InvalidRequestError("the AppSpec: Resources[0] must hold one function")
        properties = entry.object(names[0]).object("Properties")
        return cls(*(properties.text(key) for key in ("Name", "Alias", "CurrentVersion", "TargetVersion")))


def endpoint_failure(endpoint: Endpoint | None, name: str) -> str | None:
    """Return a sentence when a production endpoint can't be trusted with traffic."""
    if endpoint is None:
        return f"the endpoint {name} doesn't exist"
    if endpoint.status not in SERVING:
        return f"the endpoint {name} is {endpoint.status}, so it doesn't serve"
    if endpoint.capture_percentage != 100:
        return f"the endpoint {name} captures {endpoint.capture_percentage} % of its requests, not all"
    return None


def alias_failure(alias: Alias, version: str) -> str | None:
    """Return a sentence unless all traffic goes to the version."""
    shares = {alias.main.version: 1 - sum(alias.others.values()), **alias.others}
    share = shares.get(version, 0.0)
    if share >= 1:
        return None
    return f"the alias sends {share:.0%} of the traffic to version {version}, not all of it"
