"""AWS Signature Version 4, as far as one POST to SageMaker needs it. Called by `endpoint`.

botocore's own signer costs a cold start 100 ms in imports. The tests hold this one to botocore's, signature
by signature. Source: "Create a signed AWS API request" in the IAM user guide.
"""

from __future__ import annotations

import hashlib
import hmac
from functools import lru_cache

TYPE_CHECKING = False  # typing itself costs milliseconds of every cold start
if TYPE_CHECKING:
    from collections.abc import Mapping

_ALGORITHM = "AWS4-HMAC-SHA256"


class Credentials:
    """An access key; `session_token` is None for one that doesn't expire."""

    __slots__ = ("access_key", "secret_key", "session_token")

    def __init__(self, access_key: str, secret_key: str, session_token: str | None = None) -> None:
        self.access_key = access_key
        self.secret_key = secret_key
        self.session_token = session_token


def sign(
    method: str,
    path: str,
    headers: Mapping[str, str],
    body: bytes,
    *,
    credentials: Credentials,
    region: str,
    service: str,
    timestamp: str,
) -> dict[str, str]:
    """All headers to send, signed: `headers` with the date, the session token and Authorization added.

    `headers` must hold `host`; `path` has no query, no dot segments and nothing that wants escaping;
    `timestamp` is `YYYYMMDDTHHMMSSZ`.
    """
    signed = {name.lower(): value for name, value in headers.items()}
    signed["x-amz-date"] = timestamp
    if credentials.session_token:
        signed["x-amz-security-token"] = credentials.session_token
    names = sorted(signed)
    signed_names = ";".join(names)
    canonical_request = "\n".join(
        [
            method,
            path,
            "",
            *[f"{name}:{' '.join(signed[name].split())}" for name in names],
            "",
            signed_names,
            hashlib.sha256(body).hexdigest(),
        ]
    )
    date = timestamp[:8]
    scope = f"{date}/{region}/{service}/aws4_request"
    digest = hashlib.sha256(canonical_request.encode()).hexdigest()
    key = _signing_key(credentials.secret_key, date, region, service)
    signature = hmac.digest(key, f"{_ALGORITHM}\n{timestamp}\n{scope}\n{digest}".encode(), "sha256").hex()
    signed["authorization"] = (
        f"{_ALGORITHM} Credential={credentials.access_key}/{scope}, SignedHeaders={signed_names}, Signature={signature}"
    )
    return signed


@lru_cache(maxsize=2)  # one a day; the second serves midnight
def _signing_key(secret_key: str, date: str, region: str, service: str) -> bytes:
    key = f"AWS4{secret_key}".encode()
    for part in (date, region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key
