"""A drop and its manifest.json. Used by register_drop."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from safe_deploy.domain.canonical import digest
from safe_deploy.domain.fields import Fields, parse_json, shown
from safe_deploy.errors import InvalidRequestError

DATA, CODE = KINDS = ("data", "code")
"""What a release changes: the model, by training on dropped data; or the inference code alone."""
MANIFEST_LIMIT = 64 * 1024
"""Bytes a manifest may have."""
FILES_LIMIT = 100
DROP_KEY = re.compile(r"drops/(?P<name>[^/]+)/manifest\.json")
DROP_KEY_LIMIT = 700
FILE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._ +=@-]*")
FINDING = re.compile(r"[a-z]+(-[a-z]+)*")
ENDINGS = (".csv", ".csv.gz", ".parquet")


@dataclass(frozen=True, slots=True)
class Drop:
    """One S3 version of a manifest: what starts a release, and only one."""

    bucket: str
    key: str
    version_id: str

    @classmethod
    def from_event(cls, event: Any) -> Drop:
        """Read EventBridge's `Object Created`. Raises InvalidRequestError, naming the field that is wrong."""
        detail = Fields(event, "the event").object("detail")
        entry = detail.object("object")
        key = entry.text("key", maximum=DROP_KEY_LIMIT)
        if not DROP_KEY.fullmatch(key):
            entry.fail("key", f"must be drops/<name>/manifest.json, not {shown(key)}")
        if not key.isprintable():
            entry.fail("key", f"has characters that don't print: {shown(key)}; name the folder without them")
        if "version-id" not in entry or entry.value("version-id") == "null":
            entry.fail("version-id", "is missing: versioning must be on in the drop bucket")
        return cls(detail.object("bucket").text("name"), key, entry.text("version-id", maximum=200))

    @property
    def identity(self) -> str:
        """Return the sort key by which a second arrival of the same event is known."""
        return f"{self.bucket}/{self.key}@{self.version_id}"

    @property
    def folder(self) -> str:
        """Return the key prefix of the drop's files, ending in a slash."""
        return self.key.rpartition("/")[0] + "/"

    def to_item(self) -> dict[str, str]:
        """Return the drop as it stands in the records."""
        return {"bucket": self.bucket, "key": self.key, "versionId": self.version_id}

    @classmethod
    def from_item(cls, item: dict[str, Any]) -> Drop:
        """Read what `to_item` wrote."""
        return cls(item["bucket"], item["key"], item["versionId"])


@dataclass(frozen=True, slots=True)
class Manifest:
    """What the person who drops data says about it."""

    files: tuple[str, ...]
    """Empty when only code changes."""
    description: str = ""
    requested_by: str = ""
    hyperparameters: dict[str, Any] = field(default_factory=dict)
    """Overrides of the policy's hyperparameters, not yet checked against it."""
    strategy: dict[str, Any] | None = None
    """Override of the policy's way to shift traffic, not yet checked against it."""
    break_glass: str = ""
    """Why the release may shift although alarms fire; empty when it may not."""
    kind: str = DATA
    acknowledge: tuple[str, ...] = ()
    """Findings about production, changed by hand, that the release builds on all the same."""

    @classmethod
    def parse(cls, content: bytes) -> Manifest:
        """Read manifest.json. Raises InvalidRequestError, naming the key that is wrong."""
        if len(content) > MANIFEST_LIMIT:
            raise InvalidRequestError(f"manifest.json has more than {MANIFEST_LIMIT // 1024} KiB")
        given = Fields(parse_json(content, "manifest.json"), "manifest.json")
        kind = given.choice("release", KINDS) if "release" in given else DATA
        if kind == CODE:
            _only_code(given)
        manifest = cls(
            _files(given) if kind == DATA else (),
            given.prose("description", maximum=1000) if "description" in given else "",
            given.line("requestedBy", maximum=200) if "requestedBy" in given else "",
            *_overrides(given),
            _break_glass(given),
            kind,
            _acknowledge(given),
        )
        given.end()
        return manifest

    def to_item(self) -> dict[str, Any]:
        """Return the manifest as it stands in the records."""
        return {
            "release": self.kind,
            "files": list(self.files),
            "description": self.description,
            "requestedBy": self.requested_by,
            "overrides": {
                "hyperparameters": self.hyperparameters,
                **({"canary": {"strategy": self.strategy}} if self.strategy is not None else {}),
            },
            "breakGlass": {"reason": self.break_glass} if self.break_glass else None,
            "acknowledge": list(self.acknowledge),
        }


@dataclass(frozen=True, slots=True)
class DroppedFile:
    """One data file of a drop, as S3 describes it."""

    name: str
    etag: str
    size: int
    version_id: str

    def to_item(self) -> dict[str, Any]:
        """Return the file as it stands in the records."""
        return {"name": self.name, "etag": self.etag, "size": self.size, "versionId": self.version_id}


def data_digest(manifest: Manifest, files: list[DroppedFile]) -> str:
    """Return the digest of a drop's content: the manifest and each file's name, etag and size."""
    content = sorted([file.name, file.etag, file.size] for file in files)
    return digest({"manifest": manifest.to_item(), "files": content})


def drop_manifest(drop: Drop, files: tuple[str, ...]) -> list[Any]:
    """Return SageMaker's ManifestFile for the drop's files: a prefix, then names."""
    return [{"prefix": f"s3://{drop.bucket}/{drop.folder}"}, *files]


def _only_code(given: Fields) -> None:
    words = 'must be left out where release is "code": the model stays, and nothing is trained'
    if "files" in given:
        given.fail("files", words)
    overrides = given.object("overrides") if "overrides" in given else None
    if overrides is not None and "hyperparameters" in overrides:
        overrides.fail("hyperparameters", words)


def _files(given: Fields) -> tuple[str, ...]:
    files = tuple(_file(given, entry) for entry in given.list("files", minimum=1, maximum=FILES_LIMIT))
    twice = sorted({name for name in files if files.count(name) > 1})
    if twice:
        given.fail("files", f"names {shown(twice[0])} twice")
    return files


def _overrides(given: Fields) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """Return hyperparameters and strategy, as far as they are given."""
    hyperparameters: dict[str, Any] = {}
    strategy: dict[str, Any] | None = None
    if "overrides" in given:
        section = given.object("overrides")
        if "hyperparameters" in section:
            chosen = section.object("hyperparameters")
            hyperparameters = {key: _scalar(chosen, key) for key in chosen}
        if "canary" in section:
            canary = section.object("canary")
            steps = canary.object("strategy")
            strategy = {key: _scalar(steps, key) for key in steps}
            canary.end()
        section.end()
    return hyperparameters, strategy


def _break_glass(given: Fields) -> str:
    if "breakGlass" not in given:
        return ""
    glass = given.object("breakGlass")
    reason = glass.prose("reason", maximum=1000)
    glass.end()
    if "requestedBy" not in given:
        given.fail("breakGlass", "needs requestedBy: somebody has to answer for it")
    return reason


def _acknowledge(given: Fields) -> tuple[str, ...]:
    if "acknowledge" not in given:
        return ()
    found = tuple(given.list("acknowledge", minimum=1, maximum=20))
    if not all(isinstance(entry, str) and FINDING.fullmatch(entry) for entry in found):
        given.fail("acknowledge", 'must hold ids of findings, such as "alias-moved"')
    return found


def _file(given: Fields, entry: Any) -> str:
    if not isinstance(entry, str) or len(entry) > 200 or not FILE_NAME.fullmatch(entry):
        given.fail("files", f"must hold plain file names beside the manifest, not {shown(entry)}")
    if not entry.endswith(ENDINGS):
        given.fail("files", f"names {shown(entry)}; a data file ends in {', '.join(ENDINGS)}")
    return entry


def _scalar(chosen: Fields, key: str) -> Any:
    value = chosen.value(key)
    if not isinstance(value, (str, int, float)) or (isinstance(value, str) and len(value) > 1000):
        chosen.fail(key, "must be a number, a truth value or a string of at most 1000 characters")
    return value
