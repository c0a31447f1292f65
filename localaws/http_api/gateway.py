"""Answers the requests of one HTTP API, from routing to its log line and metrics. Used by the service."""

from __future__ import annotations

import json
import logging
import secrets
import time
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from localaws.cloudwatch.metrics import Datapoint, Dimensions
from localaws.errors import AwsError
from localaws.front_door import sigv4
from localaws.front_door.credentials import Credentials
from localaws.http_api import access_log, payload
from localaws.http_api.model import Api, Stage
from localaws.http_api.payload import HttpRequest, HttpResponse, MalformedAnswerError, problem
from localaws.http_api.routing import Match, choose
from localaws.lambda_.invocation import Outcome
from localaws.lambda_.output import Line
from localaws.lambda_.service import Lambda
from localaws.lambda_.telemetry import LogTarget, Telemetry

if TYPE_CHECKING:
    from localaws.world import World

log = logging.getLogger("localaws.http_api")
NAMESPACE = "AWS/ApiGateway"
PRINCIPAL = "apigateway.amazonaws.com"
LOG_ROLE = "aws-service-role/ops.apigateway.amazonaws.com/AWSServiceRoleForAPIGateway"
ERROR = "Internal Server Error"
UNAVAILABLE = "Service Unavailable"


@dataclass(slots=True)
class _Exchange:
    """What is known of one request on its way; becomes its log line and metrics."""

    request: HttpRequest
    request_id: str
    now: datetime
    began: float = field(default_factory=time.perf_counter)
    stage: Stage | None = None
    match: Match | None = None
    caller: Credentials | None = None
    error: str = ""
    integration_error: str = ""
    integration_milliseconds: float | None = None
    outcome: Outcome | None = None


class Gateway:
    """The data plane of one API."""

    def __init__(self, world: World, api: Api, telemetry: Telemetry, workers: ThreadPoolExecutor) -> None:
        self._world = world
        self._api = api
        self._telemetry = telemetry
        self._workers = workers

    def answer(self, request: HttpRequest) -> HttpResponse:
        """Serve one request to its end."""
        exchange = _Exchange(request, secrets.token_urlsafe(11) + "=", self._world.clock.now())
        try:
            response = self._serve(exchange)
        except Exception:
            log.exception("HTTP API %s failed on %s %s", self._api.identity, request.method, request.raw_path)
            response = problem(500, ERROR)
        milliseconds = (time.perf_counter() - exchange.began) * 1000
        self._measure(exchange, response, milliseconds)
        self._log(exchange, response, milliseconds)
        headers = [*response.headers, ("Apigw-Requestid", exchange.request_id)]
        return HttpResponse(response.status, headers, response.body)

    def _serve(self, exchange: _Exchange) -> HttpResponse:
        request, api = exchange.request, self._api
        staged = api.stage_for(request.path)
        if staged is None:
            return _failed(exchange, 404, "Not Found")
        exchange.stage, path = staged
        match = choose(api.definition.routes, request.method, path)
        if match is None:
            return _failed(exchange, 404, "Not Found")
        exchange.match = match
        if match.route.needs_iam:
            exchange.caller = self._authenticated(request)
            if exchange.caller is None:
                return _failed(exchange, 403, "Forbidden")
            resource = f"{api.identity}/{exchange.stage.name}/{request.method}{path}"
            self._world.ledger.record(exchange.caller.principal.arn, "execute-api:Invoke", self._arn(resource))
        if not exchange.stage.admits(match.route):
            return _failed(exchange, 429, "Too Many Requests")
        return self._integrate(exchange, match, exchange.stage)

    def _authenticated(self, request: HttpRequest) -> Credentials | None:
        """Who signed; None when nobody did, or not for this service and region, or not rightly."""
        signed = sigv4.Signed(request.method, request.raw_path, request.raw_query, request.headers, request.body)
        try:
            scope = sigv4.scope_of(signed)
            if scope is None or (scope.service, scope.region) != ("execute-api", self._world.settings.region):
                return None
            return sigv4.verify(signed, self._world.credentials, self._world.clock.now())
        except AwsError:
            return None

    def _integrate(self, exchange: _Exchange, match: Match, stage: Stage) -> HttpResponse:
        trace_id = f"Root=1-{int(time.time()):08x}-{secrets.token_hex(12)}"
        event = payload.event(
            exchange.request,
            match,
            account=self._world.settings.account,
            api_id=self._api.identity,
            stage=stage.name,
            stage_variables=stage.variables,
            request_id=exchange.request_id,
            trace_id=trace_id,
            now=exchange.now,
            caller=exchange.caller,
        )
        began = time.perf_counter()
        try:
            exchange.outcome = self._invoke(match, stage, json.dumps(event).encode(), trace_id)
        except FutureTimeoutError:
            return _failed(exchange, 503, UNAVAILABLE, "the integration timed out")
        except AwsError as error:
            known = {
                "TooManyRequestsException": (503, UNAVAILABLE),
                "RequestTooLargeException": (413, "Request Entity Too Large"),
            }
            status, message = known.get(error.code, (500, ERROR))
            return _failed(exchange, status, message, f"{error.code}: {error.message}")
        finally:
            exchange.integration_milliseconds = (time.perf_counter() - began) * 1000
        if exchange.outcome.function_error:
            return _failed(exchange, 500, ERROR, exchange.outcome.payload.decode("utf-8", "replace"))
        try:
            return payload.response(exchange.outcome.payload)
        except MalformedAnswerError as error:
            return _failed(exchange, 500, ERROR, f"the function's answer is malformed: {error}")

    def _invoke(self, match: Match, stage: Stage, event: bytes, trace_id: str) -> Outcome:
        """Raises `TimeoutError` when the integration's time is up; the function runs on, as on AWS."""
        lambda_ = self._world.service(Lambda)
        integration, route = match.route.integration, match.route
        method = f"/{route.method}{route.path}" if route.path else "/$default"
        source = self._arn(f"{self._api.identity}/{stage.name}{method}")

        def call() -> Outcome:
            return lambda_.invoke_for_service(
                integration.function_arn, event, principal=PRINCIPAL, source_arn=source, trace_id=trace_id
            )

        if lambda_.timeout_of(integration.function_arn) * 1000 <= integration.timeout:
            return call()
        running: Future[Outcome] = self._workers.submit(call)
        return running.result(timeout=integration.timeout / 1000)

    def _arn(self, resource: str) -> str:
        settings = self._world.settings
        return f"arn:aws:execute-api:{settings.region}:{settings.account}:{resource}"

    def _measure(self, exchange: _Exchange, response: HttpResponse, milliseconds: float) -> None:
        values = [
            ("Count", 1.0, "Count"),
            ("4xx", float(400 <= response.status < 500), "Count"),
            ("5xx", float(response.status >= 500), "Count"),
            ("Latency", milliseconds, "Milliseconds"),
            ("DataProcessed", float(len(exchange.request.body) + len(response.body)), "Bytes"),
        ]
        if exchange.integration_milliseconds is not None:
            values.append(("IntegrationLatency", exchange.integration_milliseconds, "Milliseconds"))
        api: Dimensions = (("ApiId", self._api.identity),)
        sets = [api]
        if exchange.stage is not None:
            staged: Dimensions = (*api, ("Stage", exchange.stage.name))
            sets.append(staged)
            if exchange.match and exchange.stage.route_settings(exchange.match.route).get("DetailedMetricsEnabled"):
                route = exchange.match.route
                sets.append((*staged, ("Method", route.method), ("Resource", route.path or route.key)))
        points = [
            Datapoint(name, value, exchange.now, dimensions, unit)
            for dimensions in sets
            for name, value, unit in values
        ]
        self._telemetry.publish(NAMESPACE, points)

    def _log(self, exchange: _Exchange, response: HttpResponse, milliseconds: float) -> None:
        settings = (exchange.stage.settings.get("AccessLogSettings") if exchange.stage else None) or {}
        if exchange.stage is None or not settings.get("DestinationArn"):
            return
        group = settings["DestinationArn"].split(":log-group:", 1)[1].removesuffix(":*")
        stream = f"{exchange.now:%Y-%m-%d}-{self._api.identity}-{exchange.stage.name.lstrip('$')}"
        role = f"arn:aws:iam::{self._world.settings.account}:role/{LOG_ROLE}"
        target = LogTarget(group, stream, role, "apigateway", may_create_group=False)
        values = self._values(exchange, response, milliseconds)
        text = access_log.line(settings["Format"], values)
        self._telemetry.put(target, [Line(int(exchange.now.timestamp() * 1000), text)])

    def _values(self, exchange: _Exchange, response: HttpResponse, milliseconds: float) -> dict[str, object]:
        """The variables of an access log that have a value."""
        request, account = exchange.request, self._world.settings.account
        host = request.headers.get("host", "")
        values: dict[str, object] = {
            "accountId": account,
            "apiId": self._api.identity,
            "dataProcessed": len(request.body) + len(response.body),
            "domainName": host,
            "domainPrefix": host.split(".")[0].split(":")[0],
            "extendedRequestId": exchange.request_id,
            "httpMethod": request.method,
            "identity.sourceIp": request.source_ip,
            "identity.userAgent": request.headers.get("user-agent", "-"),
            "path": request.path,
            "protocol": request.protocol,
            "requestId": exchange.request_id,
            "requestTime": exchange.now.strftime("%d/%b/%Y:%H:%M:%S +0000"),
            "requestTimeEpoch": int(exchange.now.timestamp() * 1000),
            "responseLatency": round(milliseconds),
            "responseLength": len(response.body),
            "stage": exchange.stage.name if exchange.stage else "-",
            "status": response.status,
        }
        if exchange.match is not None:
            values["routeKey"] = exchange.match.route.key
        if exchange.error:
            values["error.message"] = exchange.error
            values["error.messageString"] = json.dumps(exchange.error)
        if exchange.integration_error:
            values["integrationErrorMessage"] = values["integration.error"] = exchange.integration_error
        if exchange.integration_milliseconds is not None:
            latency = round(exchange.integration_milliseconds)
            values["integrationLatency"] = values["integration.latency"] = latency
        if exchange.outcome is not None:
            values["integrationStatus"] = values["integration.integrationStatus"] = 200
            values["integration.status"] = 200
            values["integration.requestId"] = values["awsEndpointRequestId"] = exchange.outcome.request_id
        if exchange.caller is not None:
            iam = payload.identity(exchange.caller, account)
            values["identity.accountId"] = account
            values["identity.caller"] = iam["callerId"]
            values["identity.user"] = iam["userId"]
            values["identity.userArn"] = iam["userArn"]
        return values


def _failed(exchange: _Exchange, status: int, message: str, integration_error: str = "") -> HttpResponse:
    exchange.error = message
    exchange.integration_error = integration_error
    return problem(status, message)
