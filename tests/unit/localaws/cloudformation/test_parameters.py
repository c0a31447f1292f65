"""Parameters: values, defaults, what came before, and each constraint."""

from __future__ import annotations

from typing import Any

import pytest

from localaws.cloudformation.parameters import resolve
from localaws.errors import AwsError


def given(**values: str) -> list[dict[str, Any]]:
    return [{"ParameterKey": key, "ParameterValue": value} for key, value in values.items()]


def test_given_values_win_over_defaults() -> None:
    declared: dict[str, dict[str, Any]] = {
        "A": {"Type": "String", "Default": "a"},
        "B": {"Type": "Number", "Default": 3},
    }
    found = resolve(declared, given(A="x"), None)
    assert {name: parameter.referenced for name, parameter in found.items()} == {"A": "x", "B": "3"}


def test_lists_are_split_and_stripped() -> None:
    found = resolve({"L": {"Type": "CommaDelimitedList"}}, given(L="a, b,c"), None)
    assert found["L"].referenced == ["a", "b", "c"]
    assert resolve({"L": {"Type": "CommaDelimitedList"}}, given(L=""), None)["L"].referenced == []


def test_previous_values_are_taken_only_from_a_previous_deployment() -> None:
    before = resolve({"A": {"Type": "String"}}, given(A="x"), None)
    again = [{"ParameterKey": "A", "UsePreviousValue": True}]
    assert resolve({"A": {"Type": "String"}}, again, before)["A"].value == "x"
    with pytest.raises(AwsError, match="usePreviousValue"):
        resolve({"A": {"Type": "String"}}, again, None)


def test_missing_and_stray_parameters_are_named() -> None:
    with pytest.raises(AwsError, match=r"Parameters: \[A, B\] must have values"):
        resolve({"A": {"Type": "String"}, "B": {"Type": "String"}}, [], None)
    with pytest.raises(AwsError, match=r"Parameters: \[Z\] do not exist in the template"):
        resolve({}, given(Z="1"), None)


@pytest.mark.parametrize(
    ("body", "value", "words"),
    [
        ({"Type": "String", "AllowedValues": ["a", True]}, "b", "AllowedValues"),
        ({"Type": "String", "AllowedPattern": "[a-z]+"}, "a1", "must match pattern"),
        (
            {"Type": "String", "AllowedPattern": "[a-z]+", "ConstraintDescription": "be lower"},
            "A",
            "be lower",
        ),
        ({"Type": "String", "MinLength": 2}, "a", "at least 2"),
        ({"Type": "String", "MaxLength": "2"}, "abc", "at most 2"),
        ({"Type": "Number", "MinValue": 2}, "1", "not less than 2"),
        ({"Type": "Number", "MaxValue": 2}, "2.5", "not greater than 2"),
        ({"Type": "Number"}, "two", "must be a number"),
        ({"Type": "List<Number>"}, "1,x", "must be a number"),
        ({"Type": "CommaDelimitedList", "AllowedValues": ["a"]}, "a,b", "AllowedValues"),
        ({"Type": "AWS::SSM::Parameter::Value<String>"}, "x", "does not implement the type"),
        ({"Type": "String", "Oddity": 1}, "x", "Oddity"),
    ],
)
def test_constraints(body: dict[str, Any], value: str, words: str) -> None:
    with pytest.raises(AwsError, match=words):
        resolve({"P": body}, given(P=value), None)


@pytest.mark.parametrize(
    ("body", "value"),
    [
        ({"Type": "String", "AllowedValues": ["a", True]}, "true"),
        ({"Type": "Number", "MinValue": 1, "MaxValue": 2}, "1.5"),
        ({"Type": "String", "MinLength": 1, "MaxLength": 3}, "abc"),
    ],
)
def test_values_within_their_constraints(body: dict[str, Any], value: str) -> None:
    assert resolve({"P": body}, given(P=value), None)["P"].value == value


def test_no_echo_is_masked() -> None:
    found = resolve({"P": {"Type": "String", "NoEcho": "true"}}, given(P="secret"), None)
    assert (found["P"].shown, found["P"].referenced) == ("****", "secret")
