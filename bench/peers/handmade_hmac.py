"""Peer: the least that can call SageMaker. hmac and http.client; no validation, log, metrics, retries."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import os
import time
from typing import Any
from urllib.parse import urlsplit

host = urlsplit(os.environ["AWS_ENDPOINT_URL"]).netloc
path = f"/endpoints/{os.environ['ENDPOINT_NAME']}/invocations"
region = os.environ["AWS_REGION"]
connection = http.client.HTTPConnection(host)


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    body = event["body"].encode()
    connection.request("POST", path, body, signed_headers(body))
    response = connection.getresponse()
    answer = response.read().decode()
    return {"statusCode": response.status, "headers": {"content-type": "text/csv"}, "body": answer}


def signed_headers(body: bytes) -> dict[str, str]:
    now = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    headers = {
        "accept": "text/csv",
        "content-type": "text/csv",
        "host": host,
        "x-amz-date": now,
        "x-amz-security-token": os.environ["AWS_SESSION_TOKEN"],
    }
    lines = "".join(f"{name}:{value}\n" for name, value in headers.items())
    names = ";".join(headers)
    request = f"POST\n{path}\n\n{lines}\n{names}\n{hashlib.sha256(body).hexdigest()}"
    scope = f"{now[:8]}/{region}/sagemaker/aws4_request"
    text = f"AWS4-HMAC-SHA256\n{now}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    key = f"AWS4{os.environ['AWS_SECRET_ACCESS_KEY']}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, text.encode(), "sha256").hex()
    credential = f"Credential={os.environ['AWS_ACCESS_KEY_ID']}/{scope}"
    headers["authorization"] = f"AWS4-HMAC-SHA256 {credential}, SignedHeaders={names}, Signature={signature}"
    return headers
