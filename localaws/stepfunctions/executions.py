"""Starts, watches and ends executions. Used by `service`."""

from __future__ import annotations

import json
import logging
import threading
from typing import TYPE_CHECKING

from localaws.stepfunctions.activities import Activities
from localaws.stepfunctions.history import History, to_json
from localaws.stepfunctions.interpreter import Interpreter, Outcome
from localaws.stepfunctions.logs import LogWriter
from localaws.stepfunctions.records import Execution, Revision
from localaws.stepfunctions.runner import Bell, Runner
from localaws.stepfunctions.tokens import Tokens
from localaws.stepfunctions.visit import timestamp

if TYPE_CHECKING:
    from localaws.world import World

log = logging.getLogger("localaws.stepfunctions")
GRACE = 5.0
"""Real seconds that an execution has to end after it was told to."""


class Executions:
    """Every execution, each in a thread of its own."""

    def __init__(self, world: World, tokens: Tokens, activities: Activities) -> None:
        self._world = world
        self._tokens = tokens
        self._activities = activities
        self._bell = Bell(world)
        self._logs = LogWriter(world)
        self._all: dict[str, Execution] = {}

    def open(self) -> None:
        """Begin to log."""
        self._logs.start()

    def close(self) -> None:
        """Abort what still runs, and log the last of it."""
        executions = list(self._all.values())
        for execution in executions:
            execution.stop(Outcome("ABORTED", cause="localaws was stopped"))
        for execution in executions:
            execution.ended.wait(GRACE)
        self._logs.stop()

    def find(self, arn: str) -> Execution | None:
        """The execution of an ARN."""
        return self._all.get(arn)

    def of(self, machine_arn: str) -> list[Execution]:
        """A state machine's executions, the newest first."""
        return [found for found in reversed(list(self._all.values())) if found.revision.arn == machine_arn]

    def forget(self, machine_arn: str) -> None:
        """Drop the executions of a state machine that is gone."""
        for execution in self.of(machine_arn):
            del self._all[execution.arn]

    def start(self, arn: str, name: str, revision: Revision, text: str, trace: str | None) -> Execution:
        """Begin one. Its first event is recorded by the time this returns."""
        clock = self._world.clock
        execution = Execution(
            arn=arn,
            name=name,
            revision=revision,
            input=text,
            started=clock.now(),
            trace=trace,
            history=History(clock.now, lambda event: self._logs.write(execution, event)),
        )
        self._all[arn] = execution
        self._announce(execution)
        threading.Thread(target=self._run, args=(execution,), daemon=True, name=f"states {name}").start()
        return execution

    def stop(self, execution: Execution, outcome: Outcome) -> None:
        """Abort one, if it still runs, and wait until it has ended."""
        execution.stop(outcome)
        execution.ended.wait(GRACE)

    def _run(self, execution: Execution) -> None:
        revision, value = execution.revision, json.loads(execution.input)
        context = {
            "Execution": {
                "Id": execution.arn,
                "Input": value,
                "Name": execution.name,
                "RoleArn": revision.role,
                "StartTime": timestamp(execution.started),
                "RedriveCount": 0,
            },
            "StateMachine": {"Id": revision.arn, "Name": revision.name},
        }
        runner = Runner(self._world, self._tokens, self._activities, self._bell, revision.role, execution.name)
        interpreter = Interpreter(
            revision.machine,
            runner,
            self._world.clock,
            execution.history,
            context,
            execution.stop,
            has_activity=lambda arn: self._activities.find(arn) is not None,
        )
        try:
            outcome = interpreter.execute(value, revision.role)
        except Exception as error:
            log.exception("the interpreter failed on %s", execution.arn)
            outcome = Outcome("FAILED", error="States.Runtime", cause=f"localaws failed: {error!r}")
        execution.stopped = self._world.clock.now()
        execution.outcome = outcome
        try:
            self._announce(execution)
        finally:
            execution.ended.set()

    def _announce(self, execution: Execution) -> None:
        """Tell EventBridge of the status.

        https://docs.aws.amazon.com/step-functions/latest/dg/eventbridge-integration.html
        """
        described = execution.described()
        absent = ("output", "outputDetails", "stopDate", "error", "cause")
        versions = ("stateMachineVersionArn", "stateMachineAliasArn", "redriveDate")
        detail = {**dict.fromkeys(absent + versions), **described}
        detail.pop("traceHeader", None)
        for name in ("startDate", "stopDate"):
            moment = detail[name]
            detail[name] = None if moment is None else round(moment.timestamp() * 1000)
        kind = "Step Functions Execution Status Change"
        self._world.emit_event("aws.states", kind, json.loads(to_json(detail)), [execution.arn])
