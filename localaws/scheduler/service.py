"""EventBridge Scheduler: fires the schedules that moto keeps, in scaled time. Observes moto's Scheduler.

A schedule's time begins, with the real one, when it is created or updated, and passes faster by the time
scale: what is due in an hour fires after `1 h / scale`, whether it was written as a rate, a cron or a moment.
What targets are told (`<aws.scheduler.scheduled-time>`) is the real time of the firing: they find data by it.
"""

from __future__ import annotations

import json
import random
import threading
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from botocore.exceptions import ClientError

from localaws.actor import client_as
from localaws.errors import NotModelledError
from localaws.eventbridge.delivery import Deliveries, Delivery
from localaws.front_door.protocol import Reply
from localaws.scheduler.expressions import After, parse_expression
from localaws.scheduler.targets import check_target, fire
from localaws.service import Call, Service
from localaws.timetable import Timetable

if TYPE_CHECKING:
    from localaws.world import World

Key = tuple[str, str]
"""The group and the name of a schedule."""


@dataclass(frozen=True, slots=True)
class Armed:
    """A schedule that is on, as it was last put."""

    arn: str
    params: dict[str, Any]
    anchor: datetime
    """When its own time began."""
    after: After

    @property
    def end(self) -> datetime | None:
        """After which it fires no more."""
        end: datetime | None = self.params.get("EndDate")
        return end and _aware(end)


class Scheduler(Service):
    """Arms schedules, and hands what is due to the targets."""

    name: ClassVar[str] = "schedules"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.deliveries = Deliveries(world, "scheduler")
        self._timetable = Timetable("schedules")
        self._armed: dict[Key, Armed] = {}
        self._lock = threading.Lock()

    def start(self) -> None:
        for operation in ("CreateSchedule", "UpdateSchedule"):
            self.world.delegated.after("scheduler", operation, self._put)
        self.world.delegated.after("scheduler", "DeleteSchedule", self._deleted)
        self.world.delegated.after("scheduler", "DeleteScheduleGroup", self._group_deleted)
        self.world.front_door.intercept(self._check)
        self.deliveries.start()
        self._timetable.start()

    def stop(self) -> None:
        self._timetable.stop()
        self.deliveries.stop()

    def _check(self, call: Call) -> None:
        if call.service != "scheduler" or call.operation not in ("CreateSchedule", "UpdateSchedule"):
            return
        if call.params.get("KmsKeyArn"):
            raise NotModelledError("KmsKeyArn of a schedule")
        self._after(call.params, self.world.clock.now())
        check_target(self.world, call.params["Target"])

    @staticmethod
    def _after(params: dict[str, Any], anchor: datetime) -> After:
        begins = anchor
        if params.get("StartDate") and not params["ScheduleExpression"].startswith("at("):
            begins = max(anchor, _aware(params["StartDate"]))
        zone = params.get("ScheduleExpressionTimezone") or "UTC"
        return parse_expression(params["ScheduleExpression"], zone, begins)

    def _put(self, call: Call, _reply: Reply) -> None:
        key = (call.params.get("GroupName") or "default", call.params["Name"])
        anchor = self.world.clock.now()
        arn = self.arn(f"schedule/{key[0]}/{key[1]}", "scheduler")
        armed = Armed(arn, call.params, anchor, self._after(call.params, anchor))
        with self._lock:
            self._armed.pop(key, None)
            if call.params.get("State", "ENABLED") != "ENABLED":
                return
            self._armed[key] = armed
        self._arm(key, armed, anchor - timedelta(microseconds=1))

    def _deleted(self, call: Call, _reply: Reply) -> None:
        with self._lock:
            self._armed.pop((call.params.get("GroupName") or "default", call.params["Name"]), None)

    def _group_deleted(self, call: Call, _reply: Reply) -> None:
        with self._lock:
            for key in [key for key in self._armed if key[0] == call.params["Name"]]:
                del self._armed[key]

    def _arm(self, key: Key, armed: Armed, last: datetime) -> bool:
        """Wait for the first firing after `last`, in the schedule's own time; False when there is none."""
        due = armed.after(last)
        if due is None or (armed.end is not None and due > armed.end):
            return False
        window = armed.params["FlexibleTimeWindow"]
        slack = window.get("MaximumWindowInMinutes", 0) * 60 if window["Mode"] == "FLEXIBLE" else 0
        delay = (due - armed.anchor).total_seconds() + random.uniform(0, slack)  # noqa: S311 (any moment will do)
        elapsed = (self.world.clock.now() - armed.anchor).total_seconds()
        wait = max(0.0, self.world.clock.real(delay) - elapsed)
        self._timetable.after(wait, lambda: self._fire(key, armed, due))
        return True

    def _fire(self, key: Key, armed: Armed, due: datetime) -> None:
        with self._lock:
            if self._armed.get(key) is not armed:
                return  # changed or deleted since
        goes_on = self._arm(key, armed, due)
        now = self.world.clock.now()
        target = armed.params["Target"]
        execution, attempts = str(uuid.uuid4()), iter(range(1, 1_000))
        text = self._input(armed, execution, now)

        def action() -> None:
            fire(
                self.world,
                target,
                text.replace("<aws.scheduler.attempt-number>", str(next(attempts))),
                execution,
            )
            if not goes_on:
                self._complete(key, armed)

        delivery = Delivery(now, armed.arn, armed.params["ScheduleExpression"], target["Arn"], text)
        self.deliveries.send(delivery, target.get("RetryPolicy") or {}, action)

    def _input(self, armed: Armed, execution: str, now: datetime) -> str:
        moment = now.strftime("%Y-%m-%dT%H:%M:%SZ")
        given = armed.params["Target"].get("Input")
        if given is None:
            settings = self.world.settings
            event = {
                "version": "0",
                "id": execution,
                "detail-type": "Scheduled Event",
                "source": "aws.scheduler",
            }
            where = {"account": settings.account, "time": moment, "region": settings.region}
            return json.dumps({**event, **where, "resources": [armed.arn], "detail": "{}"})
        values = {"schedule-arn": armed.arn, "scheduled-time": moment, "execution-id": execution}
        for name, value in values.items():
            given = given.replace(f"<aws.scheduler.{name}>", value)
        return str(given)

    def _complete(self, key: Key, armed: Armed) -> None:
        """After the last firing: delete the schedule if it asks for that."""
        with self._lock:
            if self._armed.get(key) is not armed:
                return
            del self._armed[key]
        if armed.params.get("ActionAfterCompletion") == "DELETE":
            client = client_as(self.world, "scheduler.amazonaws.com", "scheduler")
            try:
                client.delete_schedule(GroupName=key[0], Name=key[1])
            except ClientError as error:
                if error.response["Error"]["Code"] != "ResourceNotFoundException":
                    raise


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
