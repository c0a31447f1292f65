"""Check that traffic has arrived and is captured. Called by CodeDeploy as the hook `AfterAllowTraffic`.

The real state is read back: where the alias points, with which weights, the endpoint and its data capture.
check_version has asked the endpoint for predictions during this deployment, and every request is captured: so records
as young as that must turn up in S3, if only after minutes, and they are waited for within bounds.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from safe_deploy import observability
from safe_deploy.domain.capture import hour_prefixes, within
from safe_deploy.domain.deployment import alias_failure, endpoint_failure
from safe_deploy.domain.names import split_uri
from safe_deploy.domain.ports import Outside
from safe_deploy.domain.release import State
from safe_deploy.domain.shift.record import unproven
from safe_deploy.hook import Finding, Subject, run_hook
from safe_deploy.wiring import aws

POLL_SECONDS = 5
LONGEST_SECONDS = 240
SKEW = timedelta(minutes=1)
"""By which SageMaker's clock may be ahead of ours."""
FOR_EVER = datetime.max.replace(tzinfo=UTC)

logger = observability.logger()


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext, *, outside: Outside | None = None) -> dict[str, Any]:
    """Report Succeeded or Failed to CodeDeploy, and return what was reported."""
    return run_hook(event, context, outside or aws(), check, attribute="trafficCheck", logger=logger)


def check(finding: Finding, subject: Subject, outside: Outside) -> None:
    """Note every failure of the version that now has all traffic, and what the real state is."""
    version, release, name = subject.version, subject.release, subject.version.endpoint_name
    alias, endpoint = outside.functions.live(), outside.endpoints.describe(name)
    finding.facts.update(
        alias={"version": alias.main.version, "weights": alias.others},
        endpoint={"status": endpoint.status, "capturePercentage": endpoint.capture_percentage} if endpoint else None,
    )
    finding.expect(unproven(release))
    finding.expect(alias_failure(alias, version.version))
    finding.expect(endpoint_failure(endpoint, name))
    if finding.failures:
        return
    captured = wait_for_capture(finding, subject, outside)
    finding.facts["captured"] = captured
    if release.state is State.PROMOTING:
        finding.expect(None if captured else f"{name} has answered, but nothing of it was captured since it was asked")


def wait_for_capture(finding: Finding, subject: Subject, outside: Outside) -> bool:
    """Return whether something is captured of the endpoint that is of this deployment, not of an earlier one.

    Going back to a release isn't held up for it: what is missing is on record, and the hourly monitor tells.
    """
    since = subject.deployment.created.replace(microsecond=0)
    bucket, _ = split_uri(subject.release.place("capture"))
    patience = LONGEST_SECONDS if subject.release.state is State.PROMOTING else 0
    until = min(finding.deadline, outside.clock.seconds() + patience)
    while True:
        for prefix in hour_prefixes(subject.version.endpoint_name, since, outside.clock.now() + SKEW):
            if any(within(found.uri, since, FOR_EVER) for found in outside.objects.list(bucket, prefix)):
                return True
        if outside.clock.seconds() + POLL_SECONDS >= until:
            return False
        outside.clock.sleep(POLL_SECONDS)
