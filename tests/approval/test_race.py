"""Two people at the same moment, and crashes in between: one decision, delivered, recorded once."""

from __future__ import annotations

import copy
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.dynamodb.models import dynamodb_backends
from safe_deploy.domain.approval import Approval, Holder
from safe_deploy.domain.decision import ApprovalState, Decision
from safe_deploy.domain.release import State
from safe_deploy.errors import ConditionFailedError, TransientError
from safe_deploy.gateways import clients
from safe_deploy.gateways.approvals import TableApprovals
from safe_deploy.gateways.audit import TableAudit
from safe_deploy.gateways.releases import TableReleases
from safe_deploy.gateways.table import Table

from tests.fakes.memory import make_tables, services_in_memory
from tests.fakes.story import FIRST, Story

ROUNDS = 1000
NOW = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def eager_threads() -> Iterator[None]:
    """Let threads take turns as often as they can."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(usual)


def at_once(*actions: Callable[[], Any]) -> list[Any]:
    """Run actions in threads that start together; their results or exceptions."""
    barrier, results = threading.Barrier(len(actions)), [None] * len(actions)

    def run(place: int, action: Callable[[], Any]) -> None:
        barrier.wait()
        try:
            results[place] = action()
        except Exception as error:  # noqa: BLE001 (what a thread raised is its result)
            results[place] = error  # type: ignore[call-overload]

    threads = [threading.Thread(target=run, args=entry) for entry in enumerate(actions)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


@pytest.fixture
def records(monkeypatch: pytest.MonkeyPatch, socket_disabled: None) -> Iterator[tuple[TableReleases, TableApprovals]]:
    """The gateways over moto's DynamoDB, whose calls are made one at a time as DynamoDB serializes them."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    clients.client.cache_clear()
    lock = threading.Lock()
    for name in ("get", "put", "update", "transact"):
        real = getattr(Table, name)

        def serialized(*args: Any, real: Any = real, **values: Any) -> Any:
            with lock:
                return real(*args, **values)

        monkeypatch.setattr(Table, name, serialized)
    with services_in_memory("dynamodb"):
        make_tables("records", "audit")

        def audit() -> TableAudit:
            return TableAudit(Table("audit"))

        yield TableReleases(Table("records"), audit), TableApprovals(Table("records"), audit)
    clients.client.cache_clear()


@pytest.mark.timeout(900)
def test_of_two_approvers_exactly_one_decides(records: tuple[TableReleases, TableApprovals]) -> None:
    """GIVEN a yes and a no at the same moment, 1,000 times, THEN one is recorded everywhere, the other nowhere."""
    releases, approvals = records
    later = NOW + timedelta(hours=1)
    approval = Approval("a" * 32, FIRST, (Holder("hash"),), 1, "digest", later)
    yes = Decision("approve", "Ada", "", "2026-01-31T12:30:00Z")
    no = Decision("reject", "Eve", "no", "2026-01-31T12:30:00Z")
    releases.create(FIRST, State.TESTED, {}, NOW)
    approvals.open(approval, "fine?", previous=None, now=NOW)
    tables = dynamodb_backends[DEFAULT_ACCOUNT_ID]["eu-west-1"].tables
    undecided = copy.deepcopy(tables["records"].items)
    tables["audit"].items.clear()
    winners = set()
    for _ in range(ROUNDS):
        results = at_once(partial(approvals.decide, approval, yes), partial(approvals.decide, approval, no))
        (lost,) = [result for result in results if isinstance(result, Exception)]
        assert isinstance(lost, ConditionFailedError), repr(lost)
        found = approvals.find(approval.approval_id)
        assert found is not None
        (decision,) = found.decisions
        assert releases.get(FIRST).item["decision"]["name"] == decision.by
        (entry,) = [item for items in tables["audit"].items.values() for item in items.values()]
        assert entry.attrs["actor"].value == decision.who
        winners.add(decision.by)
        tables["audit"].items.clear()
        tables["records"].items = copy.deepcopy(undecided)
    assert winners <= {"Ada", "Eve"}


def test_through_the_pages_two_approvers_are_told_the_same(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same by the page's own handler, 1,000 times over fakes that serialize each call as DynamoDB does."""
    lock = threading.RLock()
    for port in ("approvals", "releases", "attempts", "executions"):
        fake = getattr(story.outside, port)
        for name in ("find", "decide", "use_form", "delivered", "audit", "get", "update", "count", "succeed"):
            if hasattr(fake, name):
                monkeypatch.setattr(fake, name, serialized(getattr(fake, name), lock))
    first = story.until_asked()
    told = set()
    for number in range(ROUNDS):
        link = first if number == 0 else reopened(story)
        answers = len(story.outside.executions.answers)
        pages = at_once(
            partial(story.decide, link, decidedBy="Ada"),
            partial(story.decide, link, "reject", decidedBy="Eve", reason="no"),
        )
        approval = story.outside.memory.approvals[story.outside.releases.get(FIRST).item["approvalId"]]
        assert approval.is_decided
        assert len(approval.decisions) == 1
        assert len(story.outside.executions.answers) == answers + 1
        words = f"{approval.by} {'approved' if approval.state is ApprovalState.APPROVED else 'rejected'}"
        assert all(words in page["body"] for page in pages), pages
        told.add(words)
    named = "(as they named themselves)"
    assert told <= {f"Ada {named} approved", f"Eve {named} rejected"}


def reopened(story: Story) -> str:
    """Forget the decision, as another release would be asked about afresh; the link."""
    memory = story.outside.memory
    memory.releases[FIRST] |= {"state": "Tested"}
    memory.releases[FIRST].pop("approvalId")
    memory.releases[FIRST].pop("decision")
    memory.attempts.clear()
    memory.audit.clear()
    return story.ask()


def serialized(real: Any, lock: threading.RLock) -> Any:
    """A method that one thread at a time may be in."""

    def call(*args: Any, **values: Any) -> Any:
        with lock:
            return real(*args, **values)

    return call


class Crash(BaseException):
    """The function's process ends here: nothing after it runs, no handler of errors either."""


@pytest.mark.parametrize("where", ["before the token is opened", "before it is sent", "after it is sent"])
def test_a_crash_between_decision_and_delivery_loses_nothing(
    story: Story, link: str, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    def crash(*_args: Any, **_values: Any) -> Any:
        raise Crash

    target: dict[str, tuple[Any, str]] = {
        "before the token is opened": (story.outside.keys, "decrypt"),
        "before it is sent": (story.outside.executions, "succeed"),
        "after it is sent": (story.outside.approvals, "delivered"),
    }
    port, name = target[where]
    with monkeypatch.context() as patched:
        patched.setattr(port, name, crash)
        with pytest.raises(Crash):
            story.decide(link, reason="good")
    assert "Ada Lovelace (as they named themselves) approved" in story.show(link)["body"]
    for _ in range(3):
        page = story.decide(link, "reject", decidedBy="Eve", reason="no")
        assert "Ada Lovelace (as they named themselves) approved" in page["body"]
    ((_, answer),) = story.outside.executions.answers
    assert (answer["decision"], answer["reason"]) == ("approved", "good")


def test_a_crash_before_the_record_decides_nothing_and_can_be_repeated(
    story: Story, link: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_args: Any, **_values: Any) -> Any:
        raise TransientError("DynamoDB is away")

    with monkeypatch.context() as patched:
        patched.setattr(story.outside.approvals, "decide", away)
        assert story.decide(link)["statusCode"] == 503
    assert story.outside.executions.answers == []
    assert "This release was approved" in story.decide(link)["body"]
