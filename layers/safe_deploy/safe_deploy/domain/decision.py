"""A person's yes or no, and when those that there are suffice. Used by the approval functions."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from unicodedata import normalize

from safe_deploy.domain.fields import JOINERS

SESSION = re.compile(r"arn:[^:]*:sts::[^:]*:assumed-role/.*/(?P<name>[^/]*)")
MADE_UP = re.compile(r"(.+-)?[0-9]{10,}")
"""A session's name that a program has made up of the time: `botocore-session-1700000000` (the AWS CLI and boto3),
`aws-sdk-js-…`, `aws-sdk-java-…`, `aws-sdk-php-…`, `aws-go-sdk-…`, `aws-dotnet-sdk-session-…`, or digits alone."""
ADDRESS = re.compile(r"[^\s<>()\[\],;:\"]+@[^\s<>()\[\],;:\"]+")


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
        if self.via is Via.LINK:
            return f"{self.by} (as they named themselves)"
        return f"{self.by} <{self.identity}>" if self.identity and self.by != self.identity else self.by

    @property
    def session(self) -> str:
        """Return the name of the caller's session, by which people who assume a role are told apart."""
        found = SESSION.fullmatch(self.identity) if self.via is Via.IAM else None
        return found["name"] if found else ""

    @property
    def is_role_alone(self) -> bool:
        """Return whether nobody knows who used a role: a program has made up the session's name, anew each time."""
        return bool(MADE_UP.fullmatch(self.session))

    @property
    def is_told_apart(self) -> bool:
        """Return whether this is known to be one person and no other."""
        return self.via is not Via.LINK and not self.is_role_alone

    @property
    def person(self) -> str:
        """Return by what people are told apart: the address; of an ARN the last part, whatever role it was used in.

        All who hold the topic's link are one, and so are all in a role whose session's name is made up.
        """
        if self.is_role_alone:
            return self.identity.rpartition("/")[0].casefold()
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

    @property
    def tells_apart(self) -> bool:
        """Return whether it matters who somebody is, and not only that they may decide."""
        return self.required > 1 or bool(self.requester)

    def state_after(self, decisions: Sequence[Decision]) -> ApprovalState:
        """Return where an approval stands after these decisions: one no rejects, enough people's yes approves.

        Whether a mail address and an IAM identity are two people nobody can tell, so people are counted among those
        of one kind, and somebody besides the requester has to be among them. Where that matters, whoever can't be told
        from others doesn't count: who holds the topic's link, or has a session whose name is made up.
        """
        if any(decision.choice == "reject" for decision in decisions):
            return ApprovalState.REJECTED
        return ApprovalState.APPROVED if self._sufficient(decisions) else ApprovalState.PENDING

    def counting(self, decisions: Sequence[Decision]) -> list[Decision]:
        """Return the decisions that count, one for each person: the no; the yeses that suffice, or may yet."""
        noes = [decision for decision in decisions if decision.choice == "reject"]
        found = noes or self._sufficient(decisions) or self._known(decisions)
        people: dict[tuple[Via, str], Decision] = {}
        for decision in found:
            people.setdefault((decision.via, decision.person), decision)
        return list(people.values())

    def _known(self, decisions: Sequence[Decision]) -> list[Decision]:
        return [decision for decision in decisions if decision.is_told_apart or not self.tells_apart]

    def _sufficient(self, decisions: Sequence[Decision]) -> list[Decision]:
        """Return the yeses of the first kind that suffices by itself; none while none does."""
        for via in Via:
            kind = [decision for decision in self._known(decisions) if decision.via is via]
            people = {decision.person for decision in kind}
            others = people - {decision.person for decision in kind if self.is_requester(decision)}
            if len(people) >= self.required and others:
                return kind
        return []

    def is_requester(self, decision: Decision) -> bool:
        """Return whether a decision is by the one who asked for the release, as far as names tell."""
        names = (decision.by, decision.identity, decision.person, decision.who)
        return bool(aliases(self.requester) & set().union(*map(aliases, names)))

    @property
    def words(self) -> str:
        """Return the rule for people; nothing where anybody's yes suffices."""
        words = []
        if self.required > 1:
            words.append(
                f"{self.required} different people have to agree, each by a personal link or an IAM identity of their "
                "own."
            )
        if self.requester:
            words.append(
                f"{self.requester} asked for this release and can't be the only one to agree. Somebody else has to, "
                "by a personal link or an IAM identity of their own."
            )
        if words:
            words.append(
                "The topic's link tells nobody apart: a yes by it doesn't count, a no does. Whoever has only that one "
                "agrees from the terminal, as operations.md says."
            )
        return " ".join(words)

    def to_item(self) -> dict[str, Any]:
        """Return the rule as it stands in the records."""
        return {"required": self.required, "requester": self.requester}

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> Rule:
        """Read what `to_item` wrote."""
        return cls(int(item["required"]), item["requester"])


def aliases(name: str) -> set[str]:
    """Return what somebody may go by: the whole of a name; in `Ada <ada@example.com>` either; of an ARN the last part.

    Spelled one way, whatever case, width or spaces they were written with.
    """
    spelled = normalize("NFKC", normalize("NFKC", name).casefold())
    plain = "".join(character for character in spelled if character not in JOINERS)
    before, _, rest = plain.partition("<")
    found = (plain, before, rest.partition(">")[0], plain.rpartition("/")[2], *ADDRESS.findall(plain))
    return {" ".join(alias.split()) for alias in found} - {""}
