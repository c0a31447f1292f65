"""Invoke, for callers at the front door and for services in this process. Part of the service."""

from __future__ import annotations

import base64
import json
import secrets
import time
import uuid
from typing import Any

from localaws.errors import AwsError, NotModelledError
from localaws.lambda_ import policy
from localaws.lambda_.base import LambdaBase
from localaws.lambda_.invocation import Invocation, Outcome
from localaws.lambda_.metrics import Served
from localaws.lambda_.model import Function
from localaws.lambda_.names import is_version, reference
from localaws.lambda_.routing import version_for
from localaws.lambda_.sandbox import Event
from localaws.lambda_.setting_operations import EVENT_DEFAULTS
from localaws.service import Call

MAX_REQUEST = 6_291_456
MAX_EVENT = 1_048_576


class InvokeOperations(LambdaBase):
    """Invoke and `invoke_for_service`."""

    def invoke(self, call: Call) -> dict[str, Any]:
        params = call.params
        for name in ("TenantId", "DurableExecutionName"):
            if params.get(name):
                raise NotModelledError(f"lambda:Invoke with {name}")
        kind = params.get("InvocationType") or "RequestResponse"
        named = reference(params)
        payload = checked_payload(bytes(params.get("Payload") or b""), kind)
        arn = self.arn(f"function:{named.name}") + (f":{named.qualifier}" if named.qualifier else "")
        trace_id = call.headers.get("x-amzn-trace-id", "")
        context = params.get("ClientContext") or ""
        event = _event(arn, payload, trace_id, base64.b64decode(context).decode() if context else "")
        if kind == "DryRun":
            self._prepare(event)
            return {"StatusCode": 204}
        if kind == "Event":
            self._put(event)
            return {"StatusCode": 202, "Payload": b""}
        outcome = self._run(event)
        output: dict[str, Any] = {
            "StatusCode": 200,
            "ExecutedVersion": outcome.executed_version,
            "Payload": outcome.payload,
        }
        if outcome.function_error:
            output["FunctionError"] = outcome.function_error
        if params.get("LogType") == "Tail":
            output["LogResult"] = base64.b64encode(outcome.log_tail.encode()).decode()
        return output

    def invoke_for_service(
        self,
        function_arn: str,
        payload: bytes,
        *,
        principal: str,
        source_arn: str | None = None,
        trace_id: str = "",
    ) -> Outcome:
        """Invoke synchronously for another AWS service, such as `apigateway.amazonaws.com`, in this process.

        Raises `AccessDeniedException` unless the function's resource policy lets that service invoke
        it for `source_arn`, and whatever Invoke raises.
        """
        self._check_service(function_arn, principal, source_arn)
        return self._run(_event(function_arn, checked_payload(payload, "RequestResponse"), trace_id))

    def queue_for_service(
        self, function_arn: str, payload: bytes, *, principal: str, source_arn: str | None = None
    ) -> None:
        """Invoke asynchronously for another AWS service, such as `events.amazonaws.com`; raises as above."""
        self._check_service(function_arn, principal, source_arn)
        self._put(_event(function_arn, checked_payload(payload, "Event"), ""))

    def timeout_of(self, function_arn: str) -> int:
        """The seconds that a function may run; 0 when there is no such function."""
        named = reference({"FunctionName": function_arn})
        with self.lock:
            function = self.functions.get(named.name)
            return 0 if function is None else function.latest.configuration.timeout

    def _check_service(self, function_arn: str, principal: str, source_arn: str | None) -> None:
        named = reference({"FunctionName": function_arn})
        with self.lock:
            function = self.function(named.name, named.qualifier)
            statements = function.policies.get(named.qualifier, {"statements": []})["statements"]
        policy.check_service(statements, principal, source_arn, self.world.settings.account)

    def _run(self, event: Event) -> Outcome:
        return self.invoker.invoke(self._prepare(event))

    def _prepare(self, event: Event) -> Invocation:
        """Decide which version serves an event."""
        named = reference({"FunctionName": event.function_arn})
        with self.lock:
            function = self.function(named.name, named.qualifier)
            version = version_for(function, named.qualifier, self.chance)
            _check_active(function)
            reserved = function.reserved
        is_alias = bool(named.qualifier) and not is_version(named.qualifier)
        return Invocation(event, version, Served(named.name, named.qualifier, version.number, is_alias), reserved)

    def _put(self, event: Event) -> None:
        served = self._prepare(event).served  # refuses now what can't be found
        named = reference({"FunctionName": event.function_arn})
        with self.lock:
            config = {**EVENT_DEFAULTS, **self.function(named.name).event_configs.get(named.qualifier, {})}

        def attempt() -> bool:
            return not self._run(event).function_error

        self.events.put(
            attempt,
            lambda: self.invoker.dropped(served),
            config["MaximumRetryAttempts"],
            config["MaximumEventAgeInSeconds"],
        )


def checked_payload(payload: bytes, kind: str) -> bytes:
    """The payload, when it is JSON and small enough; `{}` for none."""
    limit = MAX_EVENT if kind == "Event" else MAX_REQUEST
    if len(payload) > limit:
        message = f"{len(payload)} byte payload is too large for the {kind} invocation type (limit {limit} bytes)"
        raise AwsError("RequestTooLargeException", message, 413, Type="User")
    if not payload:
        return b"{}"
    try:
        json.loads(payload)
    except ValueError as error:
        message = f"Could not parse request body into json: {error}"
        raise AwsError("InvalidRequestContentException", message, Type="User") from error
    return payload


def _check_active(function: Function) -> None:
    if function.is_new and not function.is_settled():
        message = (
            "The operation cannot be performed at this time. The function is currently in the following state: Pending"
        )
        raise AwsError("ResourceConflictException", message, 409, Type="User")


def _event(arn: str, payload: bytes, trace_id: str, client_context: str = "") -> Event:
    trace = trace_id or f"Root=1-{int(time.time()):08x}-{secrets.token_hex(12)};Parent={secrets.token_hex(8)};Sampled=0"
    return Event(str(uuid.uuid4()), payload, arn, trace, client_context)
