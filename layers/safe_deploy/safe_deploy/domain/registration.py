"""Examine a drop: what its release will be, or why there will be none. Used by register_drop."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from safe_deploy.domain.canonical import digest
from safe_deploy.domain.contract import Contract
from safe_deploy.domain.fields import parse_json, shown
from safe_deploy.domain.live import Alias
from safe_deploy.domain.manifest import (
    MANIFEST_LIMIT,
    Drop,
    DroppedFile,
    Manifest,
    data_digest,
    drop_manifest,
)
from safe_deploy.domain.names import Names, Places
from safe_deploy.domain.policy import Policy, encode_hyperparameters
from safe_deploy.domain.ports import Executions, Objects, Releases
from safe_deploy.domain.release import Champion, Release, State, is_final
from safe_deploy.domain.shift.strategy import Strategy, shift_plan
from safe_deploy.domain.source import Source, code_digest
from safe_deploy.errors import InvalidRequestError, NotFoundError, RefusedError, TooLargeError


class DropRefusedError(RefusedError):
    """The drop can't become a release. The text is for the person who dropped it."""


@contextmanager
def refusing() -> Iterator[None]:
    """Turn an error about the drop or the user's model folder into a refusal."""
    try:
        yield
    except InvalidRequestError as error:
        raise DropRefusedError(str(error)) from error


@dataclass(frozen=True, slots=True)
class UserFolder:
    """What the user's model folder asks for, parsed."""

    policy_document: Any
    policy: Policy
    contract: Contract
    code_digest: str

    def checked(self) -> UserFolder:
        """Return the folder. Raises InvalidRequestError when its two files don't fit together."""
        for slicing in self.policy.slices:
            if slicing.column not in self.contract.feature_names:
                raise InvalidRequestError(
                    f"policy.json: slices names {shown(slicing.column)}, which isn't a feature of contract.json"
                )
        return self

    @classmethod
    def read(cls, source: Source) -> UserFolder:
        """Read policy.json and contract.json. Raises DropRefusedError, naming the key that is wrong."""
        with refusing():
            documents = {}
            for name in ("policy.json", "contract.json"):
                if f"model/{name}" not in source:
                    raise InvalidRequestError(f"model/{name} is missing from what was deployed")
                documents[name] = parse_json(source[f"model/{name}"], name)
            return cls(
                documents["policy.json"],
                Policy.parse(documents["policy.json"]),
                Contract.parse(documents["contract.json"]),
                code_digest(source),
            ).checked()


@dataclass(frozen=True, slots=True)
class DropContent:
    """What a drop holds."""

    manifest: Manifest
    files: tuple[DroppedFile, ...]

    @classmethod
    def read(cls, drop: Drop, objects: Objects) -> DropContent:
        """Read the manifest and describe the files. Raises DropRefusedError, naming what is wrong."""
        folder = f"s3://{drop.bucket}/{drop.folder}"
        try:
            content = objects.read(f"{folder}manifest.json", limit=MANIFEST_LIMIT, version_id=drop.version_id)
        except (NotFoundError, TooLargeError) as error:
            raise DropRefusedError(f"the manifest can't be read: {error}") from error
        with refusing():
            manifest = Manifest.parse(content)
        files = []
        for name in manifest.files:
            try:
                found = objects.describe(f"{folder}{name}")
            except NotFoundError:
                raise DropRefusedError(f"manifest.json: files names {shown(name)}, which isn't in {folder}") from None
            if found.size == 0:
                raise DropRefusedError(f"the file {name} in {folder} is empty")
            files.append(DroppedFile(name, found.etag, found.size, found.version_id))
        return cls(manifest, tuple(files))

    @property
    def digest(self) -> str:
        """Return the digest of the drop's content."""
        return data_digest(self.manifest, list(self.files))


def champion_of(alias: Alias, releases: Releases) -> Champion | None:
    """Return the release that production serves from, None on the static first version."""
    if not alias.main.serves:
        return None
    live = alias.main
    record = releases.find(live.release_id)
    if record is None or not record.item.get("modelDataUrl"):
        raise DropRefusedError(
            f"production serves from release {live.release_id or '(unnamed)'} (version {live.version}), "
            "of which there is no record, so a candidate can't be compared with it"
        )
    return Champion(
        live.release_id,
        live.endpoint_name,
        live.version,
        str(record.section("modelDataUrl")),
        record.place("baseline"),
    )


def obstacle(other: Release, alias: Alias, executions: Executions) -> str | None:
    """Return a sentence when the same content is in another release's hands."""
    if other.state is State.LIVE and alias.main.release_id == other.release_id:
        return f"release {other.release_id} has the same data and code, and is live"
    if not is_final(other.state) and executions.status(other.execution_arn) == "RUNNING":
        if other.is_code_only:
            return f"release {other.release_id} releases the same inference code, and is in progress ({other.state})"
        return f"release {other.release_id} has the same data and code, and is in progress ({other.state})"
    return None


@dataclass(frozen=True, slots=True)
class Registration:
    """Everything that a registered release's record holds."""

    names: Names
    places: Places
    drop: Drop
    content: DropContent
    folder: UserFolder
    hyperparameters: dict[str, Any]
    strategy: Strategy
    champion: Champion | None
    live_version: str

    @property
    def drop_manifest(self) -> bytes:
        """Return SageMaker's list of the drop's files."""
        return json.dumps(drop_manifest(self.drop, self.content.manifest.files)).encode()

    def to_item(self) -> dict[str, Any]:
        """Return the record's attributes."""
        policy = self.folder.policy
        return {
            "kind": self.content.manifest.kind,
            "trainedBy": self.places.release_id,
            "names": self.names.to_output(),
            "uris": self.places.to_output(),
            "modelDataUrl": self.places.model_data_url(self.names.training_job),
            "manifest": self.content.manifest.to_item(),
            "files": [file.to_item() for file in self.content.files],
            "dataDigest": self.content.digest,
            "codeDigest": self.folder.code_digest,
            "contractDigest": self.folder.contract.digest,
            "policyDigest": digest(self.folder.policy_document),
            "policy": self.folder.policy_document,
            "hyperparameters": self.hyperparameters,
            "strategy": self.strategy.to_item(),
            "champion": None if self.champion is None else self.champion.to_output(),
            "championReleaseId": None if self.champion is None else self.champion.release_id,
            "liveVersion": self.live_version,
            "graceSeconds": policy.grace_minutes * 60,
        }


def to_output(release: Release, region: str, model_name: str) -> dict[str, Any]:
    """Return what the state machine is told about a registered release; all of it stands in the record."""
    policy = release.policy
    uris: Mapping[str, str] = release.section("uris")
    return {
        "status": "registered",
        "reason": None,
        "kind": release.kind,
        "releaseId": release.release_id,
        "modelDataUrl": release.section("modelDataUrl"),
        "modelPackageArn": release.item.get("modelPackageArn"),
        "names": dict(release.section("names")),
        "uris": dict(uris),
        "hyperparameters": encode_hyperparameters(release.section("hyperparameters"), uris["sourceArchive"], region),
        "champion": None if release.champion is None else release.champion.to_output(),
        "liveVersion": release.live_version,
        "limits": {
            "trainingSeconds": policy.maximum_seconds,
            "approvalSeconds": policy.approval.hours * 3600 if policy.approval.hours else None,
        },
        "monitoring": {
            "comparisonThreshold": f"{policy.drift_threshold:g}",
            "comparisonMethod": policy.drift_method,
        },
        "graceSeconds": release.section("graceSeconds"),
        "shift": shift_plan(release.strategy, model_name, has_champion=release.champion is not None),
    }
