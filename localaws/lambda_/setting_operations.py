"""Lambda's operations on concurrency, asynchronous invocation, tags and the account. Part of the service."""

from __future__ import annotations

from typing import Any

from localaws.errors import AwsError, NotModelledError
from localaws.lambda_.base import LambdaBase
from localaws.lambda_.invocation import ACCOUNT_CONCURRENCY
from localaws.lambda_.model import Function
from localaws.lambda_.names import Reference
from localaws.service import Call

UNRESERVED_MINIMUM = 100
EVENT_DEFAULTS = {"MaximumRetryAttempts": 2, "MaximumEventAgeInSeconds": 21_600}


class SettingOperations(LambdaBase):
    """What is set beside a function's configuration."""

    def put_function_concurrency(self, call: Call) -> dict[str, Any]:
        wanted = int(call.params["ReservedConcurrentExecutions"])
        with self.lock:
            function, _ = self.find(call)
            others = sum(f.reserved or 0 for f in self.functions.values() if f is not function)
            if ACCOUNT_CONCURRENCY - others - wanted < UNRESERVED_MINIMUM:
                raise AwsError(
                    "InvalidParameterValueException",
                    f"Specified ReservedConcurrentExecutions for function decreases account's "
                    f"UnreservedConcurrentExecution below its minimum value of [{UNRESERVED_MINIMUM}].",
                )
            function.reserved = wanted
        return {"ReservedConcurrentExecutions": wanted}

    def get_function_concurrency(self, call: Call) -> dict[str, Any]:
        with self.lock:
            function, _ = self.find(call)
            return {} if function.reserved is None else {"ReservedConcurrentExecutions": function.reserved}

    def delete_function_concurrency(self, call: Call) -> None:
        with self.lock:
            function, _ = self.find(call)
            function.reserved = None

    def put_function_event_invoke_config(self, call: Call) -> dict[str, Any]:
        with self.lock:
            function, named = self.find(call)
            return self._set_event_config(call, function, named, {})

    def update_function_event_invoke_config(self, call: Call) -> dict[str, Any]:
        with self.lock:
            function, named = self.find(call)
            return self._set_event_config(call, function, named, self._event_config(function, named))

    def get_function_event_invoke_config(self, call: Call) -> dict[str, Any]:
        with self.lock:
            function, named = self.find(call)
            return self._event_config(function, named)

    def delete_function_event_invoke_config(self, call: Call) -> None:
        with self.lock:
            function, named = self.find(call)
            self._event_config(function, named)
            del function.event_configs[named.qualifier]

    def tag_resource(self, call: Call) -> None:
        with self.lock:
            self._tagged(call).tags.update(call.params["Tags"])

    def untag_resource(self, call: Call) -> None:
        with self.lock:
            function = self._tagged(call)
            for key in call.params["TagKeys"]:
                function.tags.pop(key, None)

    def list_tags(self, call: Call) -> dict[str, Any]:
        with self.lock:
            return {"Tags": dict(self._tagged(call).tags)}

    def get_account_settings(self, _: Call) -> dict[str, Any]:
        with self.lock:
            reserved = sum(function.reserved or 0 for function in self.functions.values())
            count = len(self.functions)
        return {
            "AccountLimit": {
                "ConcurrentExecutions": ACCOUNT_CONCURRENCY,
                "UnreservedConcurrentExecutions": ACCOUNT_CONCURRENCY - reserved,
            },
            "AccountUsage": {"FunctionCount": count},
        }

    def _tagged(self, call: Call) -> Function:
        arn = str(call.params["Resource"])
        if ":function:" not in arn:
            raise NotModelledError(f"tags of {arn}")
        return self.function(arn.split(":")[6])

    def _set_event_config(
        self, call: Call, function: Function, named: Reference, before: dict[str, Any]
    ) -> dict[str, Any]:
        params = call.params
        if any((params.get("DestinationConfig") or {}).values()):
            raise NotModelledError("destinations of asynchronous Lambda invocations")
        set_now = {name: params[name] for name in EVENT_DEFAULTS if params.get(name) is not None}
        config = {
            **before,
            **set_now,
            "LastModified": self.world.clock.now(),
            "FunctionArn": f"{function.arn}:{named.qualifier or '$LATEST'}",
        }
        function.event_configs[named.qualifier] = config
        return config

    def _event_config(self, function: Function, named: Reference) -> dict[str, Any]:
        config = function.event_configs.get(named.qualifier)
        if config is None:
            arn = f"{function.arn}:{named.qualifier or '$LATEST'}"
            message = f"The function {arn} doesn't have an EventInvokeConfig"
            raise AwsError("ResourceNotFoundException", message, 404, Type="User")
        return config
