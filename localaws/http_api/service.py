"""The API Gateway v2 service: HTTP APIs from OpenAPI bodies, and their stages. Served by the front door."""

from __future__ import annotations

import secrets
import string
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, ClassVar

from localaws.errors import AwsError, NotModelledError
from localaws.http_api import access_log
from localaws.http_api.definition import Definition, Route, read
from localaws.http_api.gateway import Gateway
from localaws.http_api.model import Api, Stage
from localaws.http_api.server import ApiServer
from localaws.lambda_.telemetry import Telemetry
from localaws.service import Call, Service

if TYPE_CHECKING:
    from localaws.world import World

SELECTION = "$request.method $request.path"
API_NOT_MODELLED = (
    "CorsConfiguration", "CredentialsArn", "DisableExecuteApiEndpoint", "RouteKey", "Target", "Basepath",
    "DisableSchemaValidation", "ApiKeySelectionExpression",
)  # fmt: skip
STAGE_NOT_MODELLED = ("ClientCertificateId", "DeploymentId")
STAGE_SETTINGS = (
    "AccessLogSettings", "DefaultRouteSettings", "Description", "RouteSettings", "StageVariables",
)  # fmt: skip
SLOW_CALLS = 64
"""Requests at once whose functions may run longer than the integration waits."""


class HttpApi(Service):
    """API Gateway for HTTP APIs, each on a port of its own, so that paths and signatures are AWS's."""

    name: ClassVar[str] = "apigatewayv2"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._apis: dict[str, Api] = {}
        self._servers: dict[str, ApiServer] = {}
        self._lock = threading.RLock()
        self._telemetry = Telemetry(world)
        self._workers = ThreadPoolExecutor(SLOW_CALLS, thread_name_prefix="http-api-slow")

    def start(self) -> None:
        self._telemetry.start()

    def stop(self) -> None:
        with self._lock:
            servers = list(self._servers.values())
            self._servers.clear()
            self._apis.clear()
        for server in servers:
            server.close()
        self._workers.shutdown(wait=False, cancel_futures=True)
        self._telemetry.stop()

    def flush(self) -> None:
        """Wait until every access log line and metric of requests so far is written."""
        self._telemetry.flush()

    def import_api(self, call: Call) -> dict[str, Any]:
        _refuse(call, API_NOT_MODELLED)
        return self._create(read(call.params["Body"]), {})

    def create_api(self, call: Call) -> dict[str, Any]:
        _refuse(call, API_NOT_MODELLED)
        params = call.params
        if params["ProtocolType"] != "HTTP":
            raise NotModelledError(f"APIs of type {params['ProtocolType']}")
        definition = Definition(params["Name"], params.get("Version", ""), params.get("Description", ""))
        return self._create(definition, params.get("Tags") or {})

    def reimport_api(self, call: Call) -> dict[str, Any]:
        _refuse(call, API_NOT_MODELLED)
        definition = read(call.params["Body"])
        with self._lock:
            api = self._api(call)
            api.definition = definition
            api.tags.update(definition.tags)
            return _shown(api)

    def update_api(self, call: Call) -> dict[str, Any]:
        _refuse(call, API_NOT_MODELLED)
        params = call.params
        with self._lock:
            api = self._api(call)
            before = api.definition
            api.definition = Definition(
                params.get("Name", before.name),
                params.get("Version", before.version),
                params.get("Description", before.description),
                before.routes,
                before.tags,
            )
            return _shown(api)

    def get_api(self, call: Call) -> dict[str, Any]:
        with self._lock:
            return _shown(self._api(call))

    def get_apis(self, _: Call) -> dict[str, Any]:
        with self._lock:
            return {"Items": [_shown(api) for api in self._apis.values()]}

    def delete_api(self, call: Call) -> None:
        with self._lock:
            api = self._api(call)
            del self._apis[api.identity]
            server = self._servers.pop(api.identity)
        server.close()

    def get_routes(self, call: Call) -> dict[str, Any]:
        with self._lock:
            return {"Items": [_route(route) for route in self._api(call).definition.routes]}

    def get_integrations(self, call: Call) -> dict[str, Any]:
        with self._lock:
            return {"Items": [_integration(route) for route in self._api(call).definition.routes]}

    def create_stage(self, call: Call) -> dict[str, Any]:
        _refuse(call, STAGE_NOT_MODELLED)
        params = call.params
        if not params.get("AutoDeploy"):
            raise NotModelledError("stages of HTTP APIs without AutoDeploy")
        settings = _stage_settings(params)
        with self._lock:
            api = self._api(call)
            name = params["StageName"]
            if name in api.stages:
                raise AwsError("ConflictException", "Stage already exists", 409)
            now = self.world.clock.now()
            stage = Stage(name, now, now, _identity(6), settings, dict(params.get("Tags") or {}))
            api.stages[name] = stage
            return _stage(stage)

    def update_stage(self, call: Call) -> dict[str, Any]:
        _refuse(call, STAGE_NOT_MODELLED)
        if call.params.get("AutoDeploy") is False:
            raise NotModelledError("stages of HTTP APIs without AutoDeploy")
        settings = _stage_settings(call.params)
        with self._lock:
            stage = self._stage(call)
            stage.settings = {**stage.settings, **settings}
            stage.updated = self.world.clock.now()
            return _stage(stage)

    def get_stage(self, call: Call) -> dict[str, Any]:
        with self._lock:
            return _stage(self._stage(call))

    def get_stages(self, call: Call) -> dict[str, Any]:
        with self._lock:
            return {"Items": [_stage(stage) for stage in self._api(call).stages.values()]}

    def delete_stage(self, call: Call) -> None:
        with self._lock:
            stage = self._stage(call)
            del self._api(call).stages[stage.name]

    def delete_access_log_settings(self, call: Call) -> None:
        with self._lock:
            self._stage(call).settings.pop("AccessLogSettings", None)

    def tag_resource(self, call: Call) -> dict[str, Any]:
        with self._lock:
            self._tags(call).update(call.params["Tags"])
        return {}

    def untag_resource(self, call: Call) -> None:
        with self._lock:
            tags = self._tags(call)
            for key in call.params["TagKeys"]:
                tags.pop(key, None)

    def get_tags(self, call: Call) -> dict[str, Any]:
        with self._lock:
            return {"Tags": dict(self._tags(call))}

    def _create(self, definition: Definition, tags: dict[str, str]) -> dict[str, Any]:
        api = Api(_identity(10), definition, self.world.clock.now(), {**definition.tags, **tags})
        server = ApiServer(Gateway(self.world, api, self._telemetry, self._workers).answer)
        api.endpoint = server.endpoint
        with self._lock:
            self._apis[api.identity] = api
            self._servers[api.identity] = server
            return _shown(api)

    def _api(self, call: Call) -> Api:
        return self._find(call.params["ApiId"])

    def _find(self, identity: str) -> Api:
        api = self._apis.get(identity)
        if api is None:
            raise AwsError("NotFoundException", f"Invalid API identifier specified {identity}", 404)
        return api

    def _stage(self, call: Call) -> Stage:
        stage = self._api(call).stages.get(call.params["StageName"])
        if stage is None:
            raise AwsError("NotFoundException", "Invalid stage identifier specified", 404)
        return stage

    def _tags(self, call: Call) -> dict[str, str]:
        """Of `arn:aws:apigateway:<region>::/apis/<id>` or `…/apis/<id>/stages/<name>`."""
        arn = str(call.params["ResourceArn"])
        parts = arn.split(":", 5)[-1].strip("/").split("/")
        if parts[0] != "apis" or len(parts) not in (2, 4):
            raise NotModelledError(f"tags of {arn}")
        api = self._find(parts[1])
        if len(parts) == 2:
            return api.tags
        if parts[3] not in api.stages:
            raise AwsError("NotFoundException", "Invalid stage identifier specified", 404)
        return api.stages[parts[3]].tags


def _refuse(call: Call, names: tuple[str, ...]) -> None:
    for name in names:
        if call.params.get(name):
            raise NotModelledError(f"apigatewayv2:{call.operation} with {name}")


def _stage_settings(params: dict[str, Any]) -> dict[str, Any]:
    logging = params.get("AccessLogSettings") or {}
    if logging:
        if ":log-group:" not in logging.get("DestinationArn", "") or not logging.get("Format"):
            raise AwsError("BadRequestException", "AccessLogSettings need a Format and the ARN of a log group")
        access_log.check(logging["Format"])
    of_routes = list((params.get("RouteSettings") or {}).values())
    for settings in [params.get("DefaultRouteSettings") or {}, *of_routes]:
        if settings.get("DataTraceEnabled") or settings.get("LoggingLevel", "OFF") != "OFF":
            raise AwsError("BadRequestException", "Execution logs are not supported on protocolType HTTP")
    return {name: params[name] for name in STAGE_SETTINGS if params.get(name) is not None}


def _identity(length: int) -> str:
    return "".join(secrets.choice(string.ascii_lowercase + string.digits) for _ in range(length))


def _shown(api: Api) -> dict[str, Any]:
    return {
        "ApiEndpoint": api.endpoint,
        "ApiId": api.identity,
        "ApiKeySelectionExpression": "$request.header.x-api-key",
        "CreatedDate": api.created,
        "Description": api.definition.description,
        "DisableExecuteApiEndpoint": False,
        "Name": api.definition.name,
        "ProtocolType": "HTTP",
        "RouteSelectionExpression": SELECTION,
        "Tags": dict(api.tags),
        "Version": api.definition.version,
    }


def _stage(stage: Stage) -> dict[str, Any]:
    return {
        "AutoDeploy": True,
        "CreatedDate": stage.created,
        "LastUpdatedDate": stage.updated,
        "DefaultRouteSettings": {"DetailedMetricsEnabled": False},
        "DeploymentId": stage.deployment,
        "RouteSettings": {},
        "StageName": stage.name,
        "StageVariables": {},
        "Tags": dict(stage.tags),
        **stage.settings,
    }


def _route(route: Route) -> dict[str, Any]:
    return {
        "ApiKeyRequired": False,
        "AuthorizationType": "AWS_IAM" if route.needs_iam else "NONE",
        "RouteId": route.identity,
        "RouteKey": route.key,
        "Target": f"integrations/{route.integration.identity}",
    }


def _integration(route: Route) -> dict[str, Any]:
    integration = route.integration
    return {
        "ConnectionType": "INTERNET",
        "IntegrationId": integration.identity,
        "IntegrationMethod": "POST",
        "IntegrationType": "AWS_PROXY",
        "IntegrationUri": integration.uri,
        "PayloadFormatVersion": "2.0",
        "TimeoutInMillis": integration.timeout,
    }
