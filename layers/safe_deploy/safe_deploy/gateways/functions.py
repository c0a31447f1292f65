"""AWS Lambda: the inference function, its versions and its alias. Used wherever production is looked at."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from safe_deploy.domain.live import Alias, LiveVersion
from safe_deploy.domain.ports import Invocation
from safe_deploy.gateways.clients import client, translating


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
        """Return a version's release and endpoint, from its environment. Raises NotFoundError."""
        with translating(f"read version {version} of {self.name}"):
            found = client("lambda").get_function_configuration(FunctionName=self.name, Qualifier=version)
        variables = (found.get("Environment") or {}).get("Variables") or {}
        return LiveVersion(version, variables.get("RELEASE_ID", ""), variables.get("ENDPOINT_NAME", ""))

    def invoke(self, version: str, event: Mapping[str, Any]) -> Invocation:
        """Invoke a version with an event and wait for its answer."""
        with translating(f"invoke version {version} of {self.name}"):
            found = client("lambda").invoke(
                FunctionName=self.name, Qualifier=version, Payload=json.dumps(event).encode()
            )
            return Invocation(found["Payload"].read(), str(found.get("FunctionError", "")))
