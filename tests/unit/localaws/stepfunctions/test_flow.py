"""Which way a machine takes, and what its states hand on: data, variables, choices and waits."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest

from localaws.stepfunctions.testing import Outcome, TaskError, run
from tests.unit.localaws.stepfunctions.machines import machine, passes, task

STATES = "An error occurred while executing the state"


def output_of(state: dict[str, Any], value: Any = None, **tasks: Any) -> Any:
    return ended(state, value, **tasks).output


def ended(state: dict[str, Any], value: Any = None, **tasks: Any) -> Outcome:
    return run(machine(S=state), value, tasks)


class TestData:
    def test_a_state_hands_its_input_on(self) -> None:
        assert output_of(passes(), {"a": 1}) == {"a": 1}

    @pytest.mark.parametrize("value", [{}, [], None, 0, 0.1, True, "", " {% not.jsonata %} ", {"a.$": "$.b"}])
    def test_literals_stay_as_they_are(self, value: Any) -> None:
        assert output_of(passes(Output=value)) == value

    def test_expressions_anywhere_in_an_output(self) -> None:
        state = passes(Output={"a": ["{% $states.input.n + 1 %}", {"b": "{% $states.input %}"}], "c": "{% null %}"})
        assert output_of(state, {"n": 1}) == {"a": [2, {"b": {"n": 1}}], "c": None}

    def test_the_context_object(self) -> None:
        context = output_of(passes(Output="{% $states.context %}"), {"x": 1})
        assert context["State"] == {"Name": "S", "EnteredTime": "2026-01-01T00:00:00.000Z"}
        assert context["Execution"]["Input"] == {"x": 1}
        assert context["StateMachine"]["Name"] == "machine"

    def test_a_task_gets_arguments_and_its_result_is_its_output(self) -> None:
        outcome = ended(task(Arguments={"p": "{% $states.input.q %}"}), {"q": [1]}, S={"answer": 42})
        assert outcome.requests == {"S": [{"p": [1]}]}
        assert outcome.output == {"answer": 42}

    def test_a_task_may_shape_its_output(self) -> None:
        state = task(Output={"was": "{% $states.input %}", "is": "{% $states.result.v %}"})
        assert output_of(state, 1, S={"v": 2}) == {"was": 1, "is": 2}

    def test_nothing_is_an_error_that_names_the_field(self) -> None:
        outcome = ended(passes(Output={"a": [0, "{% $states.input.absent %}"]}), {})
        assert outcome.error == "States.QueryEvaluationError"
        assert outcome.cause == (
            f"{STATES} 'S' (entered at the event id #2). The JSONata expression '$states.input.absent' "
            "specified for the field 'Output/a[1]' returned nothing (undefined)."
        )
        failed = next(event for event in outcome.events if event["type"] == "EvaluationFailed")
        assert failed["evaluationFailedEventDetails"]["location"] == "Output/a[1]"
        assert failed["evaluationFailedEventDetails"]["state"] == "S"

    def test_an_expression_that_fails_says_why(self) -> None:
        outcome = ended(passes(Output="{% 'a' + 1 %}"))
        assert outcome.error == "States.QueryEvaluationError"
        assert "'Output' threw an error during evaluation. T2001: The left side" in str(outcome.cause)

    def test_too_much_data_ends_the_execution(self) -> None:
        outcome = ended(passes(Output="{% $join($map([1..300], function($i) { $pad('', 1000, 'x') })) %}"))
        assert outcome.error == "States.DataLimitExceeded"

    def test_a_limit_is_counted_in_bytes(self) -> None:
        assert ended(passes(Output="x" * (256 * 1024 - 2))).status == "SUCCEEDED"
        assert ended(passes(Output="ü" * (128 * 1024))).error == "States.DataLimitExceeded"


class TestVariables:
    def test_a_variable_lives_on(self) -> None:
        outcome = run(
            machine(A=passes(Assign={"n": "{% $states.input * 2 %}"}, Next="B"), B=passes(Output="{% $n + 1 %}")),
            5,
        )
        assert outcome.output == 11

    def test_a_state_sees_the_values_of_before(self) -> None:
        swap = passes(Assign={"a": "{% $b %}", "b": "{% $a %}"}, Output="{% [$a, $b] %}", Next="C")
        outcome = run(
            machine(
                A=passes(Assign={"a": 1, "b": 2}, Next="B"),
                B=swap,
                C=passes(Output={"now": "{% [$a, $b] %}", "then": "{% $states.input %}"}),
            )
        )
        assert outcome.output == {"now": [2, 1], "then": [1, 2]}

    def test_a_text_with_quotes_and_newlines(self) -> None:
        text = "he said \"no\"\n'why' \\ {% 1 %}"
        outcome = run(
            machine(A=passes(Assign={"t": "{% $states.input %}"}, Next="B"), B=passes(Output={"t": "{% $t %}"})),
            text,
        )
        assert outcome.output == {"t": text}

    def test_null_is_a_value(self) -> None:
        outcome = run(machine(A=passes(Assign={"n": None}, Next="B"), B=passes(Output="{% $type($n) %}")))
        assert outcome.output == "null"

    def test_a_task_assigns_from_its_result(self) -> None:
        states = machine(
            T=task(Assign={"id": "{% $states.result.Id %}"}, Output={}, Next="P"),
            P=passes(Output="{% $id %}"),
        )
        assert run(states, {}, {"T": {"Id": "x"}}).output == "x"

    def test_they_are_told_in_the_history(self) -> None:
        outcome = ended(passes(Assign={"n": "{% 'x' %}"}))
        exited = next(e for e in outcome.events if e["type"] == "PassStateExited")["stateExitedEventDetails"]
        assert exited["assignedVariables"] == {"n": '"x"'}

    def test_what_fails_assigns_nothing(self) -> None:
        failing = task(
            Assign={"a": "new"},
            Catch=[{"ErrorEquals": ["States.ALL"], "Next": "P", "Assign": {"b": "{% $a %}"}}],
            Next="P",
        )
        states = machine(A=passes(Assign={"a": "old"}, Next="T"), T=failing, P=passes(Output="{% [$a, $b] %}"))
        assert run(states, {}, {"T": TaskError("Boom")}).output == ["old", "old"]


class TestChoice:
    STATE: ClassVar[dict[str, Any]] = {
        "Type": "Choice",
        "Choices": [
            {
                "Condition": "{% $states.input > 10 %}",
                "Next": "Big",
                "Assign": {"how": "big"},
                "Output": "{% $states.input - 10 %}",
            },
            {"Condition": "{% $states.input > 5 %}", "Next": "Small"},
        ],
        "Default": "Small",
        "Assign": {"how": "default"},
        "Output": 0,
    }
    MACHINE: ClassVar[dict[str, Any]] = machine(
        S=STATE, Big=passes(Output="{% [$how, $states.input] %}"), Small=passes()
    )

    def test_the_first_rule_that_holds_wins_with_its_own_output_and_variables(self) -> None:
        outcome = run(self.MACHINE, 12)
        assert outcome.path == ["S", "Big"]
        assert outcome.output == ["big", 2]

    def test_a_rule_without_output_hands_the_input_on(self) -> None:
        assert run(self.MACHINE, 7).output == 7

    def test_the_state_speaks_for_the_default(self) -> None:
        assert run(self.MACHINE, 1).output == 0

    def test_no_rule_and_no_default(self) -> None:
        state = {"Type": "Choice", "Choices": [{"Condition": "{% false %}", "Next": "P"}]}
        assert run(machine(S=state, P=passes())).error == "States.Runtime"

    def test_a_condition_must_be_true_or_false(self) -> None:
        outcome = run(machine(S={"Type": "Choice", "Choices": [{"Condition": "{% 1 %}", "Next": "P"}]}, P=passes()))
        assert outcome.error == "States.QueryEvaluationError"
        assert "Choices[0]/Condition" in str(outcome.cause)
        assert "Expected 'boolean', but was 'number' for value: 1" in str(outcome.cause)

    def test_later_conditions_are_not_looked_at(self) -> None:
        rules = [{"Condition": True, "Next": "P"}, {"Condition": "{% $error('looked') %}", "Next": "P"}]
        assert run(machine(S={"Type": "Choice", "Choices": rules}, P=passes())).status == "SUCCEEDED"


class TestWait:
    def test_seconds(self) -> None:
        assert ended({"Type": "Wait", "Seconds": "{% $states.input.s %}"}, {"s": 90}).waited == [90]

    def test_until(self) -> None:
        assert ended({"Type": "Wait", "Timestamp": "2026-01-01T01:00:00Z"}).waited == [3600]

    def test_until_a_moment_that_has_passed(self) -> None:
        assert ended({"Type": "Wait", "Timestamp": "{% '2020-01-01T00:00:00Z' %}"}).waited == [0]

    @pytest.mark.parametrize("wait", [{"Seconds": "{% -1 %}"}, {"Timestamp": "{% 'soon' %}"}])
    def test_no_length_of_time(self, wait: dict[str, Any]) -> None:
        assert ended({"Type": "Wait", **wait}).error == "States.Runtime"

    def test_it_has_output_and_variables(self) -> None:
        states = machine(
            W={"Type": "Wait", "Seconds": 1, "Assign": {"x": 1}, "Output": "o", "Next": "P"},
            P=passes(Output="{% [$x, $states.input] %}"),
        )
        assert run(states).output == [1, "o"]


class TestEnds:
    def test_succeed_shapes_the_output(self) -> None:
        assert ended({"Type": "Succeed", "Output": {"n": "{% $states.input %}"}}, 3).output == {"n": 3}

    def test_fail(self) -> None:
        outcome = ended({"Type": "Fail", "Error": "Refused", "Cause": "{% 'of ' & $states.input %}"}, "age")
        assert (outcome.status, outcome.error, outcome.cause) == ("FAILED", "Refused", "of age")

    def test_fail_without_reasons(self) -> None:
        outcome = ended({"Type": "Fail"})
        assert (outcome.status, outcome.error, outcome.cause) == ("FAILED", None, None)


class TestMockedTasks:
    def test_a_task_without_an_answer_names_its_state_and_is_never_caught(self) -> None:
        caught = task(Catch=[{"ErrorEquals": ["States.ALL"], "Next": "P"}], Next="P")
        outcome = run(machine(S=caught, P=passes()))
        assert outcome.path == ["S"]
        assert outcome.cause == "no mocked answer is left for the state 'S'"

    def test_an_answer_for_no_state(self) -> None:
        with pytest.raises(ValueError, match="no Task state is called Typo"):
            run(machine(S=task()), {}, {"Typo": {}})

    def test_an_answer_may_look_at_the_task(self) -> None:
        assert run(machine(S=task(Arguments={"a": 1})), {}, {"S": lambda job: job.arguments}).output == {"a": 1}
