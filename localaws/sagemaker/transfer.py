"""Files between S3 and the folder of a job or model, with its role's credentials. Used by both."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from boto3.exceptions import Boto3Error
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import BotoCoreError, ClientError

IN_THIS_THREAD = TransferConfig(use_threads=False)


class TransferError(Exception):
    """S3 refused, or has nothing there. The message is the one a job's FailureReason shows."""


def split_uri(uri: str) -> tuple[str, str]:
    """`s3://bucket/key` as (bucket, key)."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bucket, key


class Transfer:
    """S3 as one role sees it."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def fetch(self, uri: str, target: Path) -> None:
        """One object into the file `target`."""
        bucket, key = split_uri(uri)
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            body = self._client.get_object(Bucket=bucket, Key=key)["Body"]  # one request; a job reads many small files
            with target.open("wb") as file:
                shutil.copyfileobj(body, file)
        except (ClientError, BotoCoreError) as error:
            raise TransferError(f"could not read {uri}: {error}") from error

    def fetch_prefix(self, uri: str, folder: Path) -> None:
        """Every object below a prefix into `folder`, under the rest of its key. Nothing there is an error."""
        bucket, prefix = split_uri(uri)
        fetched = 0
        for key in self._keys(uri, bucket, prefix):
            self.fetch(f"s3://{bucket}/{key}", _inside(folder, local_name(key, prefix), uri))
            fetched += 1
        if not fetched:
            raise TransferError(f'No S3 objects found under S3 URL "{uri}" given in input data source.')

    def fetch_manifest(self, uri: str, folder: Path) -> None:
        """Every object that a manifest names into `folder`.

        A manifest is a JSON list: `{"prefix": "s3://bucket/some/folder/"}`, then keys relative to it.
        """
        bucket, key = split_uri(uri)
        try:
            body = self._client.get_object(Bucket=bucket, Key=key)["Body"].read()
        except (ClientError, BotoCoreError) as error:
            raise TransferError(f"could not read the manifest {uri}: {error}") from error
        prefix, names = parse_manifest(body, uri)
        for name in names:
            self.fetch(prefix + name, _inside(folder, name, uri))

    def send(self, source: Path, uri: str, kms_key: str = "") -> None:
        """A file to an object."""
        bucket, key = split_uri(uri)
        try:
            self._client.upload_file(str(source), bucket, key, ExtraArgs=encryption(kms_key), Config=IN_THIS_THREAD)
        except (ClientError, BotoCoreError, Boto3Error, OSError) as error:
            raise TransferError(f"could not write {uri}: {error}") from error

    def send_folder(self, folder: Path, uri: str, kms_key: str = "") -> None:
        """Every file below a folder, under its relative path."""
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                self.send(path, f"{uri.rstrip('/')}/{path.relative_to(folder).as_posix()}", kms_key)

    def _keys(self, uri: str, bucket: str, prefix: str) -> Iterator[str]:
        try:
            for found in self._client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
                yield from (o["Key"] for o in found.get("Contents", []) if not o["Key"].endswith("/"))
        except (ClientError, BotoCoreError) as error:
            raise TransferError(f"could not list {uri}: {error}") from error


def encryption(kms_key: str) -> dict[str, str]:
    """The arguments by which an object is encrypted with a key of the account; none without a key."""
    return {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": kms_key} if kms_key else {}


def local_name(key: str, prefix: str) -> str:
    """Where below the folder an object goes: the key without the folder that the prefix names."""
    if not prefix.endswith("/") and key.startswith(f"{prefix}/"):
        prefix += "/"
    return key[prefix.rfind("/") + 1 :]


def parse_manifest(body: bytes, uri: str) -> tuple[str, list[str]]:
    """A manifest's prefix and names. Raises `TransferError` when it isn't one."""
    try:
        head, *names = json.loads(body)
        prefix = head["prefix"]
    except (ValueError, TypeError, KeyError) as error:
        raise TransferError(f"the manifest {uri} is not a list that begins with a prefix") from error
    if not names or not all(isinstance(name, str) and name for name in names):
        raise TransferError(f"the manifest {uri} names no objects")
    return str(prefix), names


def _inside(folder: Path, name: str, uri: str) -> Path:
    target = (folder / name).resolve()
    if not target.is_relative_to(folder.resolve()):
        raise TransferError(f"{uri} names {name!r}, which would leave the input's folder")
    return target
