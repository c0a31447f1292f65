"""AWS::Lambda::*: functions, versions, aliases, permissions, layers, asynchronous invocation."""

from __future__ import annotations

import io
import secrets
import zipfile
from typing import Any

from localaws.cloudformation.errors import ResourceFailedError
from localaws.cloudformation.handler import Context, Made, Properties, ResourceType
from localaws.cloudformation.shapes import FREE, Api, call
from localaws.cloudformation.tags import create_member, retag

_CONFIGURATION = (
    "Description", "Environment", "EphemeralStorage", "Handler", "KmsKeyArn", "Layers", "LoggingConfig",
    "MemorySize", "Role", "Runtime", "Timeout", "TracingConfig", "DeadLetterConfig",
)  # fmt: skip


class Function(ResourceType):
    """A function; created and updated until it is Active."""

    type = "AWS::Lambda::Function"
    properties = {
        **{name: Api("lambda", "CreateFunction", name) for name in _CONFIGURATION},
        "FunctionName": FREE,
        "PackageType": FREE,
        "Architectures": FREE,
        "ReservedConcurrentExecutions": FREE,
        "Code": {"S3Bucket": FREE, "S3Key": FREE, "S3ObjectVersion": FREE, "ZipFile": FREE},
        "Tags": FREE,
    }
    required = frozenset({"Code", "Role"})
    create_only = frozenset({"FunctionName", "PackageType"})
    attributes = frozenset({"Arn"})
    name_property = "FunctionName"

    def create(self, at: Context, wanted: Properties) -> Made:
        client = at.client("lambda")
        name = str(wanted.get("FunctionName") or at.generated_name(64))
        values = {k: v for k, v in wanted.items() if k not in ("Code", "Tags", "ReservedConcurrentExecutions")}
        client.create_function(
            **call("lambda", "CreateFunction", {**values, "FunctionName": name}),
            **create_member("lambda", "CreateFunction", at.all_tags(wanted.get("Tags"))),
            Code=_code(wanted["Code"], "ZipFile"),
        )
        at.made(name)
        self._settle(at, name)
        self._reserve(at, name, {}, wanted)
        return self._made(at, name)

    def update(self, at: Context, physical_id: str, old: Properties, wanted: Properties) -> Made:
        client = at.client("lambda")
        if old["Code"] != wanted["Code"] or old.get("Architectures") != wanted.get("Architectures"):
            values = {"Architectures": wanted["Architectures"]} if "Architectures" in wanted else {}
            client.update_function_code(FunctionName=physical_id, **_code(wanted["Code"], "ZipFile"), **values)
            self._settle(at, physical_id)
        if any(old.get(name) != wanted.get(name) for name in _CONFIGURATION):
            values = {k: wanted[k] for k in _CONFIGURATION if k in wanted}
            values.update({k: _EMPTY[k] for k in _EMPTY if k in old and k not in wanted})
            client.update_function_configuration(
                **call("lambda", "UpdateFunctionConfiguration", {**values, "FunctionName": physical_id})
            )
            self._settle(at, physical_id)
        self._reserve(at, physical_id, old, wanted)
        retag(at, "lambda", at.arn("lambda", f"function:{physical_id}"), old.get("Tags"), wanted.get("Tags"))
        return self._made(at, physical_id)

    def delete(self, at: Context, physical_id: str, properties: Properties) -> None:
        at.client("lambda").delete_function(FunctionName=physical_id)

    def _made(self, at: Context, name: str) -> Made:
        return Made(name, {"Arn": at.arn("lambda", f"function:{name}")})

    def _settle(self, at: Context, name: str) -> None:
        client = at.client("lambda")

        def settled() -> bool:
            found: dict[str, str] = client.get_function_configuration(FunctionName=name)
            for status, reason in (("State", "StateReason"), ("LastUpdateStatus", "LastUpdateStatusReason")):
                if found.get(status) == "Failed":
                    raise ResourceFailedError(f"{name}: {found.get(reason, 'the function failed')}")
            return found.get("State") == "Active" and found.get("LastUpdateStatus", "Successful") == "Successful"

        at.until(settled, f"the function {name}")

    def _reserve(self, at: Context, name: str, old: Properties, wanted: Properties) -> None:
        key = "ReservedConcurrentExecutions"
        if old.get(key) == wanted.get(key):
            return
        client = at.client("lambda")
        if key in wanted:
            client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=int(wanted[key]))
        else:
            client.delete_function_concurrency(FunctionName=name)


_EMPTY: dict[str, Any] = {
    "Description": "",
    "Environment": {"Variables": {}},
    "EphemeralStorage": {"Size": 512},
    "KmsKeyArn": "",
    "Layers": [],
    "LoggingConfig": {"LogFormat": "Text"},
    "MemorySize": 128,
    "Timeout": 3,
    "TracingConfig": {"Mode": "PassThrough"},
    "DeadLetterConfig": {"TargetArn": ""},
}
"""What a setting goes back to when it leaves the template: the API keeps what it isn't told."""


class Version(ResourceType):
    """A published version. It is made once; the code of a later deployment doesn't change it."""

    type = "AWS::Lambda::Version"
    properties = {"FunctionName": FREE, "Description": FREE, "CodeSha256": FREE}
    required = frozenset({"FunctionName"})
    create_only = frozenset(properties)
    attributes = frozenset({"Version", "FunctionArn"})

    def create(self, at: Context, wanted: Properties) -> Made:
        client = at.client("lambda")
        pages = client.get_paginator("list_versions_by_function").paginate(FunctionName=wanted["FunctionName"])
        known = {entry["Version"] for page in pages for entry in page["Versions"]}
        answer = client.publish_version(**call("lambda", "PublishVersion", wanted))
        version = answer["Version"]
        if version in known:
            raise ResourceFailedError(
                f"A version for this Lambda function exists ( {version} ). Modify the function to create a new version."
            )
        arn = _qualified(answer["FunctionArn"], version)
        return Made(arn, {"Version": version, "FunctionArn": arn})

    def delete(self, at: Context, physical_id: str, properties: Properties) -> None:
        name, _, version = physical_id.rpartition(":")
        at.client("lambda").delete_function(FunctionName=name, Qualifier=version)


class Alias(ResourceType):
    """An alias. `Ref` is its ARN."""

    type = "AWS::Lambda::Alias"
    properties = {
        "FunctionName": FREE,
        "Name": FREE,
        "FunctionVersion": FREE,
        "Description": FREE,
        "RoutingConfig": {"AdditionalVersionWeights": [{"FunctionVersion": FREE, "FunctionWeight": FREE}]},
    }
    required = frozenset({"FunctionName", "Name", "FunctionVersion"})
    create_only = frozenset({"FunctionName", "Name"})
    attributes = frozenset({"AliasArn"})
    name_property = "Name"

    def create(self, at: Context, wanted: Properties) -> Made:
        return self._made(at.client("lambda").create_alias(**self._values(wanted)))

    def update(self, at: Context, physical_id: str, old: Properties, wanted: Properties) -> Made:
        return self._made(at.client("lambda").update_alias(**self._values(wanted)))

    def delete(self, at: Context, physical_id: str, properties: Properties) -> None:
        at.client("lambda").delete_alias(FunctionName=properties["FunctionName"], Name=properties["Name"])

    def _made(self, answer: dict[str, Any]) -> Made:
        return Made(answer["AliasArn"], {"AliasArn": answer["AliasArn"]})

    def _values(self, wanted: Properties) -> dict[str, Any]:
        weights = wanted.get("RoutingConfig", {}).get("AdditionalVersionWeights", [])
        routing = {str(entry["FunctionVersion"]): float(entry["FunctionWeight"]) for entry in weights}
        values = {k: str(v) for k, v in wanted.items() if k != "RoutingConfig"}
        return {**values, "RoutingConfig": {"AdditionalVersionWeights": routing}}


class Permission(ResourceType):
    """A statement of a function's resource policy."""

    type = "AWS::Lambda::Permission"
    properties = dict.fromkeys(
        (
            "Action",
            "EventSourceToken",
            "FunctionName",
            "Principal",
            "PrincipalOrgID",
            "SourceAccount",
            "SourceArn",
        ),
        FREE,
    )
    required = frozenset({"Action", "FunctionName", "Principal"})
    create_only = frozenset(properties)
    attributes = frozenset({"Id"})

    def create(self, at: Context, wanted: Properties) -> Made:
        statement = at.generated_name(100)
        values = {k: v for k, v in wanted.items() if k != "FunctionName"}
        at.client("lambda").add_permission(**values, **_named(wanted["FunctionName"]), StatementId=statement)
        return Made(statement, {"Id": statement})

    def delete(self, at: Context, physical_id: str, properties: Properties) -> None:
        at.client("lambda").remove_permission(**_named(properties["FunctionName"]), StatementId=physical_id)


class LayerVersion(ResourceType):
    """A layer version. Any change publishes another one."""

    type = "AWS::Lambda::LayerVersion"
    properties = {
        **dict.fromkeys(
            ("CompatibleArchitectures", "CompatibleRuntimes", "Description", "LayerName", "LicenseInfo"), FREE
        ),
        "Content": {"S3Bucket": FREE, "S3Key": FREE, "S3ObjectVersion": FREE},
    }
    required = frozenset({"Content"})
    create_only = frozenset(properties)
    attributes = frozenset({"LayerVersionArn"})

    def create(self, at: Context, wanted: Properties) -> Made:
        values = {"LayerName": at.generated_name(64), **wanted}
        answer = at.client("lambda").publish_layer_version(**call("lambda", "PublishLayerVersion", values))
        return Made(answer["LayerVersionArn"], {"LayerVersionArn": answer["LayerVersionArn"]})

    def delete(self, at: Context, physical_id: str, properties: Properties) -> None:
        layer, _, version = physical_id.rpartition(":")
        at.client("lambda").delete_layer_version(LayerName=layer, VersionNumber=int(version))


class EventInvokeConfig(ResourceType):
    """What happens to asynchronous invocations of a function's version or alias."""

    type = "AWS::Lambda::EventInvokeConfig"
    properties = {
        name: Api("lambda", "PutFunctionEventInvokeConfig", name)
        for name in (
            "DestinationConfig",
            "FunctionName",
            "MaximumEventAgeInSeconds",
            "MaximumRetryAttempts",
            "Qualifier",
        )
    }
    required = frozenset({"FunctionName", "Qualifier"})
    create_only = frozenset({"FunctionName", "Qualifier"})

    def create(self, at: Context, wanted: Properties) -> Made:
        self._put(at, wanted)
        return Made(f"{at.logical_id}-{secrets.token_hex(6)}")

    def update(self, at: Context, physical_id: str, old: Properties, wanted: Properties) -> Made:
        self._put(at, wanted)
        return Made(physical_id)

    def delete(self, at: Context, physical_id: str, properties: Properties) -> None:
        at.client("lambda").delete_function_event_invoke_config(
            FunctionName=properties["FunctionName"], Qualifier=properties["Qualifier"]
        )

    def _put(self, at: Context, wanted: Properties) -> None:
        at.client("lambda").put_function_event_invoke_config(**call("lambda", "PutFunctionEventInvokeConfig", wanted))


def _named(function: str) -> dict[str, str]:
    """FunctionName and Qualifier of a function's name or ARN, with or without a version or alias."""
    parts = function.split(":")
    if len(parts) == 8:
        return {"FunctionName": ":".join(parts[:7]), "Qualifier": parts[7]}
    if len(parts) == 2:
        return {"FunctionName": parts[0], "Qualifier": parts[1]}
    return {"FunctionName": function}


def _qualified(arn: str, version: str) -> str:
    return arn if arn.count(":") == 7 else f"{arn}:{version}"


def _code(code: Properties, inline: str) -> dict[str, Any]:
    """The code as the API takes it; text in the template becomes `index.py`, as CloudFormation does it."""
    if inline not in code:
        return dict(code)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo("index.py"), str(code[inline]))
    return {inline: packed.getvalue()}
