"""The model's SageMaker endpoint over one keep-alive connection. Called by `service`.

Time-outs, retries and their quota are those of boto3's standard mode, within the time Lambda has left. A
connection that SageMaker closed while the environment was frozen is replaced at once, once.
"""

from __future__ import annotations

import json
import os
import re
import time

from errors import (
    EndpointMissingError,
    EndpointRefusedError,
    ModelContainerError,
    ModelServiceError,
    ModelTimedOutError,
    ModelUnreachableError,
    PredictError,
    ThrottledError,
)
from http1 import Answer, Connection, ProtocolError
from sigv4 import Credentials, sign

TYPE_CHECKING = False  # typing itself costs milliseconds of every cold start
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

CONNECT_SECONDS = 2.0
READ_SECONDS = 10.0
_ATTEMPTS = 3
_LONGEST_PAUSE_SECONDS = 20.0
_RETRY_QUOTA = 500
_RETRY_COST, _TIMEOUT_RETRY_COST = 5, 10
_THROTTLING = (  # botocore's list, as far as SageMaker's runtime goes
    "LimitExceededException",
    "ModelNotReadyException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "SlowDown",
    "ThrottledException",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
)
_URL = re.compile(
    r"(?P<scheme>https?)://(?P<authority>(?P<host>\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(?::(?P<port>[0-9]+))?)"
    r"(?P<path>(?:/[A-Za-z0-9._~-]+)*)/?"
)
_DNS_SUFFIXES = (
    ("cn-", "amazonaws.com.cn"),
    ("eusc-", "amazonaws.eu"),
    ("us-iso-", "c2s.ic.gov"),
    ("us-isob-", "sc2s.sgov.gov"),
    ("us-isof-", "csp.hci.ic.gov"),
    ("eu-isoe-", "cloud.adc-e.uk"),
)


def endpoint_url(environ: Mapping[str, str]) -> str:
    """Where SageMaker's runtime answers, by the same settings and names as in any AWS SDK."""
    region = _region(environ)
    suffix = next((suffix for prefix, suffix in _DNS_SUFFIXES if region.startswith(prefix)), "amazonaws.com")
    return (
        environ.get("AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME")
        or environ.get("AWS_ENDPOINT_URL")
        or f"https://runtime.sagemaker.{region}.{suffix}"
    )


class ModelEndpoint:
    """One endpoint. Not for several threads at once; Lambda gives an environment one request at a time."""

    def __init__(
        self,
        name: str,
        environ: Mapping[str, str] = os.environ,
        *,
        read_seconds: float = READ_SECONDS,
        pause: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] | None = None,
    ) -> None:
        url = _URL.fullmatch(endpoint_url(environ))
        if url is None:
            raise EndpointRefusedError("the address of SageMaker's runtime is not an http or https URL")
        self.name = name
        self.attempts = 0
        self._environ = environ
        self._region = _region(environ)
        self._path = f"{url['path']}/endpoints/{name}/invocations"
        self._host = url["authority"]
        self._read_seconds = read_seconds
        self._pause = pause
        self._jitter = jitter or _random
        self._retry_quota = _RETRY_QUOTA
        port = url["port"]
        self._connection = Connection(url["scheme"], url["host"].strip("[]"), int(port) if port else None)

    def invoke(self, rows: bytes, *, seconds: float) -> bytes:
        """The model's answer to those CSV rows; raises `ThrottledError` or a `ModelFailedError`.

        Takes no longer than `seconds`. `attempts` tells afterwards how many there were.
        """
        deadline = time.monotonic() + seconds
        self.attempts = 0
        spent = 0
        while True:
            self.attempts += 1
            try:
                answer = self._attempt(rows, deadline)
            except PredictError as error:
                cost = _TIMEOUT_RETRY_COST if isinstance(error, ModelTimedOutError) else _RETRY_COST
                pause = min(self._jitter() * 2 ** (self.attempts - 1), _LONGEST_PAUSE_SECONDS)
                if (
                    not _is_retryable(error)
                    or self.attempts == _ATTEMPTS
                    or cost > self._retry_quota
                    or time.monotonic() + pause >= deadline
                ):
                    raise
                self._retry_quota -= cost
                spent = cost
                self._pause(pause)
            else:
                self._retry_quota = min(_RETRY_QUOTA, self._retry_quota + (spent or 1))
                return answer

    def _attempt(self, rows: bytes, deadline: float) -> bytes:
        try:
            answer = self._exchange(self._signed_headers(rows), rows, deadline)
        except TimeoutError as error:
            raise ModelTimedOutError(f"endpoint {self.name} did not answer in time") from error
        except (OSError, ProtocolError) as error:
            raise ModelUnreachableError(f"no answer from endpoint {self.name}: {type(error).__name__}") from error
        if answer.status == 200:
            return answer.body
        raise self._error(answer)

    def _signed_headers(self, rows: bytes) -> dict[str, str]:
        try:  # read each time: Lambda may renew them
            credentials = Credentials(
                self._environ["AWS_ACCESS_KEY_ID"],
                self._environ["AWS_SECRET_ACCESS_KEY"],
                self._environ.get("AWS_SESSION_TOKEN"),
            )
        except KeyError as error:
            raise EndpointRefusedError(f"the environment has no {error.args[0]}") from None
        return sign(
            "POST",
            self._path,
            {"host": self._host, "content-type": "text/csv", "accept": "text/csv"},
            rows,
            credentials=credentials,
            region=self._region,
            service="sagemaker",
            timestamp=time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()),
        )

    def _exchange(self, headers: dict[str, str], rows: bytes, deadline: float) -> Answer:
        connection = self._connection
        if connection.is_open:
            try:
                return self._send(headers, rows, deadline)
            except TimeoutError:
                raise
            except OSError:
                pass  # closed while we were frozen; a prediction may be asked for twice
        connection.open(min(CONNECT_SECONDS, max(deadline - time.monotonic(), 0.001)))
        return self._send(headers, rows, deadline)

    def _send(self, headers: dict[str, str], rows: bytes, deadline: float) -> Answer:
        until = min(deadline, time.monotonic() + self._read_seconds)
        return self._connection.exchange(self._path, headers, rows, until)

    def _error(self, answer: Answer) -> PredictError:
        status, document = answer.status, _document(answer.body)
        code = str(answer.headers.get("x-amzn-errortype") or document.get("__type") or document.get("code") or "")
        code = code.partition(":")[0].rpartition("#")[2]
        if status == 429 or code in _THROTTLING:
            return ThrottledError(f"endpoint {self.name} has no room or is not ready")
        if status == 424 or code == "ModelError":
            original = document.get("OriginalStatusCode")
            figure = original if isinstance(original, int) else "an error"
            return ModelContainerError(f"the container of endpoint {self.name} answered {figure}")
        if status >= 500:
            return ModelServiceError(f"SageMaker answered {status} for endpoint {self.name}")
        message = str(document.get("message") or document.get("Message") or "").lower()
        if code == "ValidationError" and ("not found" in message or "could not find" in message):
            return EndpointMissingError(f"endpoint {self.name} does not exist")
        return EndpointRefusedError(f"SageMaker refused to invoke endpoint {self.name}: {status}")


def _random() -> float:
    import random  # only once something fails

    return random.random()  # noqa: S311 - spreads retries, keeps no secret


def _is_retryable(error: PredictError) -> bool:
    return isinstance(error, (ThrottledError, ModelServiceError, ModelTimedOutError, ModelUnreachableError))


def _document(body: bytes) -> dict[str, object]:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def _region(environ: Mapping[str, str]) -> str:
    return environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or "us-east-1"
