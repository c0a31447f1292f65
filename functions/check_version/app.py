"""Check a new version before it gets traffic. Called by CodeDeploy as the hook `BeforeAllowTraffic`.

The endpoint must serve and capture everything; the golden rows, sent through the new version itself,
must get the scores that they got on the dev endpoint, fast enough; the release must hold the lock.
"""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from safe_deploy import observability
from safe_deploy.domain.deployment import endpoint_failure
from safe_deploy.domain.golden import GoldenRows, Latency, disagreement
from safe_deploy.domain.live import LiveVersion
from safe_deploy.domain.ports import Outside
from safe_deploy.domain.release import WAS_LIVE, Release
from safe_deploy.domain.version_check import CALLS, predict_event, read_answer
from safe_deploy.hook import Finding, Subject, run_hook
from safe_deploy.wiring import aws

logger = observability.logger()


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext, *, outside: Outside | None = None) -> dict[str, Any]:
    """Report Succeeded or Failed to CodeDeploy, and return what was reported."""
    return run_hook(event, context, outside or aws(), check, attribute="versionCheck", logger=logger)


def check(finding: Finding, subject: Subject, outside: Outside) -> None:
    """Note every failure of the version that the deployment is about to send traffic to."""
    version, release = subject.version, subject.release
    expected = release.names.production_endpoint
    if not finding.expect(
        None
        if version.endpoint_name == expected
        else f"version {version.version} names the endpoint {version.endpoint_name}, not {expected}"
    ):
        return
    finding.expect(lock_failure(release, outside))
    finding.expect(code_failure(version, release))
    endpoint = outside.endpoints.describe(expected)
    if finding.expect(endpoint_failure(endpoint, expected)):
        ask(finding, version.version, release, outside)


def lock_failure(release: Release, outside: Outside) -> str | None:
    """Return a sentence when a release is being promoted without the lock; going back to one needs none."""
    if release.state in WAS_LIVE:
        return None
    lock = outside.locks.read()
    token = release.item.get("fencingToken")
    if lock is not None and (lock.holder, lock.fencing_token) == (release.release_id, token):
        return None
    return f"release {release.release_id} doesn't hold the production lock any more"


def code_failure(version: LiveVersion, release: Release) -> str | None:
    """Return a sentence when the version isn't the code that was tested and approved."""
    tested = release.tested_inference
    differences = tested.differences(version.inference) if tested else []
    if not differences:
        return None
    return f"version {version.version} isn't the inference code that was tested: {'; '.join(differences)}"


def ask(finding: Finding, version: str, release: Release, outside: Outside) -> None:
    """Send the golden rows through the version: together, then one by one against the clock."""
    golden = GoldenRows.parse(outside.objects.read_json(release.place("data", "golden", "golden.json")))

    def scores(rows: tuple[tuple[float, ...], ...], number: int) -> list[float]:
        epoch = int(outside.clock.now().timestamp() * 1000)
        event = predict_event(rows, f"{finding.deployment_id}-{number}", epoch)
        return read_answer(outside.functions.invoke(version, event), len(rows), release.release_id)

    together = scores(golden.rows, 0)
    finding.facts["goldenRows"] = len(together)
    approved = [float(score) for score in release.section("devTest")["goldenScores"]]
    place = disagreement(together, approved)
    finding.expect(
        None
        if place is None
        else f"golden row {place + 1} scores {together[place]:g}; the dev endpoint said {approved[place]:g}"
    )
    took: list[float] = []
    for number in range(1, CALLS + 2):
        if len(took) > 1 and outside.clock.seconds() > finding.deadline - 1:
            break
        began = outside.clock.seconds()
        scores(golden.rows[:1], number)
        took.append((outside.clock.seconds() - began) * 1000)
    latency = Latency.of(took)
    finding.facts["latencyMilliseconds"] = latency.to_output()
    finding.expect(latency.failure(release.policy.maximum_latency))
