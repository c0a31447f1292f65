"""Publish what a monitoring run found. Called by the state `Report Drift`."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from safe_deploy import config, observability
from safe_deploy.domain import notices
from safe_deploy.domain.drift import Findings, has_comparison
from safe_deploy.domain.fields import Fields
from safe_deploy.domain.monitoring import iso
from safe_deploy.domain.names import check_release_id
from safe_deploy.domain.ports import Objects, Outside
from safe_deploy.entry import task
from safe_deploy.wiring import aws

logger = observability.logger()


@logger.inject_lambda_context
@task
def handler(event: dict[str, Any], _context: LambdaContext, *, outside: Outside | None = None) -> dict[str, Any]:
    """Return {"violations", "drifted", "rows"}; people are told once of each run that found something."""
    outside = outside or aws()
    given = Fields(event, "the request")
    release_id = check_release_id(given.value("releaseId"))
    output, job_name = given.text("output").rstrip("/"), given.text("jobName")
    release = outside.releases.get(release_id)
    findings = read_findings(output, outside.objects)
    answer, now, model_name = findings.to_output(), outside.clock.now(), config.model_name()
    last = release.item.get("monitoring") or {}
    if last.get("jobName") == job_name:
        return answer
    outside.metrics.put({"ModelName": model_name, "Release": release_id}, findings.to_metrics(), now)
    if findings.violations:
        notice = notices.drift(model_name, release_id, findings, output)
        outside.topic.publish(notice.subject, notice.text)
    outside.releases.audit(release_id, "Monitored", job_name, answer, now)
    outside.releases.update(
        release_id, {"monitoring": {**answer, "jobName": job_name, "output": output, "at": iso(now)}}, now
    )
    logger.info("monitored", extra={"release": release_id, "findings": answer})
    return answer


def read_findings(output: str, objects: Objects) -> Findings:
    """Read the analyzer's report, and its violations where it had anything to compare."""
    report = objects.read_json(f"{output}/report.json")
    compared = has_comparison(report)
    violations = objects.read_json(f"{output}/constraint_violations.json") if compared else None
    return Findings.parse(report, violations)
