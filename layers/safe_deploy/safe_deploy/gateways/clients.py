"""boto3 clients, built on first use, and the one place where AWS's error codes become our errors.

Used by every gateway.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from threading import Lock
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ConnectionError, HTTPClientError  # noqa: A004

from safe_deploy.errors import (
    AccessDeniedError,
    ConditionFailedError,
    InvalidRequestError,
    NotFoundError,
    SafeDeployError,
    TransientError,
)

CONFIG = Config(
    connect_timeout=3,
    read_timeout=20,
    retries={"mode": "standard", "total_max_attempts": 4},
)

ONCE = CONFIG.merge(Config(read_timeout=45, retries={"mode": "standard", "total_max_attempts": 1}))
"""For invocations that must not be repeated unseen: longer than the inference function takes, its start included."""

PATIENT = CONFIG.merge(Config(read_timeout=70, retries={"mode": "standard", "total_max_attempts": 1}))
"""For calls that AWS answers after up to a minute; who repeats one has to see first what the one before has done."""

NOT_FOUND = (
    "404",
    "DeploymentDoesNotExistException",
    "ExecutionDoesNotExist",
    "NoSuchBucket",
    "NoSuchKey",
    "NoSuchVersion",
    "NotFound",
    "NotFoundException",
    "ObjectNotFoundException",
    "ResourceNotFound",
    "ResourceNotFoundException",
    "RevisionDoesNotExistException",
)
DENIED = (
    "403",
    "AccessDenied",
    "AccessDeniedException",
    "AuthorizationError",
    "AuthorizationErrorException",
    "KMSAccessDeniedException",
)
BUSY = (
    "ConcurrentUpdateException",
    "ConditionalRequestConflict",
    "ConflictException",
    "ModelNotReadyException",
    "RequestTimeout",
    "ResourceConflictException",
    "ServiceUnavailable",
    "SlowDown",
    "TransactionConflictException",
    "TransactionInProgressException",
    "503",
)
CONDITION = ("ConditionalCheckFailedException", "PreconditionFailed")
MISSING_WORDS = ("could not find", "does not exist", "requested resource not found")


_MAKING = Lock()
"""boto3's clients serve any number of threads, but aren't made by several at once."""


@cache
def client(service: str, config: Config = CONFIG) -> Any:
    """Return the service's client for this process, with time-outs and standard retries unless told otherwise."""
    with _MAKING:
        return boto3.client(service, config=config)  # type: ignore[call-overload]


def error_code(error: ClientError) -> str:
    """Return AWS's name of an error."""
    return str(error.response.get("Error", {}).get("Code", ""))


def error_message(error: ClientError) -> str:
    """Return what AWS says about an error."""
    return str(error.response.get("Error", {}).get("Message", ""))


def is_throttled(error: ClientError) -> bool:
    """Return whether AWS had no room for a call, which then did nothing."""
    code = error_code(error)
    return "hrottl" in code or "TooManyRequests" in code


def translated(error: ClientError, doing: str) -> SafeDeployError:
    """Return our error for AWS's; SageMaker says of missing things only in words that they are missing."""
    code, message = error_code(error), error_message(error)
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") or 0)
    text = f"{doing}: {code}: {message}"
    kind: type[SafeDeployError] = InvalidRequestError
    missing = code == "ValidationException" and any(words in message.lower() for words in MISSING_WORDS)
    if code in NOT_FOUND or missing:
        kind = NotFoundError
    elif code in DENIED:
        kind = AccessDeniedError
    elif code in CONDITION:
        kind = ConditionFailedError
    elif code in BUSY or is_throttled(error) or status >= 500:
        kind = TransientError
    return kind(text)


@contextmanager
def translating(doing: str) -> Iterator[None]:
    """Turn botocore's exceptions into ours; `doing` says what was being done, without secrets."""
    try:
        yield
    except ClientError as error:
        raise translated(error, doing) from error
    except (ConnectionError, HTTPClientError) as error:
        raise TransientError(f"{doing}: {type(error).__name__}") from error
    except BotoCoreError as error:
        raise InvalidRequestError(f"{doing}: {type(error).__name__}: {error}") from error
