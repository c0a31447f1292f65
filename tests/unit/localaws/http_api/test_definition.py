"""OpenAPI bodies as SAM writes them, and what else is understood or refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from localaws.errors import AwsError, NotModelledError
from localaws.http_api import access_log
from localaws.http_api.definition import read
from localaws.http_api.throttle import Bucket

ARN = "arn:aws:lambda:us-east-1:123456789012:function:predict:live"
URI = f"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{ARN}/invocations"
TEMPLATE: dict[str, Any] = {
    "Transform": "AWS::Serverless-2016-10-31",
    "Resources": {
        "Api": {
            "Type": "AWS::Serverless::HttpApi",
            "Properties": {"Auth": {"EnableIamAuthorizer": True, "DefaultAuthorizer": "AWS_IAM"}, "Description": "d"},
        },
        "Function": {
            "Type": "AWS::Serverless::Function",
            "Properties": {
                "Runtime": "python3.13",
                "Handler": "app.handler",
                "CodeUri": "s3://bucket/key",
                "Events": {
                    "Predict": {
                        "Type": "HttpApi",
                        "Properties": {"ApiId": {"Ref": "Api"}, "Method": "POST", "Path": "/predict"},
                    },
                    "Show": {
                        "Type": "HttpApi",
                        "Properties": {
                            "ApiId": {"Ref": "Api"},
                            "Method": "GET",
                            "Path": "/approvals/{id}",
                            "TimeoutInMillis": 5000,
                            "Auth": {"Authorizer": "NONE"},
                        },
                    },
                    "Rest": {"Type": "HttpApi", "Properties": {"ApiId": {"Ref": "Api"}}},
                },
            },
        },
    },
}


def sam_body(monkeypatch: pytest.MonkeyPatch) -> str:
    """The body that SAM's translator writes, its functions filled in as CloudFormation would."""
    from samtranslator.translator.transform import transform

    class NoManagedPolicies:
        def load(self) -> dict[str, str]:
            return {}

    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    made = transform(TEMPLATE, {}, NoManagedPolicies())
    body = made["Resources"]["Api"]["Properties"]["Body"]
    body["info"]["title"] = "stack"
    for item in body["paths"].values():
        for operation in item.values():
            operation["x-amazon-apigateway-integration"]["uri"] = URI
    return json.dumps(body)


def test_sams_own_body_is_understood(monkeypatch: pytest.MonkeyPatch) -> None:
    definition = read(sam_body(monkeypatch))
    assert (definition.name, definition.description) == ("stack", "d")
    assert definition.tags == {"httpapi:createdBy": "SAM"}
    assert {route.key: (route.needs_iam, route.integration.timeout) for route in definition.routes} == {
        "POST /predict": (True, 30_000),
        "GET /approvals/{id}": (False, 5000),
        "$default": (True, 30_000),
    }
    assert {route.integration.function_arn for route in definition.routes} == {ARN}


def small(**integration: Any) -> dict[str, Any]:
    given = {"type": "aws_proxy", "payloadFormatVersion": "2.0", "uri": URI, **integration}
    return {
        "openapi": "3.0.1",
        "info": {"title": "t"},
        "paths": {"/a": {"x-amazon-apigateway-any-method": {"x-amazon-apigateway-integration": given}}},
    }


def test_yaml_and_any_method_are_understood() -> None:
    (route,) = read(yaml.safe_dump(small())).routes
    assert (route.key, route.needs_iam) == ("ANY /a", False)


@pytest.mark.parametrize(
    "integration",
    [
        {"payloadFormatVersion": "1.0"},
        {"type": "http_proxy"},
        {"connectionType": "VPC_LINK"},
        {"responseParameters": {}},
    ],
)
def test_other_integrations_are_refused_by_name(integration: dict[str, Any]) -> None:
    with pytest.raises(NotModelledError):
        read(json.dumps(small(**integration)))


@pytest.mark.parametrize(
    "body",
    [
        "[]",
        "{",
        json.dumps({"swagger": "2.0"}),
        json.dumps({**small(), "info": {}}),
        json.dumps(small(uri="https://example.com")),
        json.dumps(small(timeoutInMillis=30_001)),
    ],
)
def test_bodies_that_are_wrong_are_bad_requests(body: str) -> None:
    with pytest.raises(AwsError) as caught:
        read(body)
    assert caught.value.code == "BadRequestException"


def test_an_authorizer_that_is_not_defined_is_a_bad_request() -> None:
    body = small()
    body["paths"]["/a"]["x-amazon-apigateway-any-method"]["security"] = [{"AWS_IAM": []}]
    with pytest.raises(AwsError, match="AWS_IAM"):
        read(json.dumps(body))


def test_a_log_line_is_filled_in() -> None:
    text = '{"id":"$context.requestId","e":"$context.error.message"}.$context.status.'
    access_log.check(text)
    assert access_log.line(text, {"requestId": "r", "status": 200}) == '{"id":"r","e":"-"}.200.'


def test_a_bucket_empties_and_fills(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("localaws.http_api.throttle.time.monotonic", lambda: now)
    bucket = Bucket(rate=2, burst=3)
    assert [bucket.take() for _ in range(4)] == [True, True, True, False]
    now += 0.5
    assert [bucket.take() for _ in range(2)] == [True, False]
    now += 60
    assert [bucket.take() for _ in range(4)] == [True, True, True, False]
