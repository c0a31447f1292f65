"""Find the captured traffic that is to be compared with the baseline. Called by `Plan Monitoring`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from safe_deploy import config, observability
from safe_deploy.domain import notices
from safe_deploy.domain.capture import hour_prefixes, within
from safe_deploy.domain.fields import Fields
from safe_deploy.domain.monitoring import (
    SILENCE_REMINDER,
    Window,
    capture_manifest,
    iso,
    parse_time,
    run_name,
)
from safe_deploy.domain.names import check_release_id, split_uri
from safe_deploy.domain.ports import Outside
from safe_deploy.domain.release import Release
from safe_deploy.entry import task
from safe_deploy.wiring import aws

logger = observability.logger()


@dataclass(frozen=True, slots=True)
class Request:
    """What the state machine sends; a release of None is the one that is live."""

    release_id: str | None
    start: object
    end: object
    execution_arn: str

    @classmethod
    def from_event(cls, event: dict[str, Any]) -> Request:
        """Read the event. Raises InvalidRequestError, naming the field that is wrong."""
        given = Fields(event, "the request")
        release_id = event.get("releaseId")
        return cls(
            None if release_id is None else check_release_id(release_id),
            event.get("start"),
            event.get("end"),
            given.text("executionArn"),
        )


@logger.inject_lambda_context
@task
def handler(event: dict[str, Any], _context: LambdaContext, *, outside: Outside | None = None) -> dict[str, Any]:
    """Return {"status": "ready" | "noTraffic" | "noRelease", and what the analysis needs}."""
    outside = outside or aws()
    request = Request.from_event(event)
    started = outside.executions.started(request.execution_arn)
    window = Window.asked(request.start, request.end, started)
    release_id = request.release_id
    if release_id is None:
        live = outside.functions.live().main
        if not live.serves:
            return {"status": "noRelease", "releaseId": None}
        release_id = live.release_id
    return plan(outside.releases.get(release_id), window, run_name(started, request.execution_arn), outside)


def plan(release: Release, window: Window, run: str, outside: Outside) -> dict[str, Any]:
    """Return the plan of a run; the same execution always gets the same names."""
    endpoint_name = release.names.production_endpoint
    bucket, _ = split_uri(release.place("capture"))
    keys = [
        key
        for prefix in hour_prefixes(endpoint_name, window.start, window.end)
        for found in outside.objects.list(bucket, prefix)
        if within(key := split_uri(found.uri)[1], window.start, window.end)
    ]
    output = release.place("monitoring", run)
    answer = {
        "status": "ready" if keys else "noTraffic",
        "releaseId": release.release_id,
        "endpointName": endpoint_name,
        "jobName": release.names.monitoring_job(run),
        "source": release.place("source"),
        "captureManifest": f"{output}/capture.manifest",
        "captureFiles": len(keys),
        "baseline": release.place("baseline"),
        "output": output,
        "start": iso(window.start),
        "end": iso(window.end),
    }
    if keys:
        manifest = json.dumps(capture_manifest(bucket, endpoint_name, keys)).encode()
        outside.objects.write(f"{output}/capture.manifest", manifest, "application/json")
        set_silence(release, None, outside)
    else:
        tell_of_silence(release, window, outside)
    logger.info("planned", extra={"plan": answer})
    return answer


def tell_of_silence(release: Release, window: Window, outside: Outside) -> None:
    """Tell people that nothing was captured, at once and then daily."""
    told = release.item.get("silenceToldAt")
    now = outside.clock.now()
    if told is not None and now - parse_time(told, "silenceToldAt") < SILENCE_REMINDER:
        return
    notice = notices.no_traffic(
        config.model_name(),
        release.release_id,
        release.names.production_endpoint,
        iso(window.start),
        iso(window.end),
    )
    outside.topic.publish(notice.subject, notice.text)
    set_silence(release, iso(now), outside)


def set_silence(release: Release, told_at: str | None, outside: Outside) -> None:
    """Remember when people were told of silence; None once there is traffic."""
    if release.item.get("silenceToldAt") != told_at:
        outside.releases.update(release.release_id, {"silenceToldAt": told_at}, outside.clock.now())
