"""Approvals: the link's secret, the form's token, states, decisions. Used by the approval functions.

pending → approved | rejected (a person), superseded (a newer mail), expired | withdrawn (the machine).
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

APPROVAL_ID = re.compile(r"[0-9a-f]{32}")
SECRET = re.compile(r"[A-Za-z0-9_-]{43}")
KEPT_FOR = timedelta(days=30)
"""How long after its deadline an approval stays in the table, so that its link can say what became of it."""
NOBODY = hashlib.sha256(b"no approval has this hash").hexdigest()


class ApprovalState(StrEnum):
    """Where an approval stands."""

    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"
    SUPERSEDED = "superseded"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


class Delivery(StrEnum):
    """What became of handing a decision to the state machine."""

    DELIVERED = "delivered"
    NOT_WAITING = "notWaiting"


@dataclass(frozen=True, slots=True)
class Decision:
    """A person's yes or no."""

    choice: str
    """`approve` or `reject`."""
    by: str
    reason: str
    at: str
    source_ip: str = ""

    @property
    def state(self) -> ApprovalState:
        """Return the state that an approval takes by it."""
        return ApprovalState.APPROVED if self.choice == "approve" else ApprovalState.REJECTED

    def to_item(self) -> dict[str, str]:
        """Return the decision as it stands in the records."""
        return {
            "decision": self.choice,
            "by": self.by,
            "reason": self.reason,
            "at": self.at,
            "sourceIp": self.source_ip,
        }

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> Decision:
        """Read what `to_item` wrote."""
        return cls(item["decision"], item["by"], item["reason"], item["at"], item["sourceIp"])


@dataclass(frozen=True, slots=True)
class Approval:
    """One request for a decision. The link's secret itself is in the mail and nowhere else."""

    approval_id: str
    release_id: str
    secret_hash: str
    task_token_hash: str
    task_token_ciphertext: bytes
    evidence_digest: str
    deadline: datetime
    state: ApprovalState = ApprovalState.PENDING
    decision: Decision | None = None
    delivery: Delivery | None = None

    def opens_with(self, secret: str) -> bool:
        """Return, in constant time, whether this is the link's secret."""
        return hmac.compare_digest(self.secret_hash, hash_of(secret))

    def is_open(self, now: datetime) -> bool:
        """Return whether a decision may still be made."""
        return self.state is ApprovalState.PENDING and now < self.deadline

    @property
    def decided(self) -> Decision | None:
        """Return the decision of an approval that was decided by a person."""
        return self.decision if self.state in (ApprovalState.APPROVED, ApprovalState.REJECTED) else None

    def answer(self) -> dict[str, str]:
        """Return what the state machine is told. Raises ValueError when nothing was decided."""
        if self.decided is None:
            raise ValueError(f"approval {self.approval_id} is {self.state}")
        return {
            "decision": str(self.state),
            "by": self.decided.by,
            "reason": self.decided.reason,
            "evidenceDigest": self.evidence_digest,
        }


@dataclass(frozen=True, slots=True)
class Link:
    """What a visitor brings: an approval's id and, perhaps, its secret."""

    approval_id: str
    secret: str

    @classmethod
    def create(cls) -> Link:
        """Return a new link: 128 bits of id, 256 bits of secret."""
        return cls(secrets.token_hex(16), secrets.token_urlsafe(32))

    @property
    def is_well_formed(self) -> bool:
        """Return whether id and secret look like ours at all."""
        return bool(APPROVAL_ID.fullmatch(self.approval_id) and SECRET.fullmatch(self.secret))

    def url(self, site: str) -> str:
        """Return the address that stands in the mail, and only there."""
        return f"{site.rstrip('/')}/approvals/{self.approval_id}?key={self.secret}"

    @property
    def form_token(self) -> str:
        """Return what the form must send back: only who saw the page with the right secret can know it."""
        return hash_of(f"{self.secret}{self.approval_id}form")

    def admits_form(self, token: str) -> bool:
        """Return, in constant time, whether this is the form's token."""
        return hmac.compare_digest(self.form_token.encode(), token.encode())

    def opens(self, approval: Approval | None) -> bool:
        """Return whether the link opens an approval; takes as long when there is none."""
        if approval is None:
            hmac.compare_digest(NOBODY, hash_of(self.secret))
            return False
        return approval.opens_with(self.secret)


def hash_of(secret: str) -> str:
    """Return the SHA-256 of a secret of 256 random bits, or of a task token."""
    return hashlib.sha256(secret.encode()).hexdigest()


def encryption_context(model_name: str, release_id: str, approval_id: str) -> dict[str, str]:
    """Return what a task token's ciphertext is bound to."""
    return {"modelName": model_name, "releaseId": release_id, "approvalId": approval_id}
