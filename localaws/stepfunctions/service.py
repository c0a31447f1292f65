"""Step Functions' API behind the front door. Built by the world.

Standard workflows in JSONata, and activities; versions, aliases, redrives and Express workflows are refused.
"""

from __future__ import annotations

import json
import uuid
from typing import Any

from localaws.errors import AwsError
from localaws.service import Call
from localaws.stepfunctions.failures import TaskError
from localaws.stepfunctions.history import Event, details_key
from localaws.stepfunctions.interpreter import Outcome
from localaws.stepfunctions.parameters import check_name, refuse
from localaws.stepfunctions.records import Execution, page
from localaws.stepfunctions.state_machines import StateMachines, described

MOST_INPUT = 256 * 1024
_UNTOLD = frozenset(
    {"input", "inputDetails", "output", "outputDetails", "assignedVariables", "assignedVariablesDetails"}
)


class StepFunctions(StateMachines):
    """State machines, their executions, the tokens these wait for, and activities."""

    def start(self) -> None:
        self._executions.open()

    def stop(self) -> None:
        self._activities.close()
        self._executions.close()

    def start_execution(self, call: Call) -> dict[str, Any]:
        params = call.params
        name, text = params.get("name") or str(uuid.uuid4()), params.get("input", "{}")
        check_name(name)
        _check_input(text)
        with self._mutex:
            machine = self._machine(params["stateMachineArn"])
            if machine.deleting:
                raise AwsError("StateMachineDeleting", f"State Machine is being deleted: '{machine.current.arn}'")
            arn = self.arn(f"execution:{machine.current.name}:{name}", "states")
            execution = self._executions.find(arn)
            if execution is None:
                execution = self._executions.start(arn, name, machine.current, text, params.get("traceHeader"))
            elif execution.outcome is not None or execution.input != text:
                raise AwsError("ExecutionAlreadyExists", f"Execution Already Exists: '{arn}'")
        return {"executionArn": arn, "startDate": execution.started}

    def describe_execution(self, call: Call) -> dict[str, Any]:
        refuse(call.params, includedData="ALL_DATA")
        return self._execution(call.params["executionArn"]).described()

    def list_executions(self, call: Call) -> dict[str, Any]:
        params = call.params
        refuse(params, mapRunArn=None, redriveFilter="NOT_REDRIVEN")
        if "stateMachineArn" not in params:
            raise AwsError("ValidationException", "Must provide a state machine ARN or a map run ARN")
        machine = self._machine(params["stateMachineArn"])
        wanted = params.get("statusFilter")
        found = [
            execution.listed()
            for execution in self._executions.of(machine.current.arn)
            if wanted in (None, execution.status)
        ]
        items, more = page(found, params)
        return {"executions": items, **more}

    def stop_execution(self, call: Call) -> dict[str, Any]:
        params = call.params
        execution = self._execution(params["executionArn"])
        outcome = Outcome("ABORTED", error=params.get("error"), cause=params.get("cause"))
        self._executions.stop(execution, outcome)
        return {"stopDate": execution.stopped or self.world.clock.now()}

    def get_execution_history(self, call: Call) -> dict[str, Any]:
        events = self._execution(call.params["executionArn"]).history.events()
        if call.params.get("reverseOrder", False):
            events.reverse()
        items, more = page(events, call.params)
        if not call.params.get("includeExecutionData", True):
            items = [_without_data(event) for event in items]
        return {"events": items, **more}

    def describe_state_machine_for_execution(self, call: Call) -> dict[str, Any]:
        refuse(call.params, includedData="ALL_DATA")
        revision = self._execution(call.params["executionArn"]).revision
        return {**described(revision), "updateDate": revision.changed}

    def send_task_success(self, call: Call) -> None:
        try:
            output = json.loads(call.params["output"])
        except ValueError:
            raise AwsError("InvalidOutput", "Invalid Output: 'must be JSON'") from None
        self._tokens.settle(call.params["taskToken"], output)

    def send_task_failure(self, call: Call) -> None:
        params = call.params
        self._tokens.settle(params["taskToken"], TaskError(params.get("error"), params.get("cause")))

    def send_task_heartbeat(self, call: Call) -> None:
        self._tokens.beat(call.params["taskToken"])

    def _execution(self, arn: str) -> Execution:
        execution = self._executions.find(arn)
        if execution is None:
            raise AwsError("ExecutionDoesNotExist", f"Execution Does Not Exist: '{arn}'")
        return execution


def _check_input(text: str) -> None:
    if len(text.encode()) > MOST_INPUT:
        raise AwsError("ValidationException", f"The input has more than {MOST_INPUT} bytes")
    try:
        json.loads(text)
    except ValueError as error:
        raise AwsError("InvalidExecutionInput", f"Invalid State Machine Execution Input: '{error}'") from None


def _without_data(event: Event) -> Event:
    key = details_key(event["type"])
    if key not in event:
        return event
    return {**event, key: {name: value for name, value in event[key].items() if name not in _UNTOLD}}
