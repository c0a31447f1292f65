"""Ask a version of the inference Lambda as the HTTP API would. Used by check_version."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from safe_deploy.domain.fields import Fields, parse_json
from safe_deploy.domain.golden import checked_scores, to_csv
from safe_deploy.domain.ports import Invocation
from safe_deploy.errors import InvalidRequestError, ModelAnswerError

CALLS = 20
"""Single rows that are timed; the first, which may start a container, doesn't count."""


def predict_event(rows: Sequence[Sequence[float]], request_id: str, epoch_milliseconds: int) -> dict[str, Any]:
    """Return the event of a POST /predict with CSV rows, in HTTP API's payload format 2.0."""
    return {
        "version": "2.0",
        "routeKey": "POST /predict",
        "rawPath": "/predict",
        "rawQueryString": "",
        "headers": {"content-type": "text/csv", "accept": "application/json", "user-agent": "check-version"},
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
                "userAgent": "check-version",
            },
            "requestId": request_id,
            "routeKey": "POST /predict",
            "stage": "$default",
            "timeEpoch": epoch_milliseconds,
        },
        "body": to_csv(rows),
        "isBase64Encoded": False,
    }


def read_answer(answer: Invocation, rows: int, release_id: str) -> list[float]:
    """Return the scores that a version answered. Raises ModelAnswerError, saying what is wrong."""
    text = answer.payload.decode("utf-8", "replace")
    if answer.error:
        raise ModelAnswerError(f"the new version failed: {text[:500]}")
    try:
        given = Fields(json.loads(text), "the new version's answer")
        status = given.integer("statusCode", minimum=100, maximum=599)
        body = str(given.value("body"))
        if status != 200:
            raise ModelAnswerError(f"the new version answered {status}: {body[:500]}")
        answered = Fields(parse_json(body, "the new version's body"), "the new version's body")
        predictions = answered.objects("predictions", maximum=10_000)
        scores = [entry.number("score") for entry in predictions]
        served_by = answered.value("release")
    except (ValueError, InvalidRequestError) as error:
        raise ModelAnswerError(f"the new version's answer can't be read: {error}") from error
    if served_by != release_id:
        raise ModelAnswerError(f"the new version answers as release {served_by!r:.60}, not {release_id}")
    return checked_scores(scores, rows)
