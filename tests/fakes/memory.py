"""moto in the test's own process, with the services that a test needs empty."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
from moto import mock_aws
from moto.backends import get_backend


@contextmanager
def services_in_memory(*names: str) -> Iterator[None]:
    """These services of moto, empty. moto itself would empty all that this process ever used, which takes seconds."""
    moto = mock_aws(config={"core": {"mock_credentials": True, "reset_boto3_session": False}})
    moto.start(reset=False)
    try:
        for name in names:
            backend: Any = get_backend(name)  # type: ignore[call-overload]
            for account in list(backend.values()):
                account.reset()
        yield
    finally:
        moto.stop(remove_data=False)


def make_tables(*names: str) -> None:
    """Tables with the app's keys."""
    for name in names:
        boto3.client("dynamodb").create_table(
            TableName=name,
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
            AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in ("pk", "sk")],
            BillingMode="PAY_PER_REQUEST",
        )
