"""Stop what an execution that was stopped, or ran out of time, has left running. Called by the state `Stop Release`.

It changes nothing that has ended, so the state machine calls it again until nothing goes on. What is left
then is removed by clean_up_release, and told by close_release.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from safe_deploy import config, observability
from safe_deploy.domain.fields import Fields
from safe_deploy.domain.names import Names, release_id_of
from safe_deploy.domain.ports import Execution, Outside
from safe_deploy.domain.release import Release, State, is_final
from safe_deploy.entry import task
from safe_deploy.errors import InvalidRequestError
from safe_deploy.wiring import aws

OUTCOMES = {
    State.REFUSED: "refused",
    State.FAILED: "failed",
    State.REJECTED: "rejected",
    State.EXPIRED: "expired",
    State.STALE: "stale",
    State.SUPERSEDED: "superseded",
    State.ROLLED_BACK: "rolledBack",
}
"""How a release had ended whose end was recorded but not yet told."""
WORDS = {
    "ABORTED": "its execution was stopped by hand",
    "TIMED_OUT": "its execution took longer than it may",
    "FAILED": "its execution failed without recording an end",
}

logger = observability.logger()


@dataclass(frozen=True, slots=True)
class Request:
    """What the state machine sends."""

    execution_arn: str

    @classmethod
    def from_event(cls, event: dict[str, Any]) -> Request:
        """Read the event. Raises InvalidRequestError, naming the field that is wrong."""
        return cls(Fields(event, "the request").text("executionArn", maximum=500))


@logger.inject_lambda_context
@task
def handler(event: dict[str, Any], _context: LambdaContext, *, outside: Outside | None = None) -> dict[str, Any]:
    """Return {"status": "ended" | "live" | "stopping" | "stopped", "releaseId", "outcome", "error", ...}.

    `backTo` is the version to which all traffic should be back; null when the release's shift had not begun.
    """
    outside = outside or aws()
    request = Request.from_event(event)
    execution = outside.executions.describe(request.execution_arn)
    if execution.status not in ("SUCCEEDED", *WORDS):
        raise InvalidRequestError(f"{request.execution_arn} is {execution.status}: stop it first")
    release_id = release_id_of(request.execution_arn, execution.started)
    answer = abandon(release_id, execution, outside)
    logger.info("abandoned", extra={"release": release_id, "answer": answer})
    return answer


def abandon(release_id: str, execution: Execution, outside: Outside) -> dict[str, Any]:
    """Ask jobs and deployments of the release to stop, and say whether anything still goes on."""
    names = Names.of(config.model_name(), release_id)
    release = outside.releases.find(release_id)
    answer: dict[str, Any] = {
        "releaseId": release_id,
        "outcome": OUTCOMES.get(release.state, "stopped") if release else "stopped",
        "error": {"Error": "ExecutionStopped", "Cause": reason_of(execution)},
        "schedule": names.schedule,
        "endpointName": names.production_endpoint,
        "version": None,
        "backTo": None,
        "waitingFor": [],
    }
    alias, running = outside.functions.live(), outside.deployments.under_way()
    told = release is not None and release.item.get("noticedAs") is not None
    if alias.main.release_id == release_id and not running and not told and execution.status != "SUCCEEDED":
        return {**answer, "status": "live", "outcome": "live", "version": alias.main.version}
    if execution.status == "SUCCEEDED" or has_ended(release):
        return {**answer, "status": "ended"}
    jobs = [f"{kind} job {name}" for kind, name in names.jobs if outside.jobs.stop(kind, name)]
    shift = []
    shifted = outside.functions.version(running.target_version) if running and not running.undoes else None
    if running and shifted and shifted.release_id == release_id:
        outside.deployments.stop(running.deployment_id)
        shift.append(f"deployment {running.deployment_id}")
    shares = [alias.main.version, *alias.shares]
    shift += [
        f"traffic to leave version {version}"
        for version in shares
        if outside.functions.version(version).release_id == release_id
    ]
    return {
        **answer,
        "status": "stopping" if jobs or shift else "stopped",
        "backTo": release.item.get("liveVersion") if release and (shift or has_shifted(release)) else None,
        "waitingFor": [*jobs, *shift],
    }


def has_shifted(release: Release) -> bool:
    """Return whether a deployment of the release has come as far as its first hook; before it no traffic moves."""
    return any(release.item.get(section) for section in ("versionCheck", "shift"))


def has_ended(release: Release | None) -> bool:
    """Return whether the release came to an end that people were told of, or went live and was succeeded."""
    if release is None or not is_final(release.state):
        return False
    return release.item.get("noticedAs") is not None or release.state in (State.LIVE, State.RETIRED)


def reason_of(execution: Execution) -> str:
    """Return who or what ended the execution, with the words that were given."""
    said = ": ".join(part for part in (execution.error, execution.cause) if part)
    words = WORDS.get(execution.status, f"its execution is {execution.status}")
    return f"{words} ({said})" if said else words
