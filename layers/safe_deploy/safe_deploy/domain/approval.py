"""Approvals: who holds which link, the form's token, what was decided. Used by the approval functions.

pending → approved | rejected (people), superseded (a newer mail), expired | withdrawn (the machine).
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from safe_deploy.domain.decision import ApprovalState, Decision, Rule
from safe_deploy.domain.monitoring import iso

APPROVAL_ID = re.compile(r"[0-9a-f]{32}")
SECRET = re.compile(r"[A-Za-z0-9_-]{43}")
KEPT_FOR = timedelta(days=30)
"""How long after its deadline an approval stays in the table, so that its link can say what became of it."""
NOBODY = hashlib.sha256(b"no approval has this hash").hexdigest()
NO_APPROVAL = "0" * 32
"""The id that a malformed link is looked up by, so that it takes as long as any other."""


class Delivery(StrEnum):
    """What became of handing a decision to the state machine."""

    DELIVERED = "delivered"
    NOT_WAITING = "notWaiting"


@dataclass(frozen=True, slots=True)
class Holder:
    """Who a link was made for."""

    secret_hash: str
    email: str = ""
    """Empty for the one link that goes to the topic."""

    def to_item(self) -> dict[str, str]:
        """Return the holder as it stands in the table."""
        return {"secretHash": self.secret_hash, "email": self.email}

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> Holder:
        """Read what `to_item` wrote."""
        return cls(item["secretHash"], item["email"])


@dataclass(frozen=True, slots=True)
class Approval:
    """One request for a decision. The links' secrets themselves are in the mails and nowhere else."""

    approval_id: str
    release_id: str
    holders: tuple[Holder, ...]
    turn: int
    """The how-manieth task of its release waits for the answer."""
    evidence_digest: str
    deadline: datetime
    rule: Rule = field(default_factory=Rule)
    state: ApprovalState = ApprovalState.PENDING
    decisions: tuple[Decision, ...] = ()
    delivery: Delivery | None = None
    revision: int = 0
    """Counts the forms that were taken: each form's token is good for one of them."""

    def holder_of(self, secret: str) -> Holder | None:
        """Return whose secret this is; takes as long whoever's it is."""
        given, found = hash_of(secret), None
        for holder in self.holders:
            if hmac.compare_digest(holder.secret_hash, given):
                found = holder
        return found

    def is_open(self, now: datetime) -> bool:
        """Return whether a decision may still be made."""
        return self.state is ApprovalState.PENDING and now < self.deadline

    @property
    def is_decided(self) -> bool:
        """Return whether people have decided it."""
        return self.state in (ApprovalState.APPROVED, ApprovalState.REJECTED)

    @property
    def decided(self) -> Decision | None:
        """Return the decision that settled an approval: the last one."""
        return self.decisions[-1] if self.is_decided else None

    @property
    def by(self) -> str:
        """Return everybody whose decision counts: who rejected, or all whose yes suffices, or may yet."""
        return " and ".join(decision.who for decision in self.rule.counting(self.decisions))

    def with_decision(self, decision: Decision) -> Approval:
        """Return the approval as it stands after one more decision."""
        decisions = (*self.decisions, decision)
        state = self.rule.state_after(decisions)
        return replace(self, decisions=decisions, state=state, revision=self.revision + 1)

    def answer(self) -> dict[str, str]:
        """Return what the state machine is told. Raises ValueError when nothing was decided."""
        if self.decided is None:
            raise ValueError(f"approval {self.approval_id} is {self.state}")
        return {
            "decision": str(self.state),
            "by": self.by,
            "reason": self.decided.reason,
            "evidenceDigest": self.evidence_digest,
        }


@dataclass(frozen=True, slots=True)
class Link:
    """What a visitor brings: an approval's id and, perhaps, its secret."""

    approval_id: str
    secret: str

    @classmethod
    def create(cls, approval_id: str = "") -> Link:
        """Return a new link: 128 bits of id, unless it is for an approval that there is; 256 bits of secret."""
        return cls(approval_id or secrets.token_hex(16), secrets.token_urlsafe(32))

    @property
    def is_well_formed(self) -> bool:
        """Return whether id and secret look like ours at all."""
        return bool(APPROVAL_ID.fullmatch(self.approval_id) and SECRET.fullmatch(self.secret))

    @property
    def lookup(self) -> str:
        """Return the id to look an approval up by."""
        return self.approval_id if self.is_well_formed else NO_APPROVAL

    def url(self, site: str) -> str:
        """Return the address that stands in the mail, and only there."""
        return f"{site.rstrip('/')}/approvals/{self.approval_id}?key={self.secret}"

    def form_token(self, revision: int) -> str:
        """Return what the form must send back: known only to who saw the page, and good for one form taken."""
        message = f"form {revision} of {self.approval_id}".encode()
        return hmac.new(self.secret.encode(), message, hashlib.sha256).hexdigest()

    def admits_form(self, token: str, revision: int) -> bool:
        """Return, in constant time, whether this is the token of the form that may be sent now."""
        return hmac.compare_digest(self.form_token(revision).encode(), token.encode())

    def holder_in(self, approval: Approval | None) -> Holder | None:
        """Return who the link was made for, or None for a guess; takes as long when there is no approval."""
        if approval is None:
            hmac.compare_digest(NOBODY, hash_of(self.secret))
            return None
        return approval.holder_of(self.secret)


def asked(approval: Approval, previous: str | None) -> tuple[str, str, dict[str, Any]]:
    """Return the audit trail's entry that people are asked: event, actor, detail."""
    detail = {
        "approvalId": approval.approval_id,
        "evidenceDigest": approval.evidence_digest,
        "until": iso(approval.deadline),
        "asked": [holder.email or "the topic" for holder in approval.holders],
        **approval.rule.to_item(),
        **({"supersedes": previous} if previous else {}),
    }
    return "Asked for approval", "ask_for_approval", detail


def hash_of(secret: str) -> str:
    """Return the SHA-256 of a secret of 256 random bits."""
    return hashlib.sha256(secret.encode()).hexdigest()
