"""HTTP APIs over real sockets: events, answers, authorization, limits, logs, metrics, what is refused."""

from __future__ import annotations

import base64
import copy
import http.client
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotoCredentials
from botocore.exceptions import ClientError

from localaws.front_door.credentials import Credentials
from localaws.http_api.service import HttpApi
from localaws.lambda_.service import Lambda
from localaws.world import World
from tests.localaws.lambda_support import Metrics, create, wait_updated, zipped

CALLER = "arn:aws:iam::123456789012:role/caller"
SHOW = """
import json
def handler(event, context):
    return {"statusCode": 200, "headers": {"content-type": "application/json"}, "body": json.dumps(event)}
"""
REPLY = """
import base64, json, time
def handler(event, context):
    body = event.get("body") or "null"
    answer = json.loads(base64.b64decode(body) if event["isBase64Encoded"] else body)
    if answer == "raise":
        raise ValueError("no")
    if answer == "sleep":
        time.sleep(20)
    return answer
"""
SCHEME = {"type": "apiKey", "name": "Authorization", "in": "header", "x-amazon-apigateway-authtype": "awsSigv4"}


@dataclass(frozen=True)
class Answer:
    """A response as a client sees it."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        """The first value of a header."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


class Client:
    """Talks to an API as the outside world does."""

    def __init__(self, endpoint: str) -> None:
        self.host = endpoint.removeprefix("http://")

    def request(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        caller: Credentials | None = None,
        service: str = "execute-api",
    ) -> Answer:
        pairs = list((headers or {}).items())
        if caller is not None:
            request = AWSRequest(method, f"http://{self.host}{path}", data=body, headers=dict(pairs))
            credentials = BotoCredentials(caller.access_key, caller.secret_key, caller.token or None)
            SigV4Auth(credentials, service, "us-east-1").add_auth(request)
            pairs = list(request.headers.items())
        connection = http.client.HTTPConnection(self.host, timeout=60)
        try:
            connection.putrequest(method, path)
            for name, value in pairs:
                connection.putheader(name, value)
            if body is not None:
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            got = connection.getresponse()
            return Answer(got.status, got.getheaders(), got.read())
        finally:
            connection.close()


def body_of(routes: Mapping[str, tuple[str, bool]], **integration: Any) -> dict[str, Any]:
    """An OpenAPI body as SAM writes it, from `"GET /x": (function ARN, needs IAM)`."""
    paths: dict[str, Any] = {}
    for key, (arn, needs_iam) in routes.items():
        method, path = key.split(" ")
        uri = f"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{arn}/invocations"
        paths.setdefault(path, {})[method.lower()] = {
            "x-amazon-apigateway-integration": {
                "type": "aws_proxy",
                "httpMethod": "POST",
                "payloadFormatVersion": "2.0",
                "uri": uri,
                **integration,
            },
            "security": [{"AWS_IAM" if needs_iam else "NONE": []}],
            "responses": {},
        }
    return {
        "openapi": "3.0.1",
        "info": {"title": "predictions", "version": "1.0"},
        "paths": paths,
        "components": {"securitySchemes": {"AWS_IAM": SCHEME}},
        "tags": [{"name": "httpapi:createdBy", "x-amazon-apigateway-tag-value": "SAM"}],
    }


@pytest.fixture
def world(world_of: Callable[..., World]) -> World:
    return world_of(Lambda, Metrics, HttpApi)


@pytest.fixture
def arns(world: World) -> dict[str, str]:
    made = {"show": create(world, "show", SHOW), "reply": create(world, "reply", REPLY, Timeout=30)}
    for name in made:
        world.client("lambda").add_permission(
            FunctionName=name,
            StatementId="api",
            Action="lambda:InvokeFunction",
            Principal="apigateway.amazonaws.com",
            SourceArn="arn:aws:execute-api:us-east-1:123456789012:*/*",
        )
    return made


def opened(world: World, body: Mapping[str, Any], stage: str = "$default", **settings: Any) -> tuple[str, Client]:
    """Import a body and open a stage; the API's id and a client."""
    gateway: Any = world.client("apigatewayv2")
    api = gateway.import_api(Body=json.dumps(body))
    gateway.create_stage(ApiId=api["ApiId"], StageName=stage, AutoDeploy=True, **settings)
    return api["ApiId"], Client(api["ApiEndpoint"])


@pytest.fixture
def api(world: World, arns: dict[str, str]) -> Client:
    routes = {
        "POST /predict": (arns["show"], True),
        "GET /approvals/{id}": (arns["show"], False),
        "POST /reply": (arns["reply"], False),
    }
    return opened(world, body_of(routes))[1]


def test_the_event_is_payload_format_2(world: World, api: Client) -> None:
    headers = [
        ("Host", "api.example.com"), ("User-Agent", "test/1"), ("X-Many", "one"), ("X-Many", "two"),
        ("Cookie", "a=1; b=2"), ("Content-Type", "text/csv"),
    ]  # fmt: skip
    connection = http.client.HTTPConnection(api.host)
    connection.putrequest("GET", "/approvals/a%20b?k=1&k=2&q=%C3%BC&empty=", skip_host=True, skip_accept_encoding=True)
    for name, value in headers:
        connection.putheader(name, value)
    connection.endheaders()
    event = json.loads(connection.getresponse().read())
    connection.close()
    context = event["requestContext"]
    trace = event["headers"].pop("x-amzn-trace-id")
    assert trace.startswith("Root=1-")
    assert context.pop("requestId")
    assert context.pop("apiId")
    assert context.pop("timeEpoch") > 1_700_000_000_000
    assert context.pop("time").endswith(" +0000")
    assert event == {
        "version": "2.0",
        "routeKey": "GET /approvals/{id}",
        "rawPath": "/approvals/a b",
        "rawQueryString": "k=1&k=2&q=%C3%BC&empty=",
        "cookies": ["a=1", "b=2"],
        "headers": {
            "content-type": "text/csv",
            "host": "api.example.com",
            "user-agent": "test/1",
            "x-forwarded-for": "127.0.0.1",
            "x-forwarded-port": "80",
            "x-forwarded-proto": "http",
            "x-many": "one,two",
        },
        "queryStringParameters": {"k": "1,2", "q": "ü", "empty": ""},
        "requestContext": {
            "accountId": "123456789012",
            "domainName": "api.example.com",
            "domainPrefix": "api",
            "http": {
                "method": "GET",
                "path": "/approvals/a b",
                "protocol": "HTTP/1.1",
                "sourceIp": "127.0.0.1",
                "userAgent": "test/1",
            },
            "routeKey": "GET /approvals/{id}",
            "stage": "$default",
        },
        "pathParameters": {"id": "a b"},
        "isBase64Encoded": False,
    }


@pytest.mark.parametrize(
    ("content_type", "is_text"),
    [
        ("text/csv", True),
        ("text/html; charset=utf-8", True),
        ("application/json", True),
        ("application/vnd.api+json", True),
        ("application/xml", True),
        ("application/x-www-form-urlencoded", False),
        ("application/octet-stream", False),
        ("", False),
    ],
)
def test_bodies_that_are_no_text_come_in_base64(world: World, api: Client, content_type: str, is_text: bool) -> None:
    headers = {"Content-Type": content_type} if content_type else {}
    caller = world.credentials_for(CALLER, "me")
    event = json.loads(api.request("POST", "/predict", b"1,2\n", headers, caller).body)
    assert event["isBase64Encoded"] is not is_text
    assert (event["body"] if is_text else base64.b64decode(event["body"]).decode()) == "1,2\n"


def test_iam_is_asked_and_who_called_is_told_and_noted(world: World, api: Client) -> None:
    caller = world.credentials_for(CALLER, "me")
    answer = api.request("POST", "/predict", b"1", {"Content-Type": "text/csv"}, caller)
    assert answer.status == 200
    context = json.loads(answer.body)["requestContext"]
    assert context["authorizer"]["iam"] == {
        "accessKey": caller.access_key,
        "accountId": "123456789012",
        "callerId": f"{caller.access_key}:me",
        "cognitoIdentity": None,
        "principalOrgId": None,
        "userArn": "arn:aws:sts::123456789012:assumed-role/caller/me",
        "userId": f"{caller.access_key}:me",
    }
    used = {(p.principal, p.action, p.resource) for p in world.ledger.used()}
    resource = f"arn:aws:execute-api:us-east-1:123456789012:{context['apiId']}/$default/POST/predict"
    assert (CALLER, "execute-api:Invoke", resource) in used


def test_who_does_not_sign_rightly_is_turned_away(world: World, api: Client) -> None:
    caller = world.credentials_for(CALLER, "me")
    forged = Credentials(caller.access_key, "wrong", caller.token, caller.principal, caller.expires)
    stranger = Credentials("ASIASTRANGER", "x", "y", caller.principal, caller.expires)
    attempts = [
        api.request("POST", "/predict", b"1"),
        api.request("POST", "/predict", b"1", caller=forged),
        api.request("POST", "/predict", b"1", caller=stranger),
        api.request("POST", "/predict", b"1", caller=caller, service="lambda"),
    ]
    assert [(a.status, a.body) for a in attempts] == [(403, b'{"message":"Forbidden"}')] * 4
    assert not any(p.action == "execute-api:Invoke" for p in world.ledger.used())


def test_a_changed_body_is_turned_away(world: World, api: Client) -> None:
    caller = world.credentials_for(CALLER, "me")
    request = AWSRequest("POST", f"http://{api.host}/predict", data=b"1,2", headers={"Content-Type": "text/csv"})
    credentials = BotoCredentials(caller.access_key, caller.secret_key, caller.token)
    SigV4Auth(credentials, "execute-api", "us-east-1").add_auth(request)
    assert api.request("POST", "/predict", b"9,9", dict(request.headers.items())).status == 403


def test_unknown_paths_and_methods_are_not_found(api: Client) -> None:
    for method, path in (("GET", "/"), ("GET", "/predict"), ("POST", "/predict/"), ("GET", "/approvals/a/b")):
        answer = api.request(method, path)
        assert (answer.status, answer.body) == (404, b'{"message":"Not Found"}')


def reply(api: Client, answer: object) -> Answer:
    return api.request("POST", "/reply", json.dumps(answer).encode(), {"Content-Type": "application/json"})


def test_a_whole_answer_is_mapped(api: Client) -> None:
    answer = reply(
        api,
        {
            "statusCode": 201,
            "headers": {"X-Release-Id": "r1", "x-number": 5, "Content-Type": "text/csv"},
            "cookies": ["a=1; Secure", "b=2"],
            "body": base64.b64encode(b"\x00\x01").decode(),
            "isBase64Encoded": True,
        },
    )
    assert (answer.status, answer.body) == (201, b"\x00\x01")
    assert answer.header("x-release-id") == "r1"
    assert answer.header("x-number") == "5"
    assert answer.header("content-type") == "text/csv"
    assert [v for k, v in answer.headers if k == "Set-Cookie"] == ["a=1; Secure", "b=2"]
    assert answer.header("apigw-requestid")


@pytest.mark.parametrize(
    ("given", "status", "content_type", "body"),
    [
        ({"predictions": [1]}, 200, "application/json", b'{"predictions": [1]}'),
        ("hello", 200, "application/json", b"hello"),
        ([1, 2], 200, "application/json", b"[1, 2]"),
        ({"statusCode": 204}, 204, "text/plain;charset=UTF-8", b""),
        ({"statusCode": "404", "body": "no"}, 404, "text/plain;charset=UTF-8", b"no"),
    ],
)
def test_short_answers_are_filled_in(api: Client, given: object, status: int, content_type: str, body: bytes) -> None:
    answer = reply(api, given)
    assert (answer.status, answer.header("content-type"), answer.body) == (status, content_type, body)


@pytest.mark.parametrize(
    "given",
    [
        {"statusCode": "many"},
        {"statusCode": 200, "body": {"not": "a string"}},
        {"statusCode": 200, "body": "%%%", "isBase64Encoded": True},
        {"statusCode": 200, "headers": ["x"]},
        {"statusCode": 200, "headers": {"x": "a\r\ny: b"}},
        "raise",
    ],
)
def test_a_failed_function_or_a_malformed_answer_is_a_500(api: Client, given: object) -> None:
    answer = reply(api, given)
    assert (answer.status, answer.body) == (500, b'{"message":"Internal Server Error"}')


def test_a_function_that_may_not_be_invoked_is_a_500(world: World, api: Client) -> None:
    world.client("lambda").remove_permission(FunctionName="reply", StatementId="api")
    assert reply(api, {}).status == 500


def test_an_integration_that_takes_too_long_is_a_503(world: World, arns: dict[str, str]) -> None:
    _, api = opened(world, body_of({"POST /reply": (arns["reply"], False)}, timeoutInMillis=200))
    answer = reply(api, "sleep")
    assert (answer.status, answer.body) == (503, b'{"message":"Service Unavailable"}')


def test_a_throttled_function_is_a_503(world: World, api: Client) -> None:
    world.client("lambda").put_function_concurrency(FunctionName="reply", ReservedConcurrentExecutions=0)
    assert reply(api, {}).status == 503


@pytest.mark.parametrize("size", [6_291_456, 10_485_761])
def test_bodies_that_are_too_large_are_a_413(api: Client, size: int) -> None:
    answer = api.request("POST", "/reply", b"1" * size, {"Content-Type": "text/plain"})
    assert (answer.status, answer.body) == (413, b'{"message":"Request Entity Too Large"}')


def test_an_alias_is_reached_by_its_own_permission(world: World, arns: dict[str, str]) -> None:
    client = world.client("lambda")
    client.publish_version(FunctionName="show")
    client.create_alias(FunctionName="show", Name="live", FunctionVersion="1")
    identity, api = opened(world, body_of({"GET /show/{id}": (f"{arns['show']}:live", False)}))
    assert api.request("GET", "/show/1").status == 500
    client.add_permission(
        FunctionName="show",
        Qualifier="live",
        StatementId="api",
        Action="lambda:InvokeFunction",
        Principal="apigateway.amazonaws.com",
        SourceArn=f"arn:aws:execute-api:us-east-1:123456789012:{identity}/*/GET/show/*",
    )
    assert api.request("GET", "/show/1").status == 200
    executed = {"FunctionName": "show", "Resource": "show:live", "ExecutedVersion": "1"}
    assert world.service(Metrics).wait_for("Invocations", 1, **executed)


def test_a_named_stage_is_part_of_the_path(world: World, arns: dict[str, str]) -> None:
    _, api = opened(world, body_of({"GET /show": (arns["show"], False)}), "prod", StageVariables={"colour": "blue"})
    event = json.loads(api.request("GET", "/prod/show").body)
    assert (event["rawPath"], event["requestContext"]["stage"]) == ("/prod/show", "prod")
    assert event["stageVariables"] == {"colour": "blue"}
    assert api.request("GET", "/show").status == 404


def test_stages_throttle(world: World, arns: dict[str, str]) -> None:
    throttling = {"ThrottlingBurstLimit": 2, "ThrottlingRateLimit": 0.001}
    body = body_of({"GET /show": (arns["show"], False)})
    _, api = opened(world, body, DefaultRouteSettings=throttling)
    answers = [api.request("GET", "/show") for _ in range(3)]
    assert [a.status for a in answers] == [200, 200, 429]
    assert answers[2].body == b'{"message":"Too Many Requests"}'


def test_access_logs_and_metrics(world: World, arns: dict[str, str]) -> None:
    logs = world.client("logs")
    logs.create_log_group(logGroupName="access")
    names = {"id": "requestId", "status": "status", "route": "routeKey", "e": "error.message"}
    log_format = json.dumps({short: f"$context.{name}" for short, name in names.items()})
    group = "arn:aws:logs:us-east-1:123456789012:log-group:access:*"
    identity, api = opened(
        world,
        body_of({"GET /show": (arns["show"], False)}),
        AccessLogSettings={"DestinationArn": group, "Format": log_format},
    )
    good, bad = api.request("GET", "/show"), api.request("GET", "/nowhere")
    world.service(HttpApi).flush()
    stream = logs.describe_log_streams(logGroupName="access")["logStreams"][0]["logStreamName"]
    events = logs.get_log_events(logGroupName="access", logStreamName=stream, startFromHead=True)["events"]
    assert [json.loads(e["message"]) for e in events] == [
        {"id": good.header("apigw-requestid"), "status": "200", "route": "GET /show", "e": "-"},
        {"id": bad.header("apigw-requestid"), "status": "404", "route": "-", "e": "Not Found"},
    ]
    metrics = world.service(Metrics)
    assert metrics.total("Count", ApiId=identity) == 2
    assert metrics.total("4xx", ApiId=identity, Stage="$default") == 1
    assert metrics.total("5xx", ApiId=identity) == 0
    assert metrics.total("Latency", ApiId=identity) >= metrics.total("IntegrationLatency", ApiId=identity) > 0


def test_an_unknown_variable_in_the_log_format_is_refused(world: World, arns: dict[str, str]) -> None:
    settings = {"DestinationArn": "arn:aws:logs:us-east-1:123456789012:log-group:a", "Format": "$context.moon"}
    with pytest.raises(ClientError, match=r"\$context\.moon"):
        opened(world, body_of({"GET /show": (arns["show"], False)}), AccessLogSettings=settings)


def test_reimport_changes_the_routes_at_once(world: World, arns: dict[str, str]) -> None:
    identity, api = opened(world, body_of({"GET /show": (arns["show"], False)}))
    gateway = world.client("apigatewayv2")
    body = body_of({"GET /other": (arns["show"], True)})
    gateway.reimport_api(ApiId=identity, Body=json.dumps(body))
    assert api.request("GET", "/show").status == 404
    assert api.request("GET", "/other").status == 403
    (route,) = gateway.get_routes(ApiId=identity)["Items"]
    assert (route["RouteKey"], route["AuthorizationType"]) == ("GET /other", "AWS_IAM")
    (integration,) = gateway.get_integrations(ApiId=identity)["Items"]
    assert integration["PayloadFormatVersion"] == "2.0"


def test_an_api_lives_from_import_to_delete(world: World, arns: dict[str, str]) -> None:
    identity, api = opened(world, body_of({"GET /show": (arns["show"], False)}))
    gateway = world.client("apigatewayv2")
    shown = gateway.get_api(ApiId=identity)
    assert (shown["Name"], shown["Tags"]) == ("predictions", {"httpapi:createdBy": "SAM"})
    assert shown["ApiEndpoint"] == f"http://{api.host}"
    arn = f"arn:aws:apigateway:us-east-1::/apis/{identity}"
    gateway.tag_resource(ResourceArn=arn, Tags={"more": "1"})
    assert gateway.get_tags(ResourceArn=arn)["Tags"] == {"httpapi:createdBy": "SAM", "more": "1"}
    gateway.update_stage(ApiId=identity, StageName="$default", Description="changed")
    assert gateway.get_stage(ApiId=identity, StageName="$default")["Description"] == "changed"
    gateway.delete_stage(ApiId=identity, StageName="$default")
    assert api.request("GET", "/show").status == 404
    gateway.delete_api(ApiId=identity)
    with pytest.raises(OSError):  # noqa: PT011 (refused, or reset)
        api.request("GET", "/show")
    with pytest.raises(gateway.exceptions.NotFoundException):
        gateway.get_api(ApiId=identity)


def test_what_would_be_ignored_is_refused_by_name(world: World, arns: dict[str, str]) -> None:
    whole = body_of({"GET /show": (arns["show"], False)})
    operation = ("paths", "/show", "get")
    integration = (*operation, "x-amazon-apigateway-integration")
    changes: list[tuple[tuple[str, ...], str, object]] = [
        ((), "x-amazon-apigateway-cors", {"allowOrigins": ["*"]}),
        ((), "servers", []),
        (operation, "x-amazon-apigateway-request-validator", "all"),
        (integration, "requestParameters", {"overwrite:path": "/"}),
        (integration, "credentials", "arn:aws:iam::123456789012:role/r"),
        (("components", "securitySchemes"), "Jwt", {"type": "oauth2"}),
    ]
    for place, name, value in changes:
        body: Any = copy.deepcopy(whole)
        target = body
        for part in place:
            target = target[part]
        target[name] = value
        with pytest.raises(ClientError) as caught:
            world.client("apigatewayv2").import_api(Body=json.dumps(body))
        assert caught.value.response["Error"]["Code"] == "LocalAwsNotImplemented"
        assert name in caught.value.response["Error"]["Message"]


def test_stages_that_do_not_deploy_by_themselves_are_refused(world: World, arns: dict[str, str]) -> None:
    gateway = world.client("apigatewayv2")
    api = gateway.import_api(Body=json.dumps(body_of({"GET /show": (arns["show"], False)})))
    with pytest.raises(ClientError, match="AutoDeploy"):
        gateway.create_stage(ApiId=api["ApiId"], StageName="s", AutoDeploy=False)


def test_new_code_serves_without_touching_the_api(world: World, api: Client) -> None:
    world.client("lambda").update_function_code(
        FunctionName="reply", ZipFile=zipped({"app.py": "def handler(event, context):\n    return 'new'\n"})
    )
    wait_updated(world, "reply")
    assert reply(api, {}).body == b"new"
