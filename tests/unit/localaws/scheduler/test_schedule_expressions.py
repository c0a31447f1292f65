"""When schedules fire: AWS's examples of cron, rates and moments, and changes of the clocks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localaws.errors import AwsError
from localaws.scheduler.cron import Cron
from localaws.scheduler.expressions import parse_expression

BEGIN = datetime(2026, 3, 1, 12, 0, 30, tzinfo=UTC)  # a Sunday


def firings(text: str, count: int, zone: str = "UTC", begin: datetime = BEGIN) -> list[str]:
    after = parse_expression(text, zone, begin)
    found, moment = [], begin - timedelta(microseconds=1)
    for _ in range(count):
        following = after(moment)
        if following is None:
            break
        moment = following
        found.append(moment.strftime("%Y-%m-%d %H:%M:%S"))
    return found


@pytest.mark.parametrize(
    ("cron", "wanted"),
    [
        ("0/15 * * * ? *", ["2026-03-01 12:15:00", "2026-03-01 12:30:00", "2026-03-01 12:45:00"]),
        ("15 10 ? * 6L 2026-2030", ["2026-03-27 10:15:00", "2026-04-24 10:15:00", "2026-05-29 10:15:00"]),
        ("0 18 ? * MON-FRI *", ["2026-03-02 18:00:00", "2026-03-03 18:00:00", "2026-03-04 18:00:00"]),
        ("0 8 1 * ? *", ["2026-04-01 08:00:00", "2026-05-01 08:00:00", "2026-06-01 08:00:00"]),
        ("0 9 ? * 2#1 *", ["2026-03-02 09:00:00", "2026-04-06 09:00:00", "2026-05-04 09:00:00"]),
        ("0 0 L * ? *", ["2026-03-31 00:00:00", "2026-04-30 00:00:00", "2026-05-31 00:00:00"]),
        ("0 0 L-2 * ? *", ["2026-03-29 00:00:00", "2026-04-28 00:00:00", "2026-05-29 00:00:00"]),
        ("0 0 15W * ? *", ["2026-03-16 00:00:00", "2026-04-15 00:00:00", "2026-05-15 00:00:00"]),
        ("0 0 1W 8 ? *", ["2026-08-03 00:00:00", "2027-08-02 00:00:00", "2028-08-01 00:00:00"]),
        ("0 0 LW 5 ? *", ["2026-05-29 00:00:00", "2027-05-31 00:00:00", "2028-05-31 00:00:00"]),
        ("0 0 29 2 ? *", ["2028-02-29 00:00:00", "2032-02-29 00:00:00", "2036-02-29 00:00:00"]),
        ("30 22-1 ? * SAT *", ["2026-03-07 00:30:00", "2026-03-07 01:30:00", "2026-03-07 22:30:00"]),
        ("0 12 ? JAN,jul 1 2026", ["2026-07-05 12:00:00", "2026-07-12 12:00:00", "2026-07-19 12:00:00"]),
        ("0 0 1 1 ? 2027", ["2027-01-01 00:00:00"]),
        ("0 0 1 1 ? 2020", []),
    ],
)
def test_cron(cron: str, wanted: list[str]) -> None:
    assert firings(f"cron({cron})", 3) == wanted


def test_cron_is_read_in_its_time_zone_and_clock_changes_are_as_aws_has_them() -> None:
    spring = datetime(2026, 3, 28, 0, 0, tzinfo=UTC)
    assert firings("cron(30 2 * * ? *)", 2, "Europe/Berlin", spring) == [
        "2026-03-28 01:30:00",
        "2026-03-30 00:30:00",  # half past two doesn't exist on the 29th
    ]
    autumn = datetime(2026, 10, 24, 12, 0, tzinfo=UTC)
    assert firings("cron(30 2 * * ? *)", 2, "Europe/Berlin", autumn) == [
        "2026-10-25 00:30:00",  # it comes twice that night, and counts once
        "2026-10-26 01:30:00",
    ]


def test_a_rate_fires_when_it_begins_and_then_regularly() -> None:
    assert firings("rate(2 hours)", 3) == [
        "2026-03-01 12:00:30",
        "2026-03-01 14:00:30",
        "2026-03-01 16:00:30",
    ]


def test_a_moment_comes_once() -> None:
    assert firings("at(2026-03-02T08:00:00)", 3, "America/New_York") == ["2026-03-02 13:00:00"]


@pytest.mark.parametrize(
    "text",
    [
        "rate(0 minutes)",
        "rate(5 weeks)",
        "rate(5minutes)",
        "rate(5 minutes",
        "every(5 minutes)",
        "at(2026-13-01T00:00:00)",
        "at(2020-01-01T00:00:00)",
        "cron(0 0 * * *)",
        "cron(0 0 * * * *)",
        "cron(0 0 ? * ? *)",
        "cron(60 0 * * ? *)",
        "cron(0 0 ? * 8 *)",
        "cron(0 0 ? * MON#6 *)",
        "cron(0/0 0 * * ? *)",
        "cron(0 0 32W * ? *)",
        "cron(0 0 * FOO ? *)",
    ],
)
def test_what_is_no_expression_is_refused(text: str) -> None:
    with pytest.raises(AwsError, match="Invalid Schedule Expression"):
        parse_expression(text, "UTC", BEGIN)


def test_an_unknown_time_zone_is_refused() -> None:
    with pytest.raises(AwsError, match="Invalid ScheduleExpressionTimezone Mars/Phobos"):
        parse_expression("rate(1 hour)", "Mars/Phobos", BEGIN)


@given(
    st.integers(0, 59),
    st.integers(0, 23),
    st.datetimes(datetime(2026, 1, 1), datetime(2030, 1, 1)),  # noqa: DTZ001
)
def test_a_daily_cron_fires_within_a_day_and_never_before_it_is_asked(minute: int, hour: int, at: datetime) -> None:
    moment = at.replace(tzinfo=UTC)
    found = Cron.parse(f"{minute} {hour} * * ? *").after(moment, ZoneInfo("UTC"))
    assert found is not None
    assert timedelta(0) < found - moment <= timedelta(days=1)
    assert (found.minute, found.hour) == (minute, hour)
