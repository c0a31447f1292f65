"""Read production back after traffic went back, and compare. Called by `Verify Rollback` of both machines.

What is found stands in the record of the release that one came from, and in the mail about it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from safe_deploy import config, observability
from safe_deploy.domain.fields import Fields
from safe_deploy.domain.live import Alias, LiveVersion
from safe_deploy.domain.monitoring import iso
from safe_deploy.domain.names import Names, check_release_id
from safe_deploy.domain.ports import Outside
from safe_deploy.domain.production import Expected, differences, serving_words
from safe_deploy.entry import task
from safe_deploy.wiring import aws

logger = observability.logger()


@dataclass(frozen=True, slots=True)
class Request:
    """What the state machine sends."""

    version: str
    """The Lambda version that all traffic should go to."""
    left: str | None
    """The release that traffic came from."""

    @classmethod
    def from_event(cls, event: dict[str, Any]) -> Request:
        """Read the event. Raises InvalidRequestError, naming the field that is wrong."""
        given = Fields(event, "the request")
        left = given.value("leftReleaseId")
        return cls(given.text("version"), None if left is None else check_release_id(left))


@logger.inject_lambda_context
@task
def handler(event: dict[str, Any], _context: LambdaContext, *, outside: Outside | None = None) -> dict[str, Any]:
    """Return {"passed", "differences", "serving"}; a difference is a sentence."""
    outside = outside or aws()
    request, model = Request.from_event(event), config.model_name()
    alias = outside.functions.live()
    version = moved_on(request.left, alias, outside) or outside.functions.version(request.version)
    expected = Expected(
        version,
        Names.of(model, version.release_id) if version.serves else None,
        Names.of(model, request.left) if request.left else None,
    )
    found = differences(expected, alias, outside.endpoints)
    answer = {"passed": not found, "differences": found, "serving": serving_words(alias)}
    if request.left and outside.releases.find(request.left) is not None:
        now = outside.clock.now()
        outside.releases.update(request.left, {"productionCheck": {**answer, "at": iso(now)}}, now)
    logger.info("production read back", extra={"expected": request.version, "answer": answer})
    return answer


def moved_on(left: str | None, alias: Alias, outside: Outside) -> LiveVersion | None:
    """Return what serves if who stopped a release's shift has gone on from there to a release that they named."""
    tried = outside.releases.find(left) if left else None
    served = outside.releases.find(alias.main.release_id) if alias.main.serves else None
    if tried is None or served is None:
        return None
    stopped, restored = tried.item.get("stoppedBy") or {}, served.item.get("restored") or {}
    return alias.main if stopped and stopped["rollbackId"] == restored.get("rollbackId") else None
