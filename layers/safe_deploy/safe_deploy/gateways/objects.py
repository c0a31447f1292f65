"""S3. Used by every function that reads what jobs left, or writes what jobs read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from botocore.exceptions import ClientError

from safe_deploy.domain.fields import parse_json
from safe_deploy.domain.names import split_uri
from safe_deploy.domain.ports import StoredObject
from safe_deploy.errors import NotFoundError, TooLargeError
from safe_deploy.gateways.clients import client, translated, translating

JSON_LIMIT = 8 * 1024 * 1024


class S3Objects:
    """Files in S3, by URI."""

    def describe(self, uri: str) -> StoredObject:
        """Return size, etag and version of an object. Raises NotFoundError."""
        bucket, key = split_uri(uri)
        try:
            with translating(f"describe {uri}"):
                found = client("s3").head_object(Bucket=bucket, Key=key)
        except NotFoundError:
            raise NotFoundError(f"{uri} doesn't exist") from None
        return StoredObject(
            uri, str(found["ETag"]).strip('"'), int(found["ContentLength"]), str(found.get("VersionId", ""))
        )

    def read(self, uri: str, *, limit: int, version_id: str = "") -> bytes:
        """Return an object's content. Raises NotFoundError, TooLargeError for more than `limit` bytes."""
        bucket, key = split_uri(uri)
        version = {"VersionId": version_id} if version_id else {}
        try:
            with translating(f"read {uri}"):
                body = client("s3").get_object(Bucket=bucket, Key=key, **version)["Body"]
                content: bytes = body.read(limit + 1)
                body.close()
        except NotFoundError:
            raise NotFoundError(f"{uri} doesn't exist") from None
        if len(content) > limit:
            raise TooLargeError(f"{uri} has more than {limit:,} bytes")
        return content

    def read_json(self, uri: str) -> Any:
        """Return the parsed content of a JSON file."""
        return parse_json(self.read(uri, limit=JSON_LIMIT), uri.rpartition("/")[2])

    def write(self, uri: str, content: bytes, content_type: str) -> None:
        """Create or replace an object; the bucket's default encryption applies."""
        bucket, key = split_uri(uri)
        with translating(f"write {uri}"):
            client("s3").put_object(Bucket=bucket, Key=key, Body=content, ContentType=content_type)

    def replace(self, uri: str, content: bytes, content_type: str, *, previous: str | None) -> str:
        """Replace the object whose etag is `previous`, or create it where that is None; return the new etag.

        Raises ConditionFailedError when somebody else has written it since.
        """
        bucket, key = split_uri(uri)
        condition = {"IfNoneMatch": "*"} if previous is None else {"IfMatch": f'"{previous}"'}
        with translating(f"replace {uri}"):
            found = client("s3").put_object(Bucket=bucket, Key=key, Body=content, ContentType=content_type, **condition)
        return str(found["ETag"]).strip('"')

    def list(self, bucket: str, prefix: str) -> Iterator[StoredObject]:
        """Yield the objects under a prefix, in the order of their keys."""
        place = f"list s3://{bucket}/{prefix}"
        try:
            for page in client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
                for entry in page.get("Contents", ()):
                    uri = f"s3://{bucket}/{entry['Key']}"
                    yield StoredObject(uri, str(entry["ETag"]).strip('"'), int(entry["Size"]))
        except ClientError as error:
            raise translated(error, place) from error
