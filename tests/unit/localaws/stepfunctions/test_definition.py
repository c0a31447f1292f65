"""What is refused when a state machine is made, and where the message points."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from localaws.stepfunctions.definition import parse
from localaws.stepfunctions.fields import moment
from localaws.stepfunctions.reader import DefinitionError
from tests.unit.localaws.stepfunctions.machines import LAMBDA, machine, passes, task, workflow


def complaints(definition: Any) -> list[str]:
    with pytest.raises(DefinitionError) as caught:
        parse(definition)
    return [str(diagnostic) for diagnostic in caught.value.diagnostics]


def refused(state: dict[str, Any], **others: dict[str, Any]) -> list[str]:
    return complaints(machine("S", S=state, **others))


def test_a_definition_without_query_language_is_jsonpath() -> None:
    definition = machine(S=passes())
    del definition["QueryLanguage"]
    assert complaints(definition) == [
        "SCHEMA_VALIDATION_FAILED: 'JSONPath' is not implemented by localaws: set it to 'JSONata' at /QueryLanguage"
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "SCHEMA_VALIDATION_FAILED: Definition must be a valid JSON object at /"),
        ("[]", "SCHEMA_VALIDATION_FAILED: Definition must be a valid JSON object at /"),
        ("{}", "SCHEMA_VALIDATION_FAILED: These fields are required: [States, StartAt] at /"),
        ("{nope", "INVALID_JSON_DESCRIPTION: "),
    ],
)
def test_what_is_no_definition(text: str, expected: str) -> None:
    assert complaints(text)[0].startswith(expected)


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (
            passes(InputPath="$.a"),
            "field 'InputPath' is only supported for the 'JSONPath' QueryLanguage at /States/S",
        ),
        (passes(Result={}), "field 'Result' is only supported for the 'JSONPath' QueryLanguage at /States/S"),
        (passes(QueryLanguage="JSONPath"), "'QueryLanguage' can not be 'JSONPath' if set to 'JSONata'"),
        (passes(Nonsense=1), "Field 'Nonsense' is not supported at /States/S/Nonsense"),
        (passes(Retry=[]), "Field 'Retry' is not supported at /States/S/Retry"),
        (passes(Next="S", End=True), "either 'Next' or '\"End\": true'"),
        (passes(End=False), "either 'Next' or '\"End\": true'"),
        ({"Type": "Loop"}, "Value should be one of the following: [Pass, Task"),
        ({}, "These fields are required: [Type] at /States/S"),
        (passes(Output="{% a[ %}"), "INVALID_JSONATA_EXPRESSION: S0203"),
        (passes(Output={"a": ["{% phone %}"]}), "Reference to 'phone' at the top level is not supported. "),
        (passes(Output={"a": ["{% phone %}"]}), "at /States/S/Output/a[0]"),
        (
            passes(Output="{% $states.result %}"),
            "'$states.result' is not supported in this field. at /States/S/Output",
        ),
        (passes(Output="{% 1"), "'{%' without '%}' at the end at /States/S/Output"),
        (passes(Assign={"states": 1}), "'states' is not a name for a variable at /States/S/Assign/states"),
        (passes(Assign={"a b": 1}), "'a b' is not a name for a variable"),
        (passes(Assign=[]), "Expected value of type [OBJECT] at /States/S/Assign"),
        ({"Type": "Wait"}, "exactly one of [Seconds, Timestamp]"),
        ({"Type": "Wait", "Seconds": 1, "Timestamp": "2026-01-01T00:00:00Z"}, "exactly one of"),
        ({"Type": "Wait", "Seconds": -1}, "at least 0 at /States/S/Seconds"),
        ({"Type": "Wait", "Seconds": True}, "type [INTEGER] or a JSONata expression at /States/S/Seconds"),
        ({"Type": "Wait", "Timestamp": "tomorrow"}, "Expected an RFC 3339 timestamp at /States/S/Timestamp"),
        ({"Type": "Choice", "Choices": []}, "Expected a list that isn't empty at /States/S/Choices"),
        ({"Type": "Choice", "Choices": [{"Next": "S"}]}, "required: [Condition] at /States/S/Choices[0]"),
        ({"Type": "Choice", "Choices": [{"Next": "S", "Condition": "yes"}]}, "type [BOOLEAN] or a JSONata"),
        ({"Type": "Task", "Resource": LAMBDA}, "A Task without 'Arguments' is not implemented by localaws"),
        (task(Credentials={}), "Field 'Credentials' is not implemented by localaws at /States/S/Credentials"),
        (task(TimeoutSeconds=0), "whole number from 1 to 99999999 at /States/S/TimeoutSeconds"),
        (task(TimeoutSeconds="60"), "type [INTEGER] or a JSONata expression at /States/S/TimeoutSeconds"),
        (task(TimeoutSeconds=5, HeartbeatSeconds=5), "must be smaller than TimeoutSeconds"),
        (task(Retry=[{}]), "These fields are required: [ErrorEquals] at /States/S/Retry[0]"),
        (task(Retry=[{"ErrorEquals": []}]), "Expected a list of strings that isn't empty"),
        (
            task(Retry=[{"ErrorEquals": ["A"], "BackoffRate": 0.5}]),
            "at least 1.0 at /States/S/Retry[0]/BackoffRate",
        ),
        (task(Retry=[{"ErrorEquals": ["A"], "MaxAttempts": -1}]), "from 0 to 99999999"),
        (task(Retry=[{"ErrorEquals": ["A"], "MaxDelaySeconds": 1}]), "must be greater than IntervalSeconds"),
        (task(Retry=[{"ErrorEquals": ["A"], "JitterStrategy": "SOME"}]), "following: [NONE, FULL]"),
        (task(Retry=[{"ErrorEquals": ["States.ALL", "A"]}]), "'States.ALL' must stand alone"),
        (task(Retry=[{"ErrorEquals": ["States.ALL"]}, {"ErrorEquals": ["A"]}]), "in the last element"),
        (task(Catch=[{"ErrorEquals": ["States.Oops"], "Next": "S"}]), "There is no error 'States.Oops'"),
        (task(Catch=[{"ErrorEquals": ["A"]}]), "These fields are required: [Next] at /States/S/Catch[0]"),
        (task(Output="{% $states.errorOutput %}"), "'$states.errorOutput' is not supported in this field"),
        (task(Arguments="{% $states.result %}"), "'$states.result' is not supported in this field"),
        ({"Type": "Parallel", "Branches": []}, "Expected a list that isn't empty at /States/S/Branches"),
        ({"Type": "Map"}, "These fields are required: [ItemProcessor] at /States/S"),
        (
            {
                "Type": "Map",
                "ItemProcessor": workflow(P=passes()) | {"ProcessorConfig": {"Mode": "DISTRIBUTED"}},
            },
            "mode DISTRIBUTED is not implemented by localaws at /States/S/ItemProcessor/ProcessorConfig/Mode",
        ),
        (
            {"Type": "Map", "ItemProcessor": workflow(P=passes()), "ItemReader": {}},
            "Field 'ItemReader' is not impl",
        ),
        ({"Type": "Fail", "Error": 5}, "type [STRING] or a JSONata expression at /States/S/Error"),
        ({"Type": "Fail", "Output": 5}, "Field 'Output' is not supported"),
    ],
)
def test_a_state_that_is_refused(state: dict[str, Any], expected: str) -> None:
    said = complaints({"QueryLanguage": "JSONata", "StartAt": "S", "States": {"S": {"End": True, **state}}})
    closed = state["Type"] in {"Choice", "Fail"} if "Type" in state else True
    assert any(expected in complaint for complaint in said), said
    assert closed or "Field 'End'" not in " ".join(said)


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (
            passes(Next="Nowhere"),
            "MISSING_TRANSITION_TARGET: Missing 'Next' target: Nowhere at /States/S/Next",
        ),
        (
            {"Type": "Choice", "Choices": [{"Condition": True, "Next": "Nowhere"}], "Default": "Gone"},
            "MISSING_TRANSITION_TARGET: Missing 'Next' target: Nowhere at /States/S/Choices[0]/Next",
        ),
        (
            {"Type": "Choice", "Choices": [{"Condition": True, "Next": "S"}], "Default": "Gone"},
            "MISSING_TRANSITION_TARGET: Missing 'Default' target: Gone at /States/S/Default",
        ),
        (
            task(Catch=[{"ErrorEquals": ["States.ALL"], "Next": "Gone"}]),
            "MISSING_TRANSITION_TARGET: Missing 'Next' target: Gone at /States/S/Catch[0]/Next",
        ),
        (
            {"Type": "Parallel", "Branches": [workflow(B=passes(Next="S"))]},
            "MISSING_TRANSITION_TARGET: Missing 'Next' target: S at /States/S/Branches[0]/States/B/Next",
        ),
        (
            {"Type": "Map", "ItemProcessor": workflow("Gone", P=passes())},
            "MISSING_TRANSITION_TARGET: Missing 'StartAt' target: Gone at /States/S/ItemProcessor/StartAt",
        ),
        (passes(Next="S"), "MISSING_END_STATE: No state ends this workflow. at /States"),
    ],
)
def test_a_way_that_leads_nowhere(state: dict[str, Any], expected: str) -> None:
    assert expected in refused(state)


def test_a_state_that_nothing_leads_to() -> None:
    assert refused(passes(), Lost=passes()) == [
        'MISSING_TRANSITION_TARGET: State "Lost" is not reachable. at /States/Lost'
    ]


def test_a_name_that_two_scopes_use() -> None:
    assert any(
        "State name 'S' is not unique" in text
        for text in refused({"Type": "Parallel", "Branches": [workflow(S=passes())]})
    )


def test_a_variable_of_an_outer_scope_is_not_assigned_inside() -> None:
    inside = workflow(B=task(Catch=[{"ErrorEquals": ["A"], "Next": "B", "Assign": {"x": 1}}]))
    said = refused(passes(Assign={"x": 0}, Next="P"), P={"Type": "Parallel", "Branches": [inside]})
    assert said == [
        "SCHEMA_VALIDATION_FAILED: Variable 'x' is assigned in an outer scope, too "
        "at /States/P/Branches[0]/States/B/Catch[0]/Assign/x"
    ]


def test_a_resource_that_nobody_runs_is_named() -> None:
    with pytest.raises(DefinitionError, match="no such thing at /States/S/Resource"):
        parse(machine(S=task()), check_task=lambda *_: [("Resource", "no such thing")])


def test_everything_wrong_is_told_at_once() -> None:
    assert len(refused(passes(Nonsense=1, Output="{% a[ %}"))) == 2


def test_a_whole_machine_is_read_from_text() -> None:
    retry = {
        "ErrorEquals": ["A"],
        "IntervalSeconds": 2,
        "MaxDelaySeconds": 9,
        "JitterStrategy": "FULL",
        "Comment": "why",
    }
    definition = machine(
        "Begin",
        Begin=task(Comment="c", Retry=[retry], TimeoutSeconds="{% $states.input.limit %}", Next="Ask"),
        Ask={
            "Type": "Choice",
            "Choices": [{"Condition": "{% true %}", "Next": "Done", "Comment": "c"}],
            "Default": "Stop",
        },
        Done={"Type": "Succeed", "Output": "{% $states.input %}"},
        Stop={"Type": "Fail", "Error": "E", "Cause": "{% 'because' %}"},
    ) | {"Comment": "whole", "TimeoutSeconds": 60, "Version": "1.0"}
    read = parse(json.dumps(definition))
    assert read.timeout_seconds == 60
    assert set(read.states) == {"Begin", "Ask", "Done", "Stop"}


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda s: (
            st.lists(s)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "Type",
                        "States",
                        "StartAt",
                        "QueryLanguage",
                        "Next",
                        "Choices",
                        "Branches",
                        "Retry",
                        "S",
                    ]
                ),
                s,
            )
        ),
        max_leaves=25,
    )
)
@settings(max_examples=200, deadline=None)
def test_whatever_it_is_given_it_reads_or_complains(value: Any) -> None:
    definition = {"QueryLanguage": "JSONata", "StartAt": "S", "States": {"S": value}}
    with suppress(DefinitionError):
        parse(definition)


@pytest.mark.parametrize("text", ["2026-01-01", "2026-01-01T00:00:00", "now", "2026-13-01T00:00:00Z"])
def test_what_is_no_timestamp(text: str) -> None:
    assert moment(text) is None
