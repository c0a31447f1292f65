"""Faults of a state machine's tasks: nobody answers in time, or the answer is held back. Used by Step Functions."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from localaws.stepfunctions.failures import timed_out
from localaws.stepfunctions.tasks import Task

if TYPE_CHECKING:
    from localaws.world import World


def interfere(world: World, effect: Mapping[str, Any], task: Task, do: Callable[[Task], Any]) -> Any:
    """Let the task's request be made or not, as the effect's `made` says, and let no answer arrive.

    `time-out`: the state's `TimeoutSeconds` pass, as AWS time does here, and it fails. `hold`: the state lasts until
    the fault is taken away, and then goes on as if nothing had been, or until the execution is stopped.
    """
    if effect["kind"] == "hold":
        result = do(replace(task, settle=_later(world, effect["id"], task))) if effect["made"] else None
        world.faults.hold(effect["id"], task.cancelled)
        if task.cancelled.is_set():
            return None  # nobody waits for it any longer
        return result if effect["made"] else do(task)
    if effect["made"]:
        threading.Thread(target=_made, args=(do, task), daemon=True, name=task.state).start()
    world.clock.sleep(task.timeout or 0, task.cancelled)
    raise timed_out()


def _later(world: World, fault: str, task: Task) -> Callable[[Any], bool]:
    """Takes what comes with the task's token, and passes it on once the fault is taken away."""

    def pass_on(result: Any) -> None:
        world.faults.hold(fault, task.cancelled)
        task.settle(result)

    def settle(result: Any) -> bool:
        threading.Thread(target=pass_on, args=(result,), daemon=True, name=task.state).start()
        return not task.cancelled.is_set()

    return settle


def _made(do: Callable[[Task], Any], task: Task) -> None:
    """The request is made; what comes of it, with its token too, reaches nobody."""
    with contextlib.suppress(Exception):
        do(replace(task, settle=lambda _: True))
