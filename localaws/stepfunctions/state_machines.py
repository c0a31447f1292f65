"""Step Functions' operations on state machines. The base of `service`."""

from __future__ import annotations

import threading
import uuid
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from localaws.errors import AwsError
from localaws.service import Call
from localaws.stepfunctions import logs
from localaws.stepfunctions.activities import ActivityOperations
from localaws.stepfunctions.definition import parse
from localaws.stepfunctions.executions import Executions
from localaws.stepfunctions.integrations import table
from localaws.stepfunctions.machine import StateMachine
from localaws.stepfunctions.parameters import check_name, refuse, tags_of
from localaws.stepfunctions.reader import DefinitionError
from localaws.stepfunctions.records import Machine, Revision, page
from localaws.stepfunctions.tokens import Tokens
from localaws.trust import may_assume

if TYPE_CHECKING:
    from localaws.world import World


class StateMachines(ActivityOperations):
    """Makes, changes, shows and deletes state machines."""

    name: ClassVar[str] = "stepfunctions"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._machines: dict[str, Machine] = {}
        self._tokens = Tokens()
        self._executions = Executions(world, self._tokens, self._activities)
        self._mutex = threading.RLock()

    def create_state_machine(self, call: Call) -> dict[str, Any]:
        params = call.params
        refuse(params, type="STANDARD", publish=False, encryptionConfiguration={"type": "AWS_OWNED_KEY"})
        check_name(params["name"])
        revision = self._revision(params, self.arn(f"stateMachine:{params['name']}", "states"), params["name"])
        with self._mutex:
            existing = self._machines.get(revision.arn)
            if existing is not None:
                return _created(_same(existing, revision))
            machine = Machine(current=revision, created=revision.changed, tags=tags_of(params))
            self._machines[revision.arn] = machine
        return _created(machine)

    def update_state_machine(self, call: Call) -> dict[str, Any]:
        params = call.params
        refuse(params, publish=False, encryptionConfiguration={"type": "AWS_OWNED_KEY"})
        if not params.keys() & {"definition", "roleArn", "loggingConfiguration", "tracingConfiguration"}:
            message = "One of definition, roleArn, loggingConfiguration, tracingConfiguration must be specified"
            raise AwsError("MissingRequiredParameter", message)
        with self._mutex:
            machine = self._machine(params["stateMachineArn"])
            now = machine.current
            before = {
                "definition": now.text,
                "roleArn": now.role,
                "loggingConfiguration": now.logging,
                "tracingConfiguration": now.tracing,
            }
            machine.current = self._revision({**before, **params}, now.arn, now.name)
            return {"updateDate": machine.current.changed, "revisionId": machine.current.revision_id}

    def describe_state_machine(self, call: Call) -> dict[str, Any]:
        refuse(call.params, includedData="ALL_DATA")
        machine = self._machine(call.params["stateMachineArn"])
        return {
            **described(machine.current),
            "status": "DELETING" if machine.deleting else "ACTIVE",
            "type": "STANDARD",
            "creationDate": machine.created,
        }

    def delete_state_machine(self, call: Call) -> None:
        with self._mutex:
            machine = self._machines.get(call.params["stateMachineArn"])
            if machine is None or machine.deleting:
                return
            machine.deleting = True
        threading.Thread(target=self._delete, args=(machine,), daemon=True, name="states-delete").start()

    def list_state_machines(self, call: Call) -> dict[str, Any]:
        machines = sorted(self._machines.values(), key=lambda machine: machine.current.name)
        shown = [
            {
                "stateMachineArn": machine.current.arn,
                "name": machine.current.name,
                "type": "STANDARD",
                "creationDate": machine.created,
            }
            for machine in machines
        ]
        items, more = page(shown, call.params)
        return {"stateMachines": items, **more}

    def validate_state_machine_definition(self, call: Call) -> dict[str, Any]:
        refuse(call.params, type="STANDARD")
        try:
            parse(call.params["definition"], table.check)
        except DefinitionError as error:
            most = call.params.get("maxResults") or 100
            diagnostics = [
                {"severity": "ERROR", "code": part.code, "message": part.message, "location": part.location}
                for part in error.diagnostics
            ]
            return {"result": "FAIL", "diagnostics": diagnostics[:most], "truncated": len(diagnostics) > most}
        return {"result": "OK", "diagnostics": [], "truncated": False}

    def tag_resource(self, call: Call) -> None:
        self._tags(call).update(tags_of(call.params))

    def untag_resource(self, call: Call) -> None:
        tags = self._tags(call)
        for key in call.params["tagKeys"]:
            tags.pop(key, None)

    def list_tags_for_resource(self, call: Call) -> dict[str, Any]:
        return {"tags": [{"key": key, "value": value} for key, value in self._tags(call).items()]}

    def _revision(self, params: dict[str, Any], arn: str, name: str) -> Revision:
        logging = params.get("loggingConfiguration") or logs.OFF
        if logs.group_of(logging) is not None:
            for action in logs.DELIVERY:
                self.world.ledger.record(params["roleArn"], action, "*")
        if not may_assume(self.world, params["roleArn"], "states.amazonaws.com"):
            message = (
                "Neither the global service principal states.amazonaws.com, nor the regional one "
                "is authorized to assume the provided role."
            )
            raise AwsError("AccessDeniedException", message)
        return Revision(
            arn=arn,
            name=name,
            role=params["roleArn"],
            text=params["definition"],
            machine=_parsed(params["definition"]),
            logging=logging,
            tracing=params.get("tracingConfiguration") or {"enabled": False},
            revision_id=str(uuid.uuid4()),
            changed=self.world.clock.now(),
        )

    def _machine(self, arn: str) -> Machine:
        machine = self._machines.get(arn)
        if machine is None:
            raise AwsError("StateMachineDoesNotExist", f"State Machine Does Not Exist: '{arn}'")
        return machine

    def _tags(self, call: Call) -> dict[str, str]:
        arn = call.params["resourceArn"]
        tagged = self._machines.get(arn) or self._activities.find(arn)
        if tagged is None:
            raise AwsError("ResourceNotFound", f"Resource not found: '{arn}'", resourceName=arn)
        return tagged.tags

    def _delete(self, machine: Machine) -> None:
        """AWS deletes a state machine once its last execution has ended."""
        for execution in self._executions.of(machine.current.arn):
            execution.ended.wait()
        with self._mutex:
            self._executions.forget(machine.current.arn)
            self._machines.pop(machine.current.arn, None)


def _parsed(text: str) -> StateMachine:
    try:
        return parse(text, table.check)
    except DefinitionError as error:
        raise AwsError("InvalidDefinition", f"Invalid State Machine Definition: '{error}'") from error


def _same(existing: Machine, wanted: Revision) -> Machine:
    """Creating the same state machine again does nothing; AWS looks at neither role nor tags."""
    now = existing.current
    alike = replace(wanted, role=now.role, revision_id=now.revision_id, changed=now.changed, machine=now.machine)
    if existing.deleting:
        raise AwsError("StateMachineDeleting", f"State Machine is being deleted: '{now.arn}'")
    if alike != now:
        raise AwsError("StateMachineAlreadyExists", f"State Machine Already Exists: '{now.arn}'")
    return existing


def _created(machine: Machine) -> dict[str, Any]:
    return {"stateMachineArn": machine.current.arn, "creationDate": machine.created}


def described(revision: Revision) -> dict[str, Any]:
    """What every description of a state machine holds."""
    return {
        "stateMachineArn": revision.arn,
        "name": revision.name,
        "definition": revision.text,
        "roleArn": revision.role,
        "loggingConfiguration": revision.logging,
        "tracingConfiguration": revision.tracing,
        "revisionId": revision.revision_id,
    }
