"""Approvals in the table. Used by ask_for_approval, show_approval, decide_approval and close_release."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from safe_deploy.domain.approval import KEPT_FOR, Approval, Delivery, Holder, asked
from safe_deploy.domain.decision import ApprovalState, Decision, Rule
from safe_deploy.domain.monitoring import iso, parse_time
from safe_deploy.domain.release import State, may_precede
from safe_deploy.errors import ConditionFailedError, IllegalTransitionError
from safe_deploy.gateways.audit import TableAudit
from safe_deploy.gateways.releases import release_key, transition
from safe_deploy.gateways.table import ABSENT, Key, Table, TransactionRefusedError

IS_PENDING = "#state = :pending"
AS_READ = "#state = :pending AND #revision = :revision"
PENDING = str(ApprovalState.PENDING)


def approval_key(approval_id: str) -> Key:
    """Return the key of an approval."""
    return Key("APPROVAL", approval_id)


class TableApprovals:
    """Approvals in the table."""

    def __init__(self, table: Table, audit: Callable[[], TableAudit]) -> None:
        self.table, self._audit = table, audit

    def find(self, approval_id: str) -> Approval | None:
        """Return an approval, or None."""
        item = self.table.get(approval_key(approval_id))
        return None if item is None else from_item(item)

    def open(self, approval: Approval, question: str, *, previous: str | None, now: datetime) -> None:
        """Store an approval, name it in its release's record with what is asked, and in the audit trail, all or none.

        A pending previous one is superseded.
        Raises ConditionFailedError when the previous one has been decided, IllegalTransitionError when the
        release is past asking.
        """
        condition, values = transition(may_precede(State.AWAITING_APPROVAL))
        named = {
            "approvalId": approval.approval_id,
            "evidenceDigest": approval.evidence_digest,
            "question": question,
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
            self._audit().append_request(approval.release_id, *asked(approval, previous), now),
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
            if previous is not None and error.failed[-1]:
                raise ConditionFailedError(f"approval {previous} has been decided") from error
            raise IllegalTransitionError(f"release {approval.release_id} can't be asked about any more") from error

    def decide(self, approval: Approval, decision: Decision) -> Approval:
        """Record a decision in the approval, the release and the audit trail, all or none; return what it is then.

        Raises ConditionFailedError when the approval isn't as it was read any more, IllegalTransitionError when the
        release doesn't wait.
        """
        after, at = approval.with_decision(decision), parse_time(decision.at, "at")
        recorded: dict[str, Any] = {"updatedAt": iso(at)}
        event = f"Decision: {after.state}"
        if after.is_decided:
            recorded["decision"] = {
                **decision.to_item(),
                "by": after.by,
                "evidenceDigest": approval.evidence_digest,
                "decisions": [each.to_item() for each in after.decisions],
            }
        else:
            event = "Agreed, and others have to agree"
        if after.state is ApprovalState.APPROVED:
            recorded["state"] = str(State.APPROVED)
        detail = {
            **decision.to_item(),
            "evidenceDigest": approval.evidence_digest,
            "approvalId": approval.approval_id,
        }
        try:
            self.table.transact(
                {
                    "Update": self.table.update_request(
                        *self._change(approval, decisions_of(after)), **as_read(approval)
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
                self._audit().append_request(approval.release_id, event, decision.who, detail, at),
            )
        except TransactionRefusedError as error:
            if error.failed[0]:
                raise ConditionFailedError(f"approval {approval.approval_id} has changed") from error
            raise IllegalTransitionError(f"release {approval.release_id} doesn't wait any more") from error
        return after

    def use_form(self, approval: Approval) -> Approval:
        """Count a form that decides nothing, so that its token isn't good any more.

        Raises ConditionFailedError when the approval isn't as it was read any more.
        """
        after = replace(approval, revision=approval.revision + 1)
        self.table.update(*self._change(approval, {"revision": after.revision}), **as_read(approval))
        return after

    def add_holder(self, approval: Approval, holder: Holder) -> Approval:
        """Let one more link open a pending approval. Raises ConditionFailedError as `use_form` does.

        Forms that people have open stay good: the revision isn't counted, so the links themselves are compared.
        """
        holders = (*approval.holders, holder)
        change = {"holders": [each.to_item() for each in holders]}
        known = len(approval.holders)
        condition = f"{AS_READ} AND size(#holders) = :known"
        self.table.update(approval_key(approval.approval_id), change, condition, known=known, **as_read(approval))
        return replace(approval, holders=holders)

    @staticmethod
    def _change(approval: Approval, change: Mapping[str, Any]) -> tuple[Key, Mapping[str, Any], str]:
        return approval_key(approval.approval_id), change, AS_READ

    def delivered(self, approval_id: str, delivery: Delivery, now: datetime) -> None:
        """Record what became of handing the decision to the state machine; who came too late changes nothing."""
        changes = {"delivery": str(delivery), "deliveredAt": iso(now)}
        condition = "attribute_exists(#pk)"
        if delivery is Delivery.NOT_WAITING:
            condition += " AND attribute_not_exists(#delivery)"
        try:
            self.table.update(approval_key(approval_id), changes, condition)
        except ConditionFailedError:
            if delivery is Delivery.DELIVERED:
                raise

    def withdraw(self, approval_id: str, state: ApprovalState) -> None:
        """End a pending approval that nobody decided; one that is decided stays as it is."""
        try:
            self.table.update(approval_key(approval_id), {"state": str(state)}, IS_PENDING, pending=PENDING)
        except ConditionFailedError:
            return


DECIDED = {"yes": str(ApprovalState.APPROVED), "no": str(ApprovalState.REJECTED)}


def as_read(approval: Approval) -> dict[str, Any]:
    """Return the values of the condition that nobody else has changed an approval."""
    return {"pending": PENDING, "revision": approval.revision}


def decisions_of(approval: Approval) -> dict[str, Any]:
    """Return what decisions change of an approval."""
    return {
        "state": str(approval.state),
        "decisions": [decision.to_item() for decision in approval.decisions],
        "revision": approval.revision,
    }


def to_item(approval: Approval) -> dict[str, Any]:
    """Return an approval as it stands in the table. `expiresAt` is for DynamoDB's own removal, long after."""
    return {
        "approvalId": approval.approval_id,
        "releaseId": approval.release_id,
        "turn": approval.turn,
        "evidenceDigest": approval.evidence_digest,
        "deadline": iso(approval.deadline),
        "expiresAt": int((approval.deadline + KEPT_FOR).timestamp()),
        "rule": approval.rule.to_item(),
        "holders": [holder.to_item() for holder in approval.holders],
        **decisions_of(approval),
    }


def from_item(item: Mapping[str, Any]) -> Approval:
    """Read what `to_item` and the updates wrote."""
    delivery = item.get("delivery")
    return Approval(
        item["approvalId"],
        item["releaseId"],
        tuple(Holder.from_item(holder) for holder in item["holders"]),
        int(item["turn"]),
        item["evidenceDigest"],
        parse_time(item["deadline"], "deadline"),
        Rule.from_item(item["rule"]),
        ApprovalState(item["state"]),
        tuple(Decision.from_item(decision) for decision in item["decisions"]),
        Delivery(delivery) if delivery else None,
        int(item["revision"]),
    )
