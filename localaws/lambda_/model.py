"""What Lambda keeps: functions, configurations, versions, aliases, layers. Held by the service."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from localaws.lambda_.names import LATEST


def new_revision() -> str:
    """A fresh RevisionId."""
    return str(uuid.uuid4())


@dataclass(frozen=True, slots=True)
class Bundle:
    """An unpacked zip archive."""

    digest: str
    """SHA-256, base64 as AWS shows it."""
    size: int
    archive: Path
    directory: Path


@dataclass(frozen=True, slots=True)
class LayerVersion:
    """One immutable version of a layer."""

    arn: str
    layer_arn: str
    number: int
    bundle: Bundle
    created: datetime
    described: Mapping[str, Any]
    """Description, LicenseInfo, CompatibleRuntimes, CompatibleArchitectures, as given."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """Everything that decides how a version runs."""

    runtime: str
    role: str
    handler: str
    bundle: Bundle
    description: str = ""
    timeout: int = 3
    memory: int = 128
    variables: Mapping[str, str] = field(default_factory=dict)
    layers: tuple[LayerVersion, ...] = ()
    architectures: tuple[str, ...] = ("x86_64",)
    ephemeral: int = 512
    tracing: str = "PassThrough"
    logging: Mapping[str, str] = field(default_factory=dict)
    """LogGroup, LogFormat, ApplicationLogLevel, SystemLogLevel; complete."""

    def runs_like(self, other: Configuration) -> bool:
        """Whether nothing but the description differs."""
        return replace(self, description="") == replace(other, description="")


@dataclass(frozen=True, slots=True)
class Version:
    """A published version, or the present state of $LATEST."""

    function: str
    arn: str
    """Qualified, except for $LATEST."""
    number: str
    configuration: Configuration
    modified: datetime
    revision: str = field(default_factory=new_revision)
    environment_id: str = field(default_factory=new_revision)
    """Environments are shared by invocations with the same."""


@dataclass(frozen=True, slots=True)
class Alias:
    """A name that points to one version, or to two with weights."""

    name: str
    arn: str
    version: str
    description: str = ""
    weights: Mapping[str, float] = field(default_factory=dict)
    """The second version's share."""
    revision: str = field(default_factory=new_revision)


@dataclass(slots=True)
class Function:
    """A function with its versions, aliases, policies and settings. Changed only under the service's lock."""

    name: str
    arn: str
    latest: Version
    serving: Version
    """What invocations of $LATEST get: the state before, while an update is in progress."""
    ready_at: float
    """When the creation or the last update is finished, on the monotonic clock."""
    is_new: bool = True
    last_number: int = 0
    versions: dict[str, Version] = field(default_factory=dict)
    aliases: dict[str, Alias] = field(default_factory=dict)
    policies: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By qualifier ("" for the unqualified function): `{"revision": …, "statements": […]}`."""
    reserved: int | None = None
    event_configs: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By qualifier, as `PutFunctionEventInvokeConfig` stored it."""
    tags: dict[str, str] = field(default_factory=dict)

    def is_settled(self) -> bool:
        """Whether the creation or the last update is finished."""
        return time.monotonic() >= self.ready_at

    def settle(self) -> Version | None:
        """Let a finished update take effect; the version state that serves no longer, if any."""
        if self.serving is self.latest or not self.is_settled():
            return None
        before, self.serving = self.serving, self.latest
        return before

    def version(self, number: str) -> Version | None:
        """$LATEST or a published version."""
        return self.latest if number == LATEST else self.versions.get(number)
