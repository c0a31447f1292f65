"""What the alias `live` says: which version serves, and whether traffic is being shifted.

Used by every function that has to know what production is.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from safe_deploy.domain.inference import Inference
from safe_deploy.domain.names import NO_ENDPOINT
from safe_deploy.domain.release import Champion

ALIAS_IS_GONE = "the alias live, or the version it points to, is gone"


@dataclass(frozen=True, slots=True)
class LiveVersion:
    """One version of the inference Lambda: what it runs, and the release and the endpoint of its environment."""

    version: str
    release_id: str = ""
    endpoint_name: str = ""
    inference: Inference = field(default_factory=Inference)

    @property
    def serves(self) -> bool:
        """Return whether an endpoint stands behind it; none does behind the static first version."""
        return self.endpoint_name not in ("", NO_ENDPOINT)


@dataclass(frozen=True, slots=True)
class Alias:
    """The alias `live`: its main version, and the weights of others while traffic is shifted."""

    main: LiveVersion
    others: dict[str, float] = field(default_factory=dict)
    """Version to share of the traffic, 0 to 1."""

    @property
    def shares(self) -> dict[str, float]:
        """Return the versions besides the main one that get traffic, with their shares."""
        return {version: share for version, share in self.others.items() if share > 0}

    @property
    def is_shifting(self) -> bool:
        """Return whether a second version gets traffic too."""
        return bool(self.shares)


@dataclass(frozen=True, slots=True)
class Shift:
    """A CodeDeploy deployment of the inference function that is under way."""

    deployment_id: str
    current_version: str
    target_version: str
    undoes: bool = False
    """Whether it is CodeDeploy's own way back from another deployment; its versions are not read then."""


def change_since(champion: Champion | None, live_version: str, alias: Alias) -> str | None:
    """Return a sentence about how production has changed since a release saw it, or None when it hasn't."""
    then = champion.release_id if champion else None
    now = alias.main.release_id if alias.main.serves else None
    if then != now:
        return f"production now serves from {now or 'no release'}; the evidence was about {then or 'no release'}"
    if alias.main.version != live_version:
        return f"the alias points to version {alias.main.version}; the evidence was about {live_version}"
    return None
