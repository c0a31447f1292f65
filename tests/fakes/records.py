"""The records in memory: the same answers as the table's gateways, which the contract test checks."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from safe_deploy.domain.approval import Approval, Delivery, Holder, asked
from safe_deploy.domain.audit import stamp
from safe_deploy.domain.decision import ApprovalState, Decision
from safe_deploy.domain.lock import Lock
from safe_deploy.domain.manifest import Drop
from safe_deploy.domain.monitoring import iso
from safe_deploy.domain.release import RETURNING, Release, State, may_precede
from safe_deploy.errors import ConditionFailedError, IllegalTransitionError, NotFoundError


@dataclass
class Memory:
    """What the table would hold."""

    releases: dict[str, dict[str, Any]] = field(default_factory=dict)
    drops: dict[str, str] = field(default_factory=dict)
    data: dict[str, tuple[str, str]] = field(default_factory=dict)
    approvals: dict[str, Approval] = field(default_factory=dict)
    audit: list[dict[str, Any]] = field(default_factory=list)
    rollbacks: dict[str, dict[str, Any]] = field(default_factory=dict)
    attempts: dict[str, int] = field(default_factory=dict)
    lock: Lock | None = None
    waiting: str = ""
    check: dict[str, Any] = field(default_factory=dict)


class FakeReleases:
    """Release records in memory."""

    def __init__(self, memory: Memory) -> None:
        self.memory = memory

    def register(self, release_id: str, drop: Drop, execution_arn: str, now: datetime) -> str | None:
        owner = self.memory.drops.setdefault(drop.identity, release_id)
        if owner != release_id:
            return owner
        self.create(release_id, State.REGISTERED, {"drop": drop.to_item(), "executionArn": execution_arn}, now)
        return None

    def claim_data(self, digest: str, release_id: str, code_digest: str) -> tuple[str, str] | None:
        owner = self.memory.data.get(digest)
        if owner is None or owner[0] == release_id:
            self.memory.data[digest] = (release_id, code_digest)
            return None
        return owner

    def take_data(self, digest: str, release_id: str, code_digest: str, *, previous: str) -> None:
        if self.memory.data.get(digest, ("",))[0] not in (previous, release_id):
            raise ConditionFailedError("somebody else has the data")
        self.memory.data[digest] = (release_id, code_digest)

    def create(self, release_id: str, state: State, attributes: Mapping[str, Any], now: datetime) -> bool:
        if release_id in self.memory.releases:
            return False
        at = iso(now)
        self.memory.releases[release_id] = stored(
            {"releaseId": release_id, "state": str(state), "createdAt": at, "updatedAt": at, **attributes}
        )
        return True

    def find(self, release_id: str) -> Release | None:
        item = self.memory.releases.get(release_id)
        return None if item is None else Release.from_item(stored(item))

    def get(self, release_id: str) -> Release:
        found = self.find(release_id)
        if found is None:
            raise NotFoundError(f"there is no release {release_id}")
        return found

    def update(
        self, release_id: str, attributes: Mapping[str, Any], now: datetime, *, state: State | None = None
    ) -> Release:
        present = self.get(release_id)
        changes = {**attributes, "updatedAt": iso(now)}
        if state is not None:
            if present.state not in may_precede(state):
                raise IllegalTransitionError(f"release {release_id} is {present.state}")
            changes["state"] = str(state)
        self.memory.releases[release_id] |= stored(changes)
        return self.get(release_id)

    def retire(self, release_id: str, keeper: str, now: datetime) -> Release:
        present = self.get(release_id)
        if present.keeper != keeper:
            raise ConditionFailedError(f"{present.keeper} keeps it")
        state = State.RETIRED if present.state is State.LIVE else present.state
        self.memory.releases[release_id] |= {"retiredAt": iso(now), "updatedAt": iso(now), "state": str(state)}
        return self.get(release_id)

    def restore(self, release_id: str, attributes: Mapping[str, Any], now: datetime) -> Release:
        present = self.get(release_id)
        if present.state not in RETURNING:
            raise IllegalTransitionError(f"release {release_id} is {present.state}")
        serving = {"state": str(State.LIVE), "retiredAt": "", "updatedAt": iso(now)}
        self.memory.releases[release_id] |= {**stored(dict(attributes)), **serving}
        return self.get(release_id)

    def audit(self, release_id: str, event: str, actor: str, detail: Mapping[str, Any], now: datetime) -> bool:
        entry = stored({"release": release_id, "event": event, "actor": actor, "detail": detail, "at": stamp(now)})
        if entry in self.memory.audit:
            return False
        self.memory.audit.append(entry)
        return True


class FakeApprovals:
    """Approvals in memory."""

    def __init__(self, memory: Memory) -> None:
        self.memory = memory
        self.releases = FakeReleases(memory)

    def find(self, approval_id: str) -> Approval | None:
        return self.memory.approvals.get(approval_id)

    def open(self, approval: Approval, question: str, *, previous: str | None, now: datetime) -> None:
        present = self.releases.get(approval.release_id)
        if previous is not None and self.memory.approvals[previous].decided is not None:
            raise ConditionFailedError(f"approval {previous} has been decided")
        if present.item.get("approvalId") != previous:
            raise IllegalTransitionError("another approval was opened")
        self.releases.update(
            approval.release_id,
            {"approvalId": approval.approval_id, "evidenceDigest": approval.evidence_digest, "question": question},
            now,
            state=State.AWAITING_APPROVAL,
        )
        if previous is not None:
            self._change(previous, state=ApprovalState.SUPERSEDED)
        self.releases.audit(approval.release_id, *asked(approval, previous), now)
        deadline = approval.deadline.replace(microsecond=0)
        self.memory.approvals[approval.approval_id] = replace(approval, deadline=deadline)

    def decide(self, approval: Approval, decision: Decision) -> Approval:
        self._check(approval)
        release = self.releases.get(approval.release_id)
        if (release.state, release.item.get("approvalId")) != (
            State.AWAITING_APPROVAL,
            approval.approval_id,
        ):
            raise IllegalTransitionError("the release doesn't wait")
        after, at = approval.with_decision(decision), datetime.fromisoformat(decision.at)
        item = {**decision.to_item(), "evidenceDigest": approval.evidence_digest}
        event = "Agreed, and others have to agree"
        if after.is_decided:
            state = State.APPROVED if after.state is ApprovalState.APPROVED else None
            decisions = [each.to_item() for each in after.decisions]
            recorded = {**item, "by": after.by, "decisions": decisions}
            self.releases.update(approval.release_id, {"decision": recorded}, at, state=state)
            event = f"Decision: {after.state}"
        self._change(approval.approval_id, state=after.state, decisions=after.decisions, revision=after.revision)
        detail = {**item, "approvalId": approval.approval_id}
        self.releases.audit(approval.release_id, event, decision.who, detail, at)
        return after

    def use_form(self, approval: Approval) -> Approval:
        self._check(approval)
        self._change(approval.approval_id, revision=approval.revision + 1)
        return replace(approval, revision=approval.revision + 1)

    def add_holder(self, approval: Approval, holder: Holder) -> Approval:
        self._check(approval)
        if self.memory.approvals[approval.approval_id].holders != approval.holders:
            raise ConditionFailedError(f"approval {approval.approval_id} has changed")
        self._change(approval.approval_id, holders=(*approval.holders, holder))
        return replace(approval, holders=(*approval.holders, holder))

    def delivered(self, approval_id: str, delivery: Delivery, now: datetime) -> None:
        if delivery is Delivery.DELIVERED or self.memory.approvals[approval_id].delivery is None:
            self._change(approval_id, delivery=delivery)

    def withdraw(self, approval_id: str, state: ApprovalState) -> None:
        if self.memory.approvals[approval_id].state is ApprovalState.PENDING:
            self._change(approval_id, state=state)

    def _check(self, approval: Approval) -> None:
        present = self.memory.approvals[approval.approval_id]
        if (present.state, present.revision) != (ApprovalState.PENDING, approval.revision):
            raise ConditionFailedError("not as it was read")

    def _change(self, approval_id: str, **changes: Any) -> None:
        self.memory.approvals[approval_id] = replace(self.memory.approvals[approval_id], **changes)


class FakeRollbacks:
    """Rollback records in memory."""

    def __init__(self, memory: Memory) -> None:
        self.memory = memory

    def find(self, rollback_id: str) -> dict[str, Any]:
        return dict(self.memory.rollbacks.get(rollback_id, {}))

    def write(self, rollback_id: str, item: Mapping[str, Any]) -> None:
        self.memory.rollbacks[rollback_id] = dict(stored(dict(item)))


class FakeAttempts:
    """Counters in memory."""

    def __init__(self, memory: Memory) -> None:
        self.memory = memory

    def count(self, name: str, limit: int, until: datetime) -> bool:
        seen = self.memory.attempts.get(name, 0)
        if seen >= limit:
            return False
        self.memory.attempts[name] = seen + 1
        return True


class FakeLocks:
    """The lock in memory."""

    def __init__(self, memory: Memory) -> None:
        self.memory = memory

    def read(self) -> Lock | None:
        return self.memory.lock

    def write(self, lock: Lock, *, previous: Lock | None) -> None:
        present = self.memory.lock
        same = (present is None and previous is None) or (
            present is not None
            and previous is not None
            and (present.holder, present.fencing_token) == (previous.holder, previous.fencing_token)
        )
        if not same:
            raise ConditionFailedError("the lock has changed")
        self.memory.lock = replace(lock, expires_at=lock.expires_at.replace(microsecond=0))

    def waiting(self) -> str:
        return self.memory.waiting

    def wait(self, release_id: str, *, previous: str) -> None:
        if self.memory.waiting != previous:
            raise ConditionFailedError("another release came to wait")
        self.memory.waiting = release_id


class FakeUpkeep:
    """The last check of production in memory."""

    def __init__(self, memory: Memory) -> None:
        self.memory = memory

    def last(self) -> dict[str, Any]:
        return dict(self.memory.check)

    def write(self, item: Mapping[str, Any]) -> None:
        self.memory.check = dict(stored(dict(item)))


def stored(value: Any) -> Any:
    """Return a copy as the table would give it back: 5.0 comes back as 5, a tuple as a list."""
    return json.loads(json.dumps(value), parse_float=lambda text: int(v) if (v := float(text)).is_integer() else v)
