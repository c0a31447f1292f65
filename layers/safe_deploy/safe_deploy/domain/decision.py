"""A person's yes or no, and when those that there are suffice. Used by the approval functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class ApprovalState(StrEnum):
    """Where an approval stands."""

    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"
    SUPERSEDED = "superseded"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


class Via(StrEnum):
    """How we know who decides."""

    LINK = "link"
    """Whoever holds the link; they name themselves."""
    PERSONAL_LINK = "personal link"
    """Whoever reads the mail of one address."""
    IAM = "IAM"
    """The caller that AWS has authenticated."""


@dataclass(frozen=True, slots=True)
class Decision:
    """A person's yes or no."""

    choice: str
    """`approve` or `reject`."""
    by: str
    reason: str
    at: str
    source_ip: str = ""
    via: Via = Via.LINK
    identity: str = ""
    """The mail address of a personal link or the caller's ARN; empty for whoever holds a link."""
    user_agent: str = ""

    @property
    def who(self) -> str:
        """Return the person as the records name them."""
        return f"{self.by} <{self.identity}>" if self.identity and self.by != self.identity else self.by

    @property
    def person(self) -> str:
        """Return by what people are told apart: the address; of an ARN the last part, whatever role it was used in."""
        identity = self.identity.rpartition("/")[2] if self.via is Via.IAM else self.identity
        return identity.casefold()

    def to_item(self) -> dict[str, str]:
        """Return the decision as it stands in the records."""
        return {
            "decision": self.choice,
            "by": self.who,
            "name": self.by,
            "reason": self.reason,
            "at": self.at,
            "sourceIp": self.source_ip,
            "via": str(self.via),
            "identity": self.identity,
            "userAgent": self.user_agent,
        }

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> Decision:
        """Read what `to_item` wrote."""
        return cls(
            item["decision"],
            item["name"],
            item["reason"],
            item["at"],
            item["sourceIp"],
            Via(item["via"]),
            item["identity"],
            item["userAgent"],
        )


@dataclass(frozen=True, slots=True)
class Rule:
    """Whose yes it takes."""

    required: int = 1
    """How many different people have to agree."""
    requester: str = ""
    """Who asked for the release by hand; empty when nobody did, or when they may decide alone."""

    def state_after(self, decisions: Sequence[Decision]) -> ApprovalState:
        """Return where an approval stands after these decisions: one no rejects, enough people's yes approves.

        Whether a mail address and an IAM identity are two people nobody can tell, so people are counted among those
        of one kind. All who hold the one link of a topic count as one person, as do roles with one session name.
        """
        if any(decision.choice == "reject" for decision in decisions):
            return ApprovalState.REJECTED
        kinds: dict[Via, set[str]] = {via: set() for via in Via}
        for decision in decisions:
            kinds[decision.via].add(decision.person)
        agreed = max(len(people) for people in kinds.values()) >= self.required
        others = any(not self.is_requester(decision) for decision in decisions)
        return ApprovalState.APPROVED if agreed and others else ApprovalState.PENDING

    def is_requester(self, decision: Decision) -> bool:
        """Return whether a decision is by the one who asked for the release, as far as names tell."""
        asked = self.requester.strip().casefold()
        names = (decision.by, decision.identity, decision.identity.rpartition("/")[2])
        return bool(asked) and asked in {name.strip().casefold() for name in names if name}

    @property
    def words(self) -> str:
        """Return the rule for people; nothing where anybody's yes suffices."""
        words = []
        if self.required > 1:
            words.append(
                f"{self.required} different people have to agree, each by a link or an IAM identity of their own."
            )
        if self.requester:
            words.append(f"{self.requester} asked for this release and can't be the only one to agree.")
        return " ".join(words)

    def to_item(self) -> dict[str, Any]:
        """Return the rule as it stands in the records."""
        return {"required": self.required, "requester": self.requester}

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> Rule:
        """Read what `to_item` wrote."""
        return cls(int(item["required"]), item["requester"])
