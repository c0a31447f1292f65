"""Show an approval: the evidence and the form, or what became of it. Called by GET and HEAD /approvals/{id}.

Opening a link decides nothing, whoever or whatever opens it; the audit trail notes that it was opened. Links are
never logged.
"""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from safe_deploy import config, observability
from safe_deploy.domain.ports import Outside
from safe_deploy.domain.visit import Visit
from safe_deploy.pages import approval as pages
from safe_deploy.pages.layout import Page
from safe_deploy.pages.site import admit, answering, load_evidence, open_link
from safe_deploy.wiring import aws

logger = observability.logger()


@logger.inject_lambda_context
def handler(event: dict[str, Any], _context: LambdaContext, *, outside: Outside | None = None) -> dict[str, Any]:
    """Return the page; to HEAD, its headers alone."""
    visit = Visit.from_event(event)
    answer = answering(lambda: show(visit, outside or aws()))
    return {**answer, "body": ""} if visit.method == "HEAD" else answer


def show(visit: Visit, outside: Outside) -> Page:
    """Return the page for a visit; a wrong id and a wrong key look the same."""
    admit(visit, outside)
    opened = open_link(visit, visit.link, outside)
    if opened is None:
        logger.info("no approval opened")
        return pages.unknown()
    approval = opened.approval
    opened.record("Viewed", visit, outside, state=str(approval.state))
    logger.info("approval opened", extra={"release": approval.release_id, "state": approval.state})
    if not approval.is_open(outside.clock.now()):
        return pages.settled(config.model_name(), visit.link, approval)
    evidence = load_evidence(approval, outside, config.setting("ARTIFACT_BUCKET"))
    if evidence is None:
        logger.error("the evidence is gone, or differs from its digest", extra={"release": approval.release_id})
        return pages.undecidable(approval)
    return pages.pending(config.model_name(), visit.link, approval, evidence)
