"""Checks what functions are configured with; refuses what would be ignored. Called by their operations."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from localaws.errors import AwsError, NotModelledError
from localaws.lambda_.bundles import check_size
from localaws.lambda_.model import Bundle, Configuration, LayerVersion, Version

Params = Mapping[str, Any]
FindLayer = Callable[[str], LayerVersion]

RUNTIME = re.compile(r"python3\.1[0-9]")
NEUTRAL: dict[str, tuple[Any, ...]] = {"SnapStart": ({"ApplyOn": "None"},), "PackageType": ("Zip",)}
NOT_MODELLED = (
    "VpcConfig", "FileSystemConfigs", "DeadLetterConfig", "KMSKeyArn", "CodeSigningConfigArn", "ImageConfig",
    "SnapStart", "PackageType", "TenancyConfig", "CapacityProviderConfig", "DurableConfig", "PublishTo",
    "ImageUri", "S3ObjectStorageMode", "SourceKMSKeyArn",
)  # fmt: skip
RESERVED = frozenset(
    {
        "_HANDLER", "_X_AMZN_TRACE_ID", "AWS_DEFAULT_REGION", "AWS_REGION", "AWS_EXECUTION_ENV",
        "AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_VERSION",
        "AWS_LAMBDA_INITIALIZATION_TYPE", "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME",
        "AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
        "AWS_LAMBDA_RUNTIME_API", "LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR",
    }
)  # fmt: skip
MAX_VARIABLES = 4096
MAX_LAYERS = 5
NO_VARIABLES = "Lambda was unable to configure your environment variables because the environment variables you have"


def refuse_not_modelled(params: Params) -> None:
    """Raise `NotModelledError` for anything that localaws can't do faithfully."""
    for name in NOT_MODELLED:
        value = params.get(name)
        if _says_something(value) and value not in NEUTRAL.get(name, ()):
            raise NotModelledError(f"Lambda functions with {name}")


def created(params: Params, bundle: Bundle, find_layer: FindLayer) -> Configuration:
    """The configuration of a new function."""
    for name in ("Runtime", "Handler"):
        if not params.get(name):
            raise _invalid(f"{name} is mandatory for functions created with deployment packages.")
    base = Configuration(
        runtime=str(params["Runtime"]),
        role=str(params["Role"]),
        handler=str(params["Handler"]),
        bundle=bundle,
        architectures=_architectures(params),
        logging=_logging({}, str(params["FunctionName"])),
    )
    return changed(base, params, str(params["FunctionName"]), find_layer)


def changed(base: Configuration, params: Params, function: str, find_layer: FindLayer) -> Configuration:
    """The configuration with what a request sets; the rest stays."""
    layers = base.layers
    if params.get("Layers") is not None:
        layers = tuple(find_layer(arn) for arn in params["Layers"])
        if len(layers) > MAX_LAYERS:
            raise _invalid(f"Cannot reference more than {MAX_LAYERS} layers.")
        if len({layer.layer_arn for layer in layers}) < len(layers):
            raise _invalid("Two different versions of the same layer are not allowed to be referenced.")
        check_size(base.bundle, layers)
    logging = base.logging
    if params.get("LoggingConfig") is not None:
        logging = _logging(params["LoggingConfig"], function)
    return replace(
        base,
        runtime=_runtime(params.get("Runtime", base.runtime)),
        role=params.get("Role", base.role),
        handler=params.get("Handler", base.handler),
        description=params.get("Description", base.description),
        timeout=_within("timeout", params.get("Timeout", base.timeout), 1, 900),
        memory=_within("memorySize", params.get("MemorySize", base.memory), 128, 10240),
        variables=_variables(params, base),
        layers=layers,
        ephemeral=_within(
            "ephemeralStorage", params.get("EphemeralStorage", {"Size": base.ephemeral})["Size"], 512, 10240
        ),
        tracing=params.get("TracingConfig", {}).get("Mode", base.tracing),
        logging=logging,
    )


def with_code(base: Configuration, bundle: Bundle, params: Params) -> Configuration:
    """The configuration with other code."""
    check_size(bundle, base.layers)
    architectures = _architectures(params) if params.get("Architectures") else base.architectures
    return replace(base, bundle=bundle, architectures=architectures)


def described(version: Version) -> dict[str, Any]:
    """The members of `FunctionConfiguration` that a version itself decides."""
    configuration = version.configuration
    output: dict[str, Any] = {
        "FunctionName": version.function,
        "FunctionArn": version.arn,
        "Runtime": configuration.runtime,
        "Role": configuration.role,
        "Handler": configuration.handler,
        "CodeSize": configuration.bundle.size,
        "CodeSha256": configuration.bundle.digest,
        "Description": configuration.description,
        "Timeout": configuration.timeout,
        "MemorySize": configuration.memory,
        "LastModified": version.modified.strftime("%Y-%m-%dT%H:%M:%S.000+0000"),
        "Version": version.number,
        "TracingConfig": {"Mode": configuration.tracing},
        "RevisionId": version.revision,
        "PackageType": "Zip",
        "Architectures": list(configuration.architectures),
        "EphemeralStorage": {"Size": configuration.ephemeral},
        "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"},
        "LoggingConfig": dict(configuration.logging),
    }
    if configuration.variables:
        output["Environment"] = {"Variables": dict(configuration.variables)}
    if configuration.layers:
        output["Layers"] = [{"Arn": layer.arn, "CodeSize": layer.bundle.size} for layer in configuration.layers]
    return output


def _says_something(value: Any) -> bool:
    """Whether a value isn't merely an empty structure."""
    if isinstance(value, dict):
        return any(_says_something(item) for item in value.values())
    return bool(value)


def _runtime(value: str) -> str:
    if not RUNTIME.fullmatch(value):
        raise NotModelledError(f"the Lambda runtime {value!r}; it runs Python functions only")
    return value


def _architectures(params: Params) -> tuple[str, ...]:
    given = tuple(params.get("Architectures") or ("x86_64",))
    if len(given) != 1:
        raise _invalid("Architectures must name one architecture.")
    return given


def _within(name: str, value: int, low: int, high: int) -> int:
    if not low <= value <= high:
        raise AwsError(
            "ValidationException",
            f"1 validation error detected: Value '{value}' at '{name}' failed to satisfy constraint: "
            f"Member must have value between {low} and {high}",
        )
    return value


def _variables(params: Params, base: Configuration) -> Mapping[str, str]:
    if params.get("Environment") is None:
        return base.variables
    variables = {str(k): str(v) for k, v in (params["Environment"].get("Variables") or {}).items()}
    reserved = sorted(RESERVED & variables.keys())
    if reserved:
        raise _invalid(
            f"{NO_VARIABLES} provided contains reserved keys that are currently not supported for "
            f"modification. Reserved keys used in this request: {', '.join(reserved)}"
        )
    if sum(len(k.encode()) + len(v.encode()) for k, v in variables.items()) > MAX_VARIABLES:
        raise _invalid(f"{NO_VARIABLES} provided exceeded the 4KB limit.")
    return variables


def _logging(given: Params, function: str) -> dict[str, str]:
    complete = {
        "LogFormat": given.get("LogFormat", "Text"),
        "LogGroup": given.get("LogGroup", f"/aws/lambda/{function}"),
    }
    levels = {name: given[name] for name in ("ApplicationLogLevel", "SystemLogLevel") if given.get(name)}
    if complete["LogFormat"] == "JSON":
        return {**complete, "ApplicationLogLevel": "INFO", "SystemLogLevel": "INFO", **levels}
    if levels:
        raise _invalid(f"{', '.join(levels)} can only be set when LogFormat is JSON.")
    return complete


def _invalid(message: str) -> AwsError:
    return AwsError("InvalidParameterValueException", message)
