"""CloudFormation's API. Served by the front door; `sam deploy` and `sam delete` are its main callers."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from localaws.cloudformation import change_sets, describe, template, templates
from localaws.cloudformation.errors import invalid
from localaws.cloudformation.operations import Operation
from localaws.cloudformation.plan import Plan
from localaws.cloudformation.stacks import ChangeSet, Stack
from localaws.errors import AwsError, NotModelledError
from localaws.service import Call, Service

if TYPE_CHECKING:
    from localaws.world import World

Answer = dict[str, Any]
PAGE = 100
UPDATABLE = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"})
HOLD_SECONDS = 20.0
"""How long DescribeStacks waits for a running operation to end before it tells how things stand. AWS answers
at once; but its waiters look once and then not again for 15 or 30 seconds, more than a stack takes here."""
_TEMPLATE = frozenset({"TemplateBody", "TemplateURL"})
_STACK = _TEMPLATE | {"StackName", "Parameters", "Capabilities", "Tags", "RoleARN", "NotificationARNs"}


class CloudFormation(Service):
    """Stacks, one operation at a time on each."""

    name: ClassVar[str] = "cloudformation"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._stacks: list[Stack] = []
        self._lock = threading.RLock()
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []

    def stop(self) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join(timeout=30)

    # change sets

    def create_change_set(self, call: Call) -> Answer:
        params = call.params
        kinds = {"ChangeSetName", "ChangeSetType", "Description", "OnStackFailure", "UsePreviousTemplate"}
        _only(call, _STACK | kinds)
        with self._lock:
            kind = params.get("ChangeSetType", "UPDATE")
            stack = self._stack_for_change_set(params["StackName"], kind)
            change = change_sets.make(
                self.world, stack, params, kind, f"{self._arn('changeSet', params['ChangeSetName'])}"
            )
            if stack not in self._stacks:
                stack.set_status("REVIEW_IN_PROGRESS", "User Initiated")
                self._stacks.append(stack)
            stack.change_sets[change.name] = change
            return {"Id": change.id, "StackId": stack.id}

    def describe_change_set(self, call: Call) -> Answer:
        _only(call, {"ChangeSetName", "StackName", "NextToken", "IncludePropertyValues"})
        stack, change = self._change_set(call.params)
        answer = describe.change_set(stack, change)
        page, token = _page(answer["Changes"], call.params.get("NextToken"))
        return {**answer, "Changes": page, **token}

    def execute_change_set(self, call: Call) -> Answer:
        _only(call, {"ChangeSetName", "StackName", "DisableRollback"})
        with self._lock:
            stack, change = self._change_set(call.params)
            if change.plan is None or change.status != "CREATE_COMPLETE":
                raise AwsError(
                    "InvalidChangeSetStatus",
                    f"ChangeSet [{change.id}] cannot be executed in its current status of [{change.status}]",
                )
            if call.params.get("DisableRollback"):
                change.on_failure = "DO_NOTHING"
            begin = self._create if change.type == "CREATE" else self._update
            begin(stack, change.plan, change.capabilities, change.on_failure, change.role)
        return {}

    def delete_change_set(self, call: Call) -> Answer:
        _only(call, {"ChangeSetName", "StackName"})
        with self._lock:
            stack, change = self._change_set(call.params)
            del stack.change_sets[change.name]
        return {}

    def list_change_sets(self, call: Call) -> Answer:
        _only(call, {"StackName", "NextToken"})
        stack = self._stack(call.params["StackName"])
        listed = [describe.change_set_summary(stack, change) for change in stack.change_sets.values()]
        page, token = _page(listed, call.params.get("NextToken"))
        return {"Summaries": page, **token}

    # stacks

    def create_stack(self, call: Call) -> Answer:
        params = call.params
        _only(call, _STACK | {"OnFailure", "DisableRollback", "EnableTerminationProtection"})
        with self._lock:
            if self._alive(params["StackName"]) is not None:
                raise AwsError("AlreadyExistsException", f"Stack [{params['StackName']}] already exists")
            stack = self._new_stack(params["StackName"])
            text = templates.text_of(self.world, params)
            tags = change_sets.tags_of(params, {})
            plan = templates.make(self.world, stack, text, params.get("Parameters", []), tags, update=False)
            capabilities = params.get("Capabilities", [])
            templates.acknowledge(plan, capabilities, direct=True)
            stack.protected = bool(params.get("EnableTerminationProtection"))
            self._stacks.append(stack)
            on_failure = "DO_NOTHING" if params.get("DisableRollback") else params.get("OnFailure", "ROLLBACK")
            self._create(stack, plan, capabilities, on_failure, params.get("RoleARN"))
        return {"StackId": stack.id}

    def update_stack(self, call: Call) -> Answer:
        params = call.params
        _only(call, _STACK | {"UsePreviousTemplate", "DisableRollback"})
        if params.get("DisableRollback"):
            raise NotModelledError("UpdateStack with DisableRollback")
        with self._lock:
            stack = self._updatable(params["StackName"])
            text = templates.text_of(self.world, params, stack)
            tags = change_sets.tags_of(params, stack.tags)
            plan = templates.make(self.world, stack, text, params.get("Parameters", []), tags, update=True)
            capabilities = params.get("Capabilities", [])
            templates.acknowledge(plan, capabilities, direct=True)
            if not change_sets.foresee(stack, plan)[1]:
                raise invalid("No updates are to be performed.")
            self._update(stack, plan, capabilities, "ROLLBACK", params.get("RoleARN"))
        return {"StackId": stack.id}

    def delete_stack(self, call: Call) -> Answer:
        params = call.params
        _only(call, {"StackName", "RetainResources", "RoleARN"})
        with self._lock:
            stack = self._alive(params["StackName"])
            if stack is None:
                return {}
            if stack.protected:
                raise invalid(f"Stack [{stack.name}] cannot be deleted while TerminationProtection is enabled")
            retained = params.get("RetainResources", [])
            if retained and stack.status != "DELETE_FAILED":
                raise invalid("Only a stack in DELETE_FAILED can be deleted with RetainResources")
            for name in retained:
                stack.resource(name)
            self._idle(stack)
            stack.set_status("DELETE_IN_PROGRESS", "User Initiated")
            operation = Operation(self.world, stack, self._stopping, params.get("RoleARN"))
            self._run(stack, "DELETE", lambda: operation.delete(retained))
        return {}

    def update_termination_protection(self, call: Call) -> Answer:
        _only(call, {"StackName", "EnableTerminationProtection"})
        stack = self._stack(call.params["StackName"])
        stack.protected = bool(call.params["EnableTerminationProtection"])
        return {"StackId": stack.id}

    def describe_stacks(self, call: Call) -> Answer:
        _only(call, {"StackName", "NextToken"})
        if "StackName" in call.params:
            stack = self._stack(call.params["StackName"])
            if stack.busy:
                stack.wait_until_settled(HOLD_SECONDS)
                stack = self._stack(call.params["StackName"])
            return {"Stacks": [describe.stack(stack)]}
        alive = [describe.stack(stack) for stack in self._stacks if stack.deleted is None]
        page, token = _page(alive, call.params.get("NextToken"))
        return {"Stacks": page, **token}

    def list_stacks(self, call: Call) -> Answer:
        _only(call, {"StackStatusFilter", "NextToken"})
        wanted = call.params.get("StackStatusFilter")
        listed = [describe.stack_summary(s) for s in reversed(self._stacks) if not wanted or s.status in wanted]
        page, token = _page(listed, call.params.get("NextToken"))
        return {"StackSummaries": page, **token}

    def describe_stack_events(self, call: Call) -> Answer:
        _only(call, {"StackName", "NextToken"})
        stack = self._stack(call.params["StackName"])
        listed = [describe.event(stack, line) for line in reversed(stack.events)]
        page, token = _page(listed, call.params.get("NextToken"))
        return {"StackEvents": page, **token}

    def describe_stack_resource(self, call: Call) -> Answer:
        _only(call, {"StackName", "LogicalResourceId"})
        stack = self._stack(call.params["StackName"])
        found = stack.resource(call.params["LogicalResourceId"])
        names = {"StackName": stack.name, "StackId": stack.id}
        return {"StackResourceDetail": {**names, **describe.resource_summary(found)}}

    def describe_stack_resources(self, call: Call) -> Answer:
        _only(call, {"StackName", "LogicalResourceId", "PhysicalResourceId"})
        physical_id = call.params.get("PhysicalResourceId")
        if "StackName" in call.params:
            stacks = [self._stack(call.params["StackName"])]
        else:
            stacks = [stack for stack in self._stacks if stack.deleted is None]
        pairs = [(stack, entry) for stack in stacks for entry in list(stack.resources.values())]
        logical_id = call.params.get("LogicalResourceId")
        chosen = [
            describe.resource(stack, entry)
            for stack, entry in pairs
            if logical_id in (None, entry.logical_id) and physical_id in (None, entry.physical_id)
        ]
        if physical_id is not None and not chosen:
            raise invalid(f"Stack for {physical_id} does not exist")
        return {"StackResources": chosen}

    def list_stack_resources(self, call: Call) -> Answer:
        _only(call, {"StackName", "NextToken"})
        stack = self._stack(call.params["StackName"])
        listed = [describe.resource_summary(entry) for entry in list(stack.resources.values())]
        page, token = _page(listed, call.params.get("NextToken"))
        return {"StackResourceSummaries": page, **token}

    # templates

    def get_template(self, call: Call) -> Answer:
        _only(call, {"StackName", "ChangeSetName", "TemplateStage"})
        stack = self._stack(call.params["StackName"]) if "StackName" in call.params else None
        original, processed = (stack.original, stack.processed) if stack else ("", {})
        if "ChangeSetName" in call.params:
            _, change = self._change_set(call.params)
            if change.plan is not None:
                original, processed = change.plan.original, change.plan.processed
        stages = {"StagesAvailable": ["Original", "Processed"]}
        if not original:
            return {"TemplateBody": "", **stages}
        if call.params.get("TemplateStage") == "Processed" and template.transforms(template.parse(original)):
            return {"TemplateBody": templates.shown(processed), **stages}
        return {"TemplateBody": original, **stages}

    def get_template_summary(self, call: Call) -> Answer:
        _only(call, _TEMPLATE | {"StackName"})
        stack = self._stack(call.params["StackName"]) if "StackName" in call.params else None
        text = stack.original if stack else templates.text_of(self.world, call.params)
        body = template.parse(text)
        return describe.template_summary(body, templates.capabilities_of(body))

    def validate_template(self, call: Call) -> Answer:
        _only(call, _TEMPLATE)
        text = templates.text_of(self.world, call.params)
        body = template.parse(text)
        if not template.transforms(body):
            template.check(body)
        return describe.validation(body, templates.capabilities_of(body))

    # operations

    def _create(self, stack: Stack, plan: Plan, capabilities: list[str], on_failure: str, role: str | None) -> None:
        stack.adopt(plan, capabilities, role)
        stack.change_sets = {}
        stack.disable_rollback = on_failure == "DO_NOTHING"
        stack.set_status("CREATE_IN_PROGRESS", "User Initiated")
        operation = Operation(self.world, stack, self._stopping, role)
        self._run(stack, "CREATE", lambda: operation.create(plan, on_failure))

    def _update(self, stack: Stack, plan: Plan, capabilities: list[str], on_failure: str, role: str | None) -> None:
        if on_failure == "DO_NOTHING":
            raise NotModelledError("an update without rollback")
        self._updatable(stack.id)
        stack.change_sets = {}
        stack.updated = self.world.clock.now()
        stack.set_status("UPDATE_IN_PROGRESS", "User Initiated")
        operation = Operation(self.world, stack, self._stopping, role)
        self._run(stack, "UPDATE", lambda: operation.update(plan, capabilities))

    def _run(self, stack: Stack, verb: str, work: Callable[[], None]) -> None:
        def guarded() -> None:
            try:
                work()
            except Exception as error:
                stack.set_status(f"{verb}_FAILED", f"Internal Failure: {error!r}")
                raise

        self._threads = [thread for thread in self._threads if thread.is_alive()]
        thread = threading.Thread(target=guarded, name=f"{verb.lower()}-{stack.name}", daemon=True)
        self._threads.append(thread)
        thread.start()

    # finding

    def _alive(self, name: str) -> Stack | None:
        """A stack by name or id, unless it was deleted."""
        return next((s for s in self._stacks if s.deleted is None and name in (s.name, s.id)), None)

    def _stack(self, name: str) -> Stack:
        """A stack by name, or by id even when it was deleted."""
        found = self._alive(name) or next((s for s in self._stacks if s.id == name), None)
        if found is None:
            raise invalid(f"Stack with id {name} does not exist")
        return found

    def _updatable(self, name: str) -> Stack:
        stack = self._alive(name)
        if stack is None or stack.status == "REVIEW_IN_PROGRESS":
            raise invalid(f"Stack [{name}] does not exist")
        if stack.status not in UPDATABLE:
            raise invalid(f"Stack:{stack.id} is in {stack.status} state and can not be updated.")
        return stack

    def _idle(self, stack: Stack) -> None:
        if stack.busy:
            raise invalid(f"Stack:{stack.id} is in {stack.status} state and can not be deleted.")

    def _new_stack(self, name: str) -> Stack:
        return Stack(name, self._arn("stack", name))

    def _arn(self, kind: str, name: str) -> str:
        return self.arn(f"{kind}/{name}/{uuid.uuid4()}")

    def _stack_for_change_set(self, name: str, kind: str) -> Stack:
        if kind == "UPDATE":
            return self._updatable(name)
        if kind != "CREATE":
            raise NotModelledError(f"change sets of type {kind}")
        stack = self._alive(name)
        if stack is not None and stack.status != "REVIEW_IN_PROGRESS":
            raise invalid(f"Stack [{name}] already exists and cannot be created again with the changeSet.")
        return stack or self._new_stack(name)

    def _change_set(self, params: Mapping[str, Any]) -> tuple[Stack, ChangeSet]:
        name = params["ChangeSetName"]
        stacks = [self._stack(params["StackName"])] if "StackName" in params else self._stacks
        for stack in stacks:
            for change in stack.change_sets.values():
                if name in (change.name, change.id):
                    return stack, change
        raise AwsError("ChangeSetNotFound", f"ChangeSet [{name}] does not exist", 404)


def _only(call: Call, known: frozenset[str] | set[str]) -> None:
    """Refuse a parameter that would otherwise be ignored; an empty one asks for nothing."""
    unknown = sorted(name for name, value in call.params.items() if name not in known and value not in ("", [], {}))
    if call.params.get("NotificationARNs"):
        unknown.append("NotificationARNs")
    if unknown:
        raise NotModelledError(f"the parameters {unknown} of cloudformation:{call.operation}")


def _page(items: list[Any], token: str | None) -> tuple[list[Any], dict[str, str]]:
    """One page and, unless it is the last, the token of the next, counted from the end: newest come first."""
    start = len(items) - int(token) if token else 0
    rest = len(items) - start - PAGE
    return items[start : start + PAGE], {"NextToken": str(rest)} if rest > 0 else {}
