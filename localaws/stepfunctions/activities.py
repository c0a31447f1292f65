"""Step Functions' activities, and the tasks that wait there for a worker. The base of `state_machines`."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from localaws.errors import AwsError
from localaws.service import Call, Service
from localaws.stepfunctions.failures import RUNTIME, Failure
from localaws.stepfunctions.history import to_json
from localaws.stepfunctions.parameters import check_name, refuse, tags_of
from localaws.stepfunctions.records import page
from localaws.stepfunctions.tasks import Clock, Task

if TYPE_CHECKING:
    from localaws.world import World

LONGEST_POLL = 60.0
"""Seconds of AWS time that `GetActivityTask` waits for a task."""


@dataclass(slots=True, kw_only=True)
class Activity:
    """A name under which tasks wait for workers."""

    arn: str
    name: str
    created: datetime
    tags: dict[str, str]
    waiting: dict[str, Task] = field(default_factory=dict)
    """By token, the oldest first."""

    def listed(self) -> dict[str, Any]:
        """As `DescribeActivity` and `ListActivities` show it."""
        return {"activityArn": self.arn, "name": self.name, "creationDate": self.created}


class Activities:
    """Every activity. Executions schedule tasks, workers take them."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._all: dict[str, Activity] = {}
        self._changed = threading.Condition()
        self._closed = False

    def close(self) -> None:
        """Send every worker away, now and from now on."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def make(self, arn: str, name: str, tags: dict[str, str]) -> Activity:
        """The activity of this name, made if there is none."""
        with self._changed:
            made = Activity(arn=arn, name=name, created=self._clock.now(), tags=tags)
            return self._all.setdefault(arn, made)

    def delete(self, arn: str) -> None:
        """Forget an activity. What waits there is never handed out."""
        with self._changed:
            self._all.pop(arn, None)
            self._changed.notify_all()

    def find(self, arn: str) -> Activity | None:
        """The activity of an ARN."""
        return self._all.get(arn)

    def all(self) -> list[Activity]:
        """Every activity, by name."""
        with self._changed:
            return sorted(self._all.values(), key=lambda activity: activity.name)

    def schedule(self, task: Task) -> None:
        """Let a task wait for a worker. Raises `Failure`."""
        with self._changed:
            activity = self._all.get(task.resource)
            if activity is None:
                raise Failure(RUNTIME, f"The activity {task.resource} does not exist.")
            activity.waiting[str(task.token)] = task
            self._changed.notify_all()

    def withdraw(self, task: Task) -> None:
        """The task has ended, handed out or not."""
        with self._changed:
            activity = self._all.get(task.resource)
            if activity is not None:
                activity.waiting.pop(str(task.token), None)

    def take(self, arn: str, worker: str | None, gone: Callable[[], bool]) -> Task | None:
        """The task that has waited longest; None when there was none in time, or the worker is gone.

        Raises `AwsError` when there is no such activity, or no longer.
        """
        end = time.monotonic() + self._clock.real(LONGEST_POLL)
        with self._changed:
            while True:
                activity = self._all.get(arn)
                if activity is None:
                    raise does_not_exist(arn)
                if activity.waiting and gone():
                    return None
                while activity.waiting:
                    task = activity.waiting.pop(next(iter(activity.waiting)))
                    if task.started(worker):
                        return task
                remaining = end - time.monotonic()
                if self._closed or remaining <= 0:
                    return None
                self._changed.wait(remaining)


class ActivityOperations(Service):
    """Makes, shows and deletes activities, and gives workers their tasks."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._activities = Activities(world.clock)

    def create_activity(self, call: Call) -> dict[str, Any]:
        params = call.params
        refuse(params, encryptionConfiguration={"type": "AWS_OWNED_KEY"})
        name = params["name"]
        check_name(name)
        activity = self._activities.make(self.arn(f"activity:{name}", "states"), name, tags_of(params))
        return {"activityArn": activity.arn, "creationDate": activity.created}

    def describe_activity(self, call: Call) -> dict[str, Any]:
        arn = call.params["activityArn"]
        activity = self._activities.find(arn)
        if activity is None:
            raise does_not_exist(arn)
        return activity.listed()

    def delete_activity(self, call: Call) -> None:
        self._activities.delete(call.params["activityArn"])

    def list_activities(self, call: Call) -> dict[str, Any]:
        items, more = page([activity.listed() for activity in self._activities.all()], call.params)
        return {"activities": items, **more}

    def get_activity_task(self, call: Call) -> dict[str, Any]:
        """A token and an input; neither, where AWS has a null token, when no task came."""
        task = self._activities.take(call.params["activityArn"], call.params.get("workerName"), call.gone)
        return {} if task is None else {"taskToken": task.token, "input": to_json(task.arguments)}


def does_not_exist(arn: str) -> AwsError:
    """The error of an ARN that is no activity's."""
    return AwsError("ActivityDoesNotExist", f"Activity Does Not Exist: '{arn}'")
