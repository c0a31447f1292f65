"""The records' contract: the table's gateways and the fakes answer alike."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from safe_deploy.domain.approval import Approval, Delivery, Holder
from safe_deploy.domain.approval import asked as entry_of
from safe_deploy.domain.audit import stamp
from safe_deploy.domain.canonical import digest
from safe_deploy.domain.decision import ApprovalState, Decision, Rule, Via
from safe_deploy.domain.lock import Lock, taken
from safe_deploy.domain.manifest import Drop
from safe_deploy.domain.ports import Approvals, Attempts, Locks, Releases, Rollbacks, SealedToken, TaskTokens
from safe_deploy.domain.release import RETURNING, STEPS, State
from safe_deploy.errors import ConditionFailedError, IllegalTransitionError, NotFoundError
from safe_deploy.gateways.approvals import TableApprovals
from safe_deploy.gateways.attempts import TableAttempts
from safe_deploy.gateways.audit import TableAudit
from safe_deploy.gateways.locks import TableLocks
from safe_deploy.gateways.releases import TableReleases
from safe_deploy.gateways.rollbacks import TableRollbacks
from safe_deploy.gateways.table import Table
from safe_deploy.gateways.task_tokens import TableTaskTokens

from tests.fakes.aws import FakeTaskTokens
from tests.fakes.records import FakeApprovals, FakeAttempts, FakeLocks, FakeReleases, FakeRollbacks, Memory
from tests.fakes.story import ENVIRONMENT, FIRST, SECOND

NOW = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
DROP = Drop("drops", "drops/monday/manifest.json", "v1")


@dataclass
class Records:
    """The stores, over one table or one memory."""

    releases: Releases
    approvals: Approvals
    locks: Locks
    rollbacks: Rollbacks
    attempts: Attempts
    task_tokens: TaskTokens


@pytest.fixture(params=["table", "fake"])
def records(request: pytest.FixtureRequest) -> Iterator[Records]:
    """The stores, real over moto's DynamoDB and fake."""
    if request.param == "fake":
        memory = Memory()
        yield Records(
            FakeReleases(memory),
            FakeApprovals(memory),
            FakeLocks(memory),
            FakeRollbacks(memory),
            FakeAttempts(memory),
            FakeTaskTokens(),
        )
        return
    request.getfixturevalue("aws")
    table = Table(ENVIRONMENT["TABLE_NAME"])
    yield Records(
        TableReleases(table, audit),
        TableApprovals(table, audit),
        TableLocks(table),
        TableRollbacks(table),
        TableAttempts(table),
        TableTaskTokens(table),
    )


def audit() -> TableAudit:
    """The audit trail in moto's DynamoDB."""
    return TableAudit(Table(ENVIRONMENT["AUDIT_TABLE_NAME"]))


def test_a_drop_is_registered_once(records: Records) -> None:
    releases = records.releases
    assert releases.register(FIRST, DROP, "arn", NOW) is None
    assert releases.register(FIRST, DROP, "arn", NOW) is None
    assert releases.register(SECOND, DROP, "arn", NOW) == FIRST
    assert releases.find(SECOND) is None
    found = releases.get(FIRST)
    assert (found.state, found.drop, found.execution_arn) == (State.REGISTERED, DROP, "arn")
    assert releases.register(SECOND, replace(DROP, version_id="v2"), "arn", NOW) is None


def test_content_is_claimed_and_taken_over(records: Records) -> None:
    releases = records.releases
    assert releases.claim_data("digest", FIRST, "code") is None
    assert releases.claim_data("digest", FIRST, "code") is None
    assert releases.claim_data("digest", SECOND, "code") == (FIRST, "code")
    with pytest.raises(ConditionFailedError):
        releases.take_data("digest", SECOND, "new", previous="somebody")
    releases.take_data("digest", SECOND, "new", previous=FIRST)
    releases.take_data("digest", SECOND, "new", previous=FIRST)
    assert releases.claim_data("digest", FIRST, "code") == (SECOND, "new")


def test_values_come_back_as_they_were(records: Records) -> None:
    value: dict[str, Any] = {
        "text": "é \u2028",
        "whole": 5,
        "fraction": 0.1,
        "tiny": 1e-7,
        "large": 10**15,
        "yes": True,
        "nothing": None,
        "empty": "",
        "list": [1, 2.5, {"deep": [[]]}],
    }
    assert records.releases.create(FIRST, State.FAILED, {"value": value}, NOW)
    assert not records.releases.create(FIRST, State.LIVE, {"value": 1}, NOW)
    found = records.releases.get(FIRST)
    assert found.item["value"] == value
    assert found.item["createdAt"] == "2026-01-31T12:00:00Z"
    assert isinstance(found.item["value"]["whole"], int)


def test_an_update_keeps_the_rest_and_goes_by_legal_steps(records: Records) -> None:
    releases = records.releases
    releases.create(FIRST, State.REGISTERED, {"kept": 1}, NOW)
    for state in STEPS:
        assert releases.update(FIRST, {"at": str(state)}, NOW, state=state).state is state
    with pytest.raises(IllegalTransitionError, match="Promoting"):
        releases.update(FIRST, {}, NOW, state=State.TESTED)
    releases.update(FIRST, {}, NOW + timedelta(hours=1), state=State.LIVE)
    with pytest.raises(IllegalTransitionError):
        releases.update(FIRST, {"at": "never"}, NOW, state=State.FAILED)
    found = releases.update(FIRST, {"free": [1]}, NOW + timedelta(hours=2))
    assert (found.state, found.item["kept"], found.item["free"], found.item["at"]) == (
        State.LIVE,
        1,
        [1],
        "Promoting",
    )
    assert found.item["updatedAt"] == "2026-01-31T14:00:00Z"


def test_what_is_not_there_is_not_made_by_an_update(records: Records) -> None:
    for state in (None, State.TESTED):
        with pytest.raises(NotFoundError):
            records.releases.update(FIRST, {"a": 1}, NOW, state=state)
    with pytest.raises(NotFoundError):
        records.releases.get(FIRST)
    assert records.releases.find(FIRST) is None


def test_the_audit_trail_keeps_an_entry_once(records: Records) -> None:
    audit = records.releases.audit
    assert audit(FIRST, "Registered", "somebody", {"rows": 1}, NOW)
    assert not audit(FIRST, "Registered", "somebody", {"rows": 1}, NOW)
    assert audit(FIRST, "Registered", "somebody", {"rows": 2}, NOW)
    assert audit(FIRST, "Registered", "somebody", {"rows": 1}, NOW + timedelta(seconds=1))
    assert audit(SECOND, "Registered", "somebody", {"rows": 1}, NOW)


# ---- task tokens ----


def test_a_sealed_token_is_found_by_its_release_and_turn(records: Records) -> None:
    tokens = records.task_tokens
    assert tokens.find(FIRST, 1) is None
    first, second = SealedToken(b"\x00sealed\xff", NOW), SealedToken(b"another", NOW + timedelta(hours=1))
    tokens.keep(FIRST, 1, first)
    tokens.keep(FIRST, 2, second)
    assert (tokens.find(FIRST, 1), tokens.find(FIRST, 2), tokens.find(SECOND, 1)) == (first, second, None)


# ---- approvals ----

LATER = NOW + timedelta(hours=1)
APPROVAL = Approval("a" * 32, FIRST, (Holder("hash"),), 1, "digest", LATER)
YES = Decision("approve", "Ada", "", "2026-01-31T12:30:00Z", "192.0.2.10")
NO = Decision("reject", "Eve", "no", "2026-01-31T12:30:00Z", "192.0.2.11")


@pytest.fixture
def asked(records: Records) -> Records:
    """Records with one open approval."""
    records.releases.create(FIRST, State.TESTED, {}, NOW)
    records.approvals.open(APPROVAL, "fine?", previous=None, now=NOW)
    return records


def test_an_approval_is_opened_and_named_in_its_release(asked: Records) -> None:
    assert asked.approvals.find(APPROVAL.approval_id) == APPROVAL
    assert asked.approvals.find("b" * 32) is None
    release = asked.releases.get(FIRST)
    assert release.state is State.AWAITING_APPROVAL
    assert release.item["approvalId"] == APPROVAL.approval_id
    assert release.item["question"] == "fine?"
    assert not asked.releases.audit(FIRST, *entry_of(APPROVAL, None), NOW), "the trail has it already"


@pytest.mark.parametrize(("decision", "state"), [(YES, State.APPROVED), (NO, State.AWAITING_APPROVAL)])
def test_a_decision_is_made_once(asked: Records, decision: Decision, state: State) -> None:
    asked.approvals.decide(APPROVAL, decision)
    found = asked.approvals.find(APPROVAL.approval_id)
    assert found is not None
    assert found.decided == decision
    release = asked.releases.get(FIRST)
    assert release.state is state
    assert release.item["decision"]["by"] == decision.who
    assert release.item["decision"]["evidenceDigest"] == "digest"
    for other in (YES, NO):
        with pytest.raises(ConditionFailedError):
            asked.approvals.decide(APPROVAL, other)
    again = asked.approvals.find(APPROVAL.approval_id)
    assert again == found


def test_a_release_that_does_not_wait_takes_no_decision(asked: Records) -> None:
    asked.releases.update(FIRST, {}, NOW, state=State.FAILED)
    with pytest.raises(IllegalTransitionError):
        asked.approvals.decide(APPROVAL, YES)
    found = asked.approvals.find(APPROVAL.approval_id)
    assert found is not None
    assert found.state is ApprovalState.PENDING
    assert "decision" not in asked.releases.get(FIRST).item


def test_a_newer_approval_supersedes_a_pending_one(asked: Records) -> None:
    newer = replace(APPROVAL, approval_id="b" * 32)
    asked.approvals.open(newer, "fine?", previous=APPROVAL.approval_id, now=NOW)
    older = asked.approvals.find(APPROVAL.approval_id)
    assert older is not None
    assert older.state is ApprovalState.SUPERSEDED
    with pytest.raises(ConditionFailedError):
        asked.approvals.decide(APPROVAL, YES)
    asked.approvals.decide(newer, YES)


def test_a_decided_approval_is_not_superseded(asked: Records) -> None:
    asked.approvals.decide(APPROVAL, YES)
    with pytest.raises(ConditionFailedError):
        asked.approvals.open(replace(APPROVAL, approval_id="b" * 32), "fine?", previous=APPROVAL.approval_id, now=NOW)
    assert asked.approvals.find("b" * 32) is None


def test_two_approvals_can_not_be_opened_side_by_side(asked: Records) -> None:
    with pytest.raises(IllegalTransitionError):
        asked.approvals.open(replace(APPROVAL, approval_id="b" * 32), "fine?", previous=None, now=NOW)


def test_a_release_that_has_ended_is_not_asked_about(records: Records) -> None:
    records.releases.create(FIRST, State.FAILED, {}, NOW)
    with pytest.raises(IllegalTransitionError):
        records.approvals.open(APPROVAL, "fine?", previous=None, now=NOW)
    assert records.approvals.find(APPROVAL.approval_id) is None


def test_delivery_is_recorded_and_an_end_withdraws_only_what_is_pending(asked: Records) -> None:
    asked.approvals.decide(APPROVAL, YES)
    asked.approvals.delivered(APPROVAL.approval_id, Delivery.DELIVERED, NOW)
    asked.approvals.withdraw(APPROVAL.approval_id, ApprovalState.EXPIRED)
    found = asked.approvals.find(APPROVAL.approval_id)
    assert found is not None
    assert (found.state, found.delivery) == (ApprovalState.APPROVED, Delivery.DELIVERED)


def test_a_pending_approval_expires(asked: Records) -> None:
    asked.approvals.withdraw(APPROVAL.approval_id, ApprovalState.EXPIRED)
    found = asked.approvals.find(APPROVAL.approval_id)
    assert found is not None
    assert found.state is ApprovalState.EXPIRED


def test_the_table_removes_approvals_long_after_their_deadline(aws: None) -> None:
    table = Table(ENVIRONMENT["TABLE_NAME"])
    TableReleases(table, audit).create(FIRST, State.TESTED, {}, NOW)
    TableApprovals(table, audit).open(APPROVAL, "fine?", previous=None, now=NOW)
    item = boto3.client("dynamodb").get_item(
        TableName=table.name, Key={"pk": {"S": "APPROVAL"}, "sk": {"S": APPROVAL.approval_id}}
    )["Item"]
    assert int(item["expiresAt"]["N"]) == int((APPROVAL.deadline + timedelta(days=30)).timestamp())
    assert item["deadline"] == {"S": "2026-01-31T13:00:00Z"}


# ---- the lock ----


def test_the_lock_changes_hands_only_from_what_was_read(records: Records) -> None:
    locks = records.locks
    assert locks.read() is None
    first = taken(None, FIRST, "arn-1", NOW)
    locks.write(first, previous=None)
    assert locks.read() == first
    second = taken(first, SECOND, "arn-2", NOW)
    for stale in (None, Lock(SECOND, "arn-2", 1, NOW), replace(first, fencing_token=9)):
        with pytest.raises(ConditionFailedError):
            locks.write(second, previous=stale)
    locks.write(first.released(), previous=first)
    locks.write(second, previous=first.released())
    assert locks.read() == second
    assert second.fencing_token == 2


def test_who_keeps_a_release_retires_it_and_nobody_else(records: Records) -> None:
    releases = records.releases
    releases.create(FIRST, State.LIVE, {}, NOW)
    releases.update(FIRST, {"keeper": "me"}, NOW)
    with pytest.raises(ConditionFailedError):
        releases.retire(FIRST, "somebody", NOW)
    with pytest.raises(ConditionFailedError):
        releases.retire(FIRST, "", NOW)
    assert not releases.get(FIRST).item.get("retiredAt")
    retired = releases.retire(FIRST, "me", NOW)
    assert (retired.state, bool(retired.item["retiredAt"]), retired.keeper) == (State.RETIRED, True, "me")


def test_a_release_that_nobody_ever_kept_is_retired_by_anybody_and_keeps_how_it_ended(records: Records) -> None:
    records.releases.create(FIRST, State.ROLLED_BACK, {}, NOW)
    retired = records.releases.retire(FIRST, "", NOW)
    assert (retired.state, bool(retired.item["retiredAt"])) == (State.ROLLED_BACK, True)


@pytest.mark.parametrize("state", RETURNING)
def test_a_release_that_was_live_may_be_live_again(records: Records, state: State) -> None:
    records.releases.create(FIRST, state, {"retiredAt": "2026-01-31T11:00:00Z", "keeper": "me"}, NOW)
    restored = records.releases.restore(FIRST, {"restoredAt": "now"}, NOW)
    assert restored.state is State.LIVE
    assert (restored.item["retiredAt"], restored.item["restoredAt"], restored.keeper) == ("", "now", "me")


@pytest.mark.parametrize("state", [state for state in State if state not in RETURNING])
def test_a_release_that_never_was_live_can_not_be_live_again(records: Records, state: State) -> None:
    records.releases.create(FIRST, state, {}, NOW)
    with pytest.raises(IllegalTransitionError, match=str(state)):
        records.releases.restore(FIRST, {}, NOW)


def test_who_waits_is_known_and_changes_only_from_what_was_read(records: Records) -> None:
    locks = records.locks
    assert locks.waiting() == ""
    locks.wait(FIRST, previous="")
    assert locks.waiting() == FIRST
    for stale in ("", SECOND):
        with pytest.raises(ConditionFailedError):
            locks.wait(SECOND, previous=stale)
    locks.wait(SECOND, previous=FIRST)
    assert locks.waiting() == SECOND


def test_a_rollback_is_written_and_found(records: Records) -> None:
    assert records.rollbacks.find("rollback-1") == {}
    records.rollbacks.write("rollback-1", {"outcome": "failed"})
    records.rollbacks.write("rollback-1", {"outcome": "restored", "differences": [], "told": True})
    found = records.rollbacks.find("rollback-1")
    assert (found["outcome"], found["differences"], found["told"]) == ("restored", [], True)


# ---- people's visits ----


def test_a_form_is_good_once_and_only_for_the_approval_as_it_was_read(asked: Records) -> None:
    after = asked.approvals.use_form(APPROVAL)
    assert after.revision == 1
    with pytest.raises(ConditionFailedError):
        asked.approvals.use_form(APPROVAL)
    with pytest.raises(ConditionFailedError):
        asked.approvals.decide(APPROVAL, YES)
    asked.approvals.decide(after, YES)


def test_one_more_link_opens_an_approval_and_disturbs_nobody(asked: Records) -> None:
    asked.approvals.add_holder(APPROVAL, Holder("other", "ada@example.com"))
    found = asked.approvals.find(APPROVAL.approval_id)
    assert found is not None
    assert found.holders == (*APPROVAL.holders, Holder("other", "ada@example.com"))
    asked.approvals.decide(APPROVAL, YES)
    found = asked.approvals.find(APPROVAL.approval_id)
    assert found is not None
    assert len(found.holders) == 2, "a decision keeps a link that came in between"


def test_two_have_to_agree(records: Records) -> None:
    records.releases.create(FIRST, State.TESTED, {}, NOW)
    approval = replace(APPROVAL, rule=Rule(2))
    records.approvals.open(approval, "fine?", previous=None, now=NOW)
    ada, bob = (replace(YES, via=Via.PERSONAL_LINK, identity=f"{name}@example.com") for name in ("ada", "bob"))
    once = records.approvals.decide(approval, ada)
    assert records.releases.get(FIRST).state is State.AWAITING_APPROVAL
    assert records.approvals.find(approval.approval_id) == once
    twice = records.approvals.decide(once, bob)
    assert records.approvals.find(approval.approval_id) == twice
    assert twice.decisions == (ada, bob)
    assert records.releases.get(FIRST).item["decision"]["by"] == "Ada <ada@example.com> and Ada <bob@example.com>"


def test_who_came_too_late_does_not_undo_a_delivery(asked: Records) -> None:
    asked.approvals.decide(APPROVAL, YES)
    for delivery in (Delivery.NOT_WAITING, Delivery.DELIVERED, Delivery.NOT_WAITING):
        asked.approvals.delivered(APPROVAL.approval_id, delivery, NOW)
    found = asked.approvals.find(APPROVAL.approval_id)
    assert found is not None
    assert found.delivery is Delivery.DELIVERED


def test_visits_are_counted_up_to_the_limit(records: Records) -> None:
    assert [records.attempts.count("a", 2, NOW) for _ in range(4)] == [True, True, False, False]
    assert records.attempts.count("b", 2, NOW)


def test_entries_of_one_second_list_in_their_order(aws: None) -> None:
    """GIVEN a request, looks and a decision in one second THEN the trail has them as they came."""
    TableReleases(Table(ENVIRONMENT["TABLE_NAME"]), audit).create(FIRST, State.TESTED, {}, NOW)
    approvals = TableApprovals(Table(ENVIRONMENT["TABLE_NAME"]), audit)
    approvals.open(APPROVAL, "fine?", previous=None, now=NOW)
    for number in range(10):
        audit().append(FIRST, "Viewed", "somebody", {"number": number}, NOW + timedelta(milliseconds=7 * number + 1))
    approvals.decide(APPROVAL, replace(YES, at=stamp(NOW + timedelta(milliseconds=65))))
    items = boto3.client("dynamodb").query(
        TableName=ENVIRONMENT["AUDIT_TABLE_NAME"],
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": {"S": f"AUDIT#{FIRST}"}},
    )["Items"]
    assert [item["detail"]["M"].get("number", {}).get("N") for item in items] == [None, *map(str, range(10)), None]


def test_an_audit_entry_is_named_by_its_content(aws: None) -> None:
    """Whoever overwrites an entry can't make it match its key; entries stand in a table of their own."""
    trail = audit()
    trail.append(FIRST, "Viewed", "somebody", {"share": 5.0}, NOW)
    table = ENVIRONMENT["AUDIT_TABLE_NAME"]
    (item,) = boto3.client("dynamodb").scan(TableName=table)["Items"]
    assert item["pk"] == {"S": f"AUDIT#{FIRST}"}
    at, _, named = item["sk"]["S"].partition("#")
    entry = {"event": "Viewed", "actor": "somebody", "detail": {"share": 5}}
    assert (at, named) == ("2026-01-31T12:00:00.000Z", digest({"release": FIRST, "at": at, "entry": entry}))
