"""Does the tasks of one execution, with its role's credentials. Called by `attempt`, made by `service`."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from localaws.faults import tasks
from localaws.stepfunctions.activities import Activities
from localaws.stepfunctions.failures import RUNTIME, Failure
from localaws.stepfunctions.integrations import table
from localaws.stepfunctions.tasks import Task, is_activity
from localaws.stepfunctions.tokens import Tokens

if TYPE_CHECKING:
    from localaws.world import World

LOOK_AGAIN = 2.0
"""Real seconds after which a job is looked at even though no event told of it."""
TICK = 0.25


class Bell:
    """Rings at every event of an AWS service, so that nobody has to look all the time."""

    def __init__(self, world: World) -> None:
        self._rings = 0
        self._changed = threading.Condition()
        world.delegated.on_event(self._event)

    def wait(self, seen: int, cancelled: threading.Event) -> None:
        """Return when it rang after `seen`, when `cancelled` is set, or after a while."""
        with self._changed:
            for _ in range(round(LOOK_AGAIN / TICK)):
                if self._rings > seen or cancelled.is_set():
                    return
                self._changed.wait(TICK)

    @property
    def rings(self) -> int:
        """How often it rang."""
        return self._rings

    def _event(self, event: dict[str, Any]) -> None:
        if event["source"] in {"aws.sagemaker", "aws.states"}:
            with self._changed:
                self._rings += 1
                self._changed.notify_all()


class Runner:
    """One execution's hands."""

    def __init__(
        self, world: World, tokens: Tokens, activities: Activities, bell: Bell, role: str, session: str
    ) -> None:
        self._world = world
        self._tokens = tokens
        self._activities = activities
        self._bell = bell
        self._role = role
        self._session = session[:64]

    def run(self, task: Task) -> Any:
        """Do a task, unless a fault has another say. Raises `Failure`."""
        machine = str(task.context["StateMachine"]["Name"])
        effect = self._world.faults.strike("task", {"state": task.state, "machine": machine})
        if effect is not None:
            return tasks.interfere(self._world, effect, task, self._do)
        return self._do(task)

    def _do(self, task: Task) -> Any:
        if is_activity(task.resource):
            try:
                return self._until_answered(task, lambda: self._activities.schedule(task))
            finally:
                self._activities.withdraw(task)
        found = table.find(task.resource)
        if found is None:
            raise Failure(RUNTIME, f"The resource '{task.resource}' is not implemented by localaws")
        if not found.waits_for_token:
            return found.action.run(self, task)
        return self._until_answered(task, lambda: task.submitted(found.action.run(self, task)))

    def _until_answered(self, task: Task, ask: Callable[[], object]) -> Any:
        """Let a task's token be good for as long as the task lasts."""
        self._tokens.open(task)
        try:
            ask()
            task.cancelled.wait()
        finally:
            self._tokens.close(task)
        return None  # the token has spoken, or it has expired: this comes too late to count

    def clients(self, service: str) -> Any:
        """A client with the execution role's credentials."""
        return self._world.client(service, role=self._role, session=self._session)

    def note(self, action: str, resource: str) -> None:
        """Note a permission that only AWS's own calls would show."""
        settings = self._world.settings
        service = action.partition(":")[0]
        arn = f"arn:aws:{service}:{settings.region}:{settings.account}:{resource}"
        self._world.ledger.record(self._role, action, arn)

    def changes(self) -> int:
        """How many changes AWS services have told of."""
        return self._bell.rings

    def await_change(self, seen: int, task: Task) -> None:
        """Wait for news of what a task waits for."""
        self._bell.wait(seen, task.cancelled)
