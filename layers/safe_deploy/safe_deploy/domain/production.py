"""Whether production is what it should be after a way back. Used by verify_rollback.

What a service said while it was asked to change something is not enough: everything is read back.
"""

from __future__ import annotations

from dataclasses import dataclass

from safe_deploy.domain.deployment import alias_failure, endpoint_failure
from safe_deploy.domain.live import Alias, LiveVersion
from safe_deploy.domain.names import Names
from safe_deploy.domain.ports import Endpoints


@dataclass(frozen=True, slots=True)
class Expected:
    """What production should be."""

    version: LiveVersion
    """The one that all traffic should go to."""
    serving: Names | None
    """Of the release behind it; None when nothing was live before."""
    left: Names | None
    """Of the release that one came from, whose monitoring should have ended."""


def differences(expected: Expected, alias: Alias, endpoints: Endpoints) -> list[str]:
    """Return a sentence for everything that isn't as expected: alias, weights, endpoint, capture, scaling, monitor."""
    found = [alias_failure(alias, expected.version.version)]
    if alias.is_shifting:
        found.append(f"the alias still has weights for other versions: {alias.others}")
    if expected.serving is not None:
        name = expected.serving.production_endpoint
        if expected.version.endpoint_name != name:
            found.append(f"version {expected.version.version} names the endpoint {expected.version.endpoint_name}")
        found.append(endpoint_failure(endpoints.describe(name), name))
        if not endpoints.is_scaled(name):
            found.append(f"the endpoint {name} doesn't scale with traffic")
        if not endpoints.is_scheduled(expected.serving.schedule):
            found.append(f"nothing monitors it: there is no schedule {expected.serving.schedule}")
    if expected.left is not None and endpoints.is_scheduled(expected.left.schedule):
        found.append(f"the schedule {expected.left.schedule} still monitors what doesn't serve any more")
    return [sentence for sentence in found if sentence]


def serving_words(alias: Alias) -> str:
    """Return what production serves from, as a sentence."""
    main = alias.main
    if not main.serves:
        return f"Production serves from no release (version {main.version})."
    also = "".join(f", and {weight:.0%} from version {version}" for version, weight in alias.shares.items())
    return f"Production serves from release {main.release_id} (version {main.version}){also}."
