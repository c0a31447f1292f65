"""From event to answer and log line: statuses, headers, metrics, and what leaves the handler as an error."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.functions.predict.predict_bundle import ROOT, TOY, app, contract, errors, request_log, service

ENVIRON = {
    "ENDPOINT_NAME": "b-prod",
    "RELEASE_ID": "20261122-130810-ab12",
    "MODEL_NAME": "toy",
    "AWS_LAMBDA_FUNCTION_VERSION": "7",
}
ROW = "1.5,3,0"


class FakeContext:
    aws_request_id = "8476a536"

    def get_remaining_time_in_millis(self) -> int:
        return 20_000


class FakeEndpoint:
    """Scores each row 1, 2, 3…, or raises, or answers what it is told to."""

    def __init__(self) -> None:
        self.attempts = 0
        self.answer: bytes | Exception | None = None
        self.sent: list[tuple[bytes, float]] = []

    def invoke(self, rows: bytes, *, seconds: float) -> bytes:
        self.sent.append((rows, seconds))
        self.attempts = 1
        if isinstance(self.answer, Exception):
            raise self.answer
        if self.answer is not None:
            return self.answer
        return b"".join(b"%d\n" % (row + 1) for row in range(rows.count(b"\n") + 1))


class Serving:
    """A service, its endpoint, and the lines it wrote."""

    def __init__(self, capsys: pytest.CaptureFixture[str], **environ: str) -> None:
        self.endpoint = FakeEndpoint()
        release = service.Release({**ENVIRON, **environ})
        self.service = service.PredictionService(release, TOY, self.endpoint if release.endpoint else None)
        self._capsys = capsys

    def post(self, body: Any, content_type: str = "text/csv", **headers: str) -> dict[str, Any]:
        event = {"headers": {"content-type": content_type, **headers}, "body": body, "isBase64Encoded": False}
        return self.handle(event)

    def handle(self, event: Any) -> dict[str, Any]:
        answer: dict[str, Any] = self.service.handle(event, FakeContext())
        return answer

    def line(self) -> dict[str, Any]:
        """The one line since the last call."""
        output = self._capsys.readouterr().out
        assert output.count("\n") == 1
        line: dict[str, Any] = json.loads(output)
        return line


@pytest.fixture
def serving(capsys: pytest.CaptureFixture[str]) -> Callable[..., Serving]:
    return lambda **environ: Serving(capsys, **environ)


def problem(answer: dict[str, Any]) -> dict[str, Any]:
    error: dict[str, Any] = json.loads(answer["body"])["error"]
    assert set(error) == {"code", "message", "row", "column"}
    return error


def test_scores_as_json(serving: Callable[..., Serving]) -> None:
    here = serving()
    assert here.post(f"{ROW}\n2,4,1") == {
        "statusCode": 200,
        "headers": {"content-type": "application/json", "x-release-id": "20261122-130810-ab12"},
        "body": '{"predictions":[{"score":1.0},{"score":2.0}],"release":"20261122-130810-ab12"}',
        "isBase64Encoded": False,
    }
    assert here.endpoint.sent == [(b"1.5,3,0.0\n2.0,4,1.0", 19.5)]


def test_scores_as_csv(serving: Callable[..., Serving]) -> None:
    answer = serving().post(f"{ROW}\n2,4,1", accept="text/csv")
    assert (answer["headers"]["content-type"], answer["body"]) == ("text/csv", "1.0\n2.0\n")


def test_header_names_in_any_case(serving: Callable[..., Serving]) -> None:
    event = {"headers": {"Content-Type": "text/csv", "ACCEPT": "text/csv"}, "body": ROW}
    assert serving().handle(event)["body"] == "1.0\n"


def test_a_base64_body(serving: Callable[..., Serving]) -> None:
    event = {"headers": {"content-type": "text/csv"}, "isBase64Encoded": True}
    here = serving()
    assert here.handle({**event, "body": base64.b64encode(ROW.encode()).decode()})["statusCode"] == 200
    assert problem(here.handle({**event, "body": "%%%"}))["message"] == "the body is not base64 as announced"


@pytest.mark.parametrize(
    ("event", "status", "message"),
    [
        ({}, 415, "Content-Type must be text/csv or application/json"),
        (None, 400, "the event is not one of an HTTP API"),
        ([], 400, "the event is not one of an HTTP API"),
        ({"headers": None}, 400, "the event is not one of an HTTP API"),
        ({"headers": []}, 400, "the event is not one of an HTTP API"),
        ({"headers": {"content-type": 1}}, 400, "the event is not one of an HTTP API"),
        ({"headers": {"content-type": "text/csv"}}, 400, "the body is empty"),
        ({"headers": {"content-type": "text/csv"}, "body": None}, 400, "the body is empty"),
        ({"headers": {"content-type": "text/csv"}, "body": {"a": 1}}, 400, "the event's body is not text"),
        ({"headers": {"content-type": "text/csv"}, "body": "\ud800"}, 400, "the body is not UTF-8"),
        ({"headers": {"content-type": "text/csv"}, "body": "1,2,x"}, 422, "row 1, change: "),
    ],
)
def test_a_bad_event_is_answered(serving: Callable[..., Serving], event: Any, status: int, message: str) -> None:
    here = serving()
    answer = here.handle(event)
    assert answer["statusCode"] == status
    assert problem(answer)["message"].startswith(message)
    assert answer["headers"] == {"content-type": "application/json", "x-release-id": "20261122-130810-ab12"}
    assert here.endpoint.sent == []


def test_a_refusal_names_row_and_column(serving: Callable[..., Serving]) -> None:
    here = serving()
    answer = here.post(f"{ROW}\n1.5,12,0\n")
    assert answer["statusCode"] == 422
    assert problem(answer) == {
        "code": "ContractViolated",
        "message": "row 2, count: 12 is not below the exclusive maximum 10",
        "row": 2,
        "column": "count",
    }
    line = here.line()
    assert (line["level"], line["status"], line["error"]) == ("WARNING", 422, "ContractViolated")
    assert (line["row"], line["column"]) == (2, "count")
    assert (line["Refused"], line["Failures"], line["Predictions"], line["Rows"]) == (1, 0, 0, 0)
    assert "ModelLatency" not in line
    assert "12" not in line["message"]


def test_a_body_may_have_five_mebibytes(serving: Callable[..., Serving]) -> None:
    here = serving()
    limit = 5 * 1024 * 1024
    padded = ROW + "\n" * (limit - len(ROW))
    assert here.post(padded)["statusCode"] == 200
    answer = here.post(padded + "\n")
    assert answer["statusCode"] == 413
    assert problem(answer)["message"] == (
        "the body has 5242881 bytes, the limit is 5242880 (5 MiB): send fewer rows at a time"
    )


def test_what_the_model_cannot_take_is_refused_before(
    serving: Callable[..., Serving], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "MODEL_BODY_LIMIT", 9)
    here = serving()
    assert here.post("1.5,3,0")["statusCode"] == 200
    answer = here.post("1.5,3,10")
    assert answer["statusCode"] == 413
    assert problem(answer)["message"].startswith("the rows take 10 bytes, the model takes 9")
    assert len(here.endpoint.sent) == 1


@pytest.mark.parametrize("accept", ["text/csv", "application/json"])
def test_an_answer_that_lambda_cannot_carry_is_refused(
    serving: Callable[..., Serving], monkeypatch: pytest.MonkeyPatch, accept: str
) -> None:
    here = serving()
    answer = here.post(ROW, accept=accept)
    carried = len(json.dumps(answer["body"])) - 2  # in Lambda's answer the body is a JSON string
    monkeypatch.setattr(service, "ANSWER_LIMIT", carried)
    assert here.post(ROW, accept=accept)["statusCode"] == 200
    monkeypatch.setattr(service, "ANSWER_LIMIT", carried - 1)
    answer = here.post(ROW, accept=accept)
    assert answer["statusCode"] == 413
    assert problem(answer)["code"] == "TooLarge"


@pytest.mark.parametrize("name", ["", "none"])
def test_before_the_first_release(serving: Callable[..., Serving], name: str) -> None:
    here = serving(ENDPOINT_NAME=name, RELEASE_ID="")
    answer = here.post("not even read")
    assert answer["statusCode"] == 503
    assert answer["headers"]["retry-after"] == "60"
    assert answer["headers"]["x-release-id"] == "none"
    assert problem(answer)["code"] == "NoReleaseLive"
    assert problem(answer)["message"].startswith("no release is live yet")
    line = here.line()
    assert (line["status"], line["endpoint"], line["Release"]) == (503, "none", "none")
    assert (line["Failures"], line["Throttled"], line["Refused"], line["Predictions"]) == (0, 0, 0, 0)


def test_throttling_is_answered_and_seen(serving: Callable[..., Serving]) -> None:
    here = serving()
    here.endpoint.answer = errors.ThrottledError("b-prod")
    answer = here.post(ROW)
    assert answer["statusCode"] == 503
    assert answer["headers"]["retry-after"] == "1"
    assert answer["headers"]["x-release-id"] == "20261122-130810-ab12"
    assert problem(answer)["code"] == "ModelThrottled"
    line = here.line()
    assert (line["level"], line["status"], line["Throttled"], line["Failures"]) == ("WARNING", 503, 1, 0)
    assert line["attempts"] == 1
    assert line["ModelLatency"] >= 0


FAILURES = [name for name in vars(errors) if isinstance(getattr(errors, name), type)]


@pytest.mark.parametrize(
    "name", [name for name in FAILURES if issubclass(getattr(errors, name), errors.ModelFailedError)]
)
def test_a_failing_model_is_an_error_of_the_function(serving: Callable[..., Serving], name: str) -> None:
    """GIVEN any failure of the model THEN it leaves the handler, for Lambda's Errors, after one line."""
    here = serving()
    here.endpoint.answer = getattr(errors, name)("endpoint b-prod failed")
    with pytest.raises(getattr(errors, name)):
        here.post(ROW)
    line = here.line()
    assert (line["level"], line["status"], line["error"]) == ("ERROR", 500, name)
    assert (line["Failures"], line["Refused"], line["Throttled"], line["Predictions"]) == (1, 0, 0, 0)
    assert (line["rows"], line["Rows"]) == (1, 0)


@pytest.mark.parametrize("answer", [b"", b"nan\n", b"1\n2\n"])
def test_a_senseless_answer_is_a_failure(serving: Callable[..., Serving], answer: bytes) -> None:
    here = serving()
    here.endpoint.answer = answer
    with pytest.raises(errors.ModelAnswerError):
        here.post(ROW)
    assert here.line()["Failures"] == 1


def test_a_defect_is_a_failure_that_tells_the_line_and_no_data(serving: Callable[..., Serving]) -> None:
    here = serving()
    here.endpoint.answer = KeyError("1.5,3,0 and a-secret")
    with pytest.raises(errors.UnexpectedError) as failure:
        here.post(ROW)
    assert str(failure.value).startswith("KeyError at test_predict_service.py:")
    line = here.line()
    assert (line["status"], line["error"], line["Failures"]) == (500, "KeyError", 1)
    assert "a-secret" not in json.dumps(line)


def test_the_line_of_a_prediction(serving: Callable[..., Serving], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_X_AMZN_TRACE_ID", "Root=1-5759e988-bd862e3fe1be46a994272793")
    monkeypatch.setattr(request_log.time, "time", lambda: 1795352890.1239)
    here = serving()
    here.post(f"{ROW}\n2,4,1\n2,4,1\n2,4,1")
    line = here.line()
    assert 0 <= line.pop("ModelLatency") <= line.pop("Latency")
    emf = line.pop("_aws")
    assert line == {
        "level": "INFO",
        "timestamp": "2026-11-22T13:08:10.123Z",
        "message": "prediction",
        "requestId": "8476a536",
        "traceId": "Root=1-5759e988-bd862e3fe1be46a994272793",
        "version": "7",
        "endpoint": "b-prod",
        "status": 200,
        "coldStart": True,
        "rows": 4,
        "prediction": 2.5,
        "attempts": 1,
        "ModelName": "toy",
        "Release": "20261122-130810-ab12",
        "Predictions": 1,
        "Rows": 4,
        "Failures": 0,
        "Refused": 0,
        "Throttled": 0,
        "ColdStart": 1,
    }
    assert emf["Timestamp"] == 1795352890123
    assert [(directive["Namespace"], directive["Dimensions"]) for directive in emf["CloudWatchMetrics"]] == [
        ("SafeDeployment/Predict", [["ModelName", "Release"]]),
        ("SafeDeployment/Predict", [["ModelName"]]),
    ]
    assert emf["CloudWatchMetrics"][1]["Metrics"] == [{"Name": "Throttled", "Unit": "Count"}]


def metrics(line: dict[str, Any]) -> dict[str, str]:
    """Metric names and units, each of which must be a number in the line."""
    directive, _ = line["_aws"]["CloudWatchMetrics"]
    declared = {metric["Name"]: metric["Unit"] for metric in directive["Metrics"]}
    assert all(type(line[name]) in (int, float) for name in declared)
    assert all(isinstance(line[name], str) and line[name] for name in directive["Dimensions"][0])
    return declared


def test_latencies_are_metrics_of_warm_answers_only(serving: Callable[..., Serving]) -> None:
    here = serving()
    counts = dict.fromkeys(("Predictions", "Rows", "Failures", "Refused", "Throttled", "ColdStart"), "Count")
    latencies = {"Latency": "Milliseconds", "ModelLatency": "Milliseconds"}

    here.post(ROW)
    cold = here.line()
    assert (cold["coldStart"], cold["ColdStart"], metrics(cold)) == (True, 1, counts)
    assert cold["Latency"] > 0

    here.post(ROW)
    warm = here.line()
    assert (warm["coldStart"], warm["ColdStart"], metrics(warm)) == (False, 0, counts | latencies)

    here.post("1,2")
    assert metrics(here.line()) == counts

    here.endpoint.answer = errors.ModelServiceError("b-prod")
    with pytest.raises(errors.ModelServiceError):
        here.post(ROW)
    assert metrics(here.line()) == counts


def test_the_line_holds_nothing_of_the_request(serving: Callable[..., Serving]) -> None:
    here = serving()
    for body in ("31.25,3,77.125", "31.25,3,77.125,secret-cell", '31.25,3,"secret-cell"', "secret-cell"):
        here.post(body, authorization="secret-header", accept="secret/accept")
        text = json.dumps(here.line())
        assert not [secret for secret in ("31.25", "77.125", "secret") if secret in text]
    here.post('{"instances":[{"secret-key":1,"size":1,"count":1,"change":1}]}', "application/json")
    assert "secret" not in json.dumps(here.line())


EVENTS = sorted((ROOT / "events/predict").glob("*.json"))


@pytest.mark.parametrize("path", EVENTS, ids=lambda path: path.stem)
def test_the_shipped_events_fit_the_shipped_contract(path: Any, capsys: pytest.CaptureFixture[str]) -> None:
    shipped = contract.Contract.load(ROOT / "model/contract.json")
    handler = service.PredictionService(service.Release(ENVIRON), shipped, FakeEndpoint())
    event = json.loads(path.read_text())
    answer = handler.handle(event, FakeContext())
    assert answer["statusCode"] == (422 if path.stem == "bad_row" else 200)
    decoded = base64.b64decode(event["body"]) if event["isBase64Encoded"] else event["body"].encode()
    assert event["headers"]["content-length"] == str(len(decoded))


def test_the_handler_serves_what_its_environment_names(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """GIVEN a contract and no release THEN the handler answers 503, and builds its service once."""
    loaded: list[str] = []

    def load(path: str) -> Any:
        loaded.append(path)
        return TOY

    monkeypatch.setattr(app.Contract, "load", load)
    monkeypatch.setenv("ENDPOINT_NAME", "none")
    app._service.cache_clear()
    try:
        assert [app.handler({}, FakeContext())["statusCode"] for _ in range(2)] == [503, 503]
    finally:
        app._service.cache_clear()
    assert loaded == [str(ROOT / "functions/predict/contract.json")]
