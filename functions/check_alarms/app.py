"""Look whether alarms fire before traffic shifts, and set up those of the candidate. Called by `Check Alarms`.

CodeDeploy stops a deployment as soon as one of its alarms fires, and says little. So a release that can't begin is told
here why; and a person who said beforehand that it must begin all the same (break glass) is taken at their word.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from safe_deploy import config, observability
from safe_deploy.domain.alarms import ALARM_KINDS, Verdict, judge, twin
from safe_deploy.domain.fields import Fields
from safe_deploy.domain.names import check_release_id
from safe_deploy.domain.ports import Outside
from safe_deploy.domain.release import Release
from safe_deploy.entry import task
from safe_deploy.wiring import aws

SETTINGS = ("ERROR_ALARM", "LATENCY_ALARM")
"""They name the alias's alarms, in the order of ALARM_KINDS."""

logger = observability.logger()


@dataclass(frozen=True, slots=True)
class Request:
    """What the state machine sends."""

    release_id: str
    version: str

    @classmethod
    def from_event(cls, event: dict[str, Any]) -> Request:
        """Read the event. Raises InvalidRequestError, naming the field that is wrong."""
        given = Fields(event, "the request")
        return cls(check_release_id(given.value("releaseId")), given.text("version", maximum=20))


@logger.inject_lambda_context
@task
def handler(event: dict[str, Any], _context: LambdaContext, *, outside: Outside | None = None) -> dict[str, Any]:
    """Return {"status": "quiet" | "firing" | "overridden", "reason", "firing", "watched"}."""
    outside = outside or aws()
    request = Request.from_event(event)
    release = outside.releases.get(request.release_id)
    guards = outside.alarms.describe([config.setting(name) for name in SETTINGS])
    twins = [release.names.alarm(kind) for kind in ALARM_KINDS]
    verdict = judge(guards, twins, release.break_glass)
    if verdict.watched:
        tags = {
            "safe-deploy:model": config.model_name(),
            "safe-deploy:release": release.release_id,
            "safe-deploy:stage": "prod",
        }
        for guard, name in zip(guards, twins, strict=True):
            outside.alarms.put(twin(guard, name, request.version), tags)
    record(release, verdict, outside)
    logger.info("alarms", extra={"release": release.release_id, "verdict": verdict.to_output()})
    return verdict.to_output()


def record(release: Release, verdict: Verdict, outside: Outside) -> None:
    """Write the verdict into the record, and a broken glass into the audit trail, with who broke it and why."""
    now, output = outside.clock.now(), verdict.to_output()
    glass = release.break_glass
    if glass is not None:
        detail = {**output, "why": glass.reason}
        outside.releases.audit(release.release_id, "Break glass", glass.by, detail, now)
        output = detail
    outside.releases.update(release.release_id, {"alarmCheck": output}, now)
