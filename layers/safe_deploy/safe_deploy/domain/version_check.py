"""Ask a version of the inference Lambda as the HTTP API would. Used by the hooks, test_endpoint and watch_shift."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from safe_deploy.domain.fields import Fields, parse_json
from safe_deploy.domain.golden import checked_scores, to_csv
from safe_deploy.domain.ports import Invocation
from safe_deploy.errors import InvalidRequestError, ModelAnswerError

JSON, CSV = "application/json", "text/csv"
CALLS = 20
"""Single rows that are timed; the first, which may start a container, doesn't count."""


def predict_event(
    rows: Sequence[Sequence[float]], request_id: str, epoch_milliseconds: int, agent: str = "check-version"
) -> dict[str, Any]:
    """Return the event of a POST /predict with CSV rows and a JSON answer, in HTTP API's payload format 2.0."""
    return csv_event(to_csv(rows), JSON, request_id, epoch_milliseconds, agent)


def csv_event(
    body: str, accept: str, request_id: str, epoch_milliseconds: int, agent: str = "check-version"
) -> dict[str, Any]:
    """Return the event of a POST /predict with CSV rows, which asks for an answer of a content type."""
    return {
        "version": "2.0",
        "routeKey": "POST /predict",
        "rawPath": "/predict",
        "rawQueryString": "",
        "headers": {"content-type": "text/csv", "accept": accept, "user-agent": agent},
        "requestContext": {
            "accountId": "anonymous",
            "apiId": "check-version",
            "domainName": "check-version",
            "domainPrefix": "check-version",
            "http": {
                "method": "POST",
                "path": "/predict",
                "protocol": "HTTP/1.1",
                "sourceIp": "127.0.0.1",
                "userAgent": agent,
            },
            "requestId": request_id,
            "routeKey": "POST /predict",
            "stage": "$default",
            "timeEpoch": epoch_milliseconds,
        },
        "body": body,
        "isBase64Encoded": False,
    }


@dataclass(frozen=True, slots=True)
class Answer:
    """What a version answered to the HTTP API, status 200."""

    content_type: str
    release_id: str
    """Of the header x-release-id."""
    body: str


def read_response(answer: Invocation, who: str = "the new version") -> Answer:
    """Read an answer of status 200. Raises ModelAnswerError, saying what is wrong."""
    text = answer.payload.decode("utf-8", "replace")
    if answer.error:
        raise ModelAnswerError(f"{who} failed: {text[:500]}")
    try:
        given = Fields(json.loads(text), f"{who}'s answer")
        status = given.integer("statusCode", minimum=100, maximum=599)
        body = str(given.value("body"))
        if status != 200:
            raise ModelAnswerError(f"{who} answered {status}: {body[:500]}")
        headers = given.value("headers") if "headers" in given else None
    except (ValueError, InvalidRequestError) as error:
        raise ModelAnswerError(f"{who}'s answer can't be read: {error}") from error
    named: dict[str, Any] = headers if isinstance(headers, dict) else {}
    return Answer(str(named.get("content-type", "")), str(named.get("x-release-id", "")), body)


def read_answer(answer: Invocation, rows: int, release_id: str, who: str = "the new version") -> list[float]:
    """Return the scores that a version answered in JSON. Raises ModelAnswerError, saying what is wrong."""
    body = read_response(answer, who).body
    try:
        answered = Fields(parse_json(body, f"{who}'s body"), f"{who}'s body")
        predictions = answered.objects("predictions", maximum=10_000)
        scores = [entry.number("score") for entry in predictions]
        served_by = answered.value("release")
    except InvalidRequestError as error:
        raise ModelAnswerError(f"{who}'s answer can't be read: {error}") from error
    if served_by != release_id:
        raise ModelAnswerError(f"{who} answers as release {served_by!r:.60}, not {release_id}")
    return checked_scores(scores, rows)
