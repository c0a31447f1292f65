"""AWS::ApiGatewayV2::*: HTTP APIs, as SAM writes them (an OpenAPI body and a stage)."""

from __future__ import annotations

from typing import Any

from localaws.cloudformation.errors import ResourceFailedError
from localaws.cloudformation.handler import Context, Made, Properties, ResourceType
from localaws.cloudformation.shapes import FREE, as_json, call, is_true
from localaws.cloudformation.shapes import Api as ApiMember
from localaws.cloudformation.table import Table
from localaws.cloudformation.tags import create_member, retag

_SETTINGS = ("CorsConfiguration", "Description", "DisableExecuteApiEndpoint", "Name", "Version")


class Api(ResourceType):
    """An HTTP API, imported from its body or made bare."""

    type = "AWS::ApiGatewayV2::Api"
    properties = {
        **{name: ApiMember("apigatewayv2", "CreateApi", name) for name in _SETTINGS},
        **dict.fromkeys(("Body", "FailOnWarnings", "ProtocolType", "Tags"), FREE),
    }
    create_only = frozenset({"ProtocolType"})
    attributes = frozenset({"ApiId", "ApiEndpoint"})
    gone = frozenset({"NotFoundException"})

    def create(self, at: Context, wanted: Properties) -> Made:
        client = at.client("apigatewayv2")
        settings = {k: wanted[k] for k in _SETTINGS if k in wanted}
        tags = at.all_tags(wanted.get("Tags"))
        if "Body" in wanted:
            api_id = client.import_api(**self._body(wanted))["ApiId"]
            at.made(api_id)
            if settings:
                client.update_api(**call("apigatewayv2", "UpdateApi", {**settings, "ApiId": api_id}))
            if tags:
                client.tag_resource(ResourceArn=_arn(at, f"apis/{api_id}"), Tags=tags)
        elif {"Name", "ProtocolType"} <= set(wanted):
            values = call("apigatewayv2", "CreateApi", {**settings, "ProtocolType": wanted["ProtocolType"]})
            api_id = client.create_api(**values, **create_member("apigatewayv2", "CreateApi", tags))["ApiId"]
        else:
            raise ResourceFailedError("an API needs either Body or both Name and ProtocolType")
        return self._made(at, api_id)

    def update(self, at: Context, physical_id: str, old: Properties, wanted: Properties) -> Made:
        client = at.client("apigatewayv2")
        if any(old.get(name) != wanted.get(name) for name in ("Body", "FailOnWarnings")) and "Body" in wanted:
            client.reimport_api(ApiId=physical_id, **self._body(wanted))
        if any(old.get(name) != wanted.get(name) for name in _SETTINGS):
            settings = {k: wanted[k] for k in _SETTINGS if k in wanted}
            client.update_api(**call("apigatewayv2", "UpdateApi", {**settings, "ApiId": physical_id}))
        retag(at, "apigatewayv2", _arn(at, f"apis/{physical_id}"), old.get("Tags"), wanted.get("Tags"))
        return self._made(at, physical_id)

    def delete(self, at: Context, physical_id: str, properties: Properties) -> None:
        at.client("apigatewayv2").delete_api(ApiId=physical_id)

    def _body(self, wanted: Properties) -> dict[str, Any]:
        return {
            "Body": as_json(wanted["Body"]),
            "FailOnWarnings": is_true(wanted.get("FailOnWarnings", False)),
        }

    def _made(self, at: Context, api_id: str) -> Made:
        found = at.client("apigatewayv2").get_api(ApiId=api_id)
        return Made(api_id, {"ApiId": api_id, "ApiEndpoint": found["ApiEndpoint"]})


class Stage(Table):
    """A stage of an HTTP API. `Ref` is its name."""

    type = "AWS::ApiGatewayV2::Stage"
    service, name = "apigatewayv2", "StageName"
    create_call, update_call, delete_call = "CreateStage", "UpdateStage", "DeleteStage"
    delete_with = ("ApiId",)
    own = (
        "AccessLogSettings", "ApiId", "AutoDeploy", "DefaultRouteSettings", "Description", "RouteSettings",
        "StageName", "StageVariables",
    )  # fmt: skip
    required = frozenset({"ApiId", "StageName"})
    create_only = frozenset({"ApiId", "StageName"})
    gone = frozenset({"NotFoundException"})
    tagged = True

    def arn(self, at: Context, name: str, wanted: Properties) -> str:
        return _arn(at, f"apis/{wanted['ApiId']}/stages/{name}")


def _arn(at: Context, resource: str) -> str:
    return f"arn:aws:apigateway:{at.region}::/{resource}"
