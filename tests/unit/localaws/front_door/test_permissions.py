"""The permission that IAM would check for a call: AWS's spelling of the action, the resource's ARN, passed roles."""

from __future__ import annotations

from typing import Any

import pytest

from localaws.front_door.permissions import PROVED_TO_SCALING, needed

HERE = ("123456789012", "us-east-1")
ACTIVITY = "arn:aws:states:us-east-1:123456789012:activity:a"
ROLE = "arn:aws:iam::123456789012:role/Job"


@pytest.mark.parametrize(
    ("service", "operation", "params", "expected"),
    [
        ("s3", "HeadObject", {"Bucket": "b", "Key": "k"}, {("s3:GetObject", "arn:aws:s3:::b/k")}),
        (
            "s3",
            "GetObject",
            {"Bucket": "b", "Key": "k", "VersionId": "1"},
            {("s3:GetObjectVersion", "arn:aws:s3:::b/k")},
        ),
        ("stepfunctions", "CreateActivity", {"name": "a"}, {("states:CreateActivity", ACTIVITY)}),
        ("stepfunctions", "DescribeActivity", {"activityArn": ACTIVITY}, {("states:DescribeActivity", ACTIVITY)}),
        ("stepfunctions", "DeleteActivity", {"activityArn": ACTIVITY}, {("states:DeleteActivity", ACTIVITY)}),
        (
            "stepfunctions",
            "GetActivityTask",
            {"activityArn": ACTIVITY, "workerName": "w"},
            {("states:GetActivityTask", ACTIVITY)},
        ),
        ("stepfunctions", "ListActivities", {}, {("states:ListActivities", "*")}),
        ("stepfunctions", "SendTaskSuccess", {"taskToken": "t", "output": "1"}, {("states:SendTaskSuccess", "*")}),
        ("s3", "ListObjectsV2", {"Bucket": "b"}, {("s3:ListBucket", "arn:aws:s3:::b")}),
        (
            "s3",
            "CopyObject",
            {"Bucket": "b", "Key": "k", "CopySource": "a/x"},
            {("s3:GetObject", "arn:aws:s3:::a/x"), ("s3:PutObject", "arn:aws:s3:::b/k")},
        ),
        (
            "lambda",
            "Invoke",
            {"FunctionName": "f", "Qualifier": "live"},
            {("lambda:InvokeFunction", "arn:aws:lambda:us-east-1:123456789012:function:f:live")},
        ),
        (
            "cloudwatch",
            "PutMetricAlarm",
            {"AlarmName": "a", "Tags": [{"Key": "k", "Value": "v"}]},
            {
                ("cloudwatch:PutMetricAlarm", "arn:aws:cloudwatch:us-east-1:123456789012:alarm:a"),
                ("cloudwatch:TagResource", "arn:aws:cloudwatch:us-east-1:123456789012:alarm:a"),
            },
        ),
        (
            "cloudwatch",
            "DeleteAlarms",
            {"AlarmNames": ["a", "b"]},
            {
                ("cloudwatch:DeleteAlarms", "arn:aws:cloudwatch:us-east-1:123456789012:alarm:a"),
                ("cloudwatch:DeleteAlarms", "arn:aws:cloudwatch:us-east-1:123456789012:alarm:b"),
            },
        ),
        (
            "sagemaker",
            "CreateTrainingJob",
            {"TrainingJobName": "j", "RoleArn": ROLE, "Tags": [{"Key": "a", "Value": "b"}]},
            {
                ("sagemaker:CreateTrainingJob", "arn:aws:sagemaker:us-east-1:123456789012:training-job/j"),
                ("iam:PassRole", ROLE),
                ("sagemaker:AddTags", "arn:aws:sagemaker:us-east-1:123456789012:training-job/j"),
            },
        ),
        (
            "sagemaker",
            "CreateEndpoint",
            {"EndpointName": "e", "EndpointConfigName": "c"},
            {
                ("sagemaker:CreateEndpoint", "arn:aws:sagemaker:us-east-1:123456789012:endpoint/e"),
                ("sagemaker:CreateEndpoint", "arn:aws:sagemaker:us-east-1:123456789012:endpoint-config/c"),
            },
        ),
        (
            "dynamodb",
            "TransactWriteItems",
            {"TransactItems": [{"Put": {"TableName": "t"}}, {"ConditionCheck": {"TableName": "t"}}]},
            {
                ("dynamodb:PutItem", "arn:aws:dynamodb:us-east-1:123456789012:table/t"),
                ("dynamodb:ConditionCheckItem", "arn:aws:dynamodb:us-east-1:123456789012:table/t"),
            },
        ),
        (
            "scheduler",
            "CreateSchedule",
            {"Name": "s", "GroupName": "g", "Target": {"RoleArn": ROLE}},
            {
                ("scheduler:CreateSchedule", "arn:aws:scheduler:us-east-1:123456789012:schedule/g/s"),
                ("iam:PassRole", ROLE),
            },
        ),
        (
            "application-autoscaling",
            "DescribeScalingPolicies",
            {"ResourceId": "endpoint/e/variant/v"},
            {("application-autoscaling:DescribeScalingPolicies", "*")},
        ),
        (
            "codedeploy",
            "CreateDeployment",
            {
                "applicationName": "a",
                "deploymentGroupName": "g",
                "deploymentConfigName": "c",
                "overrideAlarmConfiguration": {"enabled": False},
            },
            {
                ("codedeploy:CreateDeployment", "arn:aws:codedeploy:us-east-1:123456789012:deploymentgroup:a/g"),
                ("codedeploy:RegisterApplicationRevision", "arn:aws:codedeploy:us-east-1:123456789012:application:a"),
                ("codedeploy:GetApplicationRevision", "arn:aws:codedeploy:us-east-1:123456789012:application:a"),
                ("codedeploy:GetDeploymentConfig", "arn:aws:codedeploy:us-east-1:123456789012:deploymentconfig:c"),
                ("codedeploy:UpdateDeploymentGroup", "arn:aws:codedeploy:us-east-1:123456789012:deploymentgroup:a/g"),
            },
        ),
        ("codedeploy", "StopDeployment", {"deploymentId": "d"}, {("codedeploy:StopDeployment", "*")}),
        (
            "application-autoscaling",
            "PutScalingPolicy",
            {"ServiceNamespace": "sagemaker", "ResourceId": "endpoint/e/variant/v"},
            {
                (
                    "application-autoscaling:PutScalingPolicy",
                    "arn:aws:application-autoscaling:us-east-1:123456789012:scalable-target/*",
                ),
                *((action, "*") for action in PROVED_TO_SCALING),
            },
        ),
        ("sts", "GetCallerIdentity", {}, set()),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_call_needs_what_iam_would_check(
    service: str, operation: str, params: dict[str, Any], expected: set[tuple[str, str]]
) -> None:
    assert set(needed(service, operation, params, *HERE)) == expected


def test_what_the_service_says_it_is_about_counts() -> None:
    group = "arn:aws:codedeploy:us-east-1:123456789012:deploymentgroup:a/g"
    assert list(needed("codedeploy", "GetDeployment", {"deploymentId": "d-1"}, *HERE, group)) == [
        ("codedeploy:GetDeployment", group)
    ]
