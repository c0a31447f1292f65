"""Decide whether the candidate's metrics keep the policy's gates. Called by the state `Check Gates`.

Records beside the verdict how this execution will host the release: the approval page tells that, too.
"""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from safe_deploy import observability
from safe_deploy.domain.evidence import Report
from safe_deploy.domain.fields import Fields
from safe_deploy.domain.gates import Evaluation, judge
from safe_deploy.domain.hosting import Hosting
from safe_deploy.domain.names import check_release_id
from safe_deploy.domain.ports import Outside
from safe_deploy.domain.release import Release, State
from safe_deploy.entry import task
from safe_deploy.wiring import aws

logger = observability.logger()


@logger.inject_lambda_context
@task
def handler(event: dict[str, Any], _context: LambdaContext, *, outside: Outside | None = None) -> dict[str, Any]:
    """Return {"passed", "failures", "metrics": {"candidate", "champion"}, "notes"}."""
    outside = outside or aws()
    given = Fields(event, "the request")
    release = outside.releases.get(check_release_id(given.value("releaseId")))
    hosting = Hosting.parse(given.object("hosting"))
    evaluation = Evaluation.parse(outside.objects.read_json(release.place("evaluation", "evaluation.json")))
    if release.is_code_only:
        evaluation = evaluation.of_the_champion()
    report = Report.parse(outside.objects.read_json(release.place("data", "report", "report.json")))
    verdict = judge(evaluation, release.policy, has_champion=release.champion is not None)
    output = {
        "passed": verdict.passed,
        "failures": list(verdict.failures),
        "metrics": evaluation.to_output(),
        "notes": notes(release, evaluation),
    }
    now = outside.clock.now()
    event_name = "Gates kept" if verdict.passed else "Gates failed"
    outside.releases.audit(release.release_id, event_name, "check_gates", output, now)
    outside.releases.update(
        release.release_id,
        {
            "gates": {**output, "checked": verdict.checked},
            "rows": report.content,
            "hosting": hosting.to_item(),
        },
        now,
        state=State.EVALUATED,
    )
    logger.info(event_name, extra={"release": release.release_id, "failures": output["failures"]})
    return output


def notes(release: Release, evaluation: Evaluation) -> list[str]:
    """Return what the gates don't say."""
    if release.is_code_only:
        return [f"the model is that of release {release.trained_by}, as it was measured then; it isn't compared anew"]
    obstacle = evaluation.champion_obstacle
    return [f"the champion can't be compared: {obstacle}"] if obstacle else []
