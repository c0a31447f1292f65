"""S3's events, and the permissions on keys that calls imply."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from localaws.encryption import Encryption
from localaws.storage import Storage
from localaws.watched import Watched
from localaws.world import World

READER = "arn:aws:iam::123456789012:role/reader"


class Seen:
    """A world with a bucket that notifies, and what it has emitted."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.events: Watched[dict[str, Any]] = Watched(100)
        world.delegated.on_event(self.events.add)
        self.s3 = world.client("s3")
        self.s3.create_bucket(Bucket="drops")
        configuration: Any = {"EventBridgeConfiguration": {}}
        self.s3.put_bucket_notification_configuration(Bucket="drops", NotificationConfiguration=configuration)

    def last(self) -> tuple[str, dict[str, Any]]:
        event = self.events.items()[-1]
        return event["detail-type"], event["detail"]


@pytest.fixture
def seen(world_of: Callable[..., World]) -> Seen:
    return Seen(world_of(Storage, Encryption))


def test_a_put_emits_what_aws_documents(seen: Seen) -> None:
    put = seen.s3.put_object(Bucket="drops", Key="drops/ü 1/manifest.json", Body=b"hello")
    [event] = seen.events.items()
    assert (event["source"], event["detail-type"]) == ("aws.s3", "Object Created")
    assert event["resources"] == ["arn:aws:s3:::drops"]
    detail = event["detail"]
    assert detail["bucket"] == {"name": "drops"}
    described = detail["object"]
    assert (described["key"], described["size"]) == ("drops/ü 1/manifest.json", 5)
    assert described["etag"] == put["ETag"].strip('"')
    assert detail["reason"] == "PutObject"
    assert {"version", "request-id", "requester", "source-ip-address"} <= detail.keys()


def test_a_versioned_object_carries_its_version_and_a_deletion_its_kind(seen: Seen) -> None:
    seen.s3.put_bucket_versioning(Bucket="drops", VersioningConfiguration={"Status": "Enabled"})
    version = seen.s3.put_object(Bucket="drops", Key="a", Body=b"1")["VersionId"]
    assert seen.last()[1]["object"]["version-id"] == version
    marker = seen.s3.delete_object(Bucket="drops", Key="a")["VersionId"]
    kind, detail = seen.last()
    assert (kind, detail["deletion-type"]) == ("Object Deleted", "Delete Marker Created")
    assert detail["object"]["version-id"] == marker
    seen.s3.delete_object(Bucket="drops", Key="a", VersionId=version)
    assert seen.last()[1]["deletion-type"] == "Permanently Deleted"


def test_copies_uploads_in_parts_and_bulk_deletions_are_seen_once_each(seen: Seen) -> None:
    seen.s3.put_object(Bucket="drops", Key="a", Body=b"123")
    seen.s3.copy_object(Bucket="drops", Key="b", CopySource="drops/a")
    upload = seen.s3.create_multipart_upload(Bucket="drops", Key="c")["UploadId"]
    part = seen.s3.upload_part(Bucket="drops", Key="c", UploadId=upload, PartNumber=1, Body=b"12345")
    parts = {"Parts": [{"ETag": part["ETag"], "PartNumber": 1}]}
    seen.s3.complete_multipart_upload(Bucket="drops", Key="c", UploadId=upload, MultipartUpload=parts)
    seen.s3.delete_objects(Bucket="drops", Delete={"Objects": [{"Key": "a"}, {"Key": "b"}]})
    found = [(e["detail"]["reason"], e["detail"]["object"]["key"]) for e in seen.events.items()]
    assert found == [
        ("PutObject", "a"),
        ("CopyObject", "b"),
        ("CompleteMultipartUpload", "c"),
        ("DeleteObject", "a"),
        ("DeleteObject", "b"),
    ]
    assert [e["detail"]["object"].get("size") for e in seen.events.items()] == [3, 3, 5, None, None]
    sequence = [e["detail"]["object"]["sequencer"] for e in seen.events.items()]
    assert sequence == sorted(set(sequence))


def test_a_failed_put_emits_nothing(seen: Seen) -> None:
    with pytest.raises(ClientError):
        seen.s3.put_object(Bucket="absent", Key="a", Body=b"")
    assert seen.events.items() == []


def test_delivery_is_at_least_once(seen: Seen) -> None:
    seen.world.service(Storage).deliver_twice = True
    seen.s3.put_object(Bucket="drops", Key="a", Body=b"1")
    first, second = seen.events.items()
    assert first["detail"] == second["detail"]
    assert first["id"] != second["id"]


def test_a_bucket_notifies_only_when_it_is_told_to(seen: Seen) -> None:
    configured = seen.s3.get_bucket_notification_configuration(Bucket="drops")
    assert configured["EventBridgeConfiguration"] == {}
    seen.s3.put_bucket_notification_configuration(Bucket="drops", NotificationConfiguration={})
    assert "EventBridgeConfiguration" not in seen.s3.get_bucket_notification_configuration(Bucket="drops")
    seen.s3.put_object(Bucket="drops", Key="a", Body=b"1")
    assert seen.events.items() == []


def test_other_targets_and_absent_buckets_are_refused(seen: Seen) -> None:
    queue: Any = {"QueueConfigurations": [{"QueueArn": "arn:aws:sqs:us-east-1:1:q", "Events": ["s3:ObjectCreated:*"]}]}
    with pytest.raises(ClientError, match="QueueConfigurations of a bucket"):
        seen.s3.put_bucket_notification_configuration(Bucket="drops", NotificationConfiguration=queue)
    with pytest.raises(ClientError, match="NoSuchBucket"):
        seen.s3.get_bucket_notification_configuration(Bucket="absent")


def implied(world: World) -> set[str]:
    used = world.ledger.used()
    return {f"{p.action} {p.resource}" for p in used if p.principal == READER and p.action.startswith("kms:")}


def test_reads_and_writes_of_an_encrypted_bucket_need_its_key(seen: Seen) -> None:
    key = seen.world.client("kms").create_key()["KeyMetadata"]["Arn"]
    default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}
    rules: Any = {"Rules": [{"ApplyServerSideEncryptionByDefault": default}]}
    seen.s3.put_bucket_encryption(Bucket="drops", ServerSideEncryptionConfiguration=rules)
    seen.s3.put_object(Bucket="drops", Key="theirs", Body=b"1")
    as_role = seen.world.client("s3", role=READER)
    as_role.head_object(Bucket="drops", Key="theirs")
    assert implied(seen.world) == set()
    as_role.put_object(Bucket="drops", Key="mine", Body=b"1")
    assert implied(seen.world) == {f"kms:GenerateDataKey {key}"}
    as_role.get_object(Bucket="drops", Key="theirs")
    assert implied(seen.world) == {f"kms:GenerateDataKey {key}", f"kms:Decrypt {key}"}


@pytest.mark.parametrize("operation", ["get_object", "head_object"])
def test_who_hears_that_an_object_is_missing_may_list_the_bucket(seen: Seen, operation: str) -> None:
    seen.s3.put_object(Bucket="drops", Key="there", Body=b"1")
    as_role = seen.world.client("s3", role=READER)
    list_bucket = (READER, "s3:ListBucket", "arn:aws:s3:::drops")
    getattr(as_role, operation)(Bucket="drops", Key="there")
    assert list_bucket not in {(p.principal, p.action, p.resource) for p in seen.world.ledger.used()}
    with pytest.raises(ClientError):
        getattr(as_role, operation)(Bucket="drops", Key="absent")
    assert list_bucket in {(p.principal, p.action, p.resource) for p in seen.world.ledger.used()}


def test_an_upload_in_parts_needs_to_decrypt_too(seen: Seen) -> None:
    key = seen.world.client("kms").create_key()["KeyMetadata"]["KeyId"]
    as_role = seen.world.client("s3", role=READER)
    as_role.create_multipart_upload(Bucket="drops", Key="a", ServerSideEncryption="aws:kms", SSEKMSKeyId=key)
    arn = f"arn:aws:kms:us-east-1:123456789012:key/{key}"
    assert implied(seen.world) == {f"kms:GenerateDataKey {arn}", f"kms:Decrypt {arn}"}


def test_publishing_to_an_encrypted_topic_needs_its_key(seen: Seen) -> None:
    kms, sns = seen.world.client("kms"), seen.world.client("sns")
    key = kms.create_key()["KeyMetadata"]["Arn"]
    kms.create_alias(AliasName="alias/mail", TargetKeyId=key)
    plain = sns.create_topic(Name="plain")["TopicArn"]
    secret = sns.create_topic(Name="secret", Attributes={"KmsMasterKeyId": "alias/mail"})["TopicArn"]
    as_role = seen.world.client("sns", role=READER)
    as_role.publish(TopicArn=plain, Message="m")
    assert implied(seen.world) == set()
    as_role.publish(TopicArn=secret, Message="m")
    assert implied(seen.world) == {f"kms:GenerateDataKey {key}", f"kms:Decrypt {key}"}


def test_a_table_with_a_key_of_ones_own_needs_it_for_every_item(seen: Seen) -> None:
    key = seen.world.client("kms").create_key()["KeyMetadata"]["Arn"]
    seen.world.client("dynamodb").create_table(
        TableName="records",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        SSESpecification={"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": key},
    )
    as_role = seen.world.client("dynamodb", role=READER)
    item = {"Put": {"TableName": "records", "Item": {"pk": {"S": "a"}}}}
    as_role.transact_write_items(TransactItems=[item])
    assert implied(seen.world) == {f"kms:Decrypt {key}"}
