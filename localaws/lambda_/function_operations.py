"""Lambda's operations on functions and versions. Part of the service."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import Any

from localaws.errors import AwsError, NotModelledError
from localaws.lambda_ import bundles, configuration
from localaws.lambda_.base import LambdaBase
from localaws.lambda_.model import Bundle, Configuration, Function, LayerVersion, Version, new_revision
from localaws.lambda_.names import LATEST, is_version
from localaws.lambda_.routing import known_version
from localaws.service import Call

CREATE_SECONDS = 2.0
"""AWS seconds that a new function is Pending."""
UPDATE_SECONDS = 1.0
"""AWS seconds that an update is InProgress."""
NOT_ASSUMABLE = "The role defined for the function cannot be assumed by Lambda."


class FunctionOperations(LambdaBase):
    """CreateFunction … ListVersionsByFunction."""

    def create_function(self, call: Call) -> dict[str, Any]:
        params = call.params
        code = params["Code"]
        configuration.refuse_not_modelled({**params, **code})
        self._check_role(params["Role"])
        bundle = self._fetch(call, code)
        name = self._new_name(params)
        params = {**params, "FunctionName": name}
        base = configuration.created(params, bundle, self.find_layer)
        wanted = configuration.changed(base, params, name, self.find_layer)
        bundles.check_size(bundle, wanted.layers)
        arn = self.arn(f"function:{name}")
        with self.lock:
            if name in self.functions:
                raise _conflict(f"Function already exist: {name}")
            latest = Version(name, arn, LATEST, wanted, self.world.clock.now())
            ready = time.monotonic() + self.world.clock.real(CREATE_SECONDS)
            function = Function(name, arn, latest, latest, ready, tags=dict(params.get("Tags") or {}))
            self.functions[name] = function
            if params.get("Publish"):
                return self._shown(function, self._publish(function, None))
            return self._shown(function, latest)

    def update_function_code(self, call: Call) -> dict[str, Any]:
        params = call.params
        configuration.refuse_not_modelled(params)
        bundle = self._fetch(call, params)
        with self.lock:
            function, _ = self.find(call)
            self.check_revision(call, function.latest.revision)
            wanted = configuration.with_code(function.latest.configuration, bundle, params)
            if params.get("DryRun"):
                return self._shown(function, replace(function.latest, configuration=wanted))
            self._check_settled(function)
            self._replace(function, wanted)
            if params.get("Publish"):
                return self._shown(function, self._publish(function, None))
            return self._shown(function, function.latest)

    def update_function_configuration(self, call: Call) -> dict[str, Any]:
        params = call.params
        configuration.refuse_not_modelled(params)
        if params.get("Role"):
            self._check_role(params["Role"])
        with self.lock:
            function, _ = self.find(call)
            self.check_revision(call, function.latest.revision)
            self._check_settled(function)
            before = function.latest.configuration
            self._replace(function, configuration.changed(before, params, function.name, self.find_layer))
            return self._shown(function, function.latest)

    def get_function(self, call: Call) -> dict[str, Any]:
        with self.lock:
            function, named = self.find(call)
            version = self._resolve(function, named.qualifier)
            output: dict[str, Any] = {
                "Configuration": self._shown(function, version, named.qualifier),
                "Tags": dict(function.tags),
            }
            if function.reserved is not None:
                output["Concurrency"] = {"ReservedConcurrentExecutions": function.reserved}
        return {
            **output,
            "Code": {"RepositoryType": "S3", "Location": self.location(version.configuration.bundle)},
        }

    def get_function_configuration(self, call: Call) -> dict[str, Any]:
        with self.lock:
            function, named = self.find(call)
            return self._shown(function, self._resolve(function, named.qualifier), named.qualifier)

    def list_functions(self, call: Call) -> dict[str, Any]:
        if call.params.get("MasterRegion"):
            raise NotModelledError("lambda:ListFunctions with MasterRegion")
        with self.lock:
            shown: list[dict[str, Any]] = []
            for name in sorted(self.functions):
                function = self.function(name)
                versions = [function.latest]
                if call.params.get("FunctionVersion") == "ALL":
                    versions += function.versions.values()
                shown += (self._shown(function, version, version.number) for version in versions)
        return page(call, "Functions", shown)

    def delete_function(self, call: Call) -> dict[str, Any]:
        with self.lock:
            function, named = self.find(call)
            if not named.qualifier:
                del self.functions[function.name]
                for version in (function.latest, function.serving, *function.versions.values()):
                    self.pool.retire(version)
            else:
                self._delete_version(function, named.qualifier)
        return {"StatusCode": 204}

    def publish_version(self, call: Call) -> dict[str, Any]:
        params = call.params
        configuration.refuse_not_modelled(params)
        with self.lock:
            function, _ = self.find(call)
            self._check_settled(function)
            self.check_revision(call, function.latest.revision)
            digest = function.latest.configuration.bundle.digest
            if params.get("CodeSha256") and params["CodeSha256"] != digest:
                raise _invalid(
                    f"CodeSHA256 ({params['CodeSha256']}) is different from current CodeSHA256 in $LATEST "
                    f"({digest}). Please try again with the CodeSHA256 in $LATEST."
                )
            return self._shown(function, self._publish(function, params.get("Description")))

    def list_versions_by_function(self, call: Call) -> dict[str, Any]:
        with self.lock:
            function, _ = self.find(call)
            versions = [function.latest, *function.versions.values()]
            return page(call, "Versions", [self._shown(function, v, v.number) for v in versions])

    def find_layer(self, arn: str) -> LayerVersion:
        """The layer version of an ARN. Raises `InvalidParameterValueException`."""
        layer_arn, _, number = arn.rpartition(":")
        found = self.layers.get(layer_arn, {}).get(int(number) if number.isdigit() else -1)
        if found is None:
            raise _invalid(f"Layer version {arn} does not exist.")
        return found

    def _fetch(self, call: Call, code: dict[str, Any]) -> Bundle:
        return self.bundles.keep(bundles.fetch(code, self.client_for(call.principal, "s3")))

    def _new_name(self, params: dict[str, Any]) -> str:
        name = str(params["FunctionName"]).rsplit(":", 1)[-1]
        if len(name) > 64:
            raise _invalid("Function name must have length less than or equal to 64")
        return name

    def _check_role(self, role: str) -> None:
        iam = self.world.client("iam")
        try:
            found = iam.get_role(RoleName=role.rsplit("/", 1)[-1])["Role"]
        except iam.exceptions.NoSuchEntityException:
            raise _invalid(NOT_ASSUMABLE) from None
        trust = found["AssumeRolePolicyDocument"]
        statements = (trust if isinstance(trust, dict) else json.loads(trust)).get("Statement", [])
        for statement in statements if isinstance(statements, list) else [statements]:
            principal = statement.get("Principal", {})
            services = principal.get("Service", []) if isinstance(principal, dict) else principal
            if statement.get("Effect") == "Allow" and "lambda.amazonaws.com" in services:
                return
        raise _invalid(NOT_ASSUMABLE)

    def _check_settled(self, function: Function) -> None:
        if function.is_settled():
            return
        if function.is_new:
            raise _conflict(
                "The operation cannot be performed at this time. "
                "The function is currently in the following state: Pending"
            )
        raise _conflict(
            f"The operation cannot be performed at this time. An update is in progress for resource: {function.arn}"
        )

    def _replace(self, function: Function, wanted: Configuration) -> None:
        """Begin an update: invocations get the state before until it is finished."""
        self.settle(function)
        function.is_new = False
        function.ready_at = time.monotonic() + self.world.clock.real(UPDATE_SECONDS)
        function.latest = Version(function.name, function.arn, LATEST, wanted, self.world.clock.now())

    def _publish(self, function: Function, description: str | None) -> Version:
        """Snapshot $LATEST; the newest version again when nothing has changed since it was made."""
        wanted = function.latest.configuration
        newest = function.versions.get(str(function.last_number))
        if newest is not None and newest.configuration.runs_like(wanted):
            return newest
        if description is not None:
            wanted = replace(wanted, description=description)
        function.last_number += 1
        number = str(function.last_number)
        arn = f"{function.arn}:{number}"
        version = Version(function.name, arn, number, wanted, self.world.clock.now())
        function.versions[number] = version
        function.latest = _with_revision(function)
        return version

    def _delete_version(self, function: Function, qualifier: str) -> None:
        if qualifier == LATEST:
            raise _invalid("$LATEST version cannot be deleted without deleting the function.")
        if not is_version(qualifier):
            raise _invalid("Deletion of aliases is not currently supported.")
        users = [a.arn for a in function.aliases.values() if qualifier in (a.version, *a.weights)]
        if users:
            raise _conflict(f"Version is referenced by alias(es): {', '.join(users)}")
        version = known_version(function, qualifier)
        del function.versions[qualifier]
        self.pool.retire(version)

    def _resolve(self, function: Function, qualifier: str) -> Version:
        if qualifier and not is_version(qualifier) and qualifier in function.aliases:
            qualifier = function.aliases[qualifier].version
        return known_version(function, qualifier or LATEST)

    def _shown(self, function: Function, version: Version, qualifier: str = "") -> dict[str, Any]:
        """A version as `FunctionConfiguration`, with its state; its ARN as it was asked for."""
        output = configuration.described(version)
        if qualifier:
            output["FunctionArn"] = f"{function.arn}:{qualifier}"
        state = {"State": "Active", "LastUpdateStatus": "Successful"}
        if version.number == LATEST and not function.is_settled():
            if function.is_new:
                state = {
                    "State": "Pending",
                    "StateReason": "The function is being created.",
                    "StateReasonCode": "Creating",
                    "LastUpdateStatus": "Successful",
                }
            else:
                state = {
                    "State": "Active",
                    "LastUpdateStatus": "InProgress",
                    "LastUpdateStatusReason": "The function is being updated.",
                    "LastUpdateStatusReasonCode": "Updating",
                }
        return {**output, **state}


def page(call: Call, member: str, items: list[dict[str, Any]]) -> dict[str, Any]:
    """One page of a list, by `Marker` and `MaxItems`."""
    start = int(call.params.get("Marker") or 0)
    end = start + int(call.params.get("MaxItems") or 50)
    rest = {"NextMarker": str(end)} if end < len(items) else {}
    return {member: items[start:end], **rest}


def _with_revision(function: Function) -> Version:
    """$LATEST after a version was published: AWS gives it a new revision, its environments stay."""
    latest = replace(function.latest, revision=new_revision())
    if function.serving is function.latest:
        function.serving = latest
    return latest


def _conflict(message: str) -> AwsError:
    return AwsError("ResourceConflictException", message, 409, Type="User")


def _invalid(message: str) -> AwsError:
    return AwsError("InvalidParameterValueException", message, Type="User")
