"""The model's SageMaker endpoint over one keep-alive connection. Called by `service`.

Time-outs, retries and their quota are those of boto3's standard mode, within the time Lambda has left. A
connection that SageMaker closed while the environment was frozen is replaced at once, once.
"""

from __future__ import annotations

import http.client
import json
import os
import random
import time
from urllib.parse import urlsplit

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
from sigv4 import Credentials, sign

TYPE_CHECKING = False  # typing itself costs milliseconds of every cold start
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Answer = tuple[int, http.client.HTTPMessage, bytes]

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
        jitter: Callable[[], float] = random.random,
    ) -> None:
        url = urlsplit(endpoint_url(environ))
        if url.scheme not in ("http", "https") or not url.hostname:
            raise EndpointRefusedError("the address of SageMaker's runtime is not an http or https URL")
        self.name = name
        self.attempts = 0
        self._environ = environ
        self._region = _region(environ)
        self._path = f"{url.path.rstrip('/')}/endpoints/{name}/invocations"
        self._host = url.netloc.rpartition("@")[2]
        self._read_seconds = read_seconds
        self._pause = pause
        self._jitter = jitter
        self._retry_quota = _RETRY_QUOTA
        self._connection = self._new_connection(url.scheme, url.hostname, url.port)

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
            status, headers, body = self._exchange(self._signed_headers(rows), rows, deadline)
        except TimeoutError as error:
            raise ModelTimedOutError(f"endpoint {self.name} did not answer in time") from error
        except (OSError, http.client.HTTPException) as error:
            raise ModelUnreachableError(
                f"no answer from endpoint {self.name}: {type(error).__name__}"
            ) from error
        if status == 200:
            return body
        raise self._error(status, headers, body)

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
        reused = self._connection.sock is not None
        try:
            return self._send(headers, rows, deadline)
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            if not reused or isinstance(error, (TimeoutError, http.client.IncompleteRead)):
                raise
        try:  # the old connection was stale
            return self._send(headers, rows, deadline)
        except BaseException:
            self._connection.close()
            raise

    def _send(self, headers: dict[str, str], rows: bytes, deadline: float) -> Answer:
        connection = self._connection
        if connection.sock is None:
            connection.timeout = min(CONNECT_SECONDS, _left(deadline))
            connection.connect()
        sock = connection.sock
        deadline = min(deadline, time.monotonic() + self._read_seconds)
        sock.settimeout(_left(deadline))
        connection.request("POST", self._path, rows, headers)
        response = connection.getresponse()
        body = b""
        while chunk := response.read1():
            body += chunk
            sock.settimeout(_left(deadline))  # a time-out covers one read, the deadline all of them
        response.close()
        if response.length:  # read1 takes an early end for the end
            raise http.client.IncompleteRead(b"", response.length)
        return response.status, response.headers, body

    def _error(self, status: int, headers: http.client.HTTPMessage, body: bytes) -> PredictError:
        document = _document(body)
        code = str(headers.get("x-amzn-ErrorType") or document.get("__type") or document.get("code") or "")
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

    @staticmethod
    def _new_connection(scheme: str, host: str, port: int | None) -> http.client.HTTPConnection:
        if scheme == "http":
            return http.client.HTTPConnection(host, port)
        return http.client.HTTPSConnection(host, port)


def _is_retryable(error: PredictError) -> bool:
    return isinstance(error, (ThrottledError, ModelServiceError, ModelTimedOutError, ModelUnreachableError))


def _document(body: bytes) -> dict[str, object]:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _region(environ: Mapping[str, str]) -> str:
    return environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or "us-east-1"
