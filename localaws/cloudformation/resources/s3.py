"""AWS::S3::*: buckets with what secures and announces them, and bucket policies."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from localaws.cloudformation.handler import Context, Made, Properties, ResourceType
from localaws.cloudformation.shapes import FREE, as_json, fit, input_shape, is_true

_PUBLIC_ACCESS = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
_GONE = frozenset({"NoSuchBucket"})


class Bucket(ResourceType):
    """A bucket. It is deleted only when it is empty, as on AWS."""

    type = "AWS::S3::Bucket"
    properties = {
        "BucketName": FREE,
        "Tags": FREE,
        "VersioningConfiguration": {"Status": FREE},
        "BucketEncryption": {
            "ServerSideEncryptionConfiguration": [
                {
                    "ServerSideEncryptionByDefault": {"SSEAlgorithm": FREE, "KMSMasterKeyID": FREE},
                    "BucketKeyEnabled": FREE,
                }
            ]
        },
        "PublicAccessBlockConfiguration": dict.fromkeys(_PUBLIC_ACCESS, FREE),
        "OwnershipControls": {"Rules": [{"ObjectOwnership": FREE}]},
        "LoggingConfiguration": {"DestinationBucketName": FREE, "LogFilePrefix": FREE},
        "NotificationConfiguration": {"EventBridgeConfiguration": {"EventBridgeEnabled": FREE}},
        "LifecycleConfiguration": {
            "Rules": [
                {
                    **dict.fromkeys(("Id", "Status", "Prefix", "ExpirationInDays", "ExpiredObjectDeleteMarker"), FREE),
                    "NoncurrentVersionExpiration": {"NoncurrentDays": FREE, "NewerNoncurrentVersions": FREE},
                    "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": FREE},
                    "Transitions": [{"StorageClass": FREE, "TransitionInDays": FREE}],
                }
            ]
        },
    }
    create_only = frozenset({"BucketName"})
    attributes = frozenset({"Arn", "DomainName", "DualStackDomainName", "RegionalDomainName"})
    name_property = "BucketName"
    gone = _GONE

    def create(self, at: Context, wanted: Properties) -> Made:
        name = str(wanted.get("BucketName") or at.generated_name(63, lower=True))
        where = {} if at.region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": at.region}}
        at.client("s3").create_bucket(Bucket=name, **where)
        at.made(name)
        return self._configure(at, name, {}, wanted)

    def update(self, at: Context, physical_id: str, old: Properties, wanted: Properties) -> Made:
        return self._configure(at, physical_id, old, wanted)

    def delete(self, at: Context, physical_id: str, properties: Properties) -> None:
        at.client("s3").delete_bucket(Bucket=physical_id)

    def _configure(self, at: Context, name: str, old: Properties, wanted: Properties) -> Made:
        client = at.client("s3")
        for key, (put, remove) in _SETTINGS.items():
            if old.get(key) == wanted.get(key):
                continue
            if key in wanted:
                put(client, name, wanted[key])
            else:
                remove(client, name)
        before, after = old.get("Tags"), at.tag_list(wanted.get("Tags"))
        if after:
            client.put_bucket_tagging(Bucket=name, Tagging={"TagSet": after})
        elif before:
            client.delete_bucket_tagging(Bucket=name)
        return Made(
            name,
            {
                "Arn": f"arn:aws:s3:::{name}",
                "DomainName": f"{name}.s3.amazonaws.com",
                "DualStackDomainName": f"{name}.s3.dualstack.{at.region}.amazonaws.com",
                "RegionalDomainName": f"{name}.s3.{at.region}.amazonaws.com",
            },
        )


def _encryption(client: Any, bucket: str, value: Properties) -> None:
    rules = [
        {
            **({"BucketKeyEnabled": is_true(rule["BucketKeyEnabled"])} if "BucketKeyEnabled" in rule else {}),
            "ApplyServerSideEncryptionByDefault": dict(rule["ServerSideEncryptionByDefault"]),
        }
        for rule in value["ServerSideEncryptionConfiguration"]
    ]
    client.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": rules})


def _public_access(client: Any, bucket: str, value: Properties) -> None:
    flags = {name: is_true(value.get(name, False)) for name in _PUBLIC_ACCESS}
    client.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=flags)


def _logging(client: Any, bucket: str, value: Properties) -> None:
    target = {
        "TargetBucket": value.get("DestinationBucketName", bucket),
        "TargetPrefix": value.get("LogFilePrefix", ""),
    }
    client.put_bucket_logging(Bucket=bucket, BucketLoggingStatus={"LoggingEnabled": target})


def _notification(client: Any, bucket: str, value: Properties) -> None:
    configuration = value.get("EventBridgeConfiguration")
    wanted = configuration is not None and is_true(configuration.get("EventBridgeEnabled", True))
    client.put_bucket_notification_configuration(
        Bucket=bucket, NotificationConfiguration={"EventBridgeConfiguration": {}} if wanted else {}
    )


def _lifecycle(client: Any, bucket: str, value: Properties) -> None:
    shape = input_shape("s3", "PutBucketLifecycleConfiguration", "LifecycleConfiguration")
    rules = [_rule(rule) for rule in value["Rules"]]
    client.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration=fit({"Rules": rules}, shape))


def _rule(rule: Properties) -> dict[str, Any]:
    made: dict[str, Any] = {"Status": rule["Status"], "Filter": {"Prefix": rule.get("Prefix", "")}}
    if "Id" in rule:
        made["ID"] = rule["Id"]
    expiration: dict[str, Any] = {}
    if "ExpirationInDays" in rule:
        expiration["Days"] = rule["ExpirationInDays"]
    if "ExpiredObjectDeleteMarker" in rule:
        expiration["ExpiredObjectDeleteMarker"] = rule["ExpiredObjectDeleteMarker"]
    if expiration:
        made["Expiration"] = expiration
    for name in ("NoncurrentVersionExpiration", "AbortIncompleteMultipartUpload"):
        if name in rule:
            made[name] = dict(rule[name])
    if "Transitions" in rule:
        made["Transitions"] = [
            {"StorageClass": entry["StorageClass"], "Days": entry["TransitionInDays"]} for entry in rule["Transitions"]
        ]
    return made


_Put = Callable[[Any, str, Any], None]
_Remove = Callable[[Any, str], None]
_SETTINGS: dict[str, tuple[_Put, _Remove]] = {
    "VersioningConfiguration": (
        lambda client, bucket, value: client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration=dict(value)),
        lambda client, bucket: client.put_bucket_versioning(
            Bucket=bucket, VersioningConfiguration={"Status": "Suspended"}
        ),
    ),
    "BucketEncryption": (_encryption, lambda client, bucket: client.delete_bucket_encryption(Bucket=bucket)),
    "PublicAccessBlockConfiguration": (
        _public_access,
        lambda client, bucket: client.delete_public_access_block(Bucket=bucket),
    ),
    "OwnershipControls": (
        lambda client, bucket, value: client.put_bucket_ownership_controls(
            Bucket=bucket, OwnershipControls={"Rules": [dict(rule) for rule in value["Rules"]]}
        ),
        lambda client, bucket: client.delete_bucket_ownership_controls(Bucket=bucket),
    ),
    "LoggingConfiguration": (
        _logging,
        lambda client, bucket: client.put_bucket_logging(Bucket=bucket, BucketLoggingStatus={}),
    ),
    "NotificationConfiguration": (_notification, lambda client, bucket: _notification(client, bucket, {})),
    "LifecycleConfiguration": (
        _lifecycle,
        lambda client, bucket: client.delete_bucket_lifecycle(Bucket=bucket),
    ),
}


class BucketPolicy(ResourceType):
    """The policy of a bucket."""

    type = "AWS::S3::BucketPolicy"
    properties = {"Bucket": FREE, "PolicyDocument": FREE}
    required = frozenset({"Bucket", "PolicyDocument"})
    create_only = frozenset({"Bucket"})
    gone = frozenset({"NoSuchBucket", "NoSuchBucketPolicy"})

    def create(self, at: Context, wanted: Properties) -> Made:
        at.client("s3").put_bucket_policy(Bucket=wanted["Bucket"], Policy=as_json(wanted["PolicyDocument"]))
        return Made(wanted["Bucket"])

    def update(self, at: Context, physical_id: str, old: Properties, wanted: Properties) -> Made:
        return self.create(at, wanted)

    def delete(self, at: Context, physical_id: str, properties: Properties) -> None:
        at.client("s3").delete_bucket_policy(Bucket=physical_id)
