"""Check that traffic has arrived and is captured. Called by CodeDeploy as the hook `AfterAllowTraffic`.

check_version has asked the endpoint for predictions, and every request is captured: so records must turn up
in S3, if only after minutes, and they are waited for within bounds.
"""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from safe_deploy import observability
from safe_deploy.domain.capture import endpoint_prefix
from safe_deploy.domain.deployment import alias_failure, endpoint_failure
from safe_deploy.domain.names import split_uri
from safe_deploy.domain.ports import Outside
from safe_deploy.domain.release import Release
from safe_deploy.domain.shift.record import unproven
from safe_deploy.hook import Finding, run_hook
from safe_deploy.wiring import aws

POLL_SECONDS = 5
LONGEST_SECONDS = 240

logger = observability.logger()


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext, *, outside: Outside | None = None) -> dict[str, Any]:
    """Report Succeeded or Failed to CodeDeploy, and return what was reported."""
    return run_hook(event, context, outside or aws(), check, attribute="trafficCheck", logger=logger)


def check(finding: Finding, outside: Outside) -> None:
    """Note every failure of the version that now has all traffic."""
    deployment = outside.deployments.get(finding.deployment_id)
    version = outside.functions.version(deployment.target_version)
    finding.release_id = version.release_id
    finding.facts = {"version": version.version, "endpointName": version.endpoint_name}
    release = outside.releases.get(version.release_id)
    finding.expect(unproven(release))
    finding.expect(alias_failure(outside.functions.live(), version.version))
    name = version.endpoint_name
    finding.expect(endpoint_failure(outside.endpoints.describe(name), name))
    served = (release.item.get("versionCheck") or {}).get("goldenRows", 0)
    if served and not finding.failures:
        captured = wait_for_capture(finding, release, name, outside)
        finding.facts["captured"] = captured
        finding.expect(None if captured else f"{name} has answered, but nothing was captured of it")


def wait_for_capture(finding: Finding, release: Release, name: str, outside: Outside) -> bool:
    """Return whether a capture file of the endpoint turns up in time."""
    bucket, _ = split_uri(release.place("capture"))
    until = min(finding.deadline, outside.clock.seconds() + LONGEST_SECONDS)
    while next(iter(outside.objects.list(bucket, endpoint_prefix(name))), None) is None:
        if outside.clock.seconds() + POLL_SECONDS >= until:
            return False
        outside.clock.sleep(POLL_SECONDS)
    return True
