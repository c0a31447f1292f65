"""What each type of state does. Called by `interpreter` for each visit; returns the step to the next."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from localaws.stepfunctions import branches, machine
from localaws.stepfunctions.attempt import attempt
from localaws.stepfunctions.failures import RUNTIME, Aborted, Failure
from localaws.stepfunctions.fields import moment
from localaws.stepfunctions.machine import Handled
from localaws.stepfunctions.reader import LONGEST_SECONDS
from localaws.stepfunctions.visit import Step, Visit


def run(visit: Visit) -> Step:
    """Do what the state is for. Raises `Failure` where nothing catches it, and `Aborted`."""
    match visit.state:
        case machine.Fail() as fail:
            raise _fail(visit, fail)
        case machine.Choice() as choice:
            return _choose(visit, choice)
        case machine.Wait() as wait:
            return _wait(visit, wait)
        case machine.Task() as task:
            return _handled(visit, task, lambda: attempt(visit, task))
        case machine.Parallel() as parallel:
            return _handled(visit, parallel, lambda: branches.run_parallel(visit, parallel))
        case machine.Map() as mapped:
            return _handled(visit, mapped, lambda: branches.run_map(visit, mapped))
        case state:  # Pass and Succeed
            return visit.step(state.output, state.assign, state.next, visit.value)


def _fail(visit: Visit, state: machine.Fail) -> Failure:
    error = visit.fill_as(state.error, str) if state.error else None
    cause = visit.fill_as(state.cause, str) if state.cause else None
    return Failure(error, cause)


def _choose(visit: Visit, state: machine.Choice) -> Step:
    for rule in state.rules:
        if visit.fill_as(rule.condition, bool):
            return visit.step(rule.output, rule.assign, rule.next, visit.value)
    if state.next is None:
        raise visit.failure(RUNTIME, "No choice matched, and there is no Default.")
    return visit.step(state.output, state.assign, state.next, visit.value)


def _wait(visit: Visit, state: machine.Wait) -> Step:
    clock = visit.interpreter.clock
    if state.seconds is not None:
        seconds = visit.fill_as(state.seconds, (int, float))
        if not 0 <= seconds <= LONGEST_SECONDS:
            raise visit.failure(RUNTIME, f"The Seconds parameter is out of range: {seconds}")
    elif state.timestamp is not None:
        text = visit.fill_as(state.timestamp, str)
        until = moment(text)
        if until is None:
            raise visit.failure(RUNTIME, f"The Timestamp parameter does not reference a timestamp: {text}")
        seconds = max(0.0, (until - clock.now()).total_seconds())
    if not clock.sleep(seconds, visit.track.cancelled):
        raise Aborted
    return visit.step(state.output, state.assign, state.next, visit.value)


def _handled(visit: Visit, state: Handled, once: Callable[[], Any]) -> Step:
    """A state's work with its `Retry` and `Catch` around it."""
    failed = [0] * len(state.retry)
    while True:
        try:
            result = once()
            return visit.step(state.output, state.assign, state.next, result, result=result)
        except Failure as failure:
            if _tries_again(visit, state, failure, failed):
                continue
            for catcher in state.catch:
                if failure.matches(catcher.error_equals):
                    error = failure.output()
                    return visit.step(catcher.output, catcher.assign, catcher.next, error, errorOutput=error)
            raise


def _tries_again(visit: Visit, state: Handled, failure: Failure, failed: list[int]) -> bool:
    """Wait as the first matching retrier says. False when none matches or it has had its attempts."""
    for index, retrier in enumerate(state.retry):
        if not failure.matches(retrier.error_equals):
            continue
        failed[index] += 1
        if failed[index] > retrier.max_attempts:
            return False
        delay = retrier.delay(failed[index])
        if retrier.full_jitter:
            delay = random.uniform(0, delay)  # noqa: S311 (not for secrets)
        if not visit.interpreter.clock.sleep(delay, visit.track.cancelled):
            raise Aborted
        visit.retries += 1
        return True
    return False
