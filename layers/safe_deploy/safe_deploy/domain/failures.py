"""Turn what Step Functions says about a failed state into a sentence for a person. Used by close_release."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

CAUSE_LIMIT = 1000
JOB_KINDS = (
    ("ProcessingJobName", "processing job"),
    ("TrainingJobName", "training job"),
    ("EndpointName", "endpoint"),
)
STATUSES = ("ProcessingJobStatus", "TrainingJobStatus", "EndpointStatus")
WORDS = {
    "States.Timeout": "a step took longer than it may",
    "States.HeartbeatTimeout": "a step took longer than it may",
    "States.Permissions": "the state machine's role isn't allowed to do a step",
}


def reason_of(error: Any) -> str:
    """Return why a state failed, from its {Error, Cause}.

    The cause of a SageMaker job is its description: the program's own ExitMessage says most, then
    FailureReason. That of a Lambda function is its exception.
    """
    if not isinstance(error, Mapping):
        return "no reason was given"
    name, cause = str(error.get("Error") or ""), str(error.get("Cause") or "").strip()
    found = _from_json(cause) or cause or WORDS.get(name) or name or "no reason was given"
    return found if len(found) <= CAUSE_LIMIT else f"{found[: CAUSE_LIMIT - 3]}..."


def _from_json(cause: str) -> str:
    try:
        given = json.loads(cause)
    except (ValueError, RecursionError):
        return ""
    if not isinstance(given, dict):
        return ""
    if given.get("errorMessage"):
        return str(given["errorMessage"])
    message = given.get("ExitMessage") or given.get("FailureReason")
    for key, kind in JOB_KINDS:
        if key in given:
            status = next(
                (given[s] for s in ("ProcessingJobStatus", "TrainingJobStatus", "EndpointStatus") if s in given),
                "Failed",
            )
            return f"the {kind} {given[key]} ended as {status}: {message or 'AWS gives no reason'}"
    return str(message or given.get("Message") or given.get("message") or "")
