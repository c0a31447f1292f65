"""What a task does beyond one API call: functions, events, jobs that are waited for. Used by `table`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from localaws.stepfunctions.failures import TASK_FAILED, Failure, TaskError
from localaws.stepfunctions.history import to_json
from localaws.stepfunctions.integrations.api import Api
from localaws.stepfunctions.tasks import Task
from localaws.stepfunctions.templates import Template

LOOKS = 5
"""Times that a job is looked at before a look that fails is taken for the task's failure."""


class Place(Protocol):
    """Where a task is done: the world, as the execution's role sees it."""

    def clients(self, service: str) -> Any:
        """A boto3 client with the role's credentials."""

    def note(self, action: str, resource: str) -> None:
        """A permission that AWS would ask the role for, without a call that shows it."""

    def changes(self) -> int:
        """How many changes AWS services have told of."""

    def await_change(self, seen: int, task: Task) -> None:
        """Return when there were more changes than `seen`, when the task was cancelled, or after a while."""


class Action(Protocol):
    """What a resource stands for."""

    def run(self, place: Place, task: Task) -> Any:
        """Do it; the output. Raises `Failure`."""

    def complaints(self, arguments: Template) -> Iterator[tuple[str, str]]:
        """What is wrong with literal arguments."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call whose response is the output."""

    api: Api

    def run(self, place: Place, task: Task) -> Any:
        return self.api.call(place.clients, task.arguments)

    def complaints(self, arguments: Template) -> Iterator[tuple[str, str]]:
        return self.api.complaints(arguments)


@dataclass(frozen=True, slots=True)
class Invoke(Call):
    """Invokes a function: payload and answer are JSON, and the function's error is the task's."""

    def run(self, place: Place, task: Task) -> Any:
        response = self.api.call(place.clients, task.arguments)
        body = response.pop("Payload", "")
        payload = json.loads(body) if body else None
        if response.pop("FunctionError", None) is not None:
            kind = payload.get("errorType") if isinstance(payload, dict) else None
            raise TaskError(kind or "Lambda.Unknown", to_json(payload))
        return {**response, **({"Payload": payload} if body else {})}


@dataclass(frozen=True, slots=True)
class PutEvents(Call):
    """Puts events; one that was refused fails the task."""

    def run(self, place: Place, task: Task) -> Any:
        response = self.api.call(place.clients, task.arguments)
        if response["FailedEntryCount"]:
            raise TaskError("EventBridge.FailedEntry", to_json(response))
        return response


@dataclass(frozen=True, slots=True)
class Job(Call):
    """Starts something and waits for its end (`.sync`): AWS is told by an event, then looks.

    The permissions on its rule: https://docs.aws.amazon.com/step-functions/latest/dg/sagemaker-iam.html
    """

    describe: Api
    stop: Api
    identify: Callable[[Any, dict[str, Any]], dict[str, Any]]
    """From arguments and response: what `describe` and `stop` want to know."""
    status: str
    succeeded: frozenset[str]
    failed: frozenset[str]
    rule: str
    """The EventBridge rule by which AWS learns of the end."""
    finish: Callable[[dict[str, Any]], dict[str, Any]] = dict
    """The output, from the last description."""

    def run(self, place: Place, task: Task) -> Any:
        for action in ("PutTargets", "PutRule", "DescribeRule"):
            place.note(f"events:{action}", f"rule/{self.rule}")
        response = self.api.call(place.clients, task.arguments)
        task.submitted(response)
        which = self.identify(task.arguments, response)
        while not task.cancelled.is_set():
            seen = place.changes()
            described = self._look(place, task, which)
            if described[self.status] in self.succeeded:
                return self.finish(described)
            if described[self.status] in self.failed:
                raise TaskError(TASK_FAILED, to_json(self.finish(described)))
            place.await_change(seen, task)
        return self._stop(place, which)

    def _look(self, place: Place, task: Task, which: dict[str, Any]) -> dict[str, Any]:
        """The job's description. AWS looks again when it is throttled, or the service fails: the job goes on."""
        for _ in range(LOOKS - 1):
            seen = place.changes()
            try:
                return self.describe.call(place.clients, which)
            except Failure as failure:
                if "AccessDenied" in str(failure.cause) or task.cancelled.is_set():
                    raise
                place.await_change(seen, task)
        return self.describe.call(place.clients, which)

    def _stop(self, place: Place, which: dict[str, Any]) -> None:
        """Nobody waits any longer: AWS stops the job, as well as it can."""
        try:
            self.stop.call(place.clients, which)
        except Failure:
            return
