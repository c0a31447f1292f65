"""AWS's wire protocols, from botocore's service models: requests in, results and errors out.

Parsing, routing and serialising of the JSON, query and REST protocols are moto's; CBOR (CloudWatch's default since
2025) is added here. Inputs are checked against the model: required members, types, enums, patterns and lengths.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import cbor2
from botocore.validate import ParamValidator
from moto.core.model import OperationModel
from moto.core.parse import PROTOCOL_PARSERS
from moto.core.request import Request, determine_request_protocol
from moto.core.routing import get_service_router
from moto.core.serialize import get_serializer_class
from moto.core.utils import get_service_model
from werkzeug.exceptions import NotFound

from localaws.errors import AwsError

CBOR = "smithy-rpc-v2-cbor"
warnings.filterwarnings("ignore", message=".*does not match an error shape.*")


@dataclass(frozen=True, slots=True)
class Routed:
    """A request whose operation is known."""

    model: OperationModel
    protocol: str
    uri_params: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Reply:
    """What goes back over the wire."""

    status: int
    headers: dict[str, str]
    body: bytes


def route(service: str, request: Request) -> Routed:
    """Find the operation that a request names. Raises `AwsError` when the service has none such."""
    model = get_service_model(service)
    if request.headers.get("smithy-protocol") == "rpc-v2-cbor":
        name = request.path.rsplit("/", 1)[-1]
        if name not in model.operation_names:
            raise AwsError("UnknownOperationException", f"{service} has no operation {name!r}", 404)
        return Routed(model.operation_model(name), CBOR, {})
    try:
        operation, uri_params = get_service_router(service).match(request)
    except NotFound:
        what = request.headers.get("x-amz-target") or f"{request.method} {request.path}"
        raise AwsError("UnknownOperationException", f"{service} has no operation for {what}", 404) from None
    return Routed(operation, determine_request_protocol(model, request.content_type), uri_params)


def parse(routed: Routed, request: Request) -> dict[str, Any]:
    """The input of the operation, keyed as the model spells it."""
    if routed.protocol == CBOR:
        body = request.get_data()
        return dict(cbor2.loads(body)) if body else {}
    parser = PROTOCOL_PARSERS[routed.protocol](routed.model)
    parsed: dict[str, Any] = parser.parse(
        {
            "method": request.method,
            "values": request.values,
            "headers": request.headers,
            "body": request.get_data(),
            "url_path": request.path,
            "url_params": routed.uri_params,
        }
    )
    return {name: value for name, value in parsed.items() if value is not None}


def check(routed: Routed, params: dict[str, Any]) -> None:
    """Raise `ValidationException` unless the input satisfies the service's model."""
    shape = routed.model.input_shape
    if shape is None:
        return
    report = ParamValidator().validate(params, shape)
    problems = [report.generate_report()] if report.has_errors() else list(_violations(params, shape, ""))
    if problems:
        count = f"{len(problems)} validation error{'s' if len(problems) > 1 else ''} detected"
        raise AwsError("ValidationException", f"{count}: {'; '.join(problems)}")


def serialize(service: str, routed: Routed, result: dict[str, Any] | AwsError) -> Reply:
    """The answer to a parsed request."""
    if routed.protocol == CBOR:
        return _serialize_cbor(result)
    serializer = get_serializer_class(service, routed.protocol)(routed.model)
    answer = serializer.serialize(result)
    status = _status(routed, result, int(answer["status_code"]))
    body = b"" if status == 204 else answer["body"]
    raw = body if isinstance(body, bytes) else str(body).encode()
    headers = {str(k): str(v) for k, v in answer["headers"].items()}
    return Reply(status, {**headers, **_own_content_type(routed, result)}, raw)


def _status(routed: Routed, result: dict[str, Any] | AwsError, usual: int) -> int:
    """The HTTP status: an error's own, or what the output puts there (Lambda's `StatusCode`)."""
    if isinstance(result, AwsError):
        return result.status_code
    shape = routed.model.output_shape
    for name, member in shape.members.items() if shape is not None else ():
        if member.serialization.get("location") == "statusCode":
            return int(result.get(name) or usual)
    return usual


def serialize_unrouted(error: AwsError) -> Reply:
    """An error for a request whose protocol is not known."""
    body = f'{{"__type": "{error.code}", "message": {_quoted(error.message)}}}'.encode()
    headers = {"Content-Type": "application/json", "x-amzn-errortype": error.code}
    return Reply(error.status_code, headers, body)


def _serialize_cbor(result: dict[str, Any] | AwsError) -> Reply:
    headers = {"Content-Type": "application/cbor", "smithy-protocol": "rpc-v2-cbor"}
    if isinstance(result, AwsError):
        headers["x-amzn-query-error"] = f"{result.code};Sender"
        body = {"__type": result.code, "message": result.message}
        return Reply(result.status_code, headers, cbor2.dumps(body))
    return Reply(200, headers, cbor2.dumps(result, datetime_as_timestamp=True))


def _own_content_type(routed: Routed, result: dict[str, Any] | AwsError) -> dict[str, str]:
    """The Content-Type that is part of the result; the serializer would send its protocol's instead."""
    shape = routed.model.output_shape
    if shape is None or isinstance(result, AwsError):
        return {}
    for name, member in shape.members.items():
        if member.serialization.get("name", "").lower() == "content-type" and result.get(name):
            return {"Content-Type": str(result[name])}
    return {}


def _quoted(text: str) -> str:
    import json

    return json.dumps(text)


def _violations(value: Any, shape: Any, path: str) -> Iterator[str]:
    """Enums, patterns and lengths, which botocore leaves to the service."""
    if shape.type_name == "structure":
        for name, member in shape.members.items():
            if isinstance(value, dict) and value.get(name) is not None:
                yield from _violations(value[name], member, f"{path}.{name}" if path else name)
    elif shape.type_name == "list":
        yield from _length(len(value), shape, path)
        for index, item in enumerate(value):
            yield from _violations(item, shape.member, f"{path}.{index + 1}.member")
    elif shape.type_name == "map":
        yield from _length(len(value), shape, path)
        for key, item in value.items():
            yield from _violations(key, shape.key, f"{path}.{key}.key")
            yield from _violations(item, shape.value, f"{path}.{key}")
    elif shape.type_name == "string" and isinstance(value, str):
        yield from _length(len(value), shape, path)
        allowed = getattr(shape, "enum", None)
        if allowed and value not in allowed:
            yield f"Value '{value}' at '{path}' failed: Member must satisfy enum value set: {sorted(allowed)}"
        pattern = _pattern(shape.metadata.get("pattern", ""))
        if pattern and not pattern.fullmatch(value):
            yield f"Value '{value}' at '{path}' failed: Member must satisfy regular expression {pattern.pattern}"


def _length(length: int, shape: Any, path: str) -> Iterator[str]:
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    if low is not None and length < low:
        yield f"Value at '{path}' failed: Member must have length greater than or equal to {low}"
    if high is not None and length > high:
        yield f"Value at '{path}' failed: Member must have length less than or equal to {high}"


@cache
def _pattern(text: str) -> re.Pattern[str] | None:
    """The model's pattern, when Python reads it as Java does; else None: it is then not checked."""
    if not text:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            return re.compile(text, re.DOTALL)
    except (re.error, FutureWarning, DeprecationWarning):
        return None
