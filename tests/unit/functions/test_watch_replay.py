"""watch_shift replays: when, how much, and what it makes of versions that hang, have no room, or die."""

from __future__ import annotations

import itertools
import json
import threading
import uuid
from collections.abc import Mapping
from typing import Any

import pytest
from safe_deploy.domain.ports import Invocation
from safe_deploy.errors import TransientError

from tests.fakes.shifting import CHAMPION_ENDPOINT, Shift, answering, capture, prepared
from tests.fakes.story import ARTIFACTS, SECOND, Story


def test_without_live_traffic_captured_requests_prove_a_good_candidate(replaying: Shift) -> None:
    replaying.look()
    replaying.share(0.1)
    verdicts = []
    for _ in range(20):
        verdicts.append(replaying.look()["verdict"])
        replaying.outside.clock.advance(10)
    assert verdicts[-1] == "pass"
    record = replaying.record
    assert record["live"] == {"champion": 0, "candidate": 0}, "our own requests are not live ones"
    assert 0 < record["replayed"] <= 2000
    assert record["candidateRequests"] + record["championRequests"] == record["replayed"]
    sent = replaying.outside.functions.events[-1]
    assert sent["requestContext"]["http"]["userAgent"] == "watch-shift"


def test_replay_finds_a_bad_candidate_before_people_do(replaying: Shift) -> None:
    replaying.worse = {"errors": 1.0}
    replaying.look()
    replaying.share(0.1)
    answer = replaying.look()
    assert answer["status"] == "stop"
    assert "errors" in answer["reason"]


def test_no_more_is_replayed_than_the_policy_allows(story: Story) -> None:
    shift = prepared(story, replayRequests=150, minimumRequests=500)
    capture(shift, 20)
    answering(shift)
    shift.look()
    shift.share(0.1)
    for _ in range(4):
        shift.look()
        shift.outside.clock.advance(10)
    assert shift.record["replayed"] == 150
    assert shift.decide()["status"] == "stop"


def test_much_live_traffic_needs_no_replay(replaying: Shift) -> None:
    replaying.look()
    replaying.share(0.5)
    replaying.look()
    before = replaying.record["replayed"]
    replaying.live(300)
    replaying.look()
    assert replaying.record["replayed"] == before


def test_golden_rows_are_nobodys_requests(story: Story) -> None:
    """GIVEN a champion that only its own release has asked WHEN too little is proven THEN nothing is replayed."""
    shift = prepared(story, replayRequests=1000)
    answering(shift)
    for row in ("10.5,1", "20.25,2", "30.0,3"):
        shift.story.capture(CHAMPION_ENDPOINT, f"{row}\n", "1.0\n")
    shift.look()
    shift.share(0.1)
    shift.look()
    assert shift.record["replayed"] == 0


def test_a_champion_that_is_asked_only_after_the_shift_began_is_replayed_from_then_on(story: Story) -> None:
    shift = prepared(story, replayRequests=1000)
    answering(shift)
    shift.look()
    shift.share(0.1)
    shift.look()
    assert shift.record["replayed"] == 0, "there is nothing yet"
    capture(shift, 3)
    shift.look()
    assert shift.record["replayed"] == 100
    kept = json.loads(shift.outside.objects.content[f"s3://{ARTIFACTS}/releases/{SECOND}/shift/rows.json"])
    assert len(kept) == 3


def test_a_look_that_died_while_it_replayed_leaves_nothing_that_is_taken_for_live_traffic(replaying: Shift) -> None:
    """GIVEN a look that was killed WHEN it is retried THEN what it had sent, and what still runs, isn't people's."""
    replaying.look()
    replaying.share(0.1)
    answer = replaying.outside.functions.answer
    asked = itertools.count()

    def dying(version: str, event: Mapping[str, Any]) -> Invocation:
        if next(asked) == 30:
            raise MemoryError
        return answer(version, event)

    replaying.outside.functions.answer = dying
    with pytest.raises(MemoryError):
        replaying.look(2)
    replaying.outside.functions.answer = answer
    replaying.outside.clock.advance(1)  # the retry comes later than the last replayed request
    replaying.look(2)
    replaying.outside.clock.advance(30)
    replaying.log(replaying.line("3", status=500), "3")  # one that hung
    for _ in range(6):
        replaying.outside.clock.advance(10)
        replaying.look()
    assert replaying.record["live"] == {"champion": 0, "candidate": 0}
    replaying.share(0.5)  # and then people's count again
    replaying.look()
    replaying.live(100)
    replaying.look()
    replaying.outside.clock.advance(10)
    replaying.look()
    assert sum(replaying.record["live"].values()) == 100


def hanging(shift: Shift) -> None:
    """Let the candidate answer nothing until its time is up, which the end of its log says."""
    answer = shift.outside.functions.answer
    turn = threading.Lock()

    def hang(version: str, event: Mapping[str, Any]) -> Invocation:
        with turn:
            if version != "3":
                return answer(version, event)
            identity = str(uuid.UUID(int=shift.chance.getrandbits(128), version=4))
            shift.outside.clock.advance(29 / 4)  # four hang at once
            shift.log(f"{identity} Task timed out after 29.00 seconds", "3")
            text = f"START RequestId: {identity}\n2026-01-01T00:00:00Z {identity} Task timed out after 29.00 seconds\n"
            return Invocation(b'{"errorMessage": "timed out"}', "Unhandled", identity, text)

    shift.outside.functions.answer = hang


def test_a_candidate_that_hangs_is_stopped_soon_with_metric_and_figures(replaying: Shift) -> None:
    hanging(replaying)
    replaying.look()
    replaying.share(0.1)
    looks, answer = 0, {"status": "wait"}
    while answer["status"] == "wait" and looks < 6:
        began = replaying.outside.clock.seconds()
        answer = replaying.look()
        assert replaying.outside.clock.seconds() - began < 60, "the function has 90 s"
        looks += 1
        replaying.outside.clock.advance(10)
    assert answer["status"] == "stop"
    assert looks <= 3, "four requests hang in each"
    assert "The candidate is worse in errors: error rate 100% against the champion's 0%" in answer["reason"]
    assert replaying.record["metric"] == "errors"


def test_a_version_that_has_no_room_says_nothing_and_is_asked_no_more_in_this_look(replaying: Shift) -> None:
    replaying.look()
    replaying.share(0.1)
    replaying.outside.functions.is_full = True
    before = len(replaying.outside.functions.events)
    assert replaying.look()["status"] == "wait"
    assert len(replaying.outside.functions.events) - before <= 4, "those that were under way"
    assert (replaying.record["replayed"], replaying.record["candidateRequests"]) == (0, 0)
    replaying.outside.functions.is_full = False
    replaying.live(20)
    replaying.look()
    assert replaying.record["replayed"] == 100
    replaying.outside.clock.advance(10)
    replaying.look()
    assert sum(replaying.record["live"].values()) == 20, "nothing was sent that could be mistaken for these"


def test_a_replay_whose_answer_was_lost_is_no_evidence_and_not_taken_for_live_traffic(replaying: Shift) -> None:
    """GIVEN a replay that AWS gave no answer to WHEN it writes its line all the same THEN it isn't people's."""
    replaying.look()
    replaying.share(0.5)
    replaying.look()
    replaying.live(20)
    answer = replaying.outside.functions.answer
    asked, lost = itertools.count(), []

    def losing(version: str, event: Mapping[str, Any]) -> Invocation:
        if next(asked) == 10:
            lost.append(version)
            raise TransientError("the connection was closed")
        return answer(version, event)

    replaying.outside.functions.answer = losing
    before = replaying.record["replayed"]
    assert replaying.look()["status"] == "wait"
    sent = replaying.record["replayed"] - before
    assert 11 <= sent <= 14
    replaying.outside.functions.answer = answer
    replaying.outside.clock.advance(25)
    replaying.log(replaying.line(lost[0], status=500), lost[0])
    replaying.look()
    replaying.outside.clock.advance(21)
    replaying.look()
    replaying.live(20)
    replaying.look()
    replaying.outside.clock.advance(20)
    replaying.look()
    record = replaying.record
    assert sum(record["live"].values()) == 40
    assert record["candidateRequests"] + record["championRequests"] == 40 + record["replayed"] - len(lost)


def test_a_version_that_dies_without_a_word_is_an_error(replaying: Shift) -> None:
    answer = replaying.outside.functions.answer
    replaying.outside.functions.answer = lambda version, event: (
        Invocation(b"", "Unhandled", str(uuid.uuid4()), "") if version == "3" else answer(version, event)
    )
    replaying.look()
    replaying.share(0.1)
    answered = replaying.look()
    assert answered["status"] == "stop"
    assert "errors" in answered["reason"]
