"""Check of AWS Signature Version 4, header and query form. Used by the front door and by the HTTP API."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, quote

from localaws.errors import AwsError
from localaws.front_door.credentials import Credentials, CredentialStore

ALGORITHM = "AWS4-HMAC-SHA256"
UNSIGNED = ("UNSIGNED-PAYLOAD", "STREAMING-")
CLOCK_SKEW = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Signed:
    """What is signed, as it came over the wire."""

    method: str
    raw_path: str
    raw_query: str
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes


@dataclass(frozen=True, slots=True)
class Scope:
    """What the credential scope of a request names."""

    access_key: str
    date: str
    region: str
    service: str


def scope_of(request: Signed) -> Scope | None:
    """The credential scope that a request claims; None when it isn't signed at all."""
    authorization = request.headers.get("authorization", "")
    query = dict(parse_qsl(request.raw_query, keep_blank_values=True))
    if authorization.startswith(ALGORITHM):
        credential = _fields(authorization).get("Credential", "")
    elif query.get("X-Amz-Algorithm") == ALGORITHM:
        credential = query.get("X-Amz-Credential", "")
    else:
        return None
    parts = credential.split("/")
    if len(parts) != 5 or parts[4] != "aws4_request":
        raise AwsError("IncompleteSignature", f"credential scope is not valid: {credential!r}", 403)
    return Scope(*parts[:4])


def verify(request: Signed, store: CredentialStore, now: datetime) -> Credentials:
    """The credentials that signed `request`. Raises `AwsError` (403) when they did not."""
    scope = scope_of(request)
    if scope is None:
        raise AwsError("MissingAuthenticationToken", "Request is missing Authentication Token", 403)
    credentials = store.find(scope.access_key)
    if credentials is None:
        raise AwsError("UnrecognizedClientException", f"The access key {scope.access_key!r} is not known here.", 403)
    if credentials.expires is not None and credentials.expires < now:
        raise AwsError("ExpiredTokenException", "The security token included in the request is expired", 403)
    if "authorization" in request.headers:
        _verify_headers(request, scope, credentials, now)
    else:
        _verify_query(request, scope, credentials, now)
    return credentials


def _verify_headers(request: Signed, scope: Scope, credentials: Credentials, now: datetime) -> None:
    fields = _fields(request.headers["authorization"])
    stamp = request.headers.get("x-amz-date", "")
    if abs(_parse(stamp) - now) > CLOCK_SKEW:
        raise AwsError("SignatureDoesNotMatch", f"Signature expired: {stamp} is too far from now", 403)
    if credentials.token and not hmac.compare_digest(
        request.headers.get("x-amz-security-token", "").encode(), credentials.token.encode()
    ):
        raise AwsError("UnrecognizedClientException", "The security token is not that of the access key.", 403)
    claimed = request.headers.get("x-amz-content-sha256")
    actual = hashlib.sha256(request.body).hexdigest()
    if claimed and not claimed.startswith(UNSIGNED) and claimed != actual:
        raise AwsError("XAmzContentSHA256Mismatch", "The payload is not the one that was signed.", 400)
    names = fields.get("SignedHeaders", "").split(";")
    _compare(request, scope, credentials, stamp, names, claimed or actual, fields.get("Signature", ""))


def _verify_query(request: Signed, scope: Scope, credentials: Credentials, now: datetime) -> None:
    query = dict(parse_qsl(request.raw_query, keep_blank_values=True))
    stamp = query.get("X-Amz-Date", "")
    if _parse(stamp) + timedelta(seconds=int(query.get("X-Amz-Expires", "0"))) < now:
        raise AwsError("AccessDenied", "Request has expired", 403)
    names = query.get("X-Amz-SignedHeaders", "").split(";")
    _compare(request, scope, credentials, stamp, names, UNSIGNED[0], query.get("X-Amz-Signature", ""))


def _compare(
    request: Signed, scope: Scope, credentials: Credentials, stamp: str, names: list[str], payload: str, got: str
) -> None:
    pairs = [
        (quote(k, safe="-_.~"), quote(v, safe="-_.~"))
        for k, v in parse_qsl(request.raw_query, keep_blank_values=True)
        if k != "X-Amz-Signature"
    ]
    path = request.raw_path if scope.service == "s3" else quote(request.raw_path, safe="/-_.~")
    canonical = "\n".join(
        [
            request.method,
            path or "/",
            "&".join(f"{k}={v}" for k, v in sorted(pairs)),
            *(f"{name}:{' '.join(request.headers.get(name, '').split())}" for name in names),
            "",
            ";".join(names),
            payload,
        ]
    )
    where = f"{scope.date}/{scope.region}/{scope.service}/aws4_request"
    text = "\n".join([ALGORITHM, stamp, where, hashlib.sha256(canonical.encode()).hexdigest()])
    key = f"AWS4{credentials.secret_key}".encode()
    for part in (scope.date, scope.region, scope.service, "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    expected = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
    if not hmac.compare_digest(expected.encode(), got.encode()):
        raise AwsError(
            "SignatureDoesNotMatch",
            "The request signature we calculated does not match the signature you provided.",
            403,
        )


def _fields(authorization: str) -> dict[str, str]:
    pairs = (part.strip().split("=", 1) for part in authorization[len(ALGORITHM) :].split(","))
    return {pair[0]: pair[1] for pair in pairs if len(pair) == 2}


def _parse(stamp: str) -> datetime:
    try:
        return datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise AwsError("IncompleteSignature", f"X-Amz-Date is missing or not valid: {stamp!r}", 403) from None
