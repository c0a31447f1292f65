"""Our signer against botocore's."""

from __future__ import annotations

import string
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.functions.predict.predict_bundle import sigv4

words = st.text(string.ascii_letters + string.digits, min_size=1, max_size=20)
segments = st.text(string.ascii_letters + string.digits + "-_~.", min_size=1).filter(lambda s: s.strip("."))
values = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=40)
timestamps = st.datetimes().map(lambda moment: f"{moment:%Y%m%dT%H%M%SZ}".zfill(16))


@given(
    method=st.sampled_from(["POST", "GET"]),
    path=st.lists(segments, min_size=1, max_size=4).map(lambda parts: "/" + "/".join(parts)),
    host=st.tuples(words, st.sampled_from(["", ":8080"])).map(lambda parts: parts[0].lower() + ".example" + parts[1]),
    extra=st.dictionaries(words.map(lambda word: f"X-{word}".lower()), values, max_size=4),
    body=st.binary(max_size=200),
    secret=st.text(string.printable.strip() + "/+", min_size=1, max_size=40),
    token=st.none() | st.text(string.ascii_letters + "/+=", min_size=1, max_size=900),
    region=st.sampled_from(["eu-west-1", "cn-north-1", "us-gov-west-1"]),
    timestamp=timestamps,
)
def test_signs_as_botocore_does(
    method: str,
    path: str,
    host: str,
    extra: dict[str, str],
    body: bytes,
    secret: str,
    token: str | None,
    region: str,
    timestamp: str,
) -> None:
    headers = {"content-type": "text/csv", "accept": "text/csv", **extra}

    ours = sigv4.sign(
        method,
        path,
        {"Host": host, **headers},
        body,
        credentials=sigv4.Credentials("AKIDEXAMPLE", secret, token),
        region=region,
        service="sagemaker",
        timestamp=timestamp,
    )

    request = AWSRequest(method=method, url=f"http://{host}{path}", data=body, headers=headers)
    request.context["timestamp"] = timestamp
    signer: Any = SigV4Auth(Credentials("AKIDEXAMPLE", secret, token), "sagemaker", region)
    signer._modify_request_before_signing(request)
    canonical = signer.canonical_request(request)
    signature = signer.signature(signer.string_to_sign(request, canonical), request)
    signer._inject_signature_to_request(request, signature)
    assert ours["authorization"] == request.headers["Authorization"]
    assert ours["x-amz-date"] == request.headers["X-Amz-Date"]
    assert ours.get("x-amz-security-token") == request.headers.get("X-Amz-Security-Token")
    assert {name: ours[name] for name in headers} == headers
    assert ours["host"] == host


@pytest.mark.parametrize("changed", ["secret_key", "region", "date"])
def test_a_kept_signing_key_serves_no_other_scope(changed: str) -> None:
    def signature(secret_key: str = "one", region: str = "eu-west-1", date: str = "20261122") -> str:
        signed = sigv4.sign(
            "POST",
            "/",
            {"host": "h"},
            b"",
            credentials=sigv4.Credentials("AKID", secret_key),
            region=region,
            service="sagemaker",
            timestamp=f"{date}T000000Z",
        )
        return str(signed["authorization"]).rsplit("=", 1)[1]

    first = signature()
    other = {"secret_key": "two", "region": "eu-west-2", "date": "20261123"}[changed]
    assert signature(**{changed: other}) != first
    assert signature() == first
