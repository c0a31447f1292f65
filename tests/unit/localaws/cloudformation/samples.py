"""A sample of every resource type, and what the services answer. Used by the tests of the handlers."""

from __future__ import annotations

from typing import Any

ARN = "arn:aws:iam::123456789012:role/r"
FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:f"
TOPIC = "arn:aws:sns:us-east-1:123456789012:t"
ACTIVITY = "arn:aws:states:us-east-1:123456789012:activity:a"
MACHINE = "arn:aws:states:us-east-1:123456789012:stateMachine:m"
TAGS = [{"Key": "a", "Value": "1"}]
DOCUMENT = {"Version": "2012-10-17", "Statement": []}
ANSWERS: dict[str, Any] = {
    "GetFunctionConfiguration": {"State": "Active", "LastUpdateStatus": "Successful"},
    "ListVersionsByFunction": {"Versions": [{"Version": "$LATEST"}, {"Version": "1"}]},
    "PublishVersion": {"Version": "2", "FunctionArn": f"{FUNCTION}:2"},
    "CreateAlias": {"AliasArn": f"{FUNCTION}:live"},
    "UpdateAlias": {"AliasArn": f"{FUNCTION}:live"},
    "PublishLayerVersion": {"LayerVersionArn": "arn:aws:lambda:us-east-1:123456789012:layer:l:3"},
    "CreateRole": {"Role": {"Arn": ARN, "RoleId": "AROA"}},
    "GetRole": {"Role": {"Arn": ARN, "RoleId": "AROA"}},
    "CreatePolicy": {"Policy": {"Arn": "arn:aws:iam::123456789012:policy/p"}},
    "ListPolicyVersions": {"Versions": [{"VersionId": "v1", "IsDefaultVersion": False}]},
    "DescribeTable": [{"Table": {"TableStatus": "ACTIVE"}}],
    "CreateTopic": {"TopicArn": TOPIC},
    "Subscribe": {"SubscriptionArn": f"{TOPIC}:1"},
    "ListSubscriptionsByTopic": {
        "Subscriptions": [{"Protocol": "email", "Endpoint": "a@b.c", "SubscriptionArn": f"{TOPIC}:1"}]
    },
    "CreateKey": {"KeyMetadata": {"KeyId": "k-1"}},
    "CreateActivity": {"activityArn": ACTIVITY},
    "CreateStateMachine": {"stateMachineArn": MACHINE},
    "DescribeStateMachine": {"name": "m", "revisionId": "r"},
    "ImportApi": {"ApiId": "api1"},
    "CreateApi": {"ApiId": "api1"},
    "GetApi": {"ApiEndpoint": "http://localhost:1"},
}
RULE_TARGETS = [
    {
        "Id": "t",
        "Arn": MACHINE,
        "RoleArn": ARN,
        "RetryPolicy": {"MaximumRetryAttempts": "3"},
        "InputTransformer": {"InputPathsMap": {"a": "$.a"}, "InputTemplate": "{}"},
    }
]
# type → (properties, the same with something changed in place or None, calls that its creation must make)
SAMPLES: dict[str, tuple[dict[str, Any], dict[str, Any] | None, set[str]]] = {
    "AWS::Lambda::Function": (
        {
            "Code": {"S3Bucket": "code", "S3Key": "k"},
            "Role": ARN,
            "Runtime": "python3.13",
            "Handler": "app.handler",
            "Timeout": "10",
            "MemorySize": 256,
            "Environment": {"Variables": {"N": 1}},
            "Layers": ["l"],
            "Tags": TAGS,
            "TracingConfig": {"Mode": "Active"},
            "LoggingConfig": {"LogFormat": "JSON"},
            "Architectures": ["arm64"],
            "ReservedConcurrentExecutions": "2",
        },
        {"Code": {"S3Bucket": "code", "S3Key": "k2"}, "Role": ARN},
        {"CreateFunction", "PutFunctionConcurrency"},
    ),
    "AWS::Lambda::Version": ({"FunctionName": "f", "Description": "d"}, None, {"PublishVersion"}),
    "AWS::Lambda::Alias": (
        {"FunctionName": "f", "Name": "live", "FunctionVersion": "1"},
        {
            "FunctionName": "f",
            "Name": "live",
            "FunctionVersion": 2,
            "RoutingConfig": {"AdditionalVersionWeights": [{"FunctionVersion": "1", "FunctionWeight": "0.1"}]},
        },
        {"CreateAlias"},
    ),
    "AWS::Lambda::Permission": (
        {
            "FunctionName": f"{FUNCTION}:live",
            "Action": "lambda:InvokeFunction",
            "Principal": "x.amazonaws.com",
            "SourceArn": ARN,
            "SourceAccount": "123456789012",
        },
        None,
        {"AddPermission"},
    ),
    "AWS::Lambda::LayerVersion": (
        {
            "Content": {"S3Bucket": "code", "S3Key": "k"},
            "LayerName": "l",
            "CompatibleRuntimes": ["python3.13"],
        },
        None,
        {"PublishLayerVersion"},
    ),
    "AWS::Lambda::EventInvokeConfig": (
        {
            "FunctionName": "f",
            "Qualifier": "live",
            "MaximumRetryAttempts": "0",
            "DestinationConfig": {"OnFailure": {"Destination": TOPIC}},
        },
        {"FunctionName": "f", "Qualifier": "live"},
        {"PutFunctionEventInvokeConfig"},
    ),
    "AWS::IAM::Role": (
        {
            "AssumeRolePolicyDocument": DOCUMENT,
            "ManagedPolicyArns": ["arn:aws:iam::aws:policy/A"],
            "Tags": TAGS,
            "Policies": [{"PolicyName": "p", "PolicyDocument": DOCUMENT}],
            "MaxSessionDuration": "7200",
            "PermissionsBoundary": "arn:aws:iam::aws:policy/B",
        },
        {"AssumeRolePolicyDocument": {"Statement": [1]}, "ManagedPolicyArns": ["arn:aws:iam::aws:policy/C"]},
        {"CreateRole", "PutRolePolicy", "AttachRolePolicy"},
    ),
    "AWS::IAM::Policy": (
        {"PolicyName": "p", "PolicyDocument": DOCUMENT, "Roles": ["a", "b"]},
        {"PolicyName": "q", "PolicyDocument": DOCUMENT, "Roles": ["a"]},
        {"PutRolePolicy"},
    ),
    "AWS::IAM::ManagedPolicy": (
        {"PolicyDocument": DOCUMENT, "Roles": ["a"], "Description": "d"},
        {"PolicyDocument": {"Statement": []}, "Roles": ["b"], "Description": "d"},
        {"CreatePolicy", "AttachRolePolicy"},
    ),
    "AWS::S3::Bucket": (
        {
            "VersioningConfiguration": {"Status": "Enabled"},
            "Tags": TAGS,
            "BucketEncryption": {
                "ServerSideEncryptionConfiguration": [
                    {
                        "ServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "k"},
                        "BucketKeyEnabled": "true",
                    }
                ]
            },
            "PublicAccessBlockConfiguration": {"BlockPublicAcls": "true"},
            "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
            "LoggingConfiguration": {"DestinationBucketName": "logs", "LogFilePrefix": "p/"},
            "NotificationConfiguration": {"EventBridgeConfiguration": {"EventBridgeEnabled": "true"}},
            "LifecycleConfiguration": {
                "Rules": [
                    {
                        "Id": "x",
                        "Status": "Enabled",
                        "Prefix": "a/",
                        "ExpirationInDays": "30",
                        "NoncurrentVersionExpiration": {"NoncurrentDays": "7"},
                        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
                        "Transitions": [{"StorageClass": "GLACIER", "TransitionInDays": "10"}],
                    }
                ]
            },
        },
        {},
        {
            "CreateBucket",
            "PutBucketVersioning",
            "PutBucketEncryption",
            "PutPublicAccessBlock",
            "PutBucketOwnershipControls",
            "PutBucketLogging",
            "PutBucketNotificationConfiguration",
            "PutBucketLifecycleConfiguration",
            "PutBucketTagging",
        },
    ),
    "AWS::S3::BucketPolicy": (
        {"Bucket": "b", "PolicyDocument": DOCUMENT},
        {"Bucket": "b", "PolicyDocument": {}},
        {"PutBucketPolicy"},
    ),
    "AWS::DynamoDB::Table": (
        {
            "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
            "Tags": TAGS,
            "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
            "BillingMode": "PAY_PER_REQUEST",
            "GlobalSecondaryIndexes": [
                {
                    "IndexName": "by-state",
                    "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
                    "Projection": {"ProjectionType": "ALL"},
                }
            ],
            "SSESpecification": {"SSEEnabled": "true", "SSEType": "KMS"},
            "DeletionProtectionEnabled": "true",
            "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True},
            "TimeToLiveSpecification": {"AttributeName": "expiresAt", "Enabled": "true"},
        },
        {
            "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
            "BillingMode": "PAY_PER_REQUEST",
        },
        {"CreateTable", "UpdateContinuousBackups", "UpdateTimeToLive"},
    ),
    "AWS::SNS::Topic": (
        {
            "KmsMasterKeyId": "k",
            "DisplayName": "d",
            "Tags": TAGS,
            "Subscription": [{"Protocol": "email", "Endpoint": "a@b.c"}],
        },
        {"Subscription": [{"Protocol": "email", "Endpoint": "x@y.z"}]},
        {"CreateTopic", "Subscribe"},
    ),
    "AWS::SNS::Subscription": (
        {"TopicArn": TOPIC, "Protocol": "email", "Endpoint": "a@b.c", "FilterPolicy": {"a": ["b"]}},
        {"TopicArn": TOPIC, "Protocol": "email", "Endpoint": "a@b.c", "RawMessageDelivery": True},
        {"Subscribe"},
    ),
    "AWS::SNS::TopicPolicy": (
        {"Topics": [TOPIC], "PolicyDocument": DOCUMENT},
        {"Topics": [f"{TOPIC}2"], "PolicyDocument": DOCUMENT},
        {"SetTopicAttributes"},
    ),
    "AWS::KMS::Key": (
        {
            "KeyPolicy": DOCUMENT,
            "EnableKeyRotation": "true",
            "Description": "d",
            "Enabled": "false",
            "PendingWindowInDays": "7",
            "Tags": TAGS,
        },
        {"KeyPolicy": {"Statement": []}, "PendingWindowInDays": "7"},
        {"CreateKey", "EnableKeyRotation", "DisableKey"},
    ),
    "AWS::KMS::Alias": (
        {"AliasName": "alias/a", "TargetKeyId": "k"},
        {"AliasName": "alias/a", "TargetKeyId": "k2"},
        {"CreateAlias"},
    ),
    "AWS::StepFunctions::StateMachine": (
        {
            "DefinitionString": '{"StartAt": "${First}"}',
            "DefinitionSubstitutions": {"First": "A"},
            "RoleArn": ARN,
            "LoggingConfiguration": {
                "Level": "ALL",
                "IncludeExecutionData": "false",
                "Destinations": [
                    {"CloudWatchLogsLogGroup": {"LogGroupArn": "arn:aws:logs:us-east-1:123456789012:log-group:l:*"}}
                ],
            },
            "TracingConfiguration": {"Enabled": "true"},
            "Tags": TAGS,
        },
        {"DefinitionString": "{}", "RoleArn": ARN},
        {"CreateStateMachine"},
    ),
    "AWS::StepFunctions::Activity": (
        {"Name": "a", "EncryptionConfiguration": {"Type": "AWS_OWNED_KEY"}, "Tags": TAGS},
        {"Name": "a", "EncryptionConfiguration": {"Type": "AWS_OWNED_KEY"}},
        {"CreateActivity"},
    ),
    "AWS::ApiGatewayV2::Api": (
        {
            "Body": {"openapi": "3.0.1"},
            "FailOnWarnings": "true",
            "DisableExecuteApiEndpoint": "false",
            "Tags": {"a": "1"},
        },
        {"Body": {"openapi": "3.0.2"}, "Description": "d"},
        {"ImportApi", "UpdateApi", "TagResource"},
    ),
    "AWS::ApiGatewayV2::Stage": (
        {
            "ApiId": "api1",
            "StageName": "$default",
            "AutoDeploy": "true",
            "Tags": {"a": "1"},
            "DefaultRouteSettings": {"ThrottlingBurstLimit": "10", "DetailedMetricsEnabled": "true"},
            "AccessLogSettings": {"DestinationArn": ARN, "Format": "$context.requestId"},
        },
        {"ApiId": "api1", "StageName": "$default", "Description": "d"},
        {"CreateStage"},
    ),
    "AWS::CodeDeploy::Application": (
        {"ComputePlatform": "Lambda", "Tags": TAGS},
        {"ComputePlatform": "Lambda"},
        {"CreateApplication"},
    ),
    "AWS::CodeDeploy::DeploymentGroup": (
        {
            "ApplicationName": "a",
            "ServiceRoleArn": ARN,
            "DeploymentConfigName": "c",
            "Tags": TAGS,
            "DeploymentStyle": {"DeploymentType": "BLUE_GREEN", "DeploymentOption": "WITH_TRAFFIC_CONTROL"},
            "AlarmConfiguration": {
                "Enabled": "true",
                "Alarms": [{"Name": "x"}],
                "IgnorePollAlarmFailure": "false",
            },
            "AutoRollbackConfiguration": {"Enabled": "true", "Events": ["DEPLOYMENT_FAILURE"]},
        },
        {"ApplicationName": "a", "ServiceRoleArn": ARN, "DeploymentConfigName": "d"},
        {"CreateDeploymentGroup"},
    ),
    "AWS::CodeDeploy::DeploymentConfig": (
        {
            "ComputePlatform": "Lambda",
            "TrafficRoutingConfig": {
                "Type": "TimeBasedCanary",
                "TimeBasedCanary": {"CanaryPercentage": "10", "CanaryInterval": "5"},
            },
        },
        None,
        {"CreateDeploymentConfig"},
    ),
    "AWS::CloudWatch::Alarm": (
        {
            "ComparisonOperator": "GreaterThanThreshold",
            "EvaluationPeriods": "1",
            "Threshold": "0",
            "Tags": TAGS,
            "ActionsEnabled": "true",
            "OKActions": [TOPIC],
            "AlarmActions": [TOPIC],
            "TreatMissingData": "breaching",
            "Metrics": [
                {
                    "Id": "a",
                    "ReturnData": "false",
                    "MetricStat": {
                        "Period": "60",
                        "Stat": "Sum",
                        "Metric": {
                            "Namespace": "N",
                            "MetricName": "M",
                            "Dimensions": [{"Name": "d", "Value": 1}],
                        },
                    },
                },
                {"Id": "b", "Expression": "a * 2", "ReturnData": True},
            ],
        },
        {
            "ComparisonOperator": "GreaterThanThreshold",
            "EvaluationPeriods": 2,
            "Threshold": 1,
            "MetricName": "M",
            "Namespace": "N",
            "Period": 60,
            "Statistic": "Sum",
        },
        {"PutMetricAlarm"},
    ),
    "AWS::CloudWatch::CompositeAlarm": (
        {"AlarmRule": 'ALARM("a")', "ActionsEnabled": "false"},
        {"AlarmRule": 'ALARM("b")'},
        {"PutCompositeAlarm"},
    ),
    "AWS::CloudWatch::Dashboard": (
        {"DashboardBody": {"widgets": []}},
        {"DashboardBody": "{}"},
        {"PutDashboard"},
    ),
    "AWS::Events::Rule": (
        {"EventPattern": {"source": ["aws.s3"]}, "State": "ENABLED", "Targets": RULE_TARGETS, "Tags": TAGS},
        {"EventPattern": {"source": ["aws.codedeploy"]}, "Targets": [{"Id": "u", "Arn": MACHINE}]},
        {"PutRule", "PutTargets"},
    ),
    "AWS::Scheduler::Schedule": (
        {
            "ScheduleExpression": "rate(1 hour)",
            "FlexibleTimeWindow": {"Mode": "OFF"},
            "GroupName": "g",
            "Target": {
                "Arn": MACHINE,
                "RoleArn": ARN,
                "Input": {"a": 1},
                "RetryPolicy": {"MaximumRetryAttempts": "0"},
            },
        },
        {
            "ScheduleExpression": "rate(2 hours)",
            "FlexibleTimeWindow": {"Mode": "OFF"},
            "GroupName": "g",
            "Target": {"Arn": MACHINE, "RoleArn": ARN},
            "State": "DISABLED",
        },
        {"CreateSchedule"},
    ),
    "AWS::Scheduler::ScheduleGroup": ({"Name": "g", "Tags": TAGS}, {"Name": "g"}, {"CreateScheduleGroup"}),
    "AWS::Logs::LogGroup": (
        {"RetentionInDays": "30", "KmsKeyId": "arn:k", "Tags": TAGS},
        {"Tags": TAGS},
        {"CreateLogGroup", "PutRetentionPolicy"},
    ),
    "AWS::SageMaker::ModelPackageGroup": (
        {"ModelPackageGroupName": "g", "ModelPackageGroupDescription": "d", "Tags": TAGS},
        {"ModelPackageGroupName": "g", "ModelPackageGroupDescription": "d"},
        {"CreateModelPackageGroup"},
    ),
    "AWS::SSM::Parameter": (
        {"Type": "String", "Value": "v", "Name": "/a"},
        {"Type": "String", "Value": 2, "Name": "/a"},
        {"PutParameter"},
    ),
    "AWS::CloudFormation::WaitConditionHandle": ({}, None, set()),
}
