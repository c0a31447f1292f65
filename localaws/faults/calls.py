"""Faults of calls: errors as each service words them; answers late, lost, or never given. Used by the service."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from localaws.errors import AwsError
from localaws.faults.registry import Faults
from localaws.front_door.app import DroppedError
from localaws.service import Call

THROTTLES: dict[str, tuple[str, int, str]] = {
    "dynamodb": ("ThrottlingException", 400, "Rate of requests exceeds the allowed throughput."),
    "lambda": ("TooManyRequestsException", 429, "Rate Exceeded."),
    "s3": ("SlowDown", 503, "Please reduce your request rate."),
    "scheduler": ("ThrottlingException", 429, "Rate exceeded"),
    "sns": ("Throttling", 400, "Rate exceeded"),
    "cloudwatch": ("Throttling", 400, "Rate exceeded"),
    "sts": ("Throttling", 400, "Rate exceeded"),
    "cloudformation": ("Throttling", 400, "Rate exceeded"),
    "iam": ("Throttling", 400, "Rate exceeded"),
}
"""By service: code, status and message of a throttled call, where they are not the usual ones."""
USUAL_THROTTLE = ("ThrottlingException", 400, "Rate exceeded")
UNAVAILABLE: dict[str, tuple[str, int]] = {
    "dynamodb": ("InternalServerError", 500),
    "lambda": ("ServiceException", 500),
    "s3": ("InternalError", 500),
    "scheduler": ("InternalServerException", 500),
    "application-autoscaling": ("InternalServiceException", 500),
    "kms": ("KMSInternalException", 500),
    "sagemaker-runtime": ("ServiceUnavailable", 503),
}
"""By service: code and status of a fault of its own, where they are not the usual ones."""
USUAL_UNAVAILABLE = ("InternalFailure", 500)


class CallFaults:
    """Strikes calls at the front door."""

    def __init__(self, faults: Faults, crash: Callable[[str], None]) -> None:
        self._faults = faults
        self._crash = crash
        self._losing: set[int] = set()
        self._lock = threading.Lock()

    def before(self, call: Call) -> AwsError | None:
        """The front door's interceptor. Raises `DroppedError`."""
        effect = self._faults.strike("call", facts_of(call), call.params)
        if effect is None:
            return None
        match effect["kind"]:
            case "throttle":
                code, status, message = THROTTLES.get(call.service, USUAL_THROTTLE)
                return _error(call, code, message, status)
            case "unavailable":
                code, status = UNAVAILABLE.get(call.service, USUAL_UNAVAILABLE)
                return _error(call, code, "An internal error occurred. (injected)", status)
            case "error":
                message = effect.get("message", "injected")
                return _error(call, effect["code"], message, effect.get("status", 400))
            case "delay":
                time.sleep(effect["milliseconds"] / 1000)
            case "drop":
                raise DroppedError
            case "lose-answer":
                with self._lock:
                    self._losing.add(id(call))
            case "crash-caller":
                self._crash(call.principal.session)
                raise DroppedError
        return None

    def after(self, call: Call) -> None:
        """The front door's witness of what was served. Raises `DroppedError` where the answer is to be lost."""
        if self._losing:
            with self._lock:
                losing = id(call) in self._losing
                self._losing.discard(id(call))
            if losing:
                raise DroppedError


def facts_of(call: Call) -> dict[str, str]:
    """What a fault can match of a call."""
    return {"service": call.service, "operation": call.operation, "principal": call.principal.arn}


def _error(call: Call, code: str, message: str, status: int) -> AwsError:
    members: dict[str, Any] = {"Type": "User"} if call.service == "lambda" else {}
    return AwsError(code, message, status, **members)
