"""AWS's cron: minutes, hours, day of month, month, day of week, year. Called by the schedule expressions.

https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html#cron-based
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

MONTHS = {name.upper(): number for number, name in enumerate(calendar.month_abbr) if name}
WEEKDAYS = {name: number for number, name in enumerate(("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"), 1)}
FIRST_YEAR, LAST_YEAR = 1970, 2199
DayTest = Callable[[date], bool]


@dataclass(frozen=True, slots=True)
class Cron:
    """A parsed expression."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    is_day: DayTest
    months: frozenset[int]
    years: frozenset[int]

    @classmethod
    def parse(cls, text: str) -> Cron:
        """From the six fields. Raises `ValueError` with the reason."""
        fields = text.split()
        if len(fields) != 6:
            raise ValueError(f"a cron expression has six fields, not {len(fields)}")
        minutes, hours, month_day, month, week_day, year = fields
        if (month_day == "?") == (week_day == "?"):
            raise ValueError("one of day-of-month and day-of-week must be '?', the other must not")
        return cls(
            tuple(sorted(_numbers(minutes, 0, 59, {}))),
            tuple(sorted(_numbers(hours, 0, 23, {}))),
            _month_day(month_day) if week_day == "?" else _week_day(week_day),
            frozenset(_numbers(month, 1, 12, MONTHS)),
            frozenset(_numbers(year, FIRST_YEAR, LAST_YEAR, {})),
        )

    def after(self, moment: datetime, zone: ZoneInfo) -> datetime | None:
        """The first firing after a moment, in UTC; None when there is none any more.

        A time that a change of the clocks skips doesn't fire; one that it repeats fires once.
        """
        local = moment.astimezone(zone)
        for day in self._days(local.date() - timedelta(days=1)):
            for hour in self.hours:
                for minute in self.minutes:
                    naive = datetime(day.year, day.month, day.day, hour, minute)  # noqa: DTZ001 (zone below)
                    found = naive.replace(tzinfo=zone).astimezone(UTC)
                    exists = found.astimezone(zone).replace(tzinfo=None) == naive
                    if exists and found > moment:
                        return found
        return None

    def _days(self, first: date) -> Iterator[date]:
        for year in sorted(year for year in self.years if year >= first.year):
            for month in sorted(self.months):
                for number in range(1, calendar.monthrange(year, month)[1] + 1):
                    day = date(year, month, number)
                    if day >= first and self.is_day(day):
                        yield day


def _numbers(field: str, low: int, high: int, names: dict[str, int]) -> set[int]:
    """The numbers that a field allows: `*`, `5`, `MON-FRI`, `0/15`, `1,2`, `1-31/2`."""
    found: set[int] = set()
    for part in field.split(","):
        match = re.fullmatch(r"(?:(\*)|(\w+)(?:-(\w+))?)(?:/(\d+))?", part)
        if match is None:
            raise ValueError(f"{part!r} is not valid")
        every, first, last, step = match.groups()
        start = low if every else _number(first, names)
        end = _number(last, names) if last else (high if every or step else start)
        if not (low <= start <= high and low <= end <= high) or step == "0":
            raise ValueError(f"{part!r} is out of range {low}-{high}")
        span = range(start, end + 1) if start <= end else [*range(start, high + 1), *range(low, end + 1)]
        found.update(list(span)[:: int(step or 1)])
    return found


def _number(text: str, names: dict[str, int]) -> int:
    if text.upper() in names:
        return names[text.upper()]
    if not text.isdigit():
        raise ValueError(f"{text!r} is not valid")
    return int(text)


def _month_day(field: str) -> DayTest:
    """`L` is the last day, `L-3` three before it, `15W` the weekday nearest the 15th, `LW` the last one."""
    if match := re.fullmatch(r"L(?:-(\d+))?", field):
        back = int(match.group(1) or 0)
        return lambda day: day.day == _length(day) - back
    if match := re.fullmatch(r"(\d+|L)W", field):
        wanted = match.group(1)
        if wanted != "L" and not 1 <= int(wanted) <= 31:
            raise ValueError(f"{field!r} is out of range 1-31")
        return lambda day: day == _nearest_weekday(day, _length(day) if wanted == "L" else int(wanted))
    allowed = _numbers(field, 1, 31, {})
    return lambda day: day.day in allowed


def _week_day(field: str) -> DayTest:
    """`6L` is the last Friday, `3#2` the second Tuesday; days count from Sunday, 1."""
    if match := re.fullmatch(r"(\w+)#([1-5])", field):
        [weekday], nth = _numbers(match.group(1), 1, 7, WEEKDAYS), int(match.group(2))
        return lambda day: _weekday(day) == weekday and (day.day - 1) // 7 + 1 == nth
    if match := re.fullmatch(r"(\w*)L", field):
        [last] = _numbers(match.group(1) or "SAT", 1, 7, WEEKDAYS)
        return lambda day: _weekday(day) == last and (not match.group(1) or day.day > _length(day) - 7)
    allowed = _numbers(field, 1, 7, WEEKDAYS)
    return lambda day: _weekday(day) in allowed


def _weekday(day: date) -> int:
    return day.isoweekday() % 7 + 1


def _length(day: date) -> int:
    return calendar.monthrange(day.year, day.month)[1]


def _nearest_weekday(day: date, number: int) -> date | None:
    """The weekday nearest to a day of the month, within that month."""
    if number > _length(day):
        return None
    wanted = day.replace(day=number)
    weekday = wanted.isoweekday()
    if weekday == 6:
        return wanted - timedelta(days=1) if number > 1 else wanted + timedelta(days=2)
    if weekday == 7:
        return wanted + timedelta(days=1) if number < _length(day) else wanted - timedelta(days=2)
    return wanted
