"""What an OpenAPI body says of an HTTP API: routes, integrations, authorization. Read by the service."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from localaws.errors import AwsError, NotModelledError

METHODS = ("get", "put", "post", "delete", "options", "head", "patch")
ANY = "x-amazon-apigateway-any-method"
INTEGRATION = "x-amazon-apigateway-integration"
AUTH_TYPE = "x-amazon-apigateway-authtype"
TAG_VALUE = "x-amazon-apigateway-tag-value"
DEFAULT_ROUTE = "$default"
MAX_TIMEOUT = 30_000
URI = re.compile(r"arn:aws:apigateway:[a-z0-9-]+:lambda:path/2015-03-31/functions/(?P<function>arn:[^/]+)/invocations")
DESCRIPTIVE = {
    "responses",
    "parameters",
    "operationId",
    "summary",
    "description",
    "tags",
    "requestBody",
    "deprecated",
}


@dataclass(frozen=True, slots=True)
class Integration:
    """A Lambda proxy integration, payload format 2.0."""

    identity: str
    uri: str
    function_arn: str
    timeout: int = MAX_TIMEOUT
    """Milliseconds."""


@dataclass(frozen=True, slots=True)
class Route:
    """One route and where it leads."""

    identity: str
    method: str
    """`ANY`, or a method in capitals; "" for the default route."""
    path: str
    """The template, such as `/approvals/{id}`; "" for the default route."""
    integration: Integration
    needs_iam: bool

    @property
    def key(self) -> str:
        """The route key: `POST /predict` or `$default`."""
        return f"{self.method} {self.path}" if self.path else DEFAULT_ROUTE


@dataclass(frozen=True, slots=True)
class Definition:
    """A whole API as it was imported."""

    name: str
    version: str = ""
    description: str = ""
    routes: tuple[Route, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)


def read(body: str) -> Definition:
    """The definition in an OpenAPI 3.0 document, JSON or YAML; what would be ignored is refused by name."""
    document = _parsed(body)
    version = str(document.get("openapi", ""))
    if not version.startswith("3.0"):
        raise _bad(f"Unable to import API: OpenAPI version {version or 'missing'} is not supported, use 3.0")
    _allow("OpenAPI body", document, {"openapi", "info", "paths", "components", "tags"})
    info = _mapping("info", document.get("info", {}))
    _allow("info", info, {"title", "version", "description"})
    if not info.get("title"):
        raise _bad("Unable to import API: info.title is missing")
    iam_schemes = _iam_schemes(_mapping("components", document.get("components", {})))
    return Definition(
        name=str(info["title"]),
        version=str(info.get("version", "")),
        description=str(info.get("description", "")),
        routes=tuple(_routes(_mapping("paths", document.get("paths", {})), iam_schemes)),
        tags={str(tag["name"]): str(tag.get(TAG_VALUE, "")) for tag in document.get("tags", [])},
    )


def _routes(paths: Mapping[str, Any], iam_schemes: frozenset[str]) -> Iterator[Route]:
    number = 0
    for path, item in paths.items():
        _allow(path, _mapping(path, item), {*METHODS, ANY, "parameters", "summary", "description"})
        for method, operation in item.items():
            if method not in METHODS and method != ANY:
                continue
            number += 1
            where = f"{method} {path}"
            _allow(where, _mapping(where, operation), {*DESCRIPTIVE, INTEGRATION, "security", "isDefaultRoute"})
            if INTEGRATION not in operation:
                raise NotModelledError(f"the route {where!r} without an integration")
            integration = _integration(where, _mapping(where, operation[INTEGRATION]), f"i{number:06x}")
            is_default = path.lstrip("/") == DEFAULT_ROUTE
            yield Route(
                identity=f"r{number:06x}",
                method="" if is_default else "ANY" if method == ANY else method.upper(),
                path="" if is_default else path,
                integration=integration,
                needs_iam=_needs_iam(where, operation.get("security", []), iam_schemes),
            )


def _integration(where: str, given: Mapping[str, Any], identity: str) -> Integration:
    allowed = {"type", "uri", "httpMethod", "payloadFormatVersion", "timeoutInMillis", "connectionType"}
    _allow(f"{INTEGRATION} of {where}", given, allowed)
    if str(given.get("type", "")).lower() != "aws_proxy":
        raise NotModelledError(f"the integration type {given.get('type')!r} of {where}")
    if str(given.get("payloadFormatVersion", "")) != "2.0":
        raise NotModelledError(f"payload format {given.get('payloadFormatVersion')!r} of {where}; only 2.0")
    if given.get("connectionType", "INTERNET") != "INTERNET":
        raise NotModelledError(f"the connection type {given['connectionType']!r} of {where}")
    uri = str(given.get("uri", ""))
    found = URI.fullmatch(uri)
    function_arn = found["function"] if found else uri
    if ":function:" not in function_arn:
        raise _bad(f"Unable to create integration of {where}: {uri!r} is not the URI of a Lambda function")
    timeout = int(given.get("timeoutInMillis", MAX_TIMEOUT))
    if not 50 <= timeout <= MAX_TIMEOUT:
        raise _bad(f"Timeout of {where} should be between 50 ms and {MAX_TIMEOUT} ms")
    return Integration(identity, uri, function_arn, timeout)


def _iam_schemes(components: Mapping[str, Any]) -> frozenset[str]:
    """The names of the security schemes that mean SigV4; there may be no others."""
    _allow("components", components, {"securitySchemes"})
    schemes = _mapping("securitySchemes", components.get("securitySchemes", {}))
    for name, scheme in schemes.items():
        _allow(f"security scheme {name}", _mapping(name, scheme), {"type", "name", "in", AUTH_TYPE})
        if scheme.get(AUTH_TYPE) != "awsSigv4":
            raise NotModelledError(f"the authorizer {name!r}; only IAM")
    return frozenset(schemes)


def _needs_iam(where: str, security: list[Mapping[str, Any]], iam_schemes: frozenset[str]) -> bool:
    named = {name for requirement in security for name in requirement} - {"NONE"}
    if len(named) > 1:
        raise NotModelledError(f"several authorizers of {where}")
    unknown = named - iam_schemes
    if unknown:
        raise _bad(f"Unable to find the authorizer {', '.join(sorted(unknown))} of {where}")
    return bool(named)


def _parsed(body: str) -> Mapping[str, Any]:
    try:
        document = json.loads(body)
    except ValueError:
        try:
            document = yaml.safe_load(body)
        except yaml.YAMLError as error:
            raise _bad(f"Unable to parse API definition: {error}") from error
    return _mapping("OpenAPI body", document)


def _mapping(where: str, value: object) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise _bad(f"Unable to import API: {where} is not an object")
    return value


def _allow(where: str, given: Mapping[str, Any], allowed: set[str]) -> None:
    unknown = sorted(str(name) for name in given if name not in allowed)
    if unknown:
        raise NotModelledError(f"{', '.join(unknown)} in {where} of an HTTP API")


def _bad(message: str) -> AwsError:
    return AwsError("BadRequestException", message)
