"""Lambda's operations on aliases. Part of the service."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from localaws.errors import AwsError
from localaws.lambda_.base import LambdaBase
from localaws.lambda_.function_operations import page
from localaws.lambda_.model import Alias, Function, new_revision
from localaws.lambda_.routing import checked_weights
from localaws.service import Call


class AliasOperations(LambdaBase):
    """CreateAlias, GetAlias, UpdateAlias, DeleteAlias, ListAliases."""

    def create_alias(self, call: Call) -> dict[str, Any]:
        params = call.params
        with self.lock:
            function, _ = self.find(call)
            name = str(params["Name"])
            arn = f"{function.arn}:{name}"
            if name in function.aliases:
                raise AwsError("ResourceConflictException", f"Alias already exists: {arn}", 409, Type="User")
            version = str(params["FunctionVersion"])
            weights = checked_weights(function, version, params.get("RoutingConfig"))
            alias = Alias(name, arn, version, str(params.get("Description") or ""), weights)
            function.aliases[name] = alias
            return _shown(alias)

    def get_alias(self, call: Call) -> dict[str, Any]:
        with self.lock:
            function, _ = self.find(call)
            return _shown(_alias(function, call))

    def update_alias(self, call: Call) -> dict[str, Any]:
        params = call.params
        with self.lock:
            function, _ = self.find(call)
            alias = _alias(function, call)
            self.check_revision(call, alias.revision)
            version = str(params.get("FunctionVersion") or alias.version)
            routing = params.get("RoutingConfig")
            weights = checked_weights(
                function, version, {"AdditionalVersionWeights": alias.weights} if routing is None else routing
            )
            changed = replace(
                alias,
                version=version,
                weights=weights,
                description=str(params.get("Description", alias.description)),
                revision=new_revision(),
            )
            function.aliases[alias.name] = changed
            return _shown(changed)

    def delete_alias(self, call: Call) -> None:
        with self.lock:
            function, _ = self.find(call)
            name = str(call.params["Name"])
            if function.aliases.pop(name, None) is not None:
                function.policies.pop(name, None)
                function.event_configs.pop(name, None)

    def list_aliases(self, call: Call) -> dict[str, Any]:
        wanted = call.params.get("FunctionVersion")
        with self.lock:
            function, _ = self.find(call)
            aliases = [a for _, a in sorted(function.aliases.items()) if wanted in (None, a.version, *a.weights)]
            return page(call, "Aliases", [_shown(alias) for alias in aliases])


def _alias(function: Function, call: Call) -> Alias:
    name = str(call.params["Name"])
    alias = function.aliases.get(name)
    if alias is None:
        message = f"Cannot find alias arn: {function.arn}:{name}"
        raise AwsError("ResourceNotFoundException", message, 404, Type="User")
    return alias


def _shown(alias: Alias) -> dict[str, Any]:
    output: dict[str, Any] = {
        "AliasArn": alias.arn,
        "Name": alias.name,
        "FunctionVersion": alias.version,
        "Description": alias.description,
        "RevisionId": alias.revision,
    }
    if alias.weights:
        output["RoutingConfig"] = {"AdditionalVersionWeights": dict(alias.weights)}
    return output
