"""Permissions on keys that a call implies: AWS checks them for the caller when S3, SNS or DynamoDB use KMS.

Nobody calls KMS for them, so the front door can't see them: they are noted in the ledger after the call.
S3: https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html
SNS: https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html
DynamoDB: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar

from localaws.actor import client_as
from localaws.front_door.protocol import Reply
from localaws.service import Call, Service

if TYPE_CHECKING:
    from localaws.world import World

WRITES = ("PutObject", "CopyObject", "CreateMultipartUpload")
ITEMS = (
    "GetItem", "PutItem", "UpdateItem", "DeleteItem", "Query", "Scan",
    "BatchGetItem", "BatchWriteItem", "TransactGetItems", "TransactWriteItems",
)  # fmt: skip
TABLE = ("kms:DescribeKey", "kms:CreateGrant", "kms:GenerateDataKey", "kms:Decrypt")
"""What DynamoDB needs, on the caller's behalf, when a table begins to use a key."""


class Encryption(Service):
    """Knows which key a bucket, topic or table uses, and who therefore needs what."""

    name: ClassVar[str] = "encryption"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._keys: dict[tuple[str, str], str] = {}
        self._aliases: dict[str, str] = {}
        self._lock = threading.Lock()

    def start(self) -> None:
        after = self.world.delegated.after
        after("s3", "PutBucketEncryption", self._bucket_encrypted)
        after("s3", "DeleteBucketEncryption", self._bucket_plain)
        after("s3", "DeleteBucket", self._bucket_plain)
        for operation in WRITES:
            after("s3", operation, self._object_written)
        for operation in ("GetObject", "HeadObject"):
            after("s3", operation, self._object_read)
        after("sns", "CreateTopic", self._topic_created)
        after("sns", "SetTopicAttributes", self._topic_changed)
        for operation in ("Publish", "PublishBatch"):
            after("sns", operation, self._published)
        for operation in ("CreateTable", "UpdateTable"):
            after("dynamodb", operation, self._table_encrypted)
        for operation in ITEMS:
            after("dynamodb", operation, self._items_used)

    def _bucket_encrypted(self, call: Call, _reply: Reply) -> None:
        for rule in call.params["ServerSideEncryptionConfiguration"]["Rules"]:
            default = rule.get("ApplyServerSideEncryptionByDefault", {})
            key = default.get("KMSMasterKeyID") if default.get("SSEAlgorithm", "").startswith("aws:kms") else None
            self._set("s3", call.params["Bucket"], key)

    def _bucket_plain(self, call: Call, _reply: Reply) -> None:
        self._set("s3", call.params["Bucket"], None)

    def _object_written(self, call: Call, _reply: Reply) -> None:
        actions = ["kms:GenerateDataKey"]
        if call.operation == "CreateMultipartUpload":
            actions.append("kms:Decrypt")  # to put the parts together
        asked = call.params.get("SSEKMSKeyId")
        if asked or call.params.get("ServerSideEncryption") != "AES256":
            self._note(call, asked or self._get("s3", call.params["Bucket"]), actions)
        if call.operation == "CopyObject":
            source = call.params["CopySource"]
            bucket = source["Bucket"] if isinstance(source, dict) else str(source).lstrip("/").split("/")[0]
            self._note(call, self._get("s3", bucket), ["kms:Decrypt"])

    def _object_read(self, call: Call, reply: Reply) -> None:
        if call.operation == "HeadObject" and call.params.get("ChecksumMode") != "ENABLED":
            return  # only an object's checksum is behind the key, its other metadata isn't
        headers = {name.lower(): value for name, value in reply.headers.items()}
        self._note(call, headers.get("x-amz-server-side-encryption-aws-kms-key-id"), ["kms:Decrypt"])

    def _topic_created(self, call: Call, _reply: Reply) -> None:
        attributes = call.params.get("Attributes") or {}
        self._set("sns", self.arn(call.params["Name"], "sns"), attributes.get("KmsMasterKeyId"))

    def _topic_changed(self, call: Call, _reply: Reply) -> None:
        if call.params["AttributeName"] == "KmsMasterKeyId":
            self._set("sns", call.params["TopicArn"], call.params.get("AttributeValue"))

    def _published(self, call: Call, _reply: Reply) -> None:
        topic = call.params.get("TopicArn") or call.params.get("TargetArn") or ""
        self._note(call, self._get("sns", topic), ["kms:GenerateDataKey", "kms:Decrypt"])

    def _table_encrypted(self, call: Call, _reply: Reply) -> None:
        wanted = call.params.get("SSESpecification")
        if wanted is not None:
            key = wanted.get("KMSMasterKeyId") if wanted.get("Enabled") else None
            self._set("dynamodb", _table(call.params["TableName"]), key)
            self._note(call, key, TABLE)

    def _items_used(self, call: Call, _reply: Reply) -> None:
        for table in _tables(call.params):
            self._note(call, self._get("dynamodb", _table(table)), ["kms:Decrypt"])

    def _set(self, service: str, resource: str, key: str | None) -> None:
        with self._lock:
            if key:
                self._keys[service, resource] = key
            else:
                self._keys.pop((service, resource), None)

    def _get(self, service: str, resource: str) -> str | None:
        with self._lock:
            return self._keys.get((service, resource))

    def _note(self, call: Call, key: str | None, actions: Iterable[str]) -> None:
        if not key or "alias/aws/" in key:
            return  # AWS's own keys need no permission of the caller
        for action in actions:
            self.world.ledger.record(call.principal.arn, action, self._key_arn(key))

    def _key_arn(self, key: str) -> str:
        """The ARN of a key that is named by id, ARN or alias."""
        if "alias/" not in key:
            return key if key.startswith("arn:") else self.arn(f"key/{key}", "kms")
        with self._lock:
            found = self._aliases.get(key)
        if found is None:
            kms = client_as(self.world, "kms.amazonaws.com", "kms")
            found = str(kms.describe_key(KeyId=key)["KeyMetadata"]["Arn"])
            with self._lock:
                self._aliases[key] = found
        return found


def _table(name: str) -> str:
    return name.rsplit("/", 1)[-1]


def _tables(params: dict[str, Any]) -> set[str]:
    """The tables that a call names, alone, in a batch or in a transaction."""
    tables = {params["TableName"]} if "TableName" in params else set()
    tables |= set(params.get("RequestItems", {}))
    for item in params.get("TransactItems", []):
        tables |= {part["TableName"] for part in item.values()}
    return tables
