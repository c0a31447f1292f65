"""A release: its record and the states it goes through. Used by every function.

Registered → Evaluated → Tested → AwaitingApproval → Approved → Promoting → Live → Retired | RolledBack;
from any state before Live also: Refused, Failed, Rejected, Expired, Stale, Superseded, Stopped,
RolledBack.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from safe_deploy.domain.alarms import BreakGlass
from safe_deploy.domain.fields import Fields
from safe_deploy.domain.inference import Inference
from safe_deploy.domain.manifest import CODE, DATA, Drop
from safe_deploy.domain.names import Names
from safe_deploy.domain.policy import Policy
from safe_deploy.domain.shift.strategy import Strategy
from safe_deploy.errors import InvalidRequestError


class State(StrEnum):
    """Where a release stands."""

    REGISTERED = "Registered"
    EVALUATED = "Evaluated"
    TESTED = "Tested"
    AWAITING_APPROVAL = "AwaitingApproval"
    APPROVED = "Approved"
    PROMOTING = "Promoting"
    LIVE = "Live"
    REFUSED = "Refused"
    FAILED = "Failed"
    REJECTED = "Rejected"
    EXPIRED = "Expired"
    STALE = "Stale"
    SUPERSEDED = "Superseded"
    STOPPED = "Stopped"
    ROLLED_BACK = "RolledBack"
    RETIRED = "Retired"


STEPS = (
    State.REGISTERED,
    State.EVALUATED,
    State.TESTED,
    State.AWAITING_APPROVAL,
    State.APPROVED,
    State.PROMOTING,
)
AFTER_LIVE = (State.ROLLED_BACK, State.RETIRED)
WAS_LIVE = (State.LIVE, State.RETIRED, State.ROLLED_BACK)
"""States of releases that production may be moved back to: without proof, and without a lock of theirs."""
RETURNING = (State.PROMOTING, *WAS_LIVE)
"""States from which a release may become live again. Promoting: it went live, and could not be recorded so."""


def may_precede(target: State) -> tuple[State, ...]:
    """Return the states from which `target` may follow. It follows itself: a retry changes nothing."""
    if target in STEPS:
        return STEPS[: STEPS.index(target) + 1]
    if target is State.RETIRED:
        return (State.LIVE, State.RETIRED)
    if target is State.ROLLED_BACK:
        return (*STEPS, State.LIVE, State.RETIRED, State.ROLLED_BACK)
    return (*STEPS, target)


def is_final(state: State) -> bool:
    """Return whether the machine has finished with a release."""
    return state not in STEPS


@dataclass(frozen=True, slots=True)
class Champion:
    """The release that production serves from."""

    release_id: str
    endpoint_name: str
    version: str
    model_data_url: str
    baseline_url: str = ""
    """Where the baseline of its training data is; empty in records that don't tell."""

    def to_output(self) -> dict[str, str]:
        """Return the champion as the state machine and the record hold it."""
        return {
            "releaseId": self.release_id,
            "endpointName": self.endpoint_name,
            "version": self.version,
            "modelDataUrl": self.model_data_url,
            "baselineUrl": self.baseline_url,
        }

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> Champion:
        """Read what `to_output` wrote."""
        return cls(
            item["releaseId"],
            item["endpointName"],
            item["version"],
            item["modelDataUrl"],
            item.get("baselineUrl", ""),
        )


@dataclass(frozen=True, slots=True)
class Release:
    """A release's record: what has been written so far, by attribute name. Later sections may be absent."""

    release_id: str
    state: State
    item: Mapping[str, Any]

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> Release:
        """Read a record."""
        return cls(str(item["releaseId"]), State(item["state"]), item)

    def section(self, name: str) -> Any:
        """Return what an earlier step recorded. Raises InvalidRequestError when that step hasn't run."""
        if self.item.get(name) is None:
            raise InvalidRequestError(f"release {self.release_id} has no {name} on record: an earlier step hasn't run")
        return self.item[name]

    @property
    def drop(self) -> Drop | None:
        """Return what started the release."""
        return Drop.from_item(self.item["drop"]) if self.item.get("drop") else None

    @property
    def kind(self) -> str:
        """Return what the release changes: `data` or `code`."""
        return str(self.item.get("kind", DATA))

    @property
    def is_code_only(self) -> bool:
        """Return whether the release keeps the champion's model and changes the inference code alone."""
        return self.kind == CODE

    @property
    def tested_inference(self) -> Inference | None:
        """Return the inference code that test_endpoint tested, once it has."""
        tested = (self.item.get("devTest") or {}).get("inference")
        return Inference.from_item(tested["new"]) if tested else None

    @property
    def trained_by(self) -> str:
        """Return the release that trained the model: itself, unless this one changes code alone."""
        return str(self.item.get("trainedBy", self.release_id))

    @property
    def execution_arn(self) -> str:
        """Return the execution that runs the release."""
        return str(self.item.get("executionArn", ""))

    @property
    def is_registered(self) -> bool:
        """Return whether registration has come to its end."""
        return self.item.get("registeredAt") is not None

    @property
    def base(self) -> str:
        """Return what the names of the release's resources begin with."""
        return str(self.section("names")["base"])

    @property
    def names(self) -> Names:
        """Return the names of the release's resources."""
        return Names(self.base)

    @property
    def policy(self) -> Policy:
        """Return the policy that the release was registered under."""
        return Policy.parse(self.section("policy"))

    @property
    def strategy(self) -> Strategy:
        """Return how the release's traffic shifts: the policy's way, or the manifest's."""
        return Strategy.parse(Fields(dict(self.section("strategy")), "the record", "strategy"))

    @property
    def champion(self) -> Champion | None:
        """Return the champion as it was when the release was registered."""
        given = self.item.get("champion")
        return Champion.from_item(given) if given else None

    @property
    def keeper(self) -> str:
        """Return the execution that last moved production from or to the release; empty until one did.

        Unless the release is live, that execution keeps its endpoint warm, and then retires it.
        """
        return str(self.item.get("keeper") or "")

    @property
    def break_glass(self) -> BreakGlass | None:
        """Return why, and on whose word, the release may shift although alarms fire."""
        manifest = self.item.get("manifest") or {}
        glass = manifest.get("breakGlass")
        return BreakGlass(str(glass["reason"]), str(manifest["requestedBy"])) if glass else None

    @property
    def live_version(self) -> str:
        """Return the version that the alias pointed to when the release was registered."""
        return str(self.section("liveVersion"))

    def place(self, name: str, *rest: str) -> str:
        """Return an S3 URI under one of the release's places."""
        return "/".join([str(self.section("uris")[name]), *rest])
