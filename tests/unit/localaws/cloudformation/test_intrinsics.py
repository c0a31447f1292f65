"""Intrinsic functions: every form, what they refuse, and what stays unknown until the deployment."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localaws.cloudformation.intrinsics import UNKNOWN, Scope, has_unknown, references
from localaws.errors import AwsError

VALUES = {
    "AWS::Region": "us-east-1",
    "AWS::StackName": "taxi",
    "Stage": "dev",
    "Count": "3",
    "Zones": ["a", "b"],
}
MAPPINGS = {"Sizes": {"dev": {"memory": 128}, "prod": {"memory": 512}}}
CONDITIONS = {
    "IsDev": {"Fn::Equals": [{"Ref": "Stage"}, "dev"]},
    "IsProd": {"Fn::Not": [{"Condition": "IsDev"}]},
    "Both": {"Fn::And": [{"Condition": "IsDev"}, {"Condition": "IsProd"}]},
    "Either": {"Fn::Or": [{"Condition": "IsDev"}, {"Condition": "IsProd"}]},
    "Round": {"Fn::Not": [{"Condition": "Round"}]},
}
SCOPE = Scope(VALUES, MAPPINGS, CONDITIONS).with_resources(
    lambda name: f"{name}-id", lambda name, attribute: f"{name}-{attribute}"
)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"Ref": "Stage"}, "dev"),
        ({"Ref": "Zones"}, ["a", "b"]),
        ({"Ref": "Bucket"}, "Bucket-id"),
        ({"Fn::GetAtt": ["Role", "Arn"]}, "Role-Arn"),
        ({"Fn::GetAtt": "Role.Some.Part"}, "Role-Some.Part"),
        ({"Fn::Sub": "a-${Stage}-${Bucket}-${Role.Arn}"}, "a-dev-Bucket-id-Role-Arn"),
        ({"Fn::Sub": "${!Literal} ${AWS::Region}"}, "${Literal} us-east-1"),
        ({"Fn::Sub": ["${x}/${Stage}", {"x": {"Ref": "Bucket"}}]}, "Bucket-id/dev"),
        ({"Fn::Join": ["-", ["a", {"Ref": "Stage"}, 3, True]]}, "a-dev-3-true"),
        ({"Fn::Join": [",", {"Ref": "Zones"}]}, "a,b"),
        ({"Fn::Select": ["1", {"Ref": "Zones"}]}, "b"),
        ({"Fn::Split": ["/", "a/b"]}, ["a", "b"]),
        ({"Fn::FindInMap": ["Sizes", {"Ref": "Stage"}, "memory"]}, 128),
        ({"Fn::Base64": "hi"}, base64.b64encode(b"hi").decode()),
        ({"Fn::If": ["IsProd", 1, [2, {"Ref": "Count"}]]}, [2, "3"]),
        (
            {"Effect": "Allow", "Resource": [{"Fn::Sub": "${Bucket}/*"}]},
            {"Effect": "Allow", "Resource": ["Bucket-id/*"]},
        ),
        ({"Condition": "an IAM key, not a function"}, {"Condition": "an IAM key, not a function"}),
    ],
)
def test_resolves(value: Any, expected: Any) -> None:
    assert SCOPE.resolve(value) == expected


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"Fn::ImportValue": "x"}, "does not implement the function Fn::ImportValue"),
        ({"Fn::Cidr": []}, "Fn::Cidr"),
        ({"Fn::GetAZs": ""}, "Fn::GetAZs"),
        ({"Fn::Transform": {}}, "Fn::Transform"),
        ({"Fn::ToJsonString": {}}, "Fn::ToJsonString"),
        ({"Fn::Equals": [1, 1]}, "only be used in the Conditions"),
        ({"Fn::Nonsense": 1}, "unknown function Fn::Nonsense"),
        ({"Fn::FindInMap": ["Sizes", "test", "memory"]}, "Sizes::test::memory"),
        ({"Fn::Select": [9, ["a"]]}, "index 9"),
        ({"Fn::Join": ["", [["nested"]]]}, "list of strings"),
        ({"Fn::Sub": "${Zones}"}, "must be a string"),
        ({"Fn::GetAtt": ["OnlyOne"]}, "names a resource and an attribute"),
        ("{{resolve:ssm:/x}}", "dynamic references"),
    ],
)
def test_refuses_by_name(value: Any, words: str) -> None:
    with pytest.raises(AwsError, match=words):
        SCOPE.resolve(value)


@pytest.mark.parametrize(
    ("condition", "holds"), [("IsDev", True), ("IsProd", False), ("Both", False), ("Either", True)]
)
def test_conditions(condition: str, holds: bool) -> None:
    assert SCOPE.holds(condition) is holds


def test_circular_and_unknown_conditions_are_refused() -> None:
    with pytest.raises(AwsError, match="circular"):
        SCOPE.holds("Round")
    with pytest.raises(AwsError, match="Unresolved condition dependency Nowhere"):
        SCOPE.holds("Nowhere")


def test_prune_keeps_the_branch_that_applies_and_drops_no_value() -> None:
    body = {
        "A": {"Fn::If": ["IsDev", {"x": {"Ref": "Bucket"}}, {"Ref": "Never"}]},
        "B": {"Fn::If": ["IsProd", 1, {"Ref": "AWS::NoValue"}]},
        "C": [1, {"Fn::If": ["IsDev", {"Ref": "AWS::NoValue"}, 2]}, 3],
    }
    assert SCOPE.prune(body) == {"A": {"x": {"Ref": "Bucket"}}, "C": [1, 3]}


def test_references_are_found_wherever_they_hide() -> None:
    value = {
        "a": {"Fn::Sub": ["${Own}-${Topic}-${Role.Arn}-${!No}", {"Own": {"Ref": "Bucket"}}]},
        "b": [{"Fn::Join": ["", [{"Fn::GetAtt": ["Key", "Arn"]}]]}],
    }
    assert set(references(value)) == {("Topic", None), ("Role", "Arn"), ("Bucket", None), ("Key", "Arn")}


def test_what_is_not_made_yet_is_unknown_through_every_function() -> None:
    scope = Scope(VALUES, {}, {})
    for value in (
        {"Ref": "New"},
        {"Fn::Sub": "a-${New}"},
        {"Fn::Join": ["", ["a", {"Fn::GetAtt": ["New", "Arn"]}]]},
        {"Fn::Split": ["/", {"Ref": "New"}]},
        {"Fn::Select": [0, {"Fn::Split": ["/", {"Ref": "New"}]}]},
        {"Fn::Base64": {"Ref": "New"}},
    ):
        assert scope.resolve(value) is UNKNOWN
        assert has_unknown({"deep": [scope.resolve(value)]})
    assert not has_unknown(scope.resolve({"deep": [{"Ref": "Stage"}]}))


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text().filter(lambda text: "{{resolve:" not in text),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.text().filter(lambda k: k != "Ref" and not k.startswith("Fn::")), inner)
    ),
)


@given(PLAIN)
def test_a_value_without_functions_stays_as_it_is(value: Any) -> None:
    assert SCOPE.resolve(value) == value
    assert SCOPE.prune(value) == value
    assert list(references(value)) == []


@given(st.lists(st.text(st.characters(blacklist_characters="/")), min_size=1))
def test_split_undoes_join(parts: list[str]) -> None:
    assert SCOPE.resolve({"Fn::Split": ["/", {"Fn::Join": ["/", parts]}]}) == parts


@given(st.text().filter(lambda text: "${" not in text and "{{resolve:" not in text))
def test_sub_leaves_text_without_placeholders_alone(text: str) -> None:
    assert SCOPE.resolve({"Fn::Sub": text}) == text
