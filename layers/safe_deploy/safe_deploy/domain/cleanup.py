"""In which order a release's resources go, and what must stay. Used by clean_up_release and reap_leases."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from safe_deploy.domain.alarms import ALARM_KINDS
from safe_deploy.domain.live import Alias, LiveVersion
from safe_deploy.domain.names import Names
from safe_deploy.domain.ports import Alarms, Endpoints
from safe_deploy.errors import LiveEndpointError, SafeDeployError

SCOPES = ("dev", "all")
BUSY = ("Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting")
"""States in which SageMaker takes no DeleteEndpoint."""


@dataclass(slots=True)
class CleanUp:
    """What one call removed, what it has to wait for, and what it could not do but doesn't have to."""

    removed: list[str] = field(default_factory=list)
    waiting_for: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    @property
    def done(self) -> bool:
        """Return whether nothing is left."""
        return not self.waiting_for

    def remove(self, kind: str, name: str, delete: Callable[[str], bool]) -> None:
        """Delete one thing and remember it, unless it was gone."""
        if delete(name):
            self.removed.append(f"{kind} {name}")

    def expire_logs(self, endpoint_name: str, expire: Callable[[str], None]) -> None:
        """Let an endpoint's log lines go in time. Lines that stay cost little: no reason to leave what costs more."""
        try:
            expire(endpoint_name)
        except SafeDeployError as error:
            self.failures.append(f"{error}; they are kept for ever")

    def to_output(self) -> dict[str, Any]:
        """Return the result as the state machine reads it."""
        return {
            "done": self.done,
            "removed": self.removed,
            "waitingFor": self.waiting_for,
            "failures": self.failures,
        }


def check_not_live(names: Names, alias: Alias) -> None:
    """Raise LiveEndpointError when production serves from the release's endpoint."""
    if alias.main.endpoint_name == names.production_endpoint:
        raise LiveEndpointError(f"production serves from the endpoint {names.production_endpoint}; it stays")


def clean_up(names: Names, scope: str, endpoints: Endpoints, alarms: Alarms, shifting_to: list[LiveVersion]) -> CleanUp:
    """Remove what is there, in AWS's order: schedules, alarms, scaling, endpoint; once that is gone, config and model.

    Its logs, which SageMaker leaves, have a time to stay from then on. An endpoint that still gets a share while
    traffic is being shifted is waited for.
    """
    result = CleanUp()
    result.remove("reminder", names.reminder, endpoints.remove_schedule)
    targets = [names.dev_endpoint]
    if scope == "all":
        production = names.production_endpoint
        if any(version.endpoint_name == production for version in shifting_to):
            result.waiting_for.append(f"traffic to leave the endpoint {production}")
        else:
            targets.append(production)
            for kind in ALARM_KINDS:
                result.remove("alarm", names.alarm(kind), alarms.remove)
        result.remove("schedule", names.schedule, endpoints.remove_schedule)
    for target in targets:
        _remove_endpoint(target, endpoints, result)
    if result.done:
        for target in targets:
            result.expire_logs(target, endpoints.expire_logs)
            result.remove("endpoint config", target, endpoints.remove_config)
        if scope == "all":
            result.remove("model", names.model, endpoints.remove_model)
    return result


def _remove_endpoint(name: str, endpoints: Endpoints, result: CleanUp) -> None:
    endpoint = endpoints.describe(name)
    result.remove("scaling of", name, endpoints.remove_scaling)
    if endpoint is None:
        return
    if endpoint.status not in BUSY:
        result.remove("endpoint", name, endpoints.remove_endpoint)
        result.waiting_for.append(f"endpoint {name} to be deleted")
    else:
        result.waiting_for.append(f"endpoint {name}, which is {endpoint.status}")
