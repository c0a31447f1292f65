"""Plans: everything that can be known before the first resource is made is checked here."""

from __future__ import annotations

from typing import Any

import pytest

from localaws.cloudformation import parameters
from localaws.cloudformation.plan import Plan, build
from localaws.errors import AwsError

PSEUDO = {"AWS::Region": "us-east-1", "AWS::AccountId": "123456789012", "AWS::StackName": "s"}


def plan(resources: dict[str, Any], **sections: Any) -> Plan:
    body = {"Resources": resources, **sections}
    values = parameters.resolve(sections.get("Parameters", {}), [], None)
    return build("", body, values, PSEUDO, {})


def bucket(**properties: Any) -> dict[str, Any]:
    return {"Type": "AWS::S3::Bucket", "Properties": properties}


def policy(name: str = "Bucket") -> dict[str, Any]:
    statement = {"Effect": "Deny", "Resource": {"Fn::Sub": f"${{{name}.Arn}}/*"}}
    return {
        "Type": "AWS::S3::BucketPolicy",
        "Properties": {"Bucket": {"Ref": name}, "PolicyDocument": {"Statement": [statement]}},
    }


def test_references_make_dependencies_and_so_does_depends_on() -> None:
    found = plan({"Policy": policy(), "Bucket": bucket(), "Topic": {"Type": "AWS::SNS::Topic", "DependsOn": "Policy"}})
    assert found.dependencies == {
        "Policy": frozenset({"Bucket"}),
        "Bucket": frozenset(),
        "Topic": frozenset({"Policy"}),
    }


def test_a_resource_whose_condition_is_false_is_not_there() -> None:
    found = plan(
        {
            "Bucket": bucket(Tags={"Fn::If": ["No", {"Ref": "Extra"}, {"Ref": "AWS::NoValue"}]}),
            "Extra": {**bucket(), "Condition": "No"},
            "Topic": {"Type": "AWS::SNS::Topic", "DependsOn": ["Extra", "Bucket"]},
        },
        Conditions={"No": {"Fn::Equals": [1, 2]}},
        Outputs={"E": {"Value": {"Ref": "Extra"}, "Condition": "No"}, "B": {"Value": {"Ref": "Bucket"}}},
    )
    assert set(found.resources) == {"Bucket", "Topic"}
    assert found.resources["Bucket"].properties == {}
    assert found.resources["Topic"].depends_on == {"Bucket"}
    assert set(found.outputs) == {"B"}


@pytest.mark.parametrize(
    ("resources", "words"),
    [
        (
            {"Q": {"Type": "AWS::SQS::Queue"}, "R": {"Type": "Custom::X"}},
            r"Q \(AWS::SQS::Queue\), R \(Custom::X\)",
        ),
        (
            {"B": bucket(ReplicationConfiguration={})},
            "the property B.ReplicationConfiguration of AWS::S3::Bucket",
        ),
        ({"B": bucket(VersioningConfiguration={"MfaDelete": 1})}, "B.VersioningConfiguration.MfaDelete"),
        (
            {"B": bucket(LifecycleConfiguration={"Rules": [{"Status": "Enabled", "Transition": {}}]})},
            "B.LifecycleConfiguration.Rules.Transition",
        ),
        ({"P": {"Type": "AWS::S3::BucketPolicy", "Properties": {}}}, "P .* must have the property Bucket"),
        ({"P": policy("Nowhere")}, r"Unresolved resource dependencies \[Nowhere\] in the Resources block"),
        ({"B": {**bucket(), "DependsOn": "Nowhere"}}, r"\[Nowhere\]"),
        (
            {
                "B": bucket(),
                "T": {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": {"Fn::GetAtt": ["B", "Size"]}}},
            },
            "resource B does not support attribute type Size",
        ),
        ({"A": policy("C"), "C": bucket(BucketName={"Ref": "A"})}, r"Circular dependency .* \[A, C\]"),
        (
            {
                "R": {
                    "Type": "AWS::IAM::Role",
                    "Properties": {"AssumeRolePolicyDocument": {}, "ManagedPolicyArns": ["Made"]},
                }
            },
            "no managed policy 'Made'",
        ),
    ],
)
def test_what_is_wrong_is_named_before_anything_is_made(resources: dict[str, Any], words: str) -> None:
    with pytest.raises(AwsError, match=words):
        plan(resources)


def test_a_reference_to_a_resource_that_a_condition_took_away_is_refused() -> None:
    with pytest.raises(AwsError, match=r"\[Bucket\]"):
        plan(
            {"Policy": policy(), "Bucket": {**bucket(), "Condition": "No"}},
            Conditions={"No": {"Fn::Equals": [1, 2]}},
        )


def test_an_output_is_checked_too() -> None:
    with pytest.raises(AwsError, match=r"\[Gone\] in the Outputs block"):
        plan({"Bucket": bucket()}, Outputs={"O": {"Value": {"Ref": "Gone"}}})


def test_capabilities_tell_names_from_none() -> None:
    role = {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": {}}}
    named = {**role, "Properties": {**role["Properties"], "RoleName": "x"}}  # type: ignore[dict-item]
    assert plan({"B": bucket()}).capabilities() == []
    assert plan({"R": role}).capabilities() == ["CAPABILITY_IAM"]
    assert plan({"R": role, "N": named}).capabilities() == ["CAPABILITY_NAMED_IAM"]
