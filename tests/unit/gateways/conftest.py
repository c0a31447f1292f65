"""Fixtures of the gateways: moto in this process where moto is good, and botocore's stubber elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from safe_deploy.gateways import clients

from tests.fakes.memory import make_tables, services_in_memory
from tests.fakes.story import ARTIFACTS, ENVIRONMENT

Stub = Callable[..., Stubber]


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch, socket_disabled: None) -> Iterator[None]:
    """Settings and credentials of nobody; clients are made anew for each test."""
    keys = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
    for name, value in {**ENVIRONMENT, **dict.fromkeys(keys, "testing")}.items():
        monkeypatch.setenv(name, value)
    clients.client.cache_clear()
    yield
    clients.client.cache_clear()


@pytest.fixture
def aws(settings: None) -> Iterator[None]:
    """moto's AWS with the app's tables, bucket and topic."""
    with services_in_memory("dynamodb", "s3", "sns"):
        make_tables(ENVIRONMENT["TABLE_NAME"], ENVIRONMENT["AUDIT_TABLE_NAME"])
        s3: Any = boto3.client("s3")
        s3.create_bucket(Bucket=ARTIFACTS, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        s3.put_bucket_versioning(Bucket=ARTIFACTS, VersioningConfiguration={"Status": "Enabled"})
        yield


@pytest.fixture
def stub(settings: None) -> Iterator[Stub]:
    """`stub("sagemaker")` returns that client's stubber; every answer put on it must be fetched.

    `stub("lambda", ONCE)` is that of the client with those settings.
    """
    stubbers: dict[tuple[Any, ...], Stubber] = {}

    def stubber(*wanted: Any) -> Stubber:
        if wanted not in stubbers:
            stubbers[wanted] = Stubber(clients.client(*wanted))
            stubbers[wanted].activate()
        return stubbers[wanted]

    yield stubber
    for made in stubbers.values():
        made.assert_no_pending_responses()
