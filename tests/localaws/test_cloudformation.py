"""CloudFormation over the wire, on services that moto serves: create, update, replace, roll back, delete."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from botocore.exceptions import ClientError, WaiterError

from localaws.bucket_policies import BucketPolicies
from localaws.cloudformation.service import CloudFormation
from localaws.storage import Storage
from localaws.sts.service import Sts
from localaws.world import World
from tests.localaws.conftest import WorldOf

TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}],
}
TEMPLATE: dict[str, Any] = {
    "AWSTemplateFormatVersion": "2010-09-09",
    "Description": "A bit of everything that moto serves",
    "Parameters": {
        "Retention": {"Type": "Number", "Default": 30},
        "Secret": {"Type": "String", "Default": "hush", "NoEcho": True},
    },
    "Conditions": {"Long": {"Fn::Equals": [{"Ref": "Retention"}, "365"]}},
    "Resources": {
        "Key": {
            "Type": "AWS::KMS::Key",
            "Properties": {
                "EnableKeyRotation": True,
                "KeyPolicy": {
                    "Version": "2012-10-17",
                    "Statement": [
                        {
                            "Effect": "Allow",
                            "Action": "kms:*",
                            "Resource": "*",
                            "Principal": {"AWS": {"Fn::Sub": "arn:aws:iam::${AWS::AccountId}:root"}},
                        }
                    ],
                },
            },
        },
        "KeyAlias": {
            "Type": "AWS::KMS::Alias",
            "Properties": {
                "AliasName": {"Fn::Sub": "alias/${AWS::StackName}"},
                "TargetKeyId": {"Ref": "Key"},
            },
        },
        "Bucket": {
            "Type": "AWS::S3::Bucket",
            "Properties": {
                "VersioningConfiguration": {"Status": "Enabled"},
                "BucketEncryption": {
                    "ServerSideEncryptionConfiguration": [
                        {
                            "ServerSideEncryptionByDefault": {
                                "SSEAlgorithm": "aws:kms",
                                "KMSMasterKeyID": {"Fn::GetAtt": ["Key", "Arn"]},
                            }
                        }
                    ]
                },
                "PublicAccessBlockConfiguration": {
                    "BlockPublicAcls": True,
                    "BlockPublicPolicy": True,
                    "IgnorePublicAcls": True,
                    "RestrictPublicBuckets": True,
                },
                "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
                "NotificationConfiguration": {"EventBridgeConfiguration": {}},
                "LifecycleConfiguration": {
                    "Rules": [
                        {
                            "Id": "old",
                            "Status": "Enabled",
                            "Prefix": "capture/",
                            "ExpirationInDays": {"Fn::If": ["Long", 3650, 365]},
                        }
                    ]
                },
            },
        },
        "BucketPolicy": {
            "Type": "AWS::S3::BucketPolicy",
            "Properties": {
                "Bucket": {"Ref": "Bucket"},
                "PolicyDocument": {
                    "Version": "2012-10-17",
                    "Statement": [
                        {
                            "Sid": "OnlyEncryptedTransport",
                            "Effect": "Deny",
                            "Principal": "*",
                            "Action": "s3:*",
                            "Resource": [{"Fn::GetAtt": ["Bucket", "Arn"]}, {"Fn::Sub": "${Bucket.Arn}/*"}],
                            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
                        }
                    ],
                },
            },
        },
        "Table": {
            "Type": "AWS::DynamoDB::Table",
            "Properties": {
                "AttributeDefinitions": [
                    {"AttributeName": "pk", "AttributeType": "S"},
                    {"AttributeName": "sk", "AttributeType": "S"},
                ],
                "KeySchema": [
                    {"AttributeName": "pk", "KeyType": "HASH"},
                    {"AttributeName": "sk", "KeyType": "RANGE"},
                ],
                "BillingMode": "PAY_PER_REQUEST",
                "SSESpecification": {"SSEEnabled": True},
                "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True},
                "TimeToLiveSpecification": {"AttributeName": "expiresAt", "Enabled": True},
            },
        },
        "Topic": {
            "Type": "AWS::SNS::Topic",
            "Properties": {
                "KmsMasterKeyId": {"Ref": "Key"},
                "Subscription": [{"Protocol": "email", "Endpoint": "someone@example.com"}],
            },
        },
        "TopicPolicy": {
            "Type": "AWS::SNS::TopicPolicy",
            "Properties": {
                "Topics": [{"Ref": "Topic"}],
                "PolicyDocument": {
                    "Version": "2012-10-17",
                    "Statement": [
                        {
                            "Effect": "Allow",
                            "Principal": {"Service": "cloudwatch.amazonaws.com"},
                            "Action": "sns:Publish",
                            "Resource": {"Ref": "Topic"},
                        }
                    ],
                },
            },
        },
        "Role": {
            "Type": "AWS::IAM::Role",
            "Properties": {
                "AssumeRolePolicyDocument": TRUST,
                "ManagedPolicyArns": ["arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"],
                "Policies": [
                    {
                        "PolicyName": "read",
                        "PolicyDocument": {
                            "Statement": [
                                {
                                    "Effect": "Allow",
                                    "Action": "s3:GetObject",
                                    "Resource": {"Fn::Sub": "${Bucket.Arn}/*"},
                                }
                            ]
                        },
                    }
                ],
            },
        },
        "ManagedPolicy": {
            "Type": "AWS::IAM::ManagedPolicy",
            "Properties": {
                "Roles": [{"Ref": "Role"}],
                "PolicyDocument": {
                    "Statement": [
                        {
                            "Effect": "Allow",
                            "Action": "dynamodb:GetItem",
                            "Resource": {"Fn::GetAtt": ["Table", "Arn"]},
                        }
                    ]
                },
            },
        },
        "Logs": {"Type": "AWS::Logs::LogGroup", "Properties": {"RetentionInDays": {"Ref": "Retention"}}},
        "Parameter": {
            "Type": "AWS::SSM::Parameter",
            "Properties": {"Type": "String", "Value": {"Ref": "Secret"}},
        },
    },
    "Outputs": {
        "BucketName": {"Value": {"Ref": "Bucket"}, "Description": "Where things are"},
        "TableArn": {"Value": {"Fn::GetAtt": ["Table", "Arn"]}},
    },
}
WAIT = {"Delay": 0.1, "MaxAttempts": 300}


class Stacks:
    """CloudFormation as a caller sees it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.api: Any = world.client("cloudformation")

    def deploy(self, template: Mapping[str, Any], name: str = "shop", **options: Any) -> Any:
        """By a change set, as `sam deploy` does; gives the stack back."""
        kind = "UPDATE" if self.exists(name) else "CREATE"
        change = self.api.create_change_set(
            StackName=name,
            ChangeSetName=f"change-{kind}",
            ChangeSetType=kind,
            TemplateBody=json.dumps(template),
            Capabilities=["CAPABILITY_IAM"],
            **options,
        )
        self.api.get_waiter("change_set_create_complete").wait(ChangeSetName=change["Id"], WaiterConfig=WAIT)
        self.api.execute_change_set(ChangeSetName=change["Id"])
        self.api.get_waiter(f"stack_{kind.lower()}_complete").wait(StackName=name, WaiterConfig=WAIT)
        return self.stack(name)

    def exists(self, name: str) -> bool:
        try:
            return bool(self.stack(name)["StackStatus"] != "REVIEW_IN_PROGRESS")
        except ClientError:
            return False

    def stack(self, name: str = "shop") -> Any:
        return self.api.describe_stacks(StackName=name)["Stacks"][0]

    def ids(self, name: str = "shop") -> dict[str, str]:
        found = self.api.describe_stack_resources(StackName=name)["StackResources"]
        return {entry["LogicalResourceId"]: entry["PhysicalResourceId"] for entry in found}

    def delete(self, name: str = "shop", **options: Any) -> None:
        stack_id = self.stack(name)["StackId"]
        self.api.delete_stack(StackName=name, **options)
        self.api.get_waiter("stack_delete_complete").wait(StackName=stack_id, WaiterConfig=WAIT)

    def statuses(self, name: str = "shop") -> list[tuple[str, str]]:
        events = self.api.describe_stack_events(StackName=name)["StackEvents"]
        return [(event["LogicalResourceId"], event["ResourceStatus"]) for event in reversed(events)]


@pytest.fixture
def stacks(world_of: WorldOf) -> Stacks:
    return Stacks(world_of(Sts, Storage, BucketPolicies, CloudFormation))


def topic(**properties: Any) -> dict[str, Any]:
    return {"Type": "AWS::SNS::Topic", "Properties": properties}


def resources(**found: Any) -> dict[str, Any]:
    return {"Resources": found}


def test_a_whole_stack_from_creation_to_deletion(stacks: Stacks) -> None:
    stack = stacks.deploy(TEMPLATE, Tags=[{"Key": "team", "Value": "ml"}])
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    ids = stacks.ids()
    assert outputs["BucketName"] == ids["Bucket"]
    assert ids["Bucket"].startswith("shop-bucket-")
    assert {p["ParameterKey"]: p["ParameterValue"] for p in stack["Parameters"]} == {
        "Retention": "30",
        "Secret": "****",
    }
    client = stacks.world.client
    rules = client("s3").get_bucket_lifecycle_configuration(Bucket=ids["Bucket"])["Rules"]
    assert rules[0]["Expiration"]["Days"] == 365
    encryption = client("s3").get_bucket_encryption(Bucket=ids["Bucket"])
    rule = encryption["ServerSideEncryptionConfiguration"]["Rules"][0]["ApplyServerSideEncryptionByDefault"]
    assert rule["KMSMasterKeyID"].endswith(ids["Key"])
    assert client("s3").get_bucket_tagging(Bucket=ids["Bucket"])["TagSet"] == [{"Key": "team", "Value": "ml"}]
    client("s3").put_object(Bucket=ids["Bucket"], Key="a", Body=b"the policy lets TLS in")
    expiry = client("dynamodb").describe_time_to_live(TableName=ids["Table"])["TimeToLiveDescription"]
    assert expiry == {"TimeToLiveStatus": "ENABLED", "AttributeName": "expiresAt"}
    assert client("kms").get_key_rotation_status(KeyId=ids["Key"])["KeyRotationEnabled"] is True
    role = client("iam").list_attached_role_policies(RoleName=ids["Role"])["AttachedPolicies"]
    assert len(role) == 2
    group = client("logs").describe_log_groups(logGroupNamePrefix=ids["Logs"])["logGroups"][0]
    assert group["retentionInDays"] == 30

    with pytest.raises(WaiterError, match="DELETE_FAILED"):
        stacks.delete()  # the bucket isn't empty
    assert ("Bucket", "DELETE_FAILED") in stacks.statuses()
    for version in client("s3").list_object_versions(Bucket=ids["Bucket"])["Versions"]:
        client("s3").delete_object(Bucket=ids["Bucket"], Key="a", VersionId=version["VersionId"])
    stacks.delete()
    assert ids["Bucket"] not in [bucket["Name"] for bucket in client("s3").list_buckets()["Buckets"]]
    assert client("dynamodb").list_tables()["TableNames"] == []
    assert client("iam").list_roles()["Roles"] == []
    with pytest.raises(ClientError, match="Stack with id shop does not exist"):
        stacks.stack()


def test_an_update_changes_in_place_replaces_adds_and_removes(stacks: Stacks) -> None:
    stacks.deploy(
        resources(
            Renamed=topic(TopicName="one"),
            Shown=topic(DisplayName="a"),
            Gone=topic(),
            Value={
                "Type": "AWS::SSM::Parameter",
                "Properties": {"Type": "String", "Value": {"Ref": "Renamed"}},
            },
        )
    )
    before = stacks.ids()
    after = resources(
        Renamed=topic(TopicName="two"),
        Shown=topic(DisplayName="b"),
        New=topic(),
        Value={"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": {"Ref": "Renamed"}}},
    )
    stack = stacks.deploy(after)
    assert stack["StackStatus"] == "UPDATE_COMPLETE"
    ids = stacks.ids()
    assert set(ids) == {"Renamed", "Shown", "New", "Value"}
    assert ids["Shown"] == before["Shown"]
    client = stacks.world.client
    topics = {entry["TopicArn"] for entry in client("sns").list_topics()["Topics"]}
    assert topics == {ids["Renamed"], ids["Shown"], ids["New"]}
    shown = client("sns").get_topic_attributes(TopicArn=ids["Shown"])["Attributes"]
    assert shown["DisplayName"] == "b"
    assert client("ssm").get_parameter(Name=ids["Value"])["Parameter"]["Value"] == ids["Renamed"]
    tail = stacks.statuses()
    assert tail.index(("Renamed", "DELETE_COMPLETE")) > tail.index(("shop", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"))


def test_a_failed_creation_rolls_back_and_blocks_updates(stacks: Stacks) -> None:
    bad = {"Type": "AWS::SNS::TopicPolicy", "DependsOn": "Good",
           "Properties": {"Topics": ["arn:aws:sns:us-east-1:123456789012:none"], "PolicyDocument": {}}}  # fmt: skip
    with pytest.raises(WaiterError, match="ROLLBACK_COMPLETE"):
        stacks.deploy(resources(Good=topic(), Bad=bad))
    assert stacks.world.client("sns").list_topics()["Topics"] == []
    events = stacks.api.describe_stack_events(StackName="shop")["StackEvents"]
    reasons = [event.get("ResourceStatusReason", "") for event in events]
    assert any("SetTopicAttributes" in reason for reason in reasons)
    with pytest.raises(ClientError, match="ROLLBACK_COMPLETE state and can not be updated"):
        stacks.deploy(resources(Good=topic()))
    stacks.delete()


def test_a_failed_update_restores_what_was(stacks: Stacks) -> None:
    stacks.deploy(resources(Kept=topic(DisplayName="before"), Renamed=topic(TopicName="one")))
    before = stacks.ids()
    bad = {"Type": "AWS::SNS::TopicPolicy", "DependsOn": ["Kept", "Renamed"],
           "Properties": {"Topics": ["arn:aws:sns:us-east-1:123456789012:none"], "PolicyDocument": {}}}  # fmt: skip
    with pytest.raises(WaiterError, match="UPDATE_ROLLBACK_COMPLETE"):
        stacks.deploy(resources(Kept=topic(DisplayName="after"), Renamed=topic(TopicName="two"), Bad=bad))
    assert stacks.ids() == before
    sns = stacks.world.client("sns")
    assert {entry["TopicArn"] for entry in sns.list_topics()["Topics"]} == set(before.values())
    assert sns.get_topic_attributes(TopicArn=before["Kept"])["Attributes"]["DisplayName"] == "before"
    assert (
        "before"
        in stacks.api.get_template(StackName="shop")["TemplateBody"]["Resources"]["Kept"]["Properties"].values()
    )
    stack = stacks.deploy(resources(Kept=topic(DisplayName="again"), Renamed=topic(TopicName="one")))
    assert stack["StackStatus"] == "UPDATE_COMPLETE"


def test_a_change_set_tells_what_it_would_do(stacks: Stacks) -> None:
    stacks.deploy(resources(A=topic(TopicName="one"), B=topic()))
    stacks.api.create_change_set(
        StackName="shop", ChangeSetName="look",
        TemplateBody=json.dumps(resources(A=topic(TopicName="two"), C=topic())),
    )  # fmt: skip
    described = stacks.api.describe_change_set(StackName="shop", ChangeSetName="look")
    found = {
        change["ResourceChange"]["LogicalResourceId"]: (
            change["ResourceChange"]["Action"],
            change["ResourceChange"].get("Replacement"),
        )
        for change in described["Changes"]
    }
    assert found == {"A": ("Modify", "True"), "B": ("Remove", None), "C": ("Add", None)}
    assert (described["Status"], described["ExecutionStatus"]) == ("CREATE_COMPLETE", "AVAILABLE")
    assert [entry["ChangeSetName"] for entry in stacks.api.list_change_sets(StackName="shop")["Summaries"]] == ["look"]
    stacks.api.delete_change_set(StackName="shop", ChangeSetName="look")
    with pytest.raises(ClientError) as failed:
        stacks.api.describe_change_set(StackName="shop", ChangeSetName="look")
    assert failed.value.response["Error"]["Code"] == "ChangeSetNotFound"


def test_a_change_set_without_changes_fails_in_the_words_that_sam_knows(stacks: Stacks) -> None:
    stacks.deploy(resources(A=topic()))
    stacks.api.create_change_set(StackName="shop", ChangeSetName="same", TemplateBody=json.dumps(resources(A=topic())))
    described = stacks.api.describe_change_set(StackName="shop", ChangeSetName="same")
    assert described["Status"] == "FAILED"
    assert "The submitted information didn't contain changes." in described["StatusReason"]
    with pytest.raises(ClientError, match="cannot be executed in its current status"):
        stacks.api.execute_change_set(StackName="shop", ChangeSetName="same")
    with pytest.raises(ClientError, match="No updates are to be performed"):
        stacks.api.update_stack(StackName="shop", UsePreviousTemplate=True)


def test_previous_template_and_values(stacks: Stacks) -> None:
    template = {
        "Parameters": {"Name": {"Type": "String"}, "Shown": {"Type": "String", "Default": "x"}},
        **resources(A=topic(DisplayName={"Fn::Sub": "${Name}-${Shown}"})),
    }
    stacks.api.create_stack(
        StackName="shop",
        TemplateBody=json.dumps(template),
        Parameters=[{"ParameterKey": "Name", "ParameterValue": "a"}],
    )
    stacks.api.get_waiter("stack_create_complete").wait(StackName="shop", WaiterConfig=WAIT)
    stacks.api.update_stack(
        StackName="shop",
        UsePreviousTemplate=True,
        Parameters=[
            {"ParameterKey": "Name", "UsePreviousValue": True},
            {"ParameterKey": "Shown", "ParameterValue": "y"},
        ],
    )
    stacks.api.get_waiter("stack_update_complete").wait(StackName="shop", WaiterConfig=WAIT)
    arn = stacks.ids()["A"]
    shown = stacks.world.client("sns").get_topic_attributes(TopicArn=arn)["Attributes"]["DisplayName"]
    assert shown == "a-y"


def test_capabilities_must_be_acknowledged(stacks: Stacks) -> None:
    role = {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": TRUST}}
    named = {**role, "Properties": {**role["Properties"], "RoleName": "mine"}}  # type: ignore[dict-item]
    serverless = {"Transform": "AWS::Serverless-2016-10-31", **resources(A=topic())}
    for template, given, needed in (
        (resources(R=role), [], "CAPABILITY_IAM"),
        (resources(R=named), ["CAPABILITY_IAM"], "CAPABILITY_NAMED_IAM"),
        (serverless, ["CAPABILITY_IAM"], "CAPABILITY_AUTO_EXPAND"),
    ):
        with pytest.raises(ClientError) as failed:
            stacks.api.create_stack(StackName="shop", TemplateBody=json.dumps(template), Capabilities=given)
        assert failed.value.response["Error"]["Code"] == "InsufficientCapabilitiesException"
        assert needed in failed.value.response["Error"]["Message"]
    assert not stacks.exists("shop")


@pytest.mark.parametrize(
    ("template", "words"),
    [
        (resources(Q={"Type": "AWS::SQS::Queue"}), r"Q \(AWS::SQS::Queue\)"),
        (resources(A=topic(FifoTopic=True)), "A.FifoTopic of AWS::SNS::Topic"),
        ({**resources(A=topic()), "Transform": "AWS::LanguageExtensions"}, "AWS::LanguageExtensions"),
        ({**resources(A=topic()), "Rules": {}}, "Rules"),
    ],
)
def test_what_is_not_implemented_fails_before_anything_is_made(
    stacks: Stacks, template: dict[str, Any], words: str
) -> None:
    with pytest.raises(ClientError, match=words):
        stacks.deploy(template)
    assert not stacks.exists("shop")


def test_a_serverless_template_that_is_wrong_fails_its_change_set(stacks: Stacks) -> None:
    """As on AWS: the transform runs after the call, so the status has to tell."""
    function = {"Type": "AWS::Serverless::Function", "Properties": {"Handler": "a.b", "Oddity": 1}}
    template = {"Transform": "AWS::Serverless-2016-10-31", **resources(F=function)}
    with pytest.raises(WaiterError) as failed:
        stacks.deploy(template)
    assert "Resource with id [F] is invalid" in failed.value.last_response["StatusReason"]
    assert stacks.stack()["StackStatus"] == "REVIEW_IN_PROGRESS"
    stacks.delete()


def test_termination_protection(stacks: Stacks) -> None:
    stacks.deploy(resources(A=topic()))
    stacks.api.update_termination_protection(StackName="shop", EnableTerminationProtection=True)
    with pytest.raises(ClientError, match="TerminationProtection"):
        stacks.api.delete_stack(StackName="shop")
    stacks.api.update_termination_protection(StackName="shop", EnableTerminationProtection=False)
    stacks.delete()


def test_templates_and_summaries(stacks: Stacks) -> None:
    text = (
        "Transform: AWS::Serverless-2016-10-31\n"
        "Parameters: {P: {Type: String, Default: x, AllowedValues: [x, y]}}\n"
        "Resources:\n  A: {Type: AWS::SNS::Topic}\n  T: {Type: AWS::Serverless::SimpleTable}\n"
    )
    valid = stacks.api.validate_template(TemplateBody=text)
    assert valid["DeclaredTransforms"] == ["AWS::Serverless-2016-10-31"]
    summary = stacks.api.get_template_summary(TemplateBody=text)
    assert summary["ResourceTypes"] == ["AWS::SNS::Topic", "AWS::Serverless::SimpleTable"]
    assert summary["Parameters"][0]["ParameterConstraints"] == {"AllowedValues": ["x", "y"]}
    change = stacks.api.create_change_set(
        StackName="shop", ChangeSetName="c", ChangeSetType="CREATE", TemplateBody=text
    )
    stacks.api.execute_change_set(ChangeSetName=change["Id"])
    assert stacks.stack()["StackStatus"] == "CREATE_COMPLETE"
    original = stacks.api.get_template(StackName="shop", TemplateStage="Original")["TemplateBody"]
    assert original == text
    processed = stacks.api.get_template(StackName="shop", TemplateStage="Processed")["TemplateBody"]
    assert processed["Resources"]["T"]["Type"] == "AWS::DynamoDB::Table"


def test_a_template_from_s3(stacks: Stacks) -> None:
    s3 = stacks.world.client("s3")
    s3.create_bucket(Bucket="templates")
    s3.put_object(Bucket="templates", Key="x/my template.json", Body=json.dumps(resources(A=topic())))
    url = f"{stacks.world.endpoint}/templates/x/my%20template.json"
    stacks.api.create_stack(StackName="shop", TemplateURL=url)
    assert stacks.stack()["StackStatus"] == "CREATE_COMPLETE"
    wide = {**resources(A=topic()), "Description": "x" * 51_200}
    with pytest.raises(ClientError, match="51200"):
        stacks.api.create_stack(StackName="other", TemplateBody=json.dumps(wide))
    with pytest.raises(ClientError, match="S3 error"):
        stacks.api.create_stack(StackName="other", TemplateURL=f"{stacks.world.endpoint}/templates/none")


def test_events_are_paged_newest_first(stacks: Stacks) -> None:
    stacks.deploy(resources(**{f"T{number}": topic() for number in range(40)}))
    pages = list(stacks.api.get_paginator("describe_stack_events").paginate(StackName="shop"))
    assert len(pages) == 2
    events = [event for page in pages for event in page["StackEvents"]]
    assert len({event["EventId"] for event in events}) == len(events) == 40 * 3 + 3
    times = [event["Timestamp"] for event in events]
    assert times == sorted(times, reverse=True)
    assert events[0]["ResourceStatus"] == "CREATE_COMPLETE"


def test_a_stack_acts_as_its_role_when_it_is_given_one(stacks: Stacks) -> None:
    role = "arn:aws:iam::123456789012:role/deployer"
    stacks.deploy(resources(A=topic()), RoleARN=role)
    used = {(entry.principal, entry.action) for entry in stacks.world.ledger.used()}
    assert (role, "sns:CreateTopic") in used


def test_what_would_be_ignored_in_a_call_is_refused(stacks: Stacks) -> None:
    body = json.dumps(resources(A=topic()))
    for options in ({"TimeoutInMinutes": 1}, {"StackPolicyBody": "{}"}, {"NotificationARNs": ["arn:x"]}):
        with pytest.raises(ClientError, match="does not implement the parameters"):
            stacks.api.create_stack(StackName="shop", TemplateBody=body, **options)
