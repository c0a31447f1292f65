"""Reads a state machine's definition, or says everything that is wrong with it.

Called by the service when a state machine is made, and by `testing`. What AWS refuses is refused in AWS's
words; what AWS would run and `localaws` can't is refused with words that say so.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

from localaws.stepfunctions import graph, machine
from localaws.stepfunctions.fields import LONGEST_NAME, RULE, assign, catch, moment, next_field, retry
from localaws.stepfunctions.machine import State, StateMachine, Workflow
from localaws.stepfunctions.reader import (
    READS_RESULT,
    SCHEMA,
    DefinitionError,
    Diagnostic,
    Reader,
)
from localaws.stepfunctions.templates import Template

_COMMON = frozenset({"Type", "Comment", "QueryLanguage"})
_MACHINE = frozenset({"Comment", "QueryLanguage", "StartAt", "States", "TimeoutSeconds", "Version"})
_FLOW = frozenset({"Next", "End"})
_DATA = frozenset({"Output", "Assign"})
_HANDLED = _FLOW | _DATA | {"Retry", "Catch"}

TaskCheck = Callable[[str, Template], Iterable[tuple[str, str]]]
"""Says what is wrong with a Task's resource and arguments: field (`Arguments/X`) and message."""


def parse(definition: str | dict[str, Any], check_task: TaskCheck = lambda *_: ()) -> StateMachine:
    """The state machine that a definition describes. Raises `DefinitionError`."""
    fields = _load(definition) if isinstance(definition, str) else definition
    notes: list[Diagnostic] = []
    reader = Reader(fields, "", notes)
    reader.only(_MACHINE, required=("States", "StartAt"))
    language = reader.one_of("QueryLanguage", ("JSONPath", "JSONata")) or "JSONPath"
    if language != "JSONata" and not notes:
        reader.note("'JSONPath' is not implemented by localaws: set it to 'JSONata'", "QueryLanguage")
        raise DefinitionError(notes)
    workflow = _Parser(notes, check_task).workflow(reader)
    parsed = StateMachine(
        start_at=workflow.start_at,
        states=workflow.states,
        timeout_seconds=reader.whole("TimeoutSeconds", 1) if "TimeoutSeconds" in fields else None,
    )
    if not notes:
        notes.extend(graph.check(parsed))
    if notes:
        raise DefinitionError(notes)
    return parsed


def _load(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text) if text.strip() else None
    except ValueError as error:
        raise DefinitionError([Diagnostic("INVALID_JSON_DESCRIPTION", str(error), "/")]) from error
    if not isinstance(value, dict):
        raise DefinitionError([Diagnostic(SCHEMA, "Definition must be a valid JSON object", "/")])
    return value


class _Parser:
    """Knows the fields of each type of state."""

    def __init__(self, notes: list[Diagnostic], check_task: TaskCheck) -> None:
        self._notes = notes
        self._check_task = check_task
        self._types: dict[str, Callable[[str, Reader], State]] = {
            "Pass": self._pass,
            "Task": self._task,
            "Choice": self._choice,
            "Wait": self._wait,
            "Succeed": self._succeed,
            "Fail": self._fail,
            "Parallel": self._parallel,
            "Map": self._map,
        }

    def workflow(self, reader: Reader) -> Workflow:
        states: dict[str, State] = {}
        parts = reader.child("States")
        for name in parts.fields if parts else ():
            state = parts.child(name) if parts else None
            if state is None:
                continue
            if len(name) > LONGEST_NAME:
                state.note(f"State names have at most {LONGEST_NAME} characters")
            # Names of fields in run-time messages begin at the state.
            read = self._state(name, Reader(state.fields, state.location, self._notes))
            if read is not None:
                states[name] = read
        return Workflow(start_at=reader.text("StartAt") or "", states=states)

    def _state(self, name: str, reader: Reader) -> State | None:
        kind = reader.text("Type")
        if kind is None:
            reader.note("These fields are required: [Type]")
            return None
        if kind not in self._types:
            reader.note(f"Value should be one of the following: [{', '.join(self._types)}]", "Type")
            return None
        if reader.one_of("QueryLanguage", ("JSONPath", "JSONata")) == "JSONPath":
            reader.note("'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine")
            return None
        return self._types[kind](name, reader)

    def _pass(self, name: str, reader: Reader) -> State:
        reader.only(_COMMON | _FLOW | _DATA)
        output = reader.template("Output")
        return machine.Pass(name=name, next=next_field(reader), output=output, assign=assign(reader))

    def _succeed(self, name: str, reader: Reader) -> State:
        reader.only(_COMMON | {"Output"})
        return machine.Succeed(name=name, output=reader.template("Output"))

    def _fail(self, name: str, reader: Reader) -> State:
        reader.only(_COMMON | {"Error", "Cause"})
        return machine.Fail(
            name=name,
            error=reader.value_or_expression("Error", str, "STRING"),
            cause=reader.value_or_expression("Cause", str, "STRING"),
        )

    def _wait(self, name: str, reader: Reader) -> State:
        reader.only(_COMMON | _FLOW | _DATA | {"Seconds", "Timestamp"})
        if ("Seconds" in reader.fields) == ("Timestamp" in reader.fields):
            reader.note("A Wait state must have exactly one of [Seconds, Timestamp]")
        seconds = reader.value_or_expression("Seconds", int, "INTEGER")
        if seconds and isinstance(seconds.value, int) and seconds.value < 0:
            reader.note("Expected a whole number of at least 0", "Seconds")
        timestamp = reader.value_or_expression("Timestamp", str, "STRING")
        if timestamp and isinstance(timestamp.value, str) and moment(timestamp.value) is None:
            reader.note("Expected an RFC 3339 timestamp", "Timestamp")
        return machine.Wait(
            name=name,
            next=next_field(reader),
            output=reader.template("Output"),
            assign=assign(reader),
            seconds=seconds,
            timestamp=timestamp,
        )

    def _choice(self, name: str, reader: Reader) -> State:
        reader.only(_COMMON | _DATA | {"Choices", "Default"}, required=("Choices",))
        rules = []
        for rule in reader.children("Choices"):
            rule.only(RULE | {"Condition"}, required=("Condition", "Next"))
            condition, target = rule.value_or_expression("Condition", bool, "BOOLEAN"), rule.text("Next")
            if condition and target:
                output, variables = rule.template("Output"), assign(rule)
                rules.append(machine.Rule(condition=condition, next=target, output=output, assign=variables))
        if not reader.fields.get("Choices"):
            reader.note("Expected a list that isn't empty", "Choices")
        return machine.Choice(
            name=name,
            next=reader.text("Default"),
            output=reader.template("Output"),
            assign=assign(reader),
            rules=tuple(rules),
        )

    def _task(self, name: str, reader: Reader) -> State:
        known = _HANDLED | {"Resource", "Arguments", "TimeoutSeconds", "HeartbeatSeconds"}
        reader.only(_COMMON | known, required=("Resource",))
        if "Arguments" not in reader.fields:
            reader.note("A Task without 'Arguments' is not implemented by localaws: write {} for none")
        resource = reader.text("Resource") or ""
        arguments = reader.template("Arguments") or Template({}, "Arguments")
        for field, complaint in self._check_task(resource, arguments):
            reader.note(complaint, field)
        timeout, heartbeat = reader.seconds("TimeoutSeconds"), reader.seconds("HeartbeatSeconds")
        longest, silence = (part.value if part else None for part in (timeout, heartbeat))
        if isinstance(longest, int) and isinstance(silence, int) and silence >= longest:
            reader.note("HeartbeatSeconds must be smaller than TimeoutSeconds", "HeartbeatSeconds")
        return machine.Task(
            name=name,
            next=next_field(reader),
            output=reader.template("Output", READS_RESULT),
            assign=assign(reader, READS_RESULT),
            retry=retry(reader),
            catch=catch(reader),
            resource=resource,
            arguments=arguments,
            timeout_seconds=timeout,
            heartbeat_seconds=heartbeat,
        )

    def _parallel(self, name: str, reader: Reader) -> State:
        reader.only(_COMMON | _HANDLED | {"Branches", "Arguments"}, required=("Branches",))
        branches = reader.children("Branches")
        for branch in branches:
            branch.only({"StartAt", "States", "Comment"}, required=("StartAt", "States"))
        if not branches:
            reader.note("Expected a list that isn't empty", "Branches")
        return machine.Parallel(
            name=name,
            next=next_field(reader),
            output=reader.template("Output", READS_RESULT),
            assign=assign(reader, READS_RESULT),
            retry=retry(reader),
            catch=catch(reader),
            branches=tuple(self.workflow(branch) for branch in branches),
            arguments=reader.template("Arguments"),
        )

    def _map(self, name: str, reader: Reader) -> State:
        known = _HANDLED | {"ItemProcessor", "Items", "ItemSelector", "MaxConcurrency"}
        reader.only(_COMMON | known, required=("ItemProcessor",))
        processor = reader.child("ItemProcessor") or Reader({"StartAt": "", "States": {}}, "", [])
        processor.only({"StartAt", "States", "Comment", "ProcessorConfig"}, required=("StartAt", "States"))
        config = processor.child("ProcessorConfig")
        if config is not None:
            config.only({"Mode"})
            if config.fields.get("Mode", "INLINE") != "INLINE":
                config.note("A Map in mode DISTRIBUTED is not implemented by localaws", "Mode")
        concurrency = reader.value_or_expression("MaxConcurrency", int, "INTEGER")
        if concurrency and isinstance(concurrency.value, int) and concurrency.value < 0:
            reader.note("Expected a whole number of at least 0", "MaxConcurrency")
        return machine.Map(
            name=name,
            next=next_field(reader),
            output=reader.template("Output", READS_RESULT),
            assign=assign(reader, READS_RESULT),
            retry=retry(reader),
            catch=catch(reader),
            processor=self.workflow(processor),
            items=reader.value_or_expression("Items", list, "ARRAY"),
            item_selector=reader.template("ItemSelector"),
            max_concurrency=concurrency,
        )
