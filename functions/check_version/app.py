"""Check a new version before it gets traffic. Called by CodeDeploy as the hook `BeforeAllowTraffic`.

The endpoint must serve and capture everything; the golden rows, sent through the new version itself,
must get the scores that they got on the dev endpoint, fast enough; the release must hold the lock.
Going back is refused for wrong answers and for none, not for slow ones: what is being fled may answer nothing at all.
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
from safe_deploy.errors import AccessDeniedError, InvalidRequestError, NotFoundError
from safe_deploy.hook import Finding, Subject, run_hook
from safe_deploy.wiring import aws

UNREADABLE = (NotFoundError, AccessDeniedError, InvalidRequestError)
"""S3 says that access is denied, too, where an object is gone and its caller may not list."""
Rows = tuple[tuple[float, ...], ...]

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
    """Send golden rows through the version: together, then one by one against the clock."""
    goes_back = release.state in WAS_LIVE
    rows, approved = questions(finding, release, outside)

    def timed(part: Rows, number: int) -> tuple[list[float], float]:
        epoch = int(outside.clock.now().timestamp() * 1000)
        event, began = predict_event(part, f"{finding.deployment_id}-{number}", epoch), outside.clock.seconds()
        scores = read_answer(outside.functions.invoke(version, event), len(part), release.release_id)
        return scores, outside.clock.seconds() - began

    together, longest = timed(rows, 0)
    finding.facts["goldenRows"] = len(together)
    if approved is not None and (place := disagreement(together, approved)) is not None:
        finding.expect(f"golden row {place + 1} scores {together[place]:g}; the dev endpoint said {approved[place]:g}")
    took: list[float] = []
    for number in range(1, CALLS + 2):
        if (len(took) > 1 or goes_back) and outside.clock.seconds() + longest > finding.deadline - 1:
            break
        seconds = timed(rows[:1], number)[1]
        longest = max(longest, seconds)
        took.append(seconds * 1000)
    if len(took) < 2:
        note(
            finding,
            f"Release {release.release_id} is slow: a request took {longest:.0f} s; there was no time for more.",
        )
        return
    latency = Latency.of(took)
    finding.facts["latencyMilliseconds"] = latency.to_output()
    # Read alone: a policy that was valid when it was recorded needn't be so any more.
    slow = latency.failure(float(release.section("policy")["devTest"]["maximumLatencyMilliseconds"]))
    if not goes_back:
        finding.expect(slow)
    elif slow:
        note(finding, f"Release {release.release_id} is slow: {slow}. Going back isn't refused for that.")


def questions(finding: Finding, release: Release, outside: Outside) -> tuple[Rows, list[float] | None]:
    """Return golden rows, and the scores that the dev endpoint gave them; None where the rows are another release's.

    One goes back to a release whose golden rows are gone all the same, if it answers those of what serves.
    """
    try:
        return golden_rows(release, outside), [float(score) for score in release.section("devTest")["goldenScores"]]
    except UNREADABLE as error:
        if release.state not in WAS_LIVE:
            raise
        serving = outside.functions.live().main
        other = outside.releases.find(serving.release_id) if serving.serves else None
        if other is None or other.release_id == release.release_id:
            raise InvalidRequestError(f"there are no rows to ask release {release.release_id}: {error}") from error
        gone = error
    note(
        finding,
        f"The golden rows of release {release.release_id} can't be read ({gone}), so it was asked those of release "
        f"{other.release_id}. Whether it answers as it did when it was approved, nobody knows.",
    )
    return golden_rows(other, outside), None


def golden_rows(release: Release, outside: Outside) -> Rows:
    """Read a release's golden rows."""
    return GoldenRows.parse(outside.objects.read_json(release.place("data", "golden", "golden.json"))).rows


def note(finding: Finding, sentence: str) -> None:
    """Note what a person should know, and what refuses nothing."""
    finding.facts.setdefault("notes", []).append(sentence)
