"""Payload format 2.0: the event a function gets for a request, and the response its answer makes."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

from localaws.front_door.credentials import Credentials
from localaws.http_api.routing import Match

TEXT_TYPES = frozenset({"application/json", "application/javascript", "application/xml"})
UNMAPPED = frozenset({"connection", "content-length", "transfer-encoding", "keep-alive", "upgrade", "trailer"})


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A request as it came over the wire."""

    method: str
    raw_path: str
    """Percent-encoded, with the stage."""
    path: str
    """Decoded, with the stage."""
    raw_query: str
    headers: Mapping[str, str]
    """Names in lower case; repeated ones joined by commas."""
    body: bytes
    source_ip: str
    protocol: str


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """What goes back."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


class MalformedAnswerError(Exception):
    """The function's answer isn't in the format that API Gateway expects."""


def event(
    request: HttpRequest,
    match: Match,
    *,
    account: str,
    api_id: str,
    stage: str,
    stage_variables: Mapping[str, str],
    request_id: str,
    trace_id: str,
    now: datetime,
    caller: Credentials | None,
) -> dict[str, Any]:
    """The event, in the order and with the omissions that API Gateway has."""
    host = request.headers.get("host", "")
    cookies = [c.strip() for c in request.headers.get("cookie", "").split(";") if c.strip()]
    made: dict[str, Any] = {
        "version": "2.0",
        "routeKey": match.route.key,
        "rawPath": request.path,
        "rawQueryString": request.raw_query,
    }
    if cookies:
        made["cookies"] = cookies
    made["headers"] = dict(
        sorted(
            {
                **{name: value for name, value in request.headers.items() if name != "cookie"},
                "x-amzn-trace-id": trace_id,
                "x-forwarded-for": request.source_ip,
                "x-forwarded-port": host.rpartition(":")[2] if ":" in host else "80",
                "x-forwarded-proto": "http",
            }.items()
        )
    )
    query = query_parameters(request.raw_query)
    if query:
        made["queryStringParameters"] = query
    context: dict[str, Any] = {"accountId": account, "apiId": api_id}
    if caller is not None:
        context["authorizer"] = {"iam": identity(caller, account)}
    context |= {
        "domainName": host,
        "domainPrefix": host.split(".")[0].split(":")[0],
        "http": {
            "method": request.method,
            "path": request.path,
            "protocol": request.protocol,
            "sourceIp": request.source_ip,
            "userAgent": request.headers.get("user-agent", ""),
        },
        "requestId": request_id,
        "routeKey": match.route.key,
        "stage": stage,
        "time": now.strftime("%d/%b/%Y:%H:%M:%S +0000"),
        "timeEpoch": int(now.timestamp() * 1000),
    }
    made["requestContext"] = context
    if match.parameters:
        made["pathParameters"] = match.parameters
    if stage_variables:
        made["stageVariables"] = dict(stage_variables)
    is_binary = bool(request.body) and not is_text(request.headers.get("content-type", ""))
    if request.body:
        encoded = base64.b64encode(request.body) if is_binary else request.body
        made["body"] = encoded.decode("utf-8", "replace")
    made["isBase64Encoded"] = is_binary
    return made


def query_parameters(raw_query: str) -> dict[str, str]:
    """Decoded; the values of a repeated name joined by commas."""
    joined: dict[str, str] = {}
    for name, value in parse_qsl(raw_query, keep_blank_values=True):
        joined[name] = f"{joined[name]},{value}" if name in joined else value
    return joined


def is_text(content_type: str) -> bool:
    """Whether a body of that type is handed on as it is; any other (also a form's) comes base64-encoded."""
    kind = content_type.partition(";")[0].strip().lower()
    return kind.startswith("text/") or kind in TEXT_TYPES or kind.endswith(("+json", "+xml"))


def identity(caller: Credentials, account: str) -> dict[str, Any]:
    """`requestContext.authorizer.iam`."""
    principal = caller.principal
    identity_id = caller.access_key if not principal.session else f"{caller.access_key}:{principal.session}"
    return {
        "accessKey": caller.access_key,
        "accountId": account,
        "callerId": identity_id,
        "cognitoIdentity": None,
        "principalOrgId": None,
        "userArn": principal.caller_arn,
        "userId": identity_id,
    }


def response(answer: bytes) -> HttpResponse:
    """The response that a function's answer makes. Raises `MalformedAnswerError`."""
    try:
        parsed = json.loads(answer or b"null")
    except ValueError as error:
        raise MalformedAnswerError(str(error)) from error
    if not isinstance(parsed, dict) or "statusCode" not in parsed:
        body = parsed.encode() if isinstance(parsed, str) else answer
        return HttpResponse(200, [("Content-Type", "application/json")], body)
    body = _body(parsed.get("body"), encoded=bool(parsed.get("isBase64Encoded")))
    given = parsed.get("headers") or {}
    cookies = parsed.get("cookies") or []
    if not isinstance(given, dict) or not isinstance(cookies, list):
        raise MalformedAnswerError("headers is not an object or cookies is not a list")
    headers = [(str(name), _text(value)) for name, value in given.items() if name.lower() not in UNMAPPED]
    if "content-type" not in {name.lower() for name, _ in headers}:
        headers.append(("Content-Type", "text/plain;charset=UTF-8"))
    headers += [("Set-Cookie", str(cookie)) for cookie in cookies]
    if any("\r" in text or "\n" in text for pair in headers for text in pair):
        raise MalformedAnswerError("a header holds a line break")
    return HttpResponse(_status(parsed["statusCode"]), headers, body)


def problem(status: int, message: str) -> HttpResponse:
    """An answer of API Gateway itself."""
    return HttpResponse(
        status, [("Content-Type", "application/json")], json.dumps({"message": message}, separators=(",", ":")).encode()
    )


def _status(value: object) -> int:
    try:
        status = int(str(value))
    except ValueError as error:
        raise MalformedAnswerError(f"statusCode {value!r}") from error
    if not 100 <= status <= 599:
        raise MalformedAnswerError(f"statusCode {value!r}")
    return status


def _body(value: object, *, encoded: bool) -> bytes:
    if value is None:
        return b""
    if not isinstance(value, str):
        raise MalformedAnswerError("body is not a string")
    if not encoded:
        return value.encode()
    try:
        return base64.b64decode(value, validate=True)
    except binascii.Error as error:
        raise MalformedAnswerError("body is not base64") from error


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str | int | float):
        raise MalformedAnswerError("a header is not a string")
    return str(value)
