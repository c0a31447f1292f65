"""Zip archives and where they lie unpacked. Used by the function and layer operations."""

from __future__ import annotations

import base64
import hashlib
import io
import os
import shutil
import stat
import threading
import uuid
import zipfile
from pathlib import Path
from typing import Any

from localaws.errors import AwsError
from localaws.lambda_.model import Bundle, LayerVersion

MAX_UNPACKED = 262_144_000
"""Bytes of a function with all its layers."""
UNUSABLE = "Could not unzip uploaded file. Please check your file, then try to upload again."


class Bundles:
    """Keeps each archive once, by its digest, unpacked and read-only."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._lock = threading.Lock()

    def keep(self, data: bytes) -> Bundle:
        """Unpack an archive. Raises `InvalidParameterValueException` when it isn't one or is too large."""
        digest = hashlib.sha256(data)
        directory = self._home / "bundles" / digest.hexdigest()[:32]
        archive = directory.with_suffix(".zip")
        with self._lock:
            if not directory.exists():
                archive.parent.mkdir(parents=True, exist_ok=True)
                archive.write_bytes(data)
                unpack(data, directory)
        return Bundle(base64.b64encode(digest.digest()).decode(), len(data), archive, directory)

    def merged(self, layers: tuple[LayerVersion, ...]) -> Path | None:
        """The directory that stands for /opt: the layers one over the other, in their order."""
        if not layers:
            return None
        if len(layers) == 1:
            return layers[0].bundle.directory
        key = hashlib.sha256("\n".join(layer.bundle.digest for layer in layers).encode()).hexdigest()[:32]
        directory = self._home / "opt" / key
        with self._lock:
            if not directory.exists():
                draft = directory.with_name(f"{key}-{uuid.uuid4().hex[:8]}")
                for layer in layers:
                    shutil.copytree(
                        layer.bundle.directory,
                        draft,
                        symlinks=True,
                        dirs_exist_ok=True,
                        copy_function=_replace,
                    )
                draft.rename(directory)
        return directory


def unpacked_size(bundle: Bundle) -> int:
    """Bytes that an archive takes unpacked."""
    with zipfile.ZipFile(bundle.archive) as archive:
        return sum(entry.file_size for entry in archive.infolist())


def check_size(bundle: Bundle, layers: tuple[LayerVersion, ...]) -> None:
    """Refuse what AWS refuses: more than 250 MB unpacked."""
    size = unpacked_size(bundle) + sum(unpacked_size(layer.bundle) for layer in layers)
    if size > MAX_UNPACKED:
        message = f"Unzipped size must be smaller than {MAX_UNPACKED} bytes"
        raise AwsError("InvalidParameterValueException", message)


def fetch(code: dict[str, Any], s3: Any) -> bytes:
    """The archive that a `Code` or `Content` names; from S3 it is read with the caller's rights."""
    if code.get("ZipFile") is not None:
        return bytes(code["ZipFile"])
    if not code.get("S3Bucket") or not code.get("S3Key"):
        raise AwsError("InvalidParameterValueException", "Please provide a source for function code.")
    version = {"VersionId": code["S3ObjectVersion"]} if code.get("S3ObjectVersion") else {}
    try:
        return bytes(s3.get_object(Bucket=code["S3Bucket"], Key=code["S3Key"], **version)["Body"].read())
    except s3.exceptions.ClientError as error:
        found = error.response["Error"]
        raise AwsError(
            "InvalidParameterValueException",
            f"Error occurred while GetObject. S3 Error Code: {found['Code']}. S3 Error Message: {found['Message']}",
        ) from error


def unpack(data: bytes, directory: Path) -> None:
    """Unpack with the permissions that the archive names, then take the right to write away."""
    draft = directory.with_name(f"{directory.name}-{uuid.uuid4().hex[:8]}")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > MAX_UNPACKED:
                message = f"Unzipped size must be smaller than {MAX_UNPACKED} bytes"
                raise AwsError("InvalidParameterValueException", message)
            draft.mkdir(parents=True)
            for entry in archive.infolist():
                _extract(archive, entry, draft)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        shutil.rmtree(draft, ignore_errors=True)
        raise AwsError("InvalidParameterValueException", UNUSABLE) from error
    draft.rename(directory)


def _extract(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, root: Path) -> None:
    mode = entry.external_attr >> 16
    if stat.S_ISLNK(mode):
        target = root / entry.filename
        if not target.resolve().is_relative_to(root.resolve()):
            raise ValueError(entry.filename)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(archive.read(entry).decode())
        return
    path = Path(archive.extract(entry, root))
    if path.is_file():
        path.chmod(0o444 | (mode & 0o111))


def _replace(source: str, target: str) -> str:
    """Copy over what an earlier layer put there, read-only though it is; hard links save room."""
    Path(target).unlink(missing_ok=True)
    os.link(source, target)
    return target
