"""One attempt at a Task: hands it to the runner, waits for news, records what comes. Called by `states`."""

from __future__ import annotations

import base64
import secrets
import threading
import time
from collections import deque
from typing import Any

from localaws.stepfunctions.failures import (
    DATA_LIMIT_EXCEEDED,
    RUNTIME,
    TIMEOUT,
    Aborted,
    Failure,
    heartbeat_missed,
    timed_out,
)
from localaws.stepfunctions.history import to_json, with_input, with_output
from localaws.stepfunctions.machine import Task as TaskState
from localaws.stepfunctions.tasks import Task, TaskRunner, is_activity
from localaws.stepfunctions.templates import Template
from localaws.stepfunctions.visit import MOST_BYTES, Visit

News = tuple[str, Any]
"""`started`, `submitted`, `beat`, `ended` or `cancelled`, and what goes with it."""


def attempt(visit: Visit, state: TaskState) -> Any:
    """The task's result. Raises `Failure` and `Aborted`."""
    token = base64.b64encode(secrets.token_bytes(96)).decode() if state.waits_for_token else None
    context = visit.context(None if state.is_activity else token)
    arguments = visit.fill(state.arguments, context=context)
    visit.check_size(arguments, "arguments")
    timeout, heartbeat = _seconds(visit, state.timeout_seconds), _seconds(visit, state.heartbeat_seconds)
    if state.is_activity and not visit.interpreter.has_activity(state.resource):
        # AWS records no event of its own for this, and nothing catches it.
        raise visit.failure(RUNTIME, f"The activity {state.resource} does not exist.")
    inbox = _Inbox()
    cancelled = visit.track.cancelled.child()
    task = Task(
        state=state.name,
        resource=state.resource,
        arguments=arguments,
        context=context,
        token=token,
        timeout=timeout,
        cancelled=cancelled,
        started=lambda worker: inbox.offer(("started", worker)),
        submitted=lambda answer: inbox.offer(("submitted", answer)),
        settle=lambda result: inbox.offer(("ended", result)),
        beat=lambda: inbox.offer(("beat", None)),
    )
    log = _Log(visit, task)
    log.scheduled(timeout, heartbeat)
    cancelled.listen(lambda: inbox.offer(("cancelled", None)))
    threading.Thread(target=_do, args=(visit.interpreter.tasks, task), daemon=True, name=state.name).start()
    try:
        return _await(log, inbox, _Deadlines(visit, state, timeout, heartbeat))
    except Failure as failure:
        log.failed(failure)
        raise
    finally:
        cancelled.set()


def _seconds(visit: Visit, template: Template | None) -> int | None:
    if template is None:
        return None
    seconds = visit.fill_as(template, (int, float))
    if seconds <= 0 or seconds != int(seconds):
        raise visit.failure(RUNTIME, f"{template.field} must be a whole number of seconds, not {seconds}")
    return int(seconds)


def _do(tasks: TaskRunner, task: Task) -> None:
    try:
        task.settle(tasks.run(task))
    except Failure as failure:
        task.settle(failure)
    except Exception as error:  # noqa: BLE001 (a runner's bug must end its state, not its thread alone)
        task.settle(Failure(RUNTIME, f"{type(error).__name__}: {error}"))


class _Inbox:
    """News of an attempt. Once the attempt has ended, or a deadline passed, nothing is taken in any more."""

    def __init__(self) -> None:
        self._news: deque[News] = deque()
        self._changed = threading.Condition()
        self._open = True

    def offer(self, news: News) -> bool:
        """True when it was taken in: whoever is told so can rely on it."""
        with self._changed:
            if not self._open:
                return False
            self._open = news[0] in {"started", "submitted", "beat"}
            self._news.append(news)
            self._changed.notify()
            return True

    def take(self, timeout: float | None) -> News | None:
        """The next piece; None when the time has passed without one, which closes the inbox."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._news, timeout):
                self._open = False
                return None
            return self._news.popleft()


class _Deadlines:
    """When an attempt has taken too long. Time spent on a token is AWS time; other tasks take real time.

    An activity's time begins when a worker gets the task: https://docs.aws.amazon.com/step-functions/latest/dg/state-task.html
    """

    def __init__(self, visit: Visit, state: TaskState, timeout: float | None, heartbeat: float | None) -> None:
        real = visit.interpreter.clock.real if state.waits_for_token else float
        self._limit = None if timeout is None else real(timeout)
        # Only a token can send heartbeats.
        self._pause = None if heartbeat is None or not state.waits_for_token else real(heartbeat)
        self._end: float | None = None
        self._silence: float | None = None
        if not state.is_activity:
            self.begin()

    def begin(self) -> None:
        """From now on time counts."""
        self._end = None if self._limit is None else time.monotonic() + self._limit
        self.beat()

    def beat(self) -> None:
        self._silence = None if self._pause is None else time.monotonic() + self._pause

    def remaining(self) -> float | None:
        """Seconds until the next one passes; None when there is none."""
        ahead = [end for end in (self._end, self._silence) if end is not None]
        return max(0.0, min(ahead) - time.monotonic()) if ahead else None

    def passed(self) -> Failure:
        """The failure that the passing of the nearest deadline is."""
        if self._end is None or (self._silence is not None and self._silence < self._end):
            return heartbeat_missed()
        return timed_out()


def _await(log: _Log, inbox: _Inbox, deadlines: _Deadlines) -> Any:
    while True:
        match inbox.take(deadlines.remaining()):
            case None:
                raise deadlines.passed()
            case ("started", worker):
                deadlines.begin()
                log.started(worker)
            case ("submitted", answer):
                log.submitted(answer)
            case ("beat", _):
                deadlines.beat()
            case ("ended", Failure() as failure):
                raise failure
            case ("ended", result):
                return log.succeeded(result)
            case _:
                raise Aborted


class _Log:
    """The events of one attempt."""

    def __init__(self, visit: Visit, task: Task) -> None:
        self._visit = visit
        self._task = task
        kind, action = task.integration
        self._name = kind or task.resource
        self._is_activity = is_activity(task.resource)
        self._resource = {} if self._is_activity else {"resourceType": kind, "resource": action}

    def scheduled(self, timeout: int | None, heartbeat: int | None) -> None:
        limits = {"timeoutInSeconds": timeout, "heartbeatInSeconds": heartbeat}
        given = {name: seconds for name, seconds in limits.items() if seconds is not None}
        if self._is_activity:
            self._record("Scheduled", {"resource": self._task.resource, **with_input(self._task.arguments), **given})
            return
        region = self._task.context["Execution"]["Id"].split(":")[3]
        self._record("Scheduled", {"region": region, "parameters": to_json(self._task.arguments), **given})
        self._record("Started", {})

    def started(self, worker: str | None) -> None:
        self._record("Started", {} if worker is None else {"workerName": worker})

    def submitted(self, answer: Any) -> None:
        self._record("Submitted", with_output(answer))

    def succeeded(self, result: Any) -> Any:
        if len(to_json(result).encode()) > MOST_BYTES:
            text = "returned a result with a size exceeding the maximum number of bytes service limit."
            raise Failure(DATA_LIMIT_EXCEEDED, f"The state/task '{self._name}' {text}")
        self._record("Succeeded", with_output(result))
        return result

    def failed(self, failure: Failure) -> None:
        self._record("TimedOut" if failure.error == TIMEOUT else "Failed", failure.details())

    def _record(self, what: str, details: dict[str, Any]) -> None:
        kind = "Activity" if self._is_activity else "Task"
        self._visit.record(f"{kind}{what}", {**self._resource, **details})
