"""Test the dev endpoint and the inference code: right answers, the same twice, fast enough, also for what the
champion was asked. Called by the state `Test Dev Endpoint`.

The code is what `sam deploy` left in `$LATEST`: the release will publish it, so it answers golden rows from the dev
endpoint before a person is asked. Where the code is all that changes, every check goes through it, and the live
version answers the same golden rows.
"""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from safe_deploy import observability
from safe_deploy.domain.code_test import Asked, CodeTest
from safe_deploy.domain.dev_test import DevTest
from safe_deploy.domain.fields import Fields
from safe_deploy.domain.golden import GoldenRows
from safe_deploy.domain.inference import LATEST, Inference
from safe_deploy.domain.names import check_release_id, split_uri
from safe_deploy.domain.ports import Outside
from safe_deploy.domain.release import Release, State
from safe_deploy.domain.replay import Replay
from safe_deploy.entry import task
from safe_deploy.errors import InvalidRequestError, TransientError
from safe_deploy.wiring import aws

logger = observability.logger()


@logger.inject_lambda_context
@task
def handler(event: dict[str, Any], _context: LambdaContext, *, outside: Outside | None = None) -> dict[str, Any]:
    """Return {"passed", "failures", "latencyMilliseconds", "goldenRows", "replayed", "replay", "codeSha256"}."""
    outside = outside or aws()
    given = Fields(event, "the request")
    release = outside.releases.get(check_release_id(given.value("releaseId")))
    name = given.text("endpointName")
    if name != release.names.dev_endpoint:
        raise InvalidRequestError(f"endpointName must be {release.names.dev_endpoint}, not {name!r:.80}")
    tested = outside.functions.version(LATEST).inference
    test, inference = run(release, name, tested, outside)
    if outside.functions.version(LATEST).inference != tested:
        raise TransientError("the inference function was deployed anew while it was tested")
    output, now = {**test.to_output(), "codeSha256": tested.code}, outside.clock.now()
    event_name = "Dev endpoint passed" if output["passed"] else "Dev endpoint failed"
    outside.releases.audit(release.release_id, event_name, "test_endpoint", output, now)
    outside.releases.update(
        release.release_id,
        {
            "devTest": {**output, "goldenScores": test.golden_scores, "inference": inference},
            "modelPackageArn": event.get("modelPackageArn"),
        },
        now,
        state=State.TESTED,
    )
    logger.info(event_name, extra={"release": release.release_id, "result": output})
    return output


def run(release: Release, name: str, tested: Inference, outside: Outside) -> tuple[DevTest, dict[str, Any]]:
    """Make every check; return what was found of the endpoint, with all failures, and of the inference code."""
    golden = GoldenRows.parse(outside.objects.read_json(release.place("data", "golden", "golden.json")))
    trial, live = asked(release, name, outside)
    limit = release.policy.maximum_latency

    def directly(rows: str) -> bytes:
        return outside.predictions.invoke(name, rows)

    test = DevTest(trial.csv if release.is_code_only else directly, outside.clock.seconds)
    test.run(golden, captured(release, golden, outside), limit)
    code, comparison = CodeTest(trial), None
    if not test.failures:
        code.run(golden, test.golden_scores, limit)
        test.failures += code.failures
        if live is not None and release.is_code_only and not test.failures:
            comparison = code.compare(live, golden)
    before = outside.functions.version(release.live_version) if release.champion else None
    return test, {
        "new": tested.to_output(),
        "live": None if before is None else {"version": before.version, **before.inference.to_output()},
        "differences": [] if before is None else before.inference.differences(tested),
        "latencyMilliseconds": code.latency_output(),
        "comparison": comparison,
    }


def asked(release: Release, name: str, outside: Outside) -> tuple[Asked, Asked | None]:
    """Return the new code on trial at the dev endpoint, and the live version where there is one."""
    trial = {"ENDPOINT_NAME": name, "RELEASE_ID": release.release_id}
    new = Asked(
        "the new code",
        release.release_id,
        lambda event: outside.functions.invoke(LATEST, event, trial),
        outside.clock,
    )
    champion = release.champion
    if champion is None:
        return new, None
    live = Asked(
        f"the live version {champion.version}",
        champion.release_id,
        lambda event: outside.functions.invoke(champion.version, event),
        outside.clock,
    )
    return new, live


def captured(release: Release, golden: GoldenRows, outside: Outside) -> Replay:
    """Return what the champion was asked lately, as far as the policy wants it replayed."""
    replay = Replay(len(golden.columns), release.policy.replay_rows)
    if release.champion is not None:
        bucket, _ = split_uri(release.place("capture"))
        replay.collect(outside.objects, bucket, release.champion.endpoint_name, outside.clock.now())
    return replay
