"""One attempt at a Task: hands it to the runner, waits for news, records what comes. Called by `states`."""

from __future__ import annotations

import base64
import secrets
import threading
import time
from queue import Empty, SimpleQueue
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
from localaws.stepfunctions.history import to_json, with_output
from localaws.stepfunctions.machine import Task as TaskState
from localaws.stepfunctions.tasks import Task, TaskRunner
from localaws.stepfunctions.templates import Template
from localaws.stepfunctions.visit import MOST_BYTES, Visit

News = tuple[str, Any]
"""`succeeded`, `failed`, `submitted`, `beat` or `cancelled`, and what goes with it."""


def attempt(visit: Visit, state: TaskState) -> Any:
    """The task's result. Raises `Failure` and `Aborted`."""
    token = base64.b64encode(secrets.token_bytes(96)).decode() if state.waits_for_token else None
    context = visit.context(token)
    arguments = visit.fill(state.arguments, context=context)
    visit.check_size(arguments, "arguments")
    timeout, heartbeat = _seconds(visit, state.timeout_seconds), _seconds(visit, state.heartbeat_seconds)
    news: SimpleQueue[News] = SimpleQueue()
    cancelled = visit.track.cancelled.child()
    task = Task(
        state=state.name,
        resource=state.resource,
        arguments=arguments,
        context=context,
        token=token,
        timeout=timeout,
        cancelled=cancelled,
        submitted=lambda answer: news.put(("submitted", answer)),
        beat=lambda: news.put(("beat", None)),
    )
    log = _Log(visit, task)
    log.scheduled(timeout, heartbeat)
    cancelled.listen(lambda: news.put(("cancelled", None)))
    threading.Thread(
        target=_do, args=(visit.interpreter.tasks, task, news), daemon=True, name=state.name
    ).start()
    try:
        return _await(log, news, _Deadlines(visit, state, timeout, heartbeat))
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


def _do(tasks: TaskRunner, task: Task, news: SimpleQueue[News]) -> None:
    try:
        news.put(("succeeded", tasks.run(task)))
    except Failure as failure:
        news.put(("failed", failure))
    except Exception as error:  # noqa: BLE001 (a runner's bug must end its state, not its thread alone)
        news.put(("failed", Failure(RUNTIME, f"{type(error).__name__}: {error}")))


class _Deadlines:
    """When an attempt has taken too long. Time spent on a token is AWS time; other tasks take real time."""

    def __init__(
        self, visit: Visit, state: TaskState, timeout: float | None, heartbeat: float | None
    ) -> None:
        real = visit.interpreter.clock.real if state.waits_for_token else float
        self._end = None if timeout is None else time.monotonic() + real(timeout)
        # Only a token can send heartbeats.
        self._pause = None if heartbeat is None or not state.waits_for_token else real(heartbeat)
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


def _await(log: _Log, news: SimpleQueue[News], deadlines: _Deadlines) -> Any:
    while True:
        try:
            kind, what = news.get(timeout=deadlines.remaining())
        except Empty:
            raise deadlines.passed() from None
        match kind:
            case "succeeded":
                return log.succeeded(what)
            case "failed":
                raise what
            case "submitted":
                log.submitted(what)
            case "beat":
                deadlines.beat()
            case _:
                raise Aborted


class _Log:
    """The events of one attempt."""

    def __init__(self, visit: Visit, task: Task) -> None:
        self._visit = visit
        self._task = task
        kind, action = task.integration
        self._resource = {"resourceType": kind, "resource": action}

    def scheduled(self, timeout: int | None, heartbeat: int | None) -> None:
        limits = {"timeoutInSeconds": timeout, "heartbeatInSeconds": heartbeat}
        details = {
            **self._resource,
            "region": self._task.context["Execution"]["Id"].split(":")[3],
            "parameters": to_json(self._task.arguments),
            **{name: seconds for name, seconds in limits.items() if seconds is not None},
        }
        self._visit.record("TaskScheduled", details)
        self._visit.record("TaskStarted", self._resource)

    def submitted(self, answer: Any) -> None:
        self._visit.record("TaskSubmitted", {**self._resource, **with_output(answer)})

    def succeeded(self, result: Any) -> Any:
        if len(to_json(result).encode()) > MOST_BYTES:
            text = "returned a result with a size exceeding the maximum number of bytes service limit."
            raise Failure(DATA_LIMIT_EXCEEDED, f"The state/task '{self._resource['resourceType']}' {text}")
        self._visit.record("TaskSucceeded", {**self._resource, **with_output(result)})
        return result

    def failed(self, failure: Failure) -> None:
        kind = "TaskTimedOut" if failure.error == TIMEOUT else "TaskFailed"
        self._visit.record(kind, {**self._resource, **failure.details()})
