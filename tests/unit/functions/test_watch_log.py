"""watch_shift reads the log: what counts once, under which share, and what is not read yet."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.fakes.shifting import DEPLOYMENT, Shift, prepared
from tests.fakes.story import ARTIFACTS, SECOND, Story


def test_a_late_line_is_counted_once_and_no_line_twice(shift: Shift) -> None:
    shift.look()
    shift.share(0.5)
    shift.look()
    shift.live(100)
    logs = shift.outside.request_logs
    late, logs.events = logs.events[-60:-50], logs.events[:-60] + logs.events[-50:]
    shift.look()
    logs.events += late
    shift.outside.clock.advance(10)
    shift.look()
    assert sum(shift.record["live"].values()) == 100
    shift.outside.clock.advance(10)
    shift.look()
    assert sum(shift.record["live"].values()) == 100


def test_what_was_served_while_the_share_changed_counts_under_neither(shift: Shift) -> None:
    shift.look()
    shift.share(0.1)
    shift.look()
    shift.live(50)
    shift.look()
    shift.live(10)
    shift.share(0.2)
    shift.live(10)
    shift.look()
    shift.live(50)
    shift.look()
    shift.outside.clock.advance(10)
    shift.look()
    assert sum(shift.record["live"].values()) == 100


def test_a_died_invocation_counts_as_an_error_of_its_version_once(shift: Shift) -> None:
    shift.look()
    shift.share(0.5)
    shift.look()
    shift.outside.clock.advance(1)
    identity = "0a1b2c3d-1111-4222-8333-444455556666"
    shift.log(f"{identity} Task timed out after 29.00 seconds", "3")
    shift.log(f"REPORT RequestId: {identity}\tDuration: 29000.00 ms\tStatus: timeout\t", "3")
    told = shift.line("3", status=500)
    shift.log(told, "3")
    shift.log(f"REPORT RequestId: {told['requestId']}\tStatus: error\tError Type: Exception\t", "3")
    shift.outside.clock.advance(10)
    shift.look()
    assert shift.record["live"] == {"champion": 0, "candidate": 2}


def test_a_version_that_has_no_part_in_the_shift_is_left_out(shift: Shift) -> None:
    shift.look()
    shift.share(0.5)
    shift.look()
    shift.outside.clock.advance(1)
    shift.log(shift.line("9"), "9")
    shift.log(shift.line("2"), "2")
    shift.outside.clock.advance(10)
    shift.look()
    assert shift.record["live"] == {"champion": 1, "candidate": 0}


def test_what_does_not_fit_into_one_look_is_read_by_the_next(shift: Shift) -> None:
    shift.look()
    shift.share(0.5)
    shift.look()
    shift.outside.request_logs.page = 2
    shift.live(100)
    seen = []
    for _ in range(3):
        shift.look()
        seen.append(sum(shift.record["live"].values()))
        shift.outside.clock.advance(10)
    assert seen[0] == 60, "30 pages of 2"
    assert seen[-1] == 100


def test_what_is_not_read_yet_is_not_proven(shift: Shift) -> None:
    """GIVEN a candidate that is proven by all that was read WHEN the log has more THEN that is no pass."""
    shift.look()
    shift.share(0.5)
    shift.look()
    for _ in range(10):
        shift.live(300)
        shift.look()
    assert shift.record["status"] == "pass"
    shift.outside.request_logs.page = 5
    shift.live(300)
    answer = shift.look()
    read = shift.outside.clock.now() - timedelta(seconds=6)
    assert answer["verdict"] == "insufficient evidence"
    assert f"the log is read only up to {read:%Y-%m-%dT%H:%M}" in shift.record["reason"]
    decided = shift.decide()
    assert decided["status"] == "stop"
    assert "It passed at" in decided["reason"]
    assert "read only up to" in decided["reason"]
    shift.outside.request_logs.page = 10_000
    shift.outside.clock.advance(2)
    assert shift.look()["verdict"] == "pass"
    assert shift.decide()["status"] == "proven"


def test_a_step_does_not_pass_over_what_is_not_read_yet(shift: Shift) -> None:
    """GIVEN more requests than a look can read WHEN the share changes THEN each still counts, under its share."""
    shift.look()
    shift.outside.request_logs.page = 2
    served = 0
    for weight in (0.1, 0.2, 0.3):
        shift.share(weight)
        shift.look()
        shift.live(100)
        served += 100
        assert shift.look()["verdict"] == "insufficient evidence"
    for _ in range(8):
        shift.outside.clock.advance(10)
        shift.look()
    assert sum(shift.record["live"].values()) == served
    uri = f"s3://{ARTIFACTS}/releases/{SECOND}/shift/{DEPLOYMENT}.json"
    state = json.loads(shift.outside.objects.content[uri])
    assert ([span["weight"] for span in state["spans"]], state["behind"]) == ([0.3], False)


def test_the_next_window_reads_what_the_one_before_left(story: Story) -> None:
    shift = prepared(story, onInsufficientEvidence="hold", windows=1)
    shift.look()
    shift.share(0.1)
    shift.look()
    shift.live(40)
    shift.look()
    story.outside.deployments.deployments["d-4"] = replace(story.outside.deployments.deployments["d-3"])
    shift.deployment, shift.looks = "d-4", itertools.count(1)
    shift.stage("BeforeAllowTraffic")
    shift.outside.clock.advance(20)
    shift.look()
    assert sum(shift.record["live"].values()) == 40


def test_empty_pages_are_not_taken_for_an_empty_log(shift: Shift, monkeypatch: pytest.MonkeyPatch) -> None:
    shift.look()
    shift.share(0.5)
    shift.look()
    shift.live(50)
    with monkeypatch.context() as patch:
        patch.setattr(shift.outside.request_logs, "read", lambda start, end, pages: ([], False))
        shift.look()
    shift.outside.clock.advance(60)
    shift.look()
    assert sum(shift.record["live"].values()) == 50


def test_what_is_served_before_the_share_was_read_does_not_count(shift: Shift, monkeypatch: pytest.MonkeyPatch) -> None:
    """GIVEN a look that takes a while until it knows the share THEN what was served meanwhile counts under neither."""
    shift.look()
    live = shift.outside.functions.live

    def slowly() -> Any:
        shift.outside.clock.advance(1)
        shift.log(shift.line("2"), "2")
        shift.share(0.5)
        shift.outside.clock.advance(1)
        return live()

    shift.share(0.0)
    with monkeypatch.context() as patch:
        patch.setattr(shift.outside.functions, "live", slowly)
        shift.look()
    shift.live(10)
    shift.look()
    shift.outside.clock.advance(10)
    shift.look()
    assert sum(shift.record["live"].values()) == 10
