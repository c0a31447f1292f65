"""S3's events: what happens to objects goes to EventBridge, for buckets that ask for it. Observes moto's S3.

Notification configurations are kept here and not given to moto, whose own delivery would run inside it.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html
"""

from __future__ import annotations

import itertools
import logging
import secrets
import threading
import time
from typing import TYPE_CHECKING, Any, ClassVar
from xml.etree import ElementTree as ET

from botocore.exceptions import ClientError

from localaws.actor import client_as
from localaws.errors import AwsError, NotModelledError
from localaws.front_door.protocol import Reply
from localaws.service import Call, Service

if TYPE_CHECKING:
    from localaws.world import World

log = logging.getLogger("localaws.storage")
ETAG_OF_NOTHING = "d41d8cd98f00b204e9800998ecf8427e"
OTHER_TARGETS = ("TopicConfigurations", "QueueConfigurations", "LambdaFunctionConfigurations")


class Storage(Service):
    """Notification configurations of buckets, and the events that follow from them."""

    name: ClassVar[str] = "storage"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.deliver_twice = False
        """AWS delivers at least once: set this to see that a second delivery does no harm."""
        self._notifying: set[str] = set()
        self._lock = threading.Lock()
        self._sequence = itertools.count(time.time_ns() >> 8)

    def start(self) -> None:
        after = self.world.delegated.after
        after("s3", "PutObject", self._after_put)
        after("s3", "CopyObject", self._after_copy)
        after("s3", "CompleteMultipartUpload", self._after_multipart)
        after("s3", "DeleteObject", self._after_delete)
        after("s3", "DeleteObjects", self._after_delete_many)
        after("s3", "DeleteBucket", self._after_delete_bucket)
        self.world.front_door.intercept(self._configuration)

    def _configuration(self, call: Call) -> dict[str, Any] | None:
        if call.service != "s3" or not call.operation.endswith("BucketNotificationConfiguration"):
            return None
        bucket = call.params["Bucket"]
        try:
            self._s3().head_bucket(Bucket=bucket)
        except ClientError:
            raise AwsError("NoSuchBucket", "The specified bucket does not exist", 404, BucketName=bucket) from None
        if call.operation.startswith("Get"):
            return {"EventBridgeConfiguration": {}} if self._notifies(bucket) else {}
        wanted = call.params["NotificationConfiguration"]
        for kind in OTHER_TARGETS:
            if wanted.get(kind):
                raise NotModelledError(f"{kind} of a bucket (use its EventBridgeConfiguration)")
        with self._lock:
            if wanted.get("EventBridgeConfiguration") is None:
                self._notifying.discard(bucket)
            else:
                self._notifying.add(bucket)
        return {}

    def _s3(self) -> Any:
        return client_as(self.world, "s3.amazonaws.com", "s3")

    def _notifies(self, bucket: str) -> bool:
        with self._lock:
            return bucket in self._notifying

    def _after_put(self, call: Call, reply: Reply) -> None:
        size = int(call.headers.get("x-amz-decoded-content-length") or call.headers.get("content-length") or 0)
        self._created(call, reply, size, _header(reply, "etag"))

    def _after_copy(self, call: Call, reply: Reply) -> None:
        self._created(call, reply, None, None)

    def _after_multipart(self, call: Call, reply: Reply) -> None:
        self._created(call, reply, None, None)

    def _created(self, call: Call, reply: Reply, size: int | None, etag: str | None) -> None:
        bucket, key = call.params["Bucket"], call.params["Key"]
        if not self._notifies(bucket):
            return
        version = _header(reply, "x-amz-version-id").replace("null", "")
        if size is None:
            wanted = {"Bucket": bucket, "Key": key} | ({"VersionId": version} if version else {})
            head = self._s3().head_object(**wanted)
            size, etag = head["ContentLength"], head["ETag"]
        described = {"size": size, "etag": (etag or "").strip('"')}
        self._emit("Object Created", call, reply, key, version, described, {"reason": call.operation})

    def _after_delete(self, call: Call, reply: Reply) -> None:
        marker = _header(reply, "x-amz-delete-marker").lower() == "true" and not call.params.get("VersionId")
        version = _header(reply, "x-amz-version-id") or call.params.get("VersionId", "")
        self._deleted(call, reply, call.params["Key"], version, marker=marker)

    def _after_delete_many(self, call: Call, reply: Reply) -> None:
        failed, versions = set(), {}
        for entry in ET.fromstring(reply.body):  # noqa: S314 (moto's own answer)
            fields = {part.tag.rpartition("}")[2]: part.text or "" for part in entry}
            if entry.tag.endswith("Error"):
                failed.add(fields.get("Key"))
            elif entry.tag.endswith("Deleted"):
                versions[fields.get("Key")] = fields.get("DeleteMarkerVersionId", "")
        for item in call.params["Delete"]["Objects"]:
            if item["Key"] not in failed:
                version = item.get("VersionId") or versions.get(item["Key"], "")
                marker = bool(version) and not item.get("VersionId")
                self._deleted(call, reply, item["Key"], version, marker=marker)

    def _deleted(self, call: Call, reply: Reply, key: str, version: str, *, marker: bool) -> None:
        if self._notifies(call.params["Bucket"]):
            kind = "Delete Marker Created" if marker else "Permanently Deleted"
            described = {"etag": ETAG_OF_NOTHING} if marker else {}
            extra = {"reason": "DeleteObject", "deletion-type": kind}
            self._emit("Object Deleted", call, reply, key, version, described, extra)

    def _after_delete_bucket(self, call: Call, _reply: Reply) -> None:
        with self._lock:
            self._notifying.discard(call.params["Bucket"])

    def _emit(
        self,
        kind: str,
        call: Call,
        reply: Reply,
        key: str,
        version: str,
        described: dict[str, Any],
        extra: dict[str, str],
    ) -> None:
        bucket = call.params["Bucket"]
        detail = {
            "version": "0",
            "bucket": {"name": bucket},
            "object": {
                "key": key,
                **described,
                **({"version-id": version} if version else {}),
                "sequencer": f"{next(self._sequence):016x}",
            },
            "request-id": _header(reply, "x-amz-request-id") or secrets.token_hex(8).upper(),
            "requester": self.world.settings.account,
            "source-ip-address": "127.0.0.1",
            **extra,
        }
        for _ in range(2 if self.deliver_twice else 1):
            self.world.emit_event("aws.s3", kind, detail, [f"arn:aws:s3:::{bucket}"])


def _header(reply: Reply, name: str) -> str:
    return next((value for key, value in reply.headers.items() if key.lower() == name), "")
