"""The resource types that a template may hold: classes in the modules here, all of them in the list below."""

from __future__ import annotations

from localaws.cloudformation.handler import ResourceType
from localaws.cloudformation.resources import (
    cloudwatch,
    codedeploy,
    dynamodb,
    events,
    http_api,
    iam,
    kms,
    lambda_,
    others,
    s3,
    scheduler,
    sns,
    stepfunctions,
)

_KINDS: tuple[type[ResourceType], ...] = (
    lambda_.Function,
    lambda_.Version,
    lambda_.Alias,
    lambda_.Permission,
    lambda_.LayerVersion,
    lambda_.EventInvokeConfig,
    iam.Role,
    iam.Policy,
    iam.ManagedPolicy,
    s3.Bucket,
    s3.BucketPolicy,
    dynamodb.DynamoDbTable,
    sns.Topic,
    sns.Subscription,
    sns.TopicPolicy,
    kms.Key,
    kms.Alias,
    stepfunctions.StateMachine,
    stepfunctions.Activity,
    http_api.Api,
    http_api.Stage,
    codedeploy.Application,
    codedeploy.DeploymentGroup,
    codedeploy.DeploymentConfig,
    cloudwatch.Alarm,
    cloudwatch.CompositeAlarm,
    cloudwatch.Dashboard,
    events.Rule,
    scheduler.Schedule,
    scheduler.ScheduleGroup,
    others.LogGroup,
    others.ModelPackageGroup,
    others.SsmParameter,
    others.WaitConditionHandle,
)

TYPES: dict[str, ResourceType] = {kind.type: kind() for kind in _KINDS}
