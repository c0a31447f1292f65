"""FilterLogEvents: order across streams, pages, ids, bounds, and what is refused rather than answered wrongly."""

from __future__ import annotations

import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

from localaws.log_filters import LogFilters
from localaws.sts.service import Sts
from tests.localaws.conftest import WorldOf

GROUP = "/things"


@pytest.fixture
def logs(world_of: WorldOf) -> Any:
    """A client, and a group whose two streams took turns: a0 b1 a2 b3 …"""
    client = world_of(Sts, LogFilters).client("logs")
    client.create_log_group(logGroupName=GROUP)
    for first, stream in enumerate("ab"):
        client.create_log_stream(logGroupName=GROUP, logStreamName=stream)
        events = [{"timestamp": BEGAN + n, "message": f"line {n} of {stream}"} for n in range(first, 10, 2)]
        client.put_log_events(logGroupName=GROUP, logStreamName=stream, logEvents=events)
    return client


BEGAN = int(time.time() * 1000) - 60_000


def test_lines_come_in_the_order_of_their_time_whatever_stream_they_are_in(logs: Any) -> None:
    events = logs.filter_log_events(logGroupName=GROUP)["events"]
    assert [event["timestamp"] - BEGAN for event in events] == list(range(10))
    assert [event["logStreamName"] for event in events] == list("ab" * 5)
    assert len({event["eventId"] for event in events}) == 10
    assert all(event["ingestionTime"] >= event["timestamp"] for event in events)


def test_pages_follow_each_other_without_a_gap(logs: Any) -> None:
    seen: list[int] = []
    token: str | None = None
    while token is not None or not seen:
        page = logs.filter_log_events(logGroupName=GROUP, limit=3, **({"nextToken": token} if token else {}))
        assert len(page["events"]) <= 3
        seen += [event["timestamp"] - BEGAN for event in page["events"]]
        token = page.get("nextToken")
    assert seen == list(range(10))


def test_start_and_end_are_both_included(logs: Any) -> None:
    found = logs.filter_log_events(logGroupName=GROUP, startTime=BEGAN + 2, endTime=BEGAN + 4)["events"]
    assert [event["timestamp"] - BEGAN for event in found] == [2, 3, 4]


def test_a_phrase_and_words_are_looked_for(logs: Any) -> None:
    for pattern in ('"4 of a"', "line of b"):
        found = logs.filter_log_events(logGroupName=GROUP, filterPattern=pattern)["events"]
        assert found
        assert all(pattern.strip('"').split()[-1] == event["logStreamName"] for event in found)


@pytest.mark.parametrize(
    "params",
    [
        {"filterPattern": "?line ?other"},
        {"filterPattern": '{ $.status = "500" }'},
        {"filterPattern": "[a, b]"},
        {"filterPattern": "-line"},
        {"logStreamNamePrefix": "a"},
    ],
    ids=str,
)
def test_what_would_be_answered_wrongly_is_refused(logs: Any, params: dict[str, str]) -> None:
    with pytest.raises(ClientError, match="LocalAwsNotImplemented"):
        logs.filter_log_events(logGroupName=GROUP, **params)


def test_a_group_that_is_not_there_is_told(logs: Any) -> None:
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        logs.filter_log_events(logGroupName="/nothing")
