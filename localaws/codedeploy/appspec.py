"""The AppSpec of a Lambda deployment: which alias goes from which version to which. Used by deployments."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

import yaml

from localaws.errors import AwsError, NotModelledError

HOOKS = ("BeforeAllowTraffic", "AfterAllowTraffic")
PROPERTIES = ("Name", "Alias", "CurrentVersion", "TargetVersion")


@dataclass(frozen=True, slots=True)
class AppSpec:
    """One function's alias on its way."""

    function: str
    alias: str
    current: str
    target: str
    hooks: dict[str, str] = field(default_factory=dict)
    """Function names or ARNs by lifecycle event."""

    def reversed(self) -> AppSpec:
        """The way back, which AWS goes without hooks."""
        return AppSpec(self.function, self.alias, self.target, self.current)

    def to_revision(self) -> dict[str, Any]:
        """As a revision of a deployment."""
        properties = dict(zip(PROPERTIES, (self.function, self.alias, self.current, self.target), strict=True))
        resource = {"Type": "AWS::Lambda::Function", "Properties": properties}
        content = json.dumps({"version": 0.0, "Resources": [{self.function: resource}]})
        digest = hashlib.sha256(content.encode()).hexdigest()
        return {"revisionType": "AppSpecContent", "appSpecContent": {"content": content, "sha256": digest}}


def from_revision(revision: dict[str, Any] | None) -> tuple[AppSpec, dict[str, Any]]:
    """The AppSpec of a revision, and the revision with its digest. Raises AWS's errors for what isn't one."""
    if revision is None:
        raise AwsError("RevisionRequiredException", "The revision is required.")
    kind = revision.get("revisionType", "")
    if kind == "S3":
        raise NotModelledError("codedeploy:CreateDeployment with an AppSpec file in S3")
    member = {"AppSpecContent": "appSpecContent", "String": "string"}.get(kind)
    if member is None:
        raise _invalid(f"a Lambda deployment takes revisionType AppSpecContent or String, not {kind!r}")
    given = revision.get(member, {})
    content = given.get("content", "")
    digest = hashlib.sha256(content.encode()).hexdigest()
    if given.get("sha256", digest) != digest:
        raise _invalid("the sha256 is not that of the content")
    return parse(content), {"revisionType": kind, member: {"content": content, "sha256": digest}}


def parse(content: str) -> AppSpec:
    """An AppSpec in JSON or YAML. Raises `InvalidRevisionException`, naming what is wrong."""
    try:
        document = yaml.safe_load(content)  # JSON is YAML
    except yaml.YAMLError as error:
        raise _invalid("the AppSpec is neither JSON nor YAML") from error
    if not isinstance(document, dict):
        raise _invalid("the AppSpec is not an object")
    members = {str(name).lower(): value for name, value in document.items()}
    if members.get("version") not in (0, 0.0, "0.0"):
        raise _invalid("its version must be 0.0")
    unknown = members.keys() - {"version", "resources", "hooks"}
    if unknown:
        raise _invalid(f"unknown members {sorted(unknown)}")
    properties = _properties(members.get("resources"))
    return AppSpec(
        function=properties["Name"],
        alias=properties["Alias"],
        current=properties["CurrentVersion"],
        target=properties["TargetVersion"],
        hooks=_hooks(members.get("hooks") or []),
    )


def _properties(resources: Any) -> dict[str, str]:
    if not isinstance(resources, list) or len(resources) != 1 or not isinstance(resources[0], dict):
        raise _invalid("it needs exactly one resource")
    resource = next(iter(resources[0].values()), None)
    if not isinstance(resource, dict) or resource.get("Type") != "AWS::Lambda::Function":
        raise _invalid("its resource must be of Type AWS::Lambda::Function")
    given = resource.get("Properties")
    if not isinstance(given, dict):
        raise _invalid("its resource has no Properties")
    properties = {str(name)[:1].upper() + str(name)[1:]: str(value) for name, value in given.items()}
    missing = [name for name in PROPERTIES if not properties.get(name)]
    if missing or len(properties) > len(PROPERTIES):
        raise _invalid(f"Properties must be {', '.join(PROPERTIES)}")
    if properties["CurrentVersion"] == properties["TargetVersion"]:
        raise _invalid("CurrentVersion and TargetVersion are the same")
    if not properties["TargetVersion"].isdigit() or not properties["CurrentVersion"].isdigit():
        raise _invalid("CurrentVersion and TargetVersion must be published versions")
    return properties


def _hooks(given: Any) -> dict[str, str]:
    if not isinstance(given, list) or not all(isinstance(hook, dict) and len(hook) == 1 for hook in given):
        raise _invalid("Hooks must be a list of one event and function each")
    hooks = {name: function for hook in given for name, function in hook.items()}
    if not hooks.keys() <= set(HOOKS) or len(hooks) < len(given):
        raise _invalid(f"Hooks may be {' and '.join(HOOKS)}, each once")
    if not all(isinstance(function, str) and function for function in hooks.values()):
        raise _invalid("a hook names a Lambda function")
    return hooks


def _invalid(what: str) -> AwsError:
    return AwsError("InvalidRevisionException", f"The AppSpec is not valid: {what}.")
