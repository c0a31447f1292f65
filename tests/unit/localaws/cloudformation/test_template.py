"""Templates: short forms, dates, doubled keys, and what is refused by name."""

from __future__ import annotations

from typing import Any

import pytest

from localaws.cloudformation.template import check, parse, transforms
from localaws.errors import AwsError

TOPIC = {"Type": "AWS::SNS::Topic"}


def test_short_forms_become_long_ones() -> None:
    body = parse(
        """
        AWSTemplateFormatVersion: 2010-09-09
        Conditions: {C: !Equals [!Ref A, b], D: !Not [!Condition C]}
        Resources:
          X:
            Type: T
            Properties:
              a: !GetAtt B.Arn
              b: !GetAtt [B, Arn]
              c: !Sub "${B}-x"
              d: !Join ["", [!Ref B, !If [C, 1, !Ref AWS::NoValue]]]
              e: !Sub
                - "${v}"
                - v: !Select [0, !Split [",", "a,b"]]
        """
    )
    assert body["AWSTemplateFormatVersion"] == "2010-09-09"
    assert body["Conditions"] == {
        "C": {"Fn::Equals": [{"Ref": "A"}, "b"]},
        "D": {"Fn::Not": [{"Condition": "C"}]},
    }
    assert body["Resources"]["X"]["Properties"] == {
        "a": {"Fn::GetAtt": ["B", "Arn"]},
        "b": {"Fn::GetAtt": ["B", "Arn"]},
        "c": {"Fn::Sub": "${B}-x"},
        "d": {"Fn::Join": ["", [{"Ref": "B"}, {"Fn::If": ["C", 1, {"Ref": "AWS::NoValue"}]}]]},
        "e": {"Fn::Sub": ["${v}", {"v": {"Fn::Select": [0, {"Fn::Split": [",", "a,b"]}]}}]},
    }


def test_json_is_read_as_json() -> None:
    assert parse('{"Resources": {"A": {"Type": "T"}}}') == {"Resources": {"A": {"Type": "T"}}}


@pytest.mark.parametrize("text", ["- a\n- b", "just words", "{not json", "a: [1", "a: 1\na: 2"])
def test_what_is_no_template(text: str) -> None:
    with pytest.raises(AwsError, match="Template format error") as failed:
        parse(text)
    assert failed.value.code == "ValidationError"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"Rules": {}}, "Rules"),
        ({"Hooks": {}}, "Hooks"),
        ({"Resources": {}}, "At least one Resources member"),
        ({"Resources": {"a-b": TOPIC}}, "non alphanumeric"),
        ({"Resources": {"A": {}}}, "must have a Type"),
        ({"Resources": {"A": {**TOPIC, "CreationPolicy": {}}}}, "CreationPolicy"),
        ({"Resources": {"A": {**TOPIC, "DeletionPolicy": "Snapshot"}}}, "Snapshot"),
        ({"Resources": {"A": {**TOPIC, "UpdateReplacePolicy": "Snapshot"}}}, "Snapshot"),
        (
            {"Resources": {"A": {**TOPIC, "UpdatePolicy": {"CodeDeployLambdaAliasUpdate": {}}}}},
            "never moves an alias",
        ),
        ({"Outputs": {"O": {"Value": 1, "Export": {"Name": "x"}}}}, "Export"),
        ({"Outputs": {"O": {}}}, "no Value"),
        ({"Resources": {f"R{number}": TOPIC for number in range(501)}}, "greater than 500"),
    ],
)
def test_what_would_be_ignored_is_refused(change: dict[str, Any], words: str) -> None:
    with pytest.raises(AwsError, match=words):
        check({"Resources": {"A": TOPIC}, **change})


def test_metadata_and_policies_are_known() -> None:
    check({"Resources": {"A": {**TOPIC, "Metadata": {}, "DeletionPolicy": "Retain", "DependsOn": []}}})


def test_only_the_serverless_transform_is_known() -> None:
    assert transforms({"Transform": "AWS::Serverless-2016-10-31"}) == ["AWS::Serverless-2016-10-31"]
    assert transforms({}) == []
    with pytest.raises(AwsError, match="AWS::LanguageExtensions"):
        transforms({"Transform": ["AWS::LanguageExtensions", "AWS::Serverless-2016-10-31"]})
