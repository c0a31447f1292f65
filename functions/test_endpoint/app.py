"""Test the dev endpoint: right answers, the same twice, fast enough, also for what the champion was asked.

Called by the state `Test Dev Endpoint`.
"""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from safe_deploy import observability
from safe_deploy.domain.dev_test import DevTest
from safe_deploy.domain.fields import Fields
from safe_deploy.domain.golden import GoldenRows
from safe_deploy.domain.names import check_release_id, split_uri
from safe_deploy.domain.ports import Outside
from safe_deploy.domain.release import Release, State
from safe_deploy.domain.replay import Replay
from safe_deploy.entry import task
from safe_deploy.errors import InvalidRequestError
from safe_deploy.wiring import aws

logger = observability.logger()


@logger.inject_lambda_context
@task
def handler(event: dict[str, Any], _context: LambdaContext, *, outside: Outside | None = None) -> dict[str, Any]:
    """Return {"passed", "failures", "latencyMilliseconds", "goldenRows", "replayed", "replay"}."""
    outside = outside or aws()
    given = Fields(event, "the request")
    release = outside.releases.get(check_release_id(given.value("releaseId")))
    name = given.text("endpointName")
    if name != release.names.dev_endpoint:
        raise InvalidRequestError(f"endpointName must be {release.names.dev_endpoint}, not {name!r:.80}")
    golden = GoldenRows.parse(outside.objects.read_json(release.place("data", "golden", "golden.json")))
    test = DevTest(lambda rows: outside.predictions.invoke(name, rows), outside.clock.seconds)
    test.run(golden, captured(release, golden, outside), release.policy.maximum_latency)
    output, now = test.to_output(), outside.clock.now()
    event_name = "Dev endpoint passed" if output["passed"] else "Dev endpoint failed"
    outside.releases.audit(release.release_id, event_name, "test_endpoint", output, now)
    outside.releases.update(
        release.release_id,
        {"devTest": {**output, "goldenScores": test.golden_scores}},
        now,
        state=State.TESTED,
    )
    logger.info(event_name, extra={"release": release.release_id, "result": output})
    return output


def captured(release: Release, golden: GoldenRows, outside: Outside) -> Replay:
    """Return what the champion was asked lately, as far as the policy wants it replayed."""
    replay = Replay(len(golden.columns), release.policy.replay_rows)
    if release.champion is not None:
        bucket, _ = split_uri(release.place("capture"))
        replay.collect(outside.objects, bucket, release.champion.endpoint_name, outside.clock.now())
    return replay
