"""Waiting for what happens, and doing things at set moments."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from localaws.timetable import Timetable
from localaws.watched import Watched


def test_what_is_there_is_found_at_once_and_what_comes_when_it_comes() -> None:
    watched: Watched[int] = Watched(10)
    watched.add(1)
    assert watched.wait_for(lambda item: item == 1, 0) == 1
    threading.Timer(0.01, lambda: watched.add(2)).start()
    assert watched.wait_for(lambda item: item > 1, 5) == 2


def test_waiting_in_vain_says_what_there_was() -> None:
    watched: Watched[str] = Watched(10)
    watched.add("other")
    with pytest.raises(TimeoutError, match="there are: \\['other'\\]"):
        watched.wait_for(lambda item: item == "wanted", 0.01)


def test_only_the_last_items_are_kept() -> None:
    watched: Watched[int] = Watched(2)
    for item in range(4):
        watched.add(item)
    assert watched.items() == [2, 3]
    watched.clear()
    assert watched.items() == []


@pytest.fixture
def timetable() -> Iterator[Timetable]:
    timetable = Timetable("test")
    timetable.start()
    yield timetable
    timetable.stop()


def test_things_are_done_in_the_order_of_their_moments(timetable: Timetable) -> None:
    done: Watched[str] = Watched(10)
    timetable.after(0.6, lambda: done.add("last"))
    timetable.after(0.3, lambda: done.add("second"))
    timetable.after(0.0, lambda: done.add("first"))
    done.wait_for(lambda item: item == "last", 5)
    assert done.items() == ["first", "second", "last"]


def test_a_failure_does_not_end_it(timetable: Timetable) -> None:
    done: Watched[str] = Watched(10)

    def fail() -> None:
        raise ValueError

    timetable.after(0, fail)
    timetable.after(0.01, lambda: done.add("after it"))
    assert done.wait_for(lambda item: True, 5) == "after it"


def test_what_is_still_to_come_is_dropped_at_the_end() -> None:
    timetable, done = Timetable("test"), []
    timetable.start()
    timetable.after(60, lambda: done.append("never"))
    timetable.stop()
    assert done == []
