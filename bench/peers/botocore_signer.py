"""Peer: botocore's signer and http.client. No validation, no log line, no metrics, no retries."""

from __future__ import annotations

import http.client
import os
from typing import Any
from urllib.parse import urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

url = f"{os.environ['AWS_ENDPOINT_URL']}/endpoints/{os.environ['ENDPOINT_NAME']}/invocations"
connection = http.client.HTTPConnection(urlsplit(url).netloc)
credentials = Credentials(
    os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"], os.environ["AWS_SESSION_TOKEN"]
)
signer = SigV4Auth(credentials, "sagemaker", os.environ["AWS_REGION"])


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    body = event["body"].encode()
    headers = {"Content-Type": "text/csv", "Accept": "text/csv"}
    request = AWSRequest(method="POST", url=url, data=body, headers=headers)
    signer.add_auth(request)
    connection.request("POST", urlsplit(url).path, body, dict(request.headers.items()))
    response = connection.getresponse()
    answer = response.read().decode()
    return {"statusCode": response.status, "headers": {"content-type": "text/csv"}, "body": answer}
