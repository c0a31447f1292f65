"""How a service's errors are called in a state machine. Used by `api`.

AWS SDK integrations speak as AWS's SDK for Java 2 does, the optimized ones as its SDK for Java 1: every name
ends in `Exception`, an error that the API's model doesn't list has the service's general name, and the cause
ends with where it came from.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from localaws.stepfunctions.failures import TaskError


@dataclass(frozen=True, slots=True)
class Naming:
    """The names of one service in one kind of integration."""

    prefix: str
    general: str
    """Of an error that isn't modelled, such as `SageMakerException`."""
    service: str
    """In causes."""
    optimized: bool

    def failure(self, error: ClientError, operation: Any) -> TaskError:
        """A service's error as Step Functions reports it; `operation` is botocore's model of the call."""
        code = error.response["Error"].get("Code", "")
        message = error.response["Error"].get("Message", "")
        answer = error.response["ResponseMetadata"]
        status, request = answer.get("HTTPStatusCode", ""), answer.get("RequestId", "")
        name = _modelled(operation, code) or self.general
        if self.optimized:
            place = f"Status Code: {status}; Error Code: {code}; Request ID: {request}; Proxy: null"
            return TaskError(f"{self.prefix}.{name}", f"{message} (Service: {self.service}; {place})")
        place = f"Status Code: {status}, Request ID: {request}"
        return TaskError(f"{self.prefix}.{name}", f"{message} (Service: {self.service}, {place})")

    def unreachable(self, error: Exception) -> TaskError:
        """No answer at all."""
        return TaskError(f"{self.prefix}.SdkClientException", str(error))


def _modelled(operation: Any, code: str) -> str | None:
    for shape in (*operation.error_shapes, *operation.service_model.error_shapes):
        if code in {shape.name, shape.metadata.get("error", {}).get("code")}:
            name = str(shape.name).removesuffix("Fault")
            return name if name.endswith("Exception") else f"{name}Exception"
    return None


def sdk(prefix: str) -> Naming:
    """The names of an AWS SDK integration."""
    return Naming(prefix, f"{prefix}Exception", prefix, optimized=False)


def optimized(prefix: str, general: str, service: str) -> Naming:
    """The names of an optimized integration."""
    return Naming(prefix, general, service, optimized=True)
