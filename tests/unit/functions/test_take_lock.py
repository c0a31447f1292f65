"""One release at a time moves production, and only on evidence that still holds."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from safe_deploy.domain.lock import Lock
from safe_deploy.domain.release import State
from safe_deploy.errors import ConditionFailedError, RefusedError

from tests.fakes.aws import START
from tests.fakes.story import ARTIFACTS, FIRST, SECOND, Story, execution


@pytest.fixture
def approved(story: Story) -> Story:
    """A release that a person said yes to."""
    story.decide(story.until_asked())
    return story


def held(story: Story, holder: str = SECOND, status: str | None = "RUNNING", hours: float = 1) -> None:
    story.outside.memory.lock = Lock(holder, execution(holder), 7, START + timedelta(hours=hours))
    if status:
        story.outside.executions.statuses[execution(holder)] = status


def test_a_free_lock_is_taken(approved: Story) -> None:
    answer = approved.take_lock()
    assert answer == {"status": "taken", "holder": FIRST, "fencingToken": 1, "reason": None}
    record = approved.outside.releases.get(FIRST)
    assert (record.state, record.item["fencingToken"]) == (State.PROMOTING, 1)


def test_the_holder_renews_it_under_the_same_token(approved: Story) -> None:
    first = approved.take_lock()
    approved.outside.clock.advance(3600)
    assert approved.take_lock() == first
    lock = approved.outside.memory.lock
    assert lock is not None
    assert lock.expires_at == START + timedelta(hours=3)


def test_another_release_is_waited_for(approved: Story) -> None:
    held(approved)
    answer = approved.take_lock()
    assert answer["status"] == "waiting"
    assert answer["holder"] == SECOND
    assert SECOND in answer["reason"]
    assert approved.outside.releases.get(FIRST).state is State.APPROVED


@pytest.mark.parametrize(
    ("status", "hours", "expected"),
    [
        ("RUNNING", 1, "waiting"),
        ("RUNNING", -1, "waiting"),
        ("SUCCEEDED", 1, "taken"),
        ("FAILED", 1, "taken"),
        ("ABORTED", 1, "taken"),
        ("TIMED_OUT", 1, "taken"),
        (None, 1, "waiting"),
        (None, -1, "taken"),
    ],
)
def test_a_holder_that_is_gone_loses_it(approved: Story, status: str, hours: float, expected: str) -> None:
    held(approved, status=status, hours=hours)
    answer = approved.take_lock()
    assert answer["status"] == expected
    assert answer["fencingToken"] == (8 if expected == "taken" else 7)


def test_a_release_that_nobody_approved_gets_nothing(story: Story) -> None:
    link = story.until_asked()
    with pytest.raises(RefusedError, match="has not been approved"):
        story.take_lock()
    story.decide(link, "reject", reason="no")
    with pytest.raises(RefusedError, match="has not been approved"):
        story.take_lock()
    assert story.outside.memory.lock is None


def stale(story: Story) -> dict[str, Any]:
    answer: dict[str, Any] = story.take_lock()
    assert answer["status"] == "stale"
    lock = story.outside.memory.lock
    assert lock is None or lock.holder != FIRST
    return answer


def test_a_yes_is_void_when_the_champion_has_changed(approved: Story) -> None:
    approved.publish(SECOND, "5")
    approved.outside.functions.alias = "5"
    assert f"production now serves from {SECOND}" in stale(approved)["reason"]


def test_a_stale_release_does_not_queue(approved: Story) -> None:
    held(approved)
    approved.publish(SECOND, "5")
    approved.outside.functions.alias = "5"
    assert stale(approved)["holder"] == SECOND


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("evaluation/evaluation.json", b"4.0", b"3.9"),
        ("data/report/report.json", b"size is blank", b"size is odd"),
        (f"model/house-price-{FIRST}-train/output/model.tar.gz", b"model", b"other"),
    ],
)
@pytest.mark.parametrize("gone", [False, True])
def test_a_yes_is_void_when_a_file_behind_it_has_changed(
    approved: Story, name: str, old: bytes, new: bytes, gone: bool
) -> None:
    objects, uri = approved.outside.objects, f"s3://{ARTIFACTS}/releases/{FIRST}/{name}"
    if gone:
        del objects.content[uri]
    else:
        objects.put(uri, objects.content[uri].replace(old, new))
    assert "evidence" in stale(approved)["reason"]


def test_a_yes_is_void_when_the_record_was_edited(approved: Story) -> None:
    approved.outside.memory.releases[FIRST]["hyperparameters"]["num_round"] = 9999
    assert "not what was approved" in stale(approved)["reason"]


def test_traffic_that_somebody_else_shifts_is_waited_for(approved: Story) -> None:
    approved.outside.functions.weights = {"4": 0.1}
    answer = approved.take_lock()
    assert answer["status"] == "waiting"
    lock = approved.outside.memory.lock
    assert lock is not None
    assert lock.holder == ""


def test_who_loses_the_race_waits(approved: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    def lose(lock: Lock, *, previous: Lock | None) -> None:
        held(approved)
        raise ConditionFailedError("the lock has changed")

    monkeypatch.setattr(approved.outside.locks, "write", lose)
    assert approved.take_lock() == {
        "status": "waiting",
        "holder": SECOND,
        "fencingToken": 7,
        "reason": "another release was faster",
    }
