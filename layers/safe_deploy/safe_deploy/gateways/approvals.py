"""Approvals in the table. Used by ask_for_approval, show_approval, decide_approval and close_release."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from safe_deploy.domain.approval import KEPT_FOR, Approval, ApprovalState, Decision, Delivery
from safe_deploy.domain.monitoring import iso, parse_time
from safe_deploy.domain.release import State, may_precede
from safe_deploy.errors import ConditionFailedError, IllegalTransitionError
from safe_deploy.gateways.releases import ABSENT, audit_entry, release_key, transition
from safe_deploy.gateways.table import Key, Table, TransactionRefusedError

IS_PENDING = "#state = :pending"
PENDING = str(ApprovalState.PENDING)


def approval_key(approval_id: str) -> Key:
    """Return the key of an approval."""
    return Key("APPROVAL", approval_id)


class TableApprovals:
    """Approvals in the table."""

    def __init__(self, table: Table) -> None:
        self.table = table

    def find(self, approval_id: str) -> Approval | None:
        """Return an approval, or None."""
        item = self.table.get(approval_key(approval_id))
        return None if item is None else from_item(item)

    def open(self, approval: Approval, *, previous: str | None, now: datetime) -> None:
        """Store an approval and name it in its release's record; supersede the previous one if it is pending.

        Raises ConditionFailedError when the previous one has been decided, IllegalTransitionError when the
        release is past asking.
        """
        condition, values = transition(may_precede(State.AWAITING_APPROVAL))
        named = {
            "approvalId": approval.approval_id,
            "evidenceDigest": approval.evidence_digest,
            "state": str(State.AWAITING_APPROVAL),
            "updatedAt": iso(now),
        }
        others = "attribute_not_exists(#approvalId)"
        if previous is not None:
            others, values = "#approvalId = :previous", {**values, "previous": previous}
        writes = [
            {
                "Update": self.table.update_request(
                    release_key(approval.release_id), named, f"{condition} AND {others}", **values
                )
            },
            {"Put": self.table.put_request(approval_key(approval.approval_id), to_item(approval), ABSENT)},
        ]
        if previous is not None:
            superseded = {"state": str(ApprovalState.SUPERSEDED)}
            writes.append(
                {
                    "Update": self.table.update_request(
                        approval_key(previous), superseded, "#state <> :yes AND #state <> :no", **DECIDED
                    )
                }
            )
        try:
            self.table.transact(*writes)
        except TransactionRefusedError as error:
            if previous is not None and error.failed[2]:
                raise ConditionFailedError(f"approval {previous} has been decided") from error
            raise IllegalTransitionError(f"release {approval.release_id} can't be asked about any more") from error

    def decide(self, approval: Approval, decision: Decision) -> None:
        """Record a decision in the approval, the release and the audit trail, all or none.

        Raises ConditionFailedError when the approval isn't pending any more, IllegalTransitionError when the
        release doesn't wait.
        """
        item = {**decision.to_item(), "evidenceDigest": approval.evidence_digest}
        detail = {**item, "approvalId": approval.approval_id}
        at = parse_time(decision.at, "at")
        approved = decision.state is ApprovalState.APPROVED
        recorded: dict[str, Any] = {"decision": item, "updatedAt": iso(at)}
        if approved:
            recorded["state"] = str(State.APPROVED)
        audit = audit_entry(approval.release_id, f"Decision: {decision.state}", decision.by, detail, at)
        try:
            self.table.transact(
                {
                    "Update": self.table.update_request(
                        approval_key(approval.approval_id),
                        {"state": str(decision.state), "decision": item},
                        IS_PENDING,
                        pending=PENDING,
                    )
                },
                {
                    "Update": self.table.update_request(
                        release_key(approval.release_id),
                        recorded,
                        "#state = :waiting AND #approvalId = :approval",
                        waiting=str(State.AWAITING_APPROVAL),
                        approval=approval.approval_id,
                    )
                },
                {"Put": self.table.put_request(*audit, ABSENT)},
            )
        except TransactionRefusedError as error:
            if error.failed[0]:
                raise ConditionFailedError(f"approval {approval.approval_id} isn't pending any more") from error
            raise IllegalTransitionError(f"release {approval.release_id} doesn't wait any more") from error

    def delivered(self, approval_id: str, delivery: Delivery, now: datetime) -> None:
        """Record what became of handing the decision to the state machine."""
        changes = {"delivery": str(delivery), "deliveredAt": iso(now)}
        self.table.update(approval_key(approval_id), changes, "attribute_exists(#pk)")

    def withdraw(self, approval_id: str, state: ApprovalState) -> None:
        """End a pending approval that nobody decided; one that is decided stays as it is."""
        try:
            self.table.update(approval_key(approval_id), {"state": str(state)}, IS_PENDING, pending=PENDING)
        except ConditionFailedError:
            return


DECIDED = {"yes": str(ApprovalState.APPROVED), "no": str(ApprovalState.REJECTED)}


def to_item(approval: Approval) -> dict[str, Any]:
    """Return an approval as it stands in the table. `expiresAt` is for DynamoDB's own removal, long after."""
    return {
        "approvalId": approval.approval_id,
        "releaseId": approval.release_id,
        "secretHash": approval.secret_hash,
        "taskTokenHash": approval.task_token_hash,
        "taskTokenCiphertext": approval.task_token_ciphertext,
        "evidenceDigest": approval.evidence_digest,
        "deadline": iso(approval.deadline),
        "expiresAt": int((approval.deadline + KEPT_FOR).timestamp()),
        "state": str(approval.state),
    }


def from_item(item: Mapping[str, Any]) -> Approval:
    """Read what `to_item` and the updates wrote."""
    decision, delivery = item.get("decision"), item.get("delivery")
    return Approval(
        item["approvalId"],
        item["releaseId"],
        item["secretHash"],
        item["taskTokenHash"],
        item["taskTokenCiphertext"],
        item["evidenceDigest"],
        parse_time(item["deadline"], "deadline"),
        ApprovalState(item["state"]),
        Decision.from_item(decision) if decision else None,
        Delivery(delivery) if delivery else None,
    )
