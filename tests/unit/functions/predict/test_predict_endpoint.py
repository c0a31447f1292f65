"""Retries, time-outs, reconnects and the names that failures get; no sockets."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import boto3
import pytest

from tests.unit.functions.predict.predict_bundle import endpoint, errors, http1

ENVIRON = {
    "AWS_REGION": "eu-west-1",
    "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "a-secret",
    "AWS_SESSION_TOKEN": "a-token",
}
OK = http1.Answer(200, {}, b"1.5\n")


def refusal(status: int, code: str = "", **document: object) -> Any:
    return http1.Answer(status, {"x-amzn-errortype": code} if code else {}, json.dumps(document).encode())


class FakeConnection:
    """Stands for `http1.Connection`: gives the scripted answers, raises the scripted errors."""

    script: list[Any]
    made: list[tuple[str, str, int | None]]
    opened: int
    sent: list[tuple[str, dict[str, str], bytes]]
    seconds: list[float]

    def __init__(self, scheme: str, host: str, port: int | None) -> None:
        self.made.append((scheme, host, port))
        self.is_open = False

    def open(self, seconds: float) -> None:
        type(self).opened += 1
        if self.script and self.script[0] == "refuse to open":
            self.script.pop(0)
            raise ConnectionRefusedError
        self.is_open = True

    def exchange(self, path: str, headers: dict[str, str], body: bytes, deadline: float) -> Any:
        self.sent.append((path, headers, body))
        self.seconds.append(deadline)
        step = self.script.pop(0)
        if isinstance(step, Exception):
            self.is_open = False
            raise step
        return step


class World:
    """A clock that only pauses move, and what the code under test did."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, script: list[Any]) -> None:
        self.now = 0.0
        self.pauses: list[float] = []
        self.connection: Any = type(
            "Connection",
            (FakeConnection,),
            {"script": script, "made": [], "opened": 0, "sent": [], "seconds": []},
        )
        monkeypatch.setattr(endpoint, "Connection", self.connection)
        monkeypatch.setattr(endpoint.time, "monotonic", lambda: self.now)

    def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds

    def endpoint(self, environ: dict[str, str] | None = None, jitter: float = 0.5) -> Any:
        return endpoint.ModelEndpoint("b-prod", environ or ENVIRON, pause=self.pause, jitter=lambda: jitter)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Callable[..., World]:
    return lambda *script: World(monkeypatch, list(script))


def test_one_connection_serves_many_requests(world: Callable[..., World]) -> None:
    here = world(OK, OK, OK)
    model = here.endpoint()
    assert [model.invoke(b"1,2", seconds=20) for _ in range(3)] == [b"1.5\n"] * 3
    assert here.connection.opened == 1
    assert model.attempts == 1


def test_sends_csv_signed_with_the_roles_session(world: Callable[..., World]) -> None:
    here = world(OK)
    here.endpoint().invoke(b"1,2\n3,4", seconds=20)
    path, headers, body = here.connection.sent[0]
    assert (path, body) == ("/endpoints/b-prod/invocations", b"1,2\n3,4")
    assert headers["content-type"] == headers["accept"] == "text/csv"
    assert headers["host"] == "runtime.sagemaker.eu-west-1.amazonaws.com"
    assert headers["x-amz-security-token"] == "a-token"
    assert "/eu-west-1/sagemaker/aws4_request" in headers["authorization"]
    assert here.connection.made == [("https", "runtime.sagemaker.eu-west-1.amazonaws.com", None)]


def test_new_credentials_are_used(world: Callable[..., World]) -> None:
    here = world(OK, OK)
    environ = dict(ENVIRON)
    model = here.endpoint(environ)
    model.invoke(b"1", seconds=20)
    environ.update(AWS_ACCESS_KEY_ID="ANOTHER", AWS_SESSION_TOKEN="another")
    model.invoke(b"1", seconds=20)
    assert "Credential=ANOTHER/" in here.connection.sent[1][1]["authorization"]
    assert here.connection.sent[1][1]["x-amz-security-token"] == "another"


@pytest.mark.parametrize("missing", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"])
def test_missing_credentials_are_a_failure(world: Callable[..., World], missing: str) -> None:
    environ = {name: value for name, value in ENVIRON.items() if name != missing}
    with pytest.raises(errors.EndpointRefusedError, match=f"the environment has no {missing}"):
        world().endpoint(environ).invoke(b"1", seconds=20)


@pytest.mark.parametrize(
    ("setting", "made", "host", "path"),
    [
        ("http://127.0.0.1:4566", ("http", "127.0.0.1", 4566), "127.0.0.1:4566", ""),
        ("http://localhost:4566/", ("http", "localhost", 4566), "localhost:4566", ""),
        (
            "https://vpce-1.example/base/path/",
            ("https", "vpce-1.example", None),
            "vpce-1.example",
            "/base/path",
        ),
        ("http://[::1]:4566", ("http", "::1", 4566), "[::1]:4566", ""),
    ],
)
def test_the_endpoint_url_of_the_environment(
    world: Callable[..., World], setting: str, made: tuple[str, str, int | None], host: str, path: str
) -> None:
    here = world(OK)
    here.endpoint({**ENVIRON, "AWS_ENDPOINT_URL": setting}).invoke(b"1", seconds=20)
    assert here.connection.made == [made]
    assert here.connection.sent[0][0] == f"{path}/endpoints/b-prod/invocations"
    assert here.connection.sent[0][1]["host"] == host


def test_the_services_own_url_comes_first() -> None:
    environ = {"AWS_ENDPOINT_URL": "http://all", "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME": "http://one"}
    assert endpoint.endpoint_url(environ) == "http://one"
    assert endpoint.endpoint_url({"AWS_ENDPOINT_URL": "http://all"}) == "http://all"


@pytest.mark.parametrize(
    "url", ["ftp://x", "http://", "x", "http://u:p@x", "http://x/?a=b", "http://x/a b", "http://x:y"]
)
def test_an_address_we_cannot_sign_for_is_refused(world: Callable[..., World], url: str) -> None:
    with pytest.raises(errors.EndpointRefusedError):
        world().endpoint({**ENVIRON, "AWS_ENDPOINT_URL": url})


@pytest.mark.parametrize("partition", ["aws", "aws-cn", "aws-us-gov", "aws-iso", "aws-iso-b", "aws-iso-e", "aws-iso-f"])
def test_every_regions_address_is_boto3s(partition: str) -> None:
    session = boto3.Session(aws_access_key_id="a", aws_secret_access_key="b")
    regions = session.get_available_regions("sagemaker-runtime", partition)
    for region in [name for name in regions if "fips" not in name]:
        client = session.client("sagemaker-runtime", region_name=region)
        assert endpoint.endpoint_url({"AWS_REGION": region}) == client.meta.endpoint_url


def test_regions_are_compared_at_all() -> None:
    assert len(boto3.Session().get_available_regions("sagemaker-runtime", "aws")) > 20
    assert boto3.Session().get_available_regions("sagemaker-runtime", "aws-cn")


STALE = [ConnectionResetError(), BrokenPipeError(), OSError("EOF occurred in violation of protocol")]


@pytest.mark.parametrize("error", STALE)
def test_a_stale_connection_is_replaced_at_once(world: Callable[..., World], error: Exception) -> None:
    here = world(OK, error, OK)
    model = here.endpoint()
    model.invoke(b"1", seconds=20)
    assert model.invoke(b"1", seconds=20) == b"1.5\n"
    assert here.connection.opened == 2
    assert model.attempts == 1
    assert here.pauses == []


def test_a_time_out_is_an_attempt_on_an_old_connection_too(world: Callable[..., World]) -> None:
    here = world(OK, TimeoutError(), OK)
    model = here.endpoint()
    model.invoke(b"1", seconds=20)
    assert model.invoke(b"1", seconds=20) == b"1.5\n"
    assert model.attempts == 2
    assert here.pauses == [0.5]


def test_a_new_connection_that_breaks_is_an_attempt(world: Callable[..., World]) -> None:
    here = world(ConnectionResetError(), OK)
    model = here.endpoint()
    assert model.invoke(b"1", seconds=20) == b"1.5\n"
    assert model.attempts == 2
    assert here.pauses == [0.5]


THROTTLED = [
    refusal(429, "ThrottlingException"),
    refusal(429, "ModelNotReadyException:http://internal.amazon.com/coral/"),
    refusal(400, "", __type="com.amazon.coral.availability#ThrottlingException"),
    refusal(503, "SlowDown"),
    refusal(429),
]
FAILED = [
    (refusal(500, "InternalFailure"), "ModelServiceError"),
    (refusal(502), "ModelServiceError"),
    (refusal(503, "ServiceUnavailable"), "ModelServiceError"),
    (refusal(504), "ModelServiceError"),
    (TimeoutError(), "ModelTimedOutError"),
    (ConnectionResetError(), "ModelUnreachableError"),
    (http1.ProtocolError(), "ModelUnreachableError"),
    ("refuse to open", "ModelUnreachableError"),
]


@pytest.mark.parametrize("step", [*THROTTLED, *[step for step, _ in FAILED]])
def test_what_may_pass_is_tried_again(world: Callable[..., World], step: Any) -> None:
    here = world(step, step, OK)
    model = here.endpoint()
    assert model.invoke(b"1", seconds=20) == b"1.5\n"
    assert model.attempts == 3
    assert here.pauses == [0.5, 1.0]  # half of 1 and of 2 seconds: full jitter


@pytest.mark.parametrize("step", THROTTLED)
def test_throttled_three_times_is_throttled(world: Callable[..., World], step: Any) -> None:
    here = world(step, step, step, OK)
    with pytest.raises(errors.ThrottledError):
        here.endpoint().invoke(b"1", seconds=20)
    assert here.connection.script == [OK]


@pytest.mark.parametrize(("step", "name"), FAILED)
def test_three_failures_have_a_name(world: Callable[..., World], step: Any, name: str) -> None:
    here = world(step, step, step, OK)
    with pytest.raises(getattr(errors, name)):
        here.endpoint().invoke(b"1", seconds=20)
    assert here.connection.script == [OK]


@pytest.mark.parametrize(
    ("answer", "name", "message"),
    [
        (
            refusal(424, "ModelError", OriginalStatusCode=500, OriginalMessage="row 7.25 of jane", Message="x"),
            "ModelContainerError",
            "the container of endpoint b-prod answered 500",
        ),
        (refusal(424, "", OriginalStatusCode="x"), "ModelContainerError", "answered an error"),
        (
            refusal(400, "ValidationError", message="Endpoint b-prod of account 123456789012 not found."),
            "EndpointMissingError",
            "endpoint b-prod does not exist",
        ),
        (
            refusal(400, "ValidationError", Message='Could not find endpoint "b-prod".'),
            "EndpointMissingError",
            "endpoint b-prod does not exist",
        ),
        (
            refusal(400, "ValidationError", message="bad"),
            "EndpointRefusedError",
            "invoke endpoint b-prod: 400",
        ),
        (refusal(403, "AccessDeniedException", message="not you"), "EndpointRefusedError", "b-prod: 403"),
        (http1.Answer(403, {}, b"<html>"), "EndpointRefusedError", "b-prod: 403"),
        (http1.Answer(413, {}, b"[" * 100_000), "EndpointRefusedError", "b-prod: 413"),
        (http1.Answer(404, {}, b"[1]"), "EndpointRefusedError", "b-prod: 404"),
        (http1.Answer(204, {}, b""), "EndpointRefusedError", "b-prod: 204"),
    ],
)
def test_what_will_not_pass_is_not_tried_again(
    world: Callable[..., World], answer: Any, name: str, message: str
) -> None:
    model = world(answer, OK).endpoint()
    with pytest.raises(getattr(errors, name), match=message) as failure:
        model.invoke(b"7.25", seconds=20)
    assert model.attempts == 1
    assert "7.25" not in str(failure.value)


def test_no_retry_that_would_outlive_the_function(world: Callable[..., World]) -> None:
    here = world(refusal(500), OK)
    with pytest.raises(errors.ModelServiceError):
        here.endpoint().invoke(b"1", seconds=0.4)
    assert here.pauses == []


def test_an_attempt_ends_with_the_time_out_or_the_time_left(world: Callable[..., World]) -> None:
    here = world(OK, OK)
    model = here.endpoint()
    model.invoke(b"1", seconds=25)
    model.invoke(b"1", seconds=3)
    assert here.connection.seconds == [endpoint.READ_SECONDS, 3]


def test_the_retry_quota_stops_a_storm_and_refills(world: Callable[..., World]) -> None:
    """GIVEN an endpoint that is down WHEN 50 requests spent the quota THEN the next do not retry."""
    here = world(*[refusal(500)] * 151, OK, *[refusal(500)] * 2)
    model = here.endpoint(jitter=0.0)
    for _ in range(50):
        with pytest.raises(errors.ModelServiceError):
            model.invoke(b"1", seconds=20)
        assert model.attempts == 3
    with pytest.raises(errors.ModelServiceError):
        model.invoke(b"1", seconds=20)
    assert model.attempts == 1
    model.invoke(b"1", seconds=20)  # earns 1 back; a retry costs 5
    with pytest.raises(errors.ModelServiceError):
        model.invoke(b"1", seconds=20)
    assert model.attempts == 1


def test_the_jitter_is_random(monkeypatch: pytest.MonkeyPatch, world: Callable[..., World]) -> None:
    here = world(*[refusal(500)] * 60)
    model = endpoint.ModelEndpoint("b-prod", ENVIRON, pause=here.pause)
    for _ in range(20):
        with pytest.raises(errors.ModelServiceError):
            model.invoke(b"1", seconds=20)
    assert len(set(here.pauses)) == 40
    assert all(
        0 <= first < 1 and 0 <= second < 2 for first, second in zip(here.pauses[::2], here.pauses[1::2], strict=True)
    )
