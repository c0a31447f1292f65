"""One release at a time moves production, and only on evidence that still holds."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from safe_deploy.domain.live import Shift
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
        ("evaluation/evaluation.json", b"{", b"not JSON"),
        ("data/report/report.json", b"size is blank", b"size is odd"),
        (f"model/taxi-fare-{FIRST}-train/output/model.tar.gz", b"model", b"other"),
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


THIRD = "20260201-100000-0e3f"


@pytest.fixture
def two(approved: Story) -> Story:
    """Two approved releases, while a third moves production."""
    approved.drop("tuesday", other=b"size,price\n3,4\n")
    approved.decide(approved.until_asked(SECOND, "tuesday"))
    held(approved, THIRD)
    return approved


def mails(story: Story, words: str) -> list[str]:
    return [text for subject, text in story.outside.topic.sent if words in subject]


def test_who_waits_is_seen_and_told_once(two: Story) -> None:
    for _ in range(3):
        assert two.take_lock()["status"] == "waiting"
        two.outside.clock.advance(30)
    record = two.outside.releases.get(FIRST)
    assert record.item["waiting"] == {
        "reason": f"release {THIRD} is moving production",
        "since": "2026-01-31T12:00:00Z",
    }
    (text,) = mails(two, "waits for its turn")
    assert THIRD in text
    events = [entry["event"] for entry in two.outside.memory.audit]
    assert events.count("Waiting") == 1


def test_a_newer_one_that_waits_too_supersedes_the_older(two: Story) -> None:
    assert two.take_lock(FIRST)["status"] == "waiting"
    assert two.take_lock(SECOND)["status"] == "waiting"
    answer = two.take_lock(FIRST)
    assert (answer["status"], answer["holder"]) == ("superseded", THIRD)
    assert SECOND in answer["reason"]
    two.close("superseded", FIRST, error={"Error": "Superseded", "Cause": answer["reason"]})
    assert two.outside.releases.get(FIRST).state is State.SUPERSEDED
    (text,) = mails(two, "was superseded by a newer one")
    assert SECOND in text


def test_the_older_one_does_not_slip_in_when_the_lock_is_freed(two: Story) -> None:
    two.take_lock(SECOND)
    two.outside.executions.statuses[execution(THIRD)] = "FAILED"
    assert two.take_lock(FIRST)["status"] == "superseded"
    assert two.take_lock(SECOND)["status"] == "taken"


def test_the_newer_one_is_not_held_up_by_the_older(two: Story) -> None:
    two.take_lock(FIRST)
    two.outside.executions.statuses[execution(THIRD)] = "FAILED"
    assert two.take_lock(SECOND)["status"] == "taken"
    assert two.take_lock(FIRST)["status"] == "waiting", "it has the lock, so it doesn't wait any more"


OLD = "20260130-120000-0a1b"


def went_live(story: Story, release_id: str, state: State = State.LIVE, trained_by: str = "") -> None:
    story.publish(release_id, "5")
    story.outside.functions.alias = "5"
    record = story.outside.memory.releases.setdefault(release_id, {"releaseId": release_id})
    record |= {"state": str(state), "kind": "code" if trained_by else "data", "trainedBy": trained_by or release_id}


def test_the_older_one_is_superseded_once_the_newer_serves(two: Story) -> None:
    """GIVEN a newer one that got the lock at once WHEN it went live THEN the older isn't asked about again."""
    two.take_lock(FIRST)
    two.outside.executions.statuses[execution(THIRD)] = "FAILED"
    assert two.take_lock(SECOND)["status"] == "taken"
    assert two.take_lock(FIRST)["status"] == "waiting"
    went_live(two, SECOND)
    two.outside.executions.statuses[execution(SECOND)] = "SUCCEEDED"
    answer = two.take_lock(FIRST)
    assert answer["status"] == "superseded"
    assert answer["reason"] == f"release {SECOND} is newer, and production serves from it"
    lock = two.outside.memory.lock
    assert lock is not None
    assert lock.holder == ""
    assert [entry["event"] for entry in two.outside.memory.audit].count("Superseded") == 1
    two.close("superseded", FIRST, error={"Error": "Superseded", "Cause": answer["reason"]})
    assert two.outside.releases.get(FIRST).state is State.SUPERSEDED
    (text,) = mails(two, "was superseded by a newer one")
    assert SECOND in text


def test_the_older_one_is_superseded_while_the_newer_still_settles(approved: Story) -> None:
    held(approved)
    went_live(approved, SECOND, State.PROMOTING)
    answer = approved.take_lock()
    assert (answer["status"], answer["holder"]) == ("superseded", SECOND)
    lock = approved.outside.memory.lock
    assert lock is not None
    assert lock.holder == SECOND, "nobody takes it away"


@pytest.mark.parametrize(
    ("release_id", "state", "trained_by"),
    [
        (SECOND, State.FAILED, ""),
        (SECOND, State.ROLLED_BACK, ""),
        (SECOND, State.LIVE, OLD),
        (f"{FIRST[:-4]}ffff", State.LIVE, ""),
        (OLD, State.LIVE, ""),
    ],
    ids=["by hand to a failed one", "by hand to one left", "its data is still the newest", "same second", "older"],
)
def test_another_change_makes_it_stale_and_asks_again(
    approved: Story, release_id: str, state: State, trained_by: str
) -> None:
    went_live(approved, release_id, state, trained_by)
    assert f"production now serves from {release_id}" in stale(approved)["reason"]


@pytest.mark.parametrize(("kind", "trained_by"), [("data", "20260201-080000-0c2d"), ("code", OLD)])
def test_newer_code_supersedes_older_code_and_what_is_older_than_its_model(
    approved: Story, kind: str, trained_by: str
) -> None:
    approved.outside.memory.releases[FIRST] |= {"kind": kind}
    went_live(approved, SECOND, trained_by=trained_by)
    assert approved.take_lock()["status"] == "superseded"


def test_a_newer_one_that_was_live_already_supersedes_nobody(approved: Story) -> None:
    went_live(approved, SECOND)
    champion = {"releaseId": SECOND, "endpointName": "e", "version": "5", "modelDataUrl": "s3://b/m"}
    approved.outside.memory.releases[FIRST] |= {"champion": champion, "liveVersion": "4"}
    assert "the alias points to version 5" in stale(approved)["reason"]


def test_without_the_alias_it_fails_and_says_so(approved: Story) -> None:
    """Whether the hourly check has found that already or not: dropped again it would fare no better."""
    approved.outside.functions.alias = "no version"
    with pytest.raises(RefusedError, match="the alias live, or the version it points to, is gone") as refusal:
        approved.take_lock()
    assert "drop the release again" in str(refusal.value)
    approved.call("check_production", {})
    with pytest.raises(RefusedError, match="is gone"):
        approved.take_lock()
    approved.close("failed", FIRST, error={"Error": "RefusedError", "Cause": str(refusal.value)})
    lock = approved.outside.memory.lock
    assert lock is not None
    assert lock.holder == "", "nobody has to wait for it"


@pytest.mark.parametrize("gone", ["ABORTED", None])
def test_a_newer_one_that_was_stopped_supersedes_nobody(two: Story, gone: str | None) -> None:
    two.take_lock(SECOND)
    if gone:
        two.outside.executions.statuses[execution(SECOND)] = gone
    else:
        del two.outside.executions.statuses[execution(SECOND)]
    assert two.take_lock(FIRST)["status"] == "waiting"
    assert two.outside.memory.waiting == FIRST


def test_who_holds_the_lock_is_never_superseded(two: Story) -> None:
    two.outside.memory.lock = None
    assert two.take_lock(FIRST)["status"] == "taken"
    assert two.take_lock(SECOND)["status"] == "waiting"
    assert two.take_lock(FIRST)["status"] == "taken"


def test_a_deployment_whose_release_lost_the_lock_is_waited_for(approved: Story) -> None:
    """Before the first hook has passed, the alias shows nothing of it yet."""
    held(approved, SECOND, "ABORTED")
    approved.publish(SECOND, "7")
    approved.outside.deployments.shift = Shift("d-7", "1", "7")
    answer = approved.take_lock()
    assert answer["status"] == "waiting"
    assert "d-7" in answer["reason"]
    approved.outside.deployments.shift = None
    assert approved.take_lock()["status"] == "taken"
