"""When a schedule fires: `rate(…)`, `cron(…)` and `at(…)`. Called by the Scheduler."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from localaws.errors import AwsError
from localaws.scheduler.cron import Cron

After = Callable[[datetime], "datetime | None"]
"""The first firing after a moment, in UTC; None when there is none any more."""
UNITS = {"minute": 60, "hour": 3600, "day": 86_400}


def parse_expression(text: str, zone_name: str, begins: datetime) -> After:
    """When a schedule that begins then fires. Raises `ValidationException`.

    A rate fires at once when it begins, then regularly. A moment that has passed is refused.
    """
    kind, _, rest = text.partition("(")
    body = rest.removesuffix(")").strip()
    try:
        zone = ZoneInfo(zone_name)
    except (ZoneInfoNotFoundError, ValueError):
        raise AwsError("ValidationException", f"Invalid ScheduleExpressionTimezone {zone_name}.") from None
    try:
        return _parsed(kind if rest.endswith(")") else "", body, zone, begins)
    except ValueError as error:
        raise AwsError("ValidationException", f"Invalid Schedule Expression {text}: {error}.") from None


def _parsed(kind: str, body: str, zone: ZoneInfo, begins: datetime) -> After:
    if kind == "rate":
        return _rate(body, begins)
    if kind == "at":
        return _at(body, zone, begins)
    if kind == "cron":
        cron = Cron.parse(body)
        return lambda moment: cron.after(max(moment, begins - timedelta(seconds=1)), zone)
    raise ValueError("it must be rate(…), cron(…) or at(…)")


def _rate(body: str, begins: datetime) -> After:
    match = re.fullmatch(r"([1-9]\d*) +(minute|hour|day)(s?)", body)
    if match is None:
        raise ValueError("a rate is a number above 0 and minutes, hours or days")
    interval = timedelta(seconds=int(match.group(1)) * UNITS[match.group(2)])

    def after(moment: datetime) -> datetime:
        if moment < begins:
            return begins
        return begins + ((moment - begins) // interval + 1) * interval

    return after


def _at(body: str, zone: ZoneInfo, begins: datetime) -> After:
    if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", body):
        raise ValueError("a moment is written as yyyy-mm-ddThh:mm:ss")
    moment = datetime.fromisoformat(body).replace(tzinfo=zone).astimezone(UTC)
    if moment < begins:
        raise ValueError("the moment has passed")
    return lambda after: moment if moment > after else None
