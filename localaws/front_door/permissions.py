"""Which IAM permission a call needs: the action's name and the resource's ARN. Used by the front door's ledger.

Actions that IAM names otherwise than the API, and how a resource's ARN is built from an input, follow AWS's Service
Authorization Reference. An operation without an entry needs its own name on `*`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

Params = dict[str, Any]

PREFIXES = {
    "sagemaker-runtime": "sagemaker",
    "stepfunctions": "states",
    "apigatewayv2": "apigateway",
    "sesv2": "ses",
    "resourcegroupstaggingapi": "tag",
}

ACTIONS = {
    ("lambda", "Invoke"): "InvokeFunction",
    ("s3", "HeadObject"): "GetObject",
    ("s3", "ListObjects"): "ListBucket",
    ("s3", "ListObjectsV2"): "ListBucket",
    ("s3", "HeadBucket"): "ListBucket",
    ("s3", "ListObjectVersions"): "ListBucketVersions",
    ("s3", "ListBuckets"): "ListAllMyBuckets",
    ("s3", "CopyObject"): "PutObject",
    ("s3", "CreateMultipartUpload"): "PutObject",
    ("s3", "UploadPart"): "PutObject",
    ("s3", "CompleteMultipartUpload"): "PutObject",
    ("s3", "DeleteObjects"): "DeleteObject",
    ("s3", "PutBucketNotificationConfiguration"): "PutBucketNotification",
    ("s3", "GetBucketNotificationConfiguration"): "GetBucketNotification",
    ("s3", "PutBucketLifecycleConfiguration"): "PutLifecycleConfiguration",
    ("s3", "GetBucketLifecycleConfiguration"): "GetLifecycleConfiguration",
    ("s3", "PutBucketEncryption"): "PutEncryptionConfiguration",
    ("s3", "GetBucketEncryption"): "GetEncryptionConfiguration",
    ("s3", "PutPublicAccessBlock"): "PutBucketPublicAccessBlock",
    ("s3", "GetPublicAccessBlock"): "GetBucketPublicAccessBlock",
}

# (service, input member) → how the resource part of the ARN is written
RESOURCES: dict[str, list[tuple[str, str]]] = {
    "sagemaker": [
        ("TrainingJobName", "training-job/{}"),
        ("ProcessingJobName", "processing-job/{}"),
        ("EndpointName", "endpoint/{}"),
        ("EndpointConfigName", "endpoint-config/{}"),
        ("ModelName", "model/{}"),
        ("ModelPackageArn", "{}"),
        ("ModelPackageName", "model-package/{}"),
        ("ModelPackageGroupName", "model-package-group/{}"),
        ("ResourceArn", "{}"),
    ],
    "lambda": [("FunctionName", "function:{}"), ("LayerName", "layer:{}"), ("Resource", "{}")],
    "stepfunctions": [
        ("executionArn", "{}"),
        ("stateMachineArn", "{}"),
        ("activityArn", "{}"),
        ("name", "stateMachine:{}"),
        ("resourceArn", "{}"),
    ],
    "codedeploy": [
        ("deploymentGroupName", "deploymentgroup:{applicationName}/{}"),
        ("deploymentConfigName", "deploymentconfig:{}"),
        ("applicationName", "application:{}"),
    ],
    "application-autoscaling": [("ResourceId", "scalable-target/*")],
    "sns": [("TopicArn", "{}"), ("TargetArn", "{}"), ("Name", "{}"), ("ResourceArn", "{}")],
    "sesv2": [("FromEmailAddress", "identity/{}")],
    "ses": [("Source", "identity/{}")],
    "dynamodb": [("TableName", "table/{}"), ("ResourceArn", "{}")],
    "events": [("Rule", "rule/{}"), ("EventBusName", "event-bus/{}"), ("Name", "rule/{}")],
    "scheduler": [("Name", "schedule/{GroupName}/{}"), ("GroupName", "schedule-group/{}")],
    "logs": [("logGroupName", "log-group:{}"), ("logGroupIdentifier", "log-group:{}")],
    "kms": [("KeyId", "key/{}")],
    "ssm": [("Name", "parameter/{}")],
    "iam": [("RoleName", "role/{}"), ("PolicyArn", "{}")],
    "sts": [("RoleArn", "{}")],
    "cloudwatch": [("AlarmName", "alarm:{}"), ("DashboardName", "dashboard/{}")],
    "cloudformation": [("StackName", "stack/{}/*"), ("ChangeSetName", "changeSet/{}")],
    "apigatewayv2": [("ApiId", "/apis/{}")],
}
RESOURCES["sagemaker-runtime"] = RESOURCES["sagemaker"]

PROVED_TO_SCALING = (
    "sagemaker:DescribeEndpoint",
    "sagemaker:DescribeEndpointConfig",
    "sagemaker:UpdateEndpointWeightsAndCapacities",
    "cloudwatch:DescribeAlarms",
    "cloudwatch:PutMetricAlarm",
    "cloudwatch:DeleteAlarms",
)
"""What Application Auto Scaling tries as its caller, on names of its own, before it scales an endpoint:
https://docs.aws.amazon.com/autoscaling/application/userguide/security_iam_permission_validation.html"""

ROLE_MEMBERS = ("RoleArn", "roleArn", "Role", "ExecutionRoleArn", "serviceRoleArn")


def needed(
    service: str, operation: str, params: Params, account: str, region: str, resource: str | None = None
) -> Iterator[tuple[str, str]]:
    """Each (action, resource) that IAM would check for one call.

    `resource` is what the service itself says it is about, where the input alone doesn't tell.
    """
    prefix = PREFIXES.get(service, service)
    special = SPECIAL.get((service, operation))
    if special is not None:
        yield from special(params, account, region)
    else:
        action = ACTIONS.get((service, operation), operation)
        yield f"{prefix}:{action}", resource or _resource(service, prefix, params, account, region)
    if operation.startswith(("Create", "Update", "Register", "Put")):
        for role in _passed_roles(params):
            yield "iam:PassRole", role
    if (service, operation) == ("codedeploy", "CreateDeployment"):
        yield from _beside_a_deployment(params, account, region)
    if operation in ("RegisterScalableTarget", "PutScalingPolicy") and params.get("ServiceNamespace") == "sagemaker":
        yield from ((action, "*") for action in PROVED_TO_SCALING)
    if operation == "RegisterScalableTarget" and params.get("Tags"):
        yield f"{prefix}:TagResource", _resource(service, prefix, params, account, region)
    if operation.startswith("Create") and params.get("Tags") and service == "sagemaker":
        yield "sagemaker:AddTags", _resource(service, prefix, params, account, region)


def needed_to_hear_of(status: int, service: str, operation: str, params: Params) -> Iterator[tuple[str, str]]:
    """Each (action, resource) without which S3 would have told "forbidden" instead of "missing"."""
    if status == 404 and (service, operation) in (("s3", "GetObject"), ("s3", "HeadObject")):
        yield "s3:ListBucket", _s3_arn(params.get("Bucket"), None)


def _passed_roles(params: Params) -> Iterator[str]:
    places = [params, *(value for value in params.values() if isinstance(value, dict))]
    for place in places:
        for member in ROLE_MEMBERS:
            value = place.get(member)
            if isinstance(value, str) and ":role/" in value:
                yield value


def _resource(service: str, prefix: str, params: Params, account: str, region: str) -> str:
    if service == "s3":
        return _s3_arn(params.get("Bucket"), params.get("Key"))
    for member, template in RESOURCES.get(service, []):
        value = params.get(member)
        if not isinstance(value, str) or not value:
            continue
        if value.startswith("arn:"):
            qualifier = params.get("Qualifier")
            return f"{value}:{qualifier}" if service == "lambda" and qualifier else value
        if service == "lambda" and params.get("Qualifier") and member == "FunctionName":
            value = f"{value}:{params['Qualifier']}"
        names = {"GroupName": "default", **{k: v for k, v in params.items() if isinstance(v, str)}}
        part = template.replace("{}", value).format_map(names)
        where = "" if prefix in ("iam",) else region
        return f"arn:aws:{prefix}:{where}:{account}:{part}"
    return "*"


def _s3_arn(bucket: str | None, key: str | None) -> str:
    if not bucket:
        return "*"
    return f"arn:aws:s3:::{bucket}/{key}" if key else f"arn:aws:s3:::{bucket}"


def _get_object(params: Params, _account: str, _region: str) -> Iterator[tuple[str, str]]:
    action = "s3:GetObjectVersion" if params.get("VersionId") else "s3:GetObject"
    yield action, _s3_arn(params.get("Bucket"), params.get("Key"))


def _copy_object(params: Params, _account: str, _region: str) -> Iterator[tuple[str, str]]:
    source, _, version = str(params.get("CopySource", "")).lstrip("/").partition("?versionId=")
    bucket, _, key = source.partition("/")
    yield ("s3:GetObjectVersion" if version else "s3:GetObject"), _s3_arn(bucket, key)
    yield "s3:PutObject", _s3_arn(params.get("Bucket"), params.get("Key"))


def _delete_object(params: Params, _account: str, _region: str) -> Iterator[tuple[str, str]]:
    action = "s3:DeleteObjectVersion" if params.get("VersionId") else "s3:DeleteObject"
    yield action, _s3_arn(params.get("Bucket"), params.get("Key"))


def _delete_objects(params: Params, _account: str, _region: str) -> Iterator[tuple[str, str]]:
    for item in params.get("Delete", {}).get("Objects", []):
        yield from _delete_object({**item, "Bucket": params.get("Bucket")}, _account, _region)


def _transact_write(params: Params, account: str, region: str) -> Iterator[tuple[str, str]]:
    names = {
        "Put": "PutItem",
        "Update": "UpdateItem",
        "Delete": "DeleteItem",
        "ConditionCheck": "ConditionCheckItem",
    }
    for item in params.get("TransactItems", []):
        for kind, body in item.items():
            table = f"arn:aws:dynamodb:{region}:{account}:table/{body['TableName']}"
            yield f"dynamodb:{names[kind]}", table


def _query(params: Params, account: str, region: str) -> Iterator[tuple[str, str]]:
    table = f"arn:aws:dynamodb:{region}:{account}:table/{params['TableName']}"
    index = params.get("IndexName")
    yield "dynamodb:Query", f"{table}/index/{index}" if index else table


def _beside_a_deployment(params: Params, account: str, region: str) -> Iterator[tuple[str, str]]:
    """What AWS's policies for whoever deploys name beside `codedeploy:CreateDeployment`."""

    def named(*members: str) -> str:
        given = {member: params[member] for member in members}
        return _resource("codedeploy", "codedeploy", given, account, region)

    yield "codedeploy:RegisterApplicationRevision", named("applicationName")
    yield "codedeploy:GetApplicationRevision", named("applicationName")
    if "deploymentConfigName" in params:
        yield "codedeploy:GetDeploymentConfig", named("deploymentConfigName")
    if "overrideAlarmConfiguration" in params:
        yield "codedeploy:UpdateDeploymentGroup", named("applicationName", "deploymentGroupName")


def _create_endpoint(params: Params, account: str, region: str) -> Iterator[tuple[str, str]]:
    where = f"arn:aws:sagemaker:{region}:{account}"
    yield "sagemaker:CreateEndpoint", f"{where}:endpoint/{params['EndpointName']}"
    yield "sagemaker:CreateEndpoint", f"{where}:endpoint-config/{params['EndpointConfigName']}"


def _anywhere(action: str) -> Callable[[Params, str, str], Iterator[tuple[str, str]]]:
    """For actions that know no resource, though their input names one."""

    def needed_anywhere(_params: Params, _account: str, _region: str) -> Iterator[tuple[str, str]]:
        yield action, "*"

    return needed_anywhere


def _log_stream(params: Params, account: str, region: str, action: str) -> Iterator[tuple[str, str]]:
    group, stream = params.get("logGroupName", "*"), params.get("logStreamName", "*")
    yield f"logs:{action}", f"arn:aws:logs:{region}:{account}:log-group:{group}:log-stream:{stream}"


def _no_permission(_params: Params, _account: str, _region: str) -> Iterator[tuple[str, str]]:
    yield from ()


def _create_activity(params: Params, account: str, region: str) -> Iterator[tuple[str, str]]:
    yield "states:CreateActivity", f"arn:aws:states:{region}:{account}:activity:{params['name']}"


def _put_metric_alarm(params: Params, account: str, region: str) -> Iterator[tuple[str, str]]:
    alarm = _resource("cloudwatch", "cloudwatch", params, account, region)
    yield "cloudwatch:PutMetricAlarm", alarm
    if params.get("Tags"):
        yield "cloudwatch:TagResource", alarm


def _delete_alarms(params: Params, account: str, region: str) -> Iterator[tuple[str, str]]:
    for name in params.get("AlarmNames", []):
        yield "cloudwatch:DeleteAlarms", f"arn:aws:cloudwatch:{region}:{account}:alarm:{name}"


SPECIAL: dict[tuple[str, str], Callable[[Params, str, str], Iterator[tuple[str, str]]]] = {
    ("s3", "GetObject"): _get_object,
    ("s3", "HeadObject"): _get_object,
    ("s3", "CopyObject"): _copy_object,
    ("s3", "DeleteObject"): _delete_object,
    ("s3", "DeleteObjects"): _delete_objects,
    ("dynamodb", "TransactWriteItems"): _transact_write,
    ("dynamodb", "Query"): _query,
    ("sagemaker", "CreateEndpoint"): _create_endpoint,
    ("cloudwatch", "PutMetricAlarm"): _put_metric_alarm,
    ("cloudwatch", "DeleteAlarms"): _delete_alarms,
    ("application-autoscaling", "DescribeScalableTargets"): _anywhere(
        "application-autoscaling:DescribeScalableTargets"
    ),
    ("application-autoscaling", "DescribeScalingPolicies"): _anywhere(
        "application-autoscaling:DescribeScalingPolicies"
    ),
    ("codedeploy", "StopDeployment"): _anywhere("codedeploy:StopDeployment"),
    ("codedeploy", "ListDeploymentTargets"): _anywhere("codedeploy:ListDeploymentTargets"),
    ("codedeploy", "GetDeploymentTarget"): _anywhere("codedeploy:GetDeploymentTarget"),
    ("stepfunctions", "CreateActivity"): _create_activity,
    ("sts", "GetCallerIdentity"): _no_permission,
    ("logs", "CreateLogStream"): partial(_log_stream, action="CreateLogStream"),
    ("logs", "PutLogEvents"): partial(_log_stream, action="PutLogEvents"),
}
