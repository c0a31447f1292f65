"""AWS Lambda: the inference function, its versions and its alias. Used wherever production is looked at."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from typing import Any

from botocore.exceptions import ClientError

from safe_deploy.domain.canonical import digest
from safe_deploy.domain.inference import LATEST, Inference
from safe_deploy.domain.live import Alias, LiveVersion
from safe_deploy.domain.ports import Invocation
from safe_deploy.gateways.clients import ONCE, client, is_throttled, translating

OF_A_RELEASE = ("ENDPOINT_NAME", "RELEASE_ID")
"""Variables that a release sets; the others are the function's own."""


class LambdaFunctions:
    """The inference function."""

    def __init__(self, name: str, alias: str) -> None:
        self.name, self.alias = name, alias

    def live(self) -> Alias:
        """Return what the alias points to. While traffic is shifted, its main version is the champion's."""
        with translating(f"read the alias {self.alias} of {self.name}"):
            found = client("lambda").get_alias(FunctionName=self.name, Name=self.alias)
        weights = (found.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {}
        return Alias(
            self.version(str(found["FunctionVersion"])),
            {str(version): float(weight) for version, weight in weights.items()},
        )

    def version(self, version: str) -> LiveVersion:
        """Return a version's code, and its release and endpoint, from its environment. Raises NotFoundError."""
        with translating(f"read version {version} of {self.name}"):
            found = client("lambda").get_function_configuration(FunctionName=self.name, Qualifier=version)
        return _described(version, found)

    def published(self) -> Iterator[LiveVersion]:
        """Yield every published version with its release and endpoint."""
        with translating(f"list the versions of {self.name}"):
            for page in client("lambda").get_paginator("list_versions_by_function").paginate(FunctionName=self.name):
                for found in page["Versions"]:
                    if found["Version"] != LATEST:
                        yield _described(str(found["Version"]), found)

    def invoke(self, version: str, event: Mapping[str, Any], trial: Mapping[str, str] | None = None) -> Invocation:
        """Invoke a version with an event and wait for its answer.

        `trial` goes into the client context, where `$LATEST` looks for another endpoint and release.
        """
        given = self._given(version, event)
        if trial is not None:
            given["ClientContext"] = base64.b64encode(json.dumps({"custom": dict(trial)}).encode()).decode()
        with translating(f"invoke version {version} of {self.name}"):
            return _invocation(client("lambda").invoke(**given))

    def replay(self, version: str, event: Mapping[str, Any]) -> Invocation | None:
        """Invoke a version once, for as long as it takes; return its answer with the end of its log.

        None where Lambda had no room for it: it never ran. Raises TransientError where nobody knows what became of it.
        """
        with translating(f"replay a request to version {version} of {self.name}"):
            try:
                return _invocation(client("lambda", ONCE).invoke(**self._given(version, event), LogType="Tail"))
            except ClientError as error:
                if is_throttled(error):
                    return None
                raise

    def _given(self, version: str, event: Mapping[str, Any]) -> dict[str, Any]:
        return {"FunctionName": self.name, "Qualifier": version, "Payload": json.dumps(event).encode()}


def _invocation(found: Mapping[str, Any]) -> Invocation:
    return Invocation(
        found["Payload"].read(),
        str(found.get("FunctionError", "")),
        str(found.get("ResponseMetadata", {}).get("RequestId", "")),
        base64.b64decode(found.get("LogResult", "")).decode("utf-8", "replace"),
    )


def _described(version: str, found: Mapping[str, Any]) -> LiveVersion:
    variables = (found.get("Environment") or {}).get("Variables") or {}
    return LiveVersion(
        version,
        variables.get("RELEASE_ID", ""),
        variables.get("ENDPOINT_NAME", ""),
        Inference(str(found.get("CodeSha256", "")), _settings(found, variables)),
    )


def _settings(found: Mapping[str, Any], variables: Mapping[str, str]) -> dict[str, Any]:
    others = {name: value for name, value in variables.items() if name not in OF_A_RELEASE}
    return {
        "runtime": str(found.get("Runtime", "")),
        "handler": str(found.get("Handler", "")),
        "architecture": ", ".join(found.get("Architectures") or ()),
        "memoryMegabytes": int(found.get("MemorySize", 0)),
        "timeoutSeconds": int(found.get("Timeout", 0)),
        "role": str(found.get("Role", "")),
        "layers": [layer["Arn"] for layer in found.get("Layers") or ()],
        "environment": digest(others)[:16],  # values may be secret
    }
