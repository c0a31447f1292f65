"""What moto serves: S3, DynamoDB, SNS, SES, SSM, IAM, KMS, Logs, rules and schedules. Called by the front door.

moto runs behind the front door as the WSGI application it is; nothing in it is replaced. What a service of ours
needs to know of moto's (an object was put, a message was published) it learns by an observer here.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from werkzeug.wrappers import Response

from localaws.front_door.protocol import Reply
from localaws.service import Call

if TYPE_CHECKING:
    from localaws.world import World

Observer = Callable[[Call, Reply], "Reply | None"]

SERVICES = frozenset(
    {
        "s3", "dynamodb", "sns", "sesv2", "ses", "ssm", "iam", "kms", "logs", "events", "scheduler",
        "application-autoscaling", "resourcegroupstaggingapi",
    }
)  # fmt: skip


class Delegated:
    """moto behind the front door, with observers per operation."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._observers: dict[tuple[str, str], list[Observer]] = defaultdict(list)
        self._event_sinks: list[Callable[[dict[str, Any]], None]] = []
        self._app: Any = None

    def after(self, service: str, operation: str, observer: Observer) -> None:
        """Call `observer(call, reply)` after each success of an operation that moto serves.

        A reply that it returns is sent instead of moto's.
        """
        self._observers[service, operation].append(observer)

    def on_event(self, sink: Callable[[dict[str, Any]], None]) -> None:
        """Hand every event that an AWS service emits to `sink` (EventBridge registers itself)."""
        self._event_sinks.append(sink)

    def deliver_event(self, event: dict[str, Any]) -> None:
        """Pass an AWS service's event on."""
        for sink in self._event_sinks:
            sink(event)

    def serve(self, call: Call, environ: dict[str, Any]) -> Reply:
        """Let moto answer a request that the front door has authenticated."""
        response = Response.from_app(self._moto(), environ, buffered=True)
        headers = {k: v for k, v in response.headers.items() if k.lower() not in ("connection", "date", "server")}
        reply = Reply(response.status_code, headers, response.get_data())
        if reply.status < 400:
            for observer in self._observers.get((call.service, call.operation), ()):
                reply = observer(call, reply) or reply
        return reply

    def _moto(self) -> Any:
        if self._app is None:
            os.environ.setdefault("MOTO_DISABLE_GLOBAL_CORS", "true")
            from moto.core.config import default_user_config
            from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

            default_user_config["iam"]["load_aws_managed_policies"] = True
            self._app = DomainDispatcherApplication(create_backend_app)
        return self._app
