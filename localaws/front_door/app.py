"""The front door: authenticates a request, notes the permission it needs, and hands it to the service it names."""

from __future__ import annotations

import contextlib
import io
import logging
import re
import select
import socket
import threading
import uuid
from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any

from cheroot.wsgi import Gateway_10, Server
from moto.core.request import Request

from localaws.delegated import SERVICES as DELEGATED
from localaws.errors import AwsError, NotModelledError
from localaws.front_door import permissions, protocol, sigv4
from localaws.front_door.protocol import Reply
from localaws.keep_alive import keep_alive
from localaws.service import Call, Service

if TYPE_CHECKING:
    from localaws.world import World

log = logging.getLogger("localaws.front_door")

SIGNING_NAMES = {"monitoring": "cloudwatch", "states": "stepfunctions", "tagging": "resourcegroupstaggingapi"}
MAX_BODY = 256 * 1024 * 1024
CLOSE_PAUSE = 0.05
"""Seconds between the server's looks at whether it was told to stop."""
Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Interceptor = Callable[[Call], "Reply | AwsError | dict[str, Any] | None"]
Witness = Callable[[Call], None]


class DroppedError(Exception):
    """The connection is to be closed without an answer, as a network does it."""


class Gateway(Gateway_10):
    """Lets the application reach the connection, so that it can be dropped."""

    def get_environ(self) -> Environ:  # type: ignore[override]
        environ: Environ = super().get_environ()  # type: ignore[no-untyped-call]
        environ["localaws.socket"] = self.req.conn.socket
        return environ


class FrontDoor:
    """A WSGI application and its server."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.page: Callable[[Request], Reply] | None = None
        """Answers a browser: requests that aren't signed. Set by the page."""
        self._interceptors: list[Interceptor] = []
        self._witnesses: list[Witness] = []
        self._server: Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def port(self) -> int:
        """The port that is listened on; known after `bind()`."""
        if self._server is None:
            raise RuntimeError("the front door isn't bound yet")
        return int(self._server.bind_addr[1])

    def intercept(self, interceptor: Interceptor, *, first: bool = False) -> None:
        """See every authenticated call before it is served; a reply, error or output that it returns is the answer.

        This is how faults are injected (`first`: whoever else answers) and how an operation of a delegated service is
        taken over.
        """
        self._interceptors.insert(0 if first else len(self._interceptors), interceptor)

    def witness(self, witness: Witness) -> None:
        """Be told of every call once it was served, before its answer goes out."""
        self._witnesses.append(witness)

    def bind(self) -> None:
        """Take the port."""
        server = Server(("127.0.0.1", self.world.settings.port), self, numthreads=64, max=256, server_name="localaws")
        server.max_request_body_size = MAX_BODY
        server.nodelay = True
        server.gateway = Gateway
        server.expiration_interval = CLOSE_PAUSE
        keep_alive(server)
        server.prepare()
        self._server = server

    def open(self) -> None:
        """Begin to answer."""
        assert self._server is not None
        self._thread = threading.Thread(target=self._server.serve, name="front-door", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop answering and give the port back."""
        if self._server is not None:
            self._server.stop()
        if self._thread is not None:
            self._thread.join(timeout=10)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        try:
            reply = self._answer(environ)
        except DroppedError:
            with contextlib.suppress(OSError):  # the caller may have hung up himself
                environ["localaws.socket"].shutdown(socket.SHUT_RDWR)
            reply = Reply(500, {"Connection": "close"}, b"")
        headers = {"x-amzn-RequestId": str(uuid.uuid4()), **reply.headers, "Content-Length": str(len(reply.body))}
        if environ["REQUEST_METHOD"] == "HEAD":
            headers["Content-Length"] = reply.headers.get("Content-Length", "0")
        start_response(f"{reply.status} .", list(headers.items()))
        return [] if environ["REQUEST_METHOD"] == "HEAD" or reply.status in (204, 304) else [reply.body]

    def _answer(self, environ: Environ) -> Reply:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        if environ.get("HTTP_TRANSFER_ENCODING", "").lower() == "chunked":
            body = environ["wsgi.input"].read()
        environ["wsgi.input"] = io.BytesIO(body)
        environ["CONTENT_LENGTH"] = str(len(body))
        environ["RAW_URI"] = environ.get("REQUEST_URI") or environ["PATH_INFO"]
        signed = signed_request(environ, body)
        try:
            scope = sigv4.scope_of(signed)
            if scope is None and self.page is not None:
                return self.page(Request(environ))
            credentials = sigv4.verify(signed, self.world.credentials, self.world.clock.now())
            assert scope is not None
            return self._serve(service_of(scope.service, environ), credentials.principal, environ, signed)
        except AwsError as error:
            return protocol.serialize_unrouted(error)
        except DroppedError:
            raise
        except Exception:
            log.exception("front door failed on %s %s", environ["REQUEST_METHOD"], environ["PATH_INFO"])
            return protocol.serialize_unrouted(AwsError("InternalFailure", "localaws failed; see its log", 500))

    def _serve(self, name: str, principal: Any, environ: Environ, signed: sigv4.Signed) -> Reply:
        owned = self.world.services.get(name)
        if owned is None and name not in DELEGATED:
            raise NotModelledError(f"the service {name!r}")
        request = Request(environ)
        routed = protocol.route(name, request)
        try:
            params = protocol.parse(routed, request)
            call = Call(
                name, str(routed.model.name), params, principal, dict(signed.headers), partial(hung_up, environ)
            )
            self._note(call, owned)
            protocol.check(routed, params)
            reply = self._taken(call, routed) or self._perform(call, owned, routed, environ, signed)
            for witness in self._witnesses:
                witness(call)
            return reply
        except AwsError as error:
            return protocol.serialize(name, routed, error)
        except DroppedError:
            raise
        except Exception as error:
            log.exception("%s:%s failed", name, routed.model.name)
            return protocol.serialize(name, routed, AwsError("InternalFailure", f"localaws failed: {error!r}", 500))

    def _taken(self, call: Call, routed: protocol.Routed) -> Reply | None:
        """The answer of the first interceptor that has one."""
        for interceptor in self._interceptors:
            taken = interceptor(call)
            if isinstance(taken, AwsError):
                raise taken
            if isinstance(taken, dict):
                return protocol.serialize(call.service, routed, taken)
            if taken is not None:
                return taken
        return None

    def _note(self, call: Call, owned: Service | None) -> None:
        """Note the permissions that a call needs."""
        settings = self.world.settings
        resource_of = owned.resource_of(call.operation, call.params) if owned else None
        for action, resource in permissions.needed(
            call.service, call.operation, call.params, settings.account, settings.region, resource_of
        ):
            self.world.ledger.record(call.principal.arn, action, resource)

    def _perform(
        self, call: Call, owned: Service | None, routed: protocol.Routed, environ: Environ, signed: sigv4.Signed
    ) -> Reply:
        if owned is None:
            environ["wsgi.input"] = io.BytesIO(signed.body)
            reply = self.world.delegated.serve(call, environ)
            for action, on in permissions.needed_to_hear_of(reply.status, call.service, call.operation, call.params):
                self.world.ledger.record(call.principal.arn, action, on)
            return reply
        method = getattr(owned, snake_case(call.operation), None)
        if method is None:
            raise NotModelledError(f"{call.service}:{call.operation}")
        return protocol.serialize(call.service, routed, method(call) or {})


def signed_request(environ: Environ, body: bytes) -> sigv4.Signed:
    """The signed parts of a WSGI request."""
    headers = {k[5:].replace("_", "-").lower(): str(v) for k, v in environ.items() if k.startswith("HTTP_")}
    for name in ("CONTENT_TYPE", "CONTENT_LENGTH"):
        if environ.get(name):
            headers[name.replace("_", "-").lower()] = str(environ[name])
    raw_path = str(environ.get("RAW_URI") or environ["PATH_INFO"]).split("?", 1)[0]
    raw_path = re.sub(r"^https?://[^/]+", "", raw_path)
    return sigv4.Signed(environ["REQUEST_METHOD"], raw_path, environ.get("QUERY_STRING", ""), headers, body)


def service_of(signing_name: str, environ: Environ) -> str:
    """botocore's name of the service a request is for: several share one signing name."""
    path = str(environ["PATH_INFO"])
    if signing_name == "sagemaker" and "/invocations" in path:
        return "sagemaker-runtime"
    if signing_name == "apigateway":
        return "apigatewayv2" if path.startswith("/v2/") else "apigateway"
    if signing_name == "ses":
        return "sesv2" if path.startswith("/v2/") else "ses"
    return SIGNING_NAMES.get(signing_name, signing_name)


def snake_case(name: str) -> str:
    """`PutLifecycleEventHookExecutionStatus` → `put_lifecycle_event_hook_execution_status`."""
    spaced = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", spaced).lower()


def hung_up(environ: Environ) -> bool:
    """Whether the caller has closed the connection while he was being served."""
    connection = environ["localaws.socket"]
    try:
        ready = select.poll()
        ready.register(connection, select.POLLIN)
        return bool(ready.poll(0)) and connection.recv(1, socket.MSG_PEEK) == b""
    except (OSError, ValueError):  # closed on this side already
        return True


def free_port() -> int:
    """A port that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
