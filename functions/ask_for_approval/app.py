"""Ask people for a decision: fetch and seal the token of the task that waits, gather the evidence, mail the links.

Called by the state `Send Request`, beside which `Await Decision` waits. A retried call supersedes the earlier link.
Called again by `Look for a Decision` when the time is up: one that is recorded counts, though nobody handed it over.
No link is ever logged.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from safe_deploy import config, observability
from safe_deploy.domain import notices
from safe_deploy.domain.approval import Approval, Delivery
from safe_deploy.domain.asking import Invitation, invite, reminder_time, rule_for, send
from safe_deploy.domain.evidence import Evidence, gather
from safe_deploy.domain.figures import moment
from safe_deploy.domain.names import Names, split_uri
from safe_deploy.domain.ports import Outside
from safe_deploy.domain.question import question
from safe_deploy.domain.release import Release
from safe_deploy.domain.task_tokens import Asking, collect
from safe_deploy.entry import task
from safe_deploy.errors import ConditionFailedError, RefusedError
from safe_deploy.pages.mail import as_html
from safe_deploy.wiring import aws

logger = observability.logger()


@logger.inject_lambda_context
@task
def handler(event: dict[str, Any], _context: LambdaContext, *, outside: Outside | None = None) -> dict[str, Any]:
    """Return {"status": "asked" | "tokenLost"}. The answer comes from people, by decide_approval or decide_release.

    When the time is up, return that answer as they would have handed it over, or {"decision": "none"}.
    """
    outside = outside or aws()
    request = Asking.read(event, "the request")
    if event.get("timeIsUp") is True:
        return last_look(request, outside)
    release = outside.releases.get(request.release_id)
    previous = release.item.get("approvalId")
    if previous and _is_answered(previous, request, outside):
        return {"status": "asked"}
    deadline = collect(release.release_id, request.turn, config.model_name(), outside)
    if deadline is None:
        logger.warning("the task's token was lost", extra={"release": release.release_id, "turn": request.turn})
        return {"status": "tokenLost"}
    evidence = gather(release, outside.objects)
    if not evidence.content["gates"]["passed"] or not evidence.content["devTest"]["passed"]:
        raise RefusedError(f"release {release.release_id} has failed a gate or a test; nobody is asked about it")
    outside.objects.write(evidence_uri(release), evidence.text, "application/json")
    invitations = invite(config.approver_emails())
    try:
        approval = open_approval(request, release, evidence, previous, invitations, deadline, outside)
    except ConditionFailedError:
        return {"status": "asked"}
    set_reminder(request, approval, outside)
    site, until = config.setting("APPROVAL_URL"), moment(approval.deadline)
    unsent = send(
        invitations,
        site,
        lambda url: notices.approval_request(
            config.model_name(), evidence.content, url, until, approval.rule, len(invitations)
        ),
        as_html,
        outside,
    )
    if unsent:
        notice = notices.not_mailed(config.model_name(), release.release_id, unsent)
        outside.topic.publish(notice.subject, notice.text)
    sent = [invitation.email or "the topic" for invitation in invitations if invitation.email not in unsent]
    outside.releases.audit(
        release.release_id,
        "Mailed",
        "ask_for_approval",
        {"approvalId": approval.approval_id, "sentTo": sent, "notSentTo": unsent},
        outside.clock.now(),
    )
    logger.info("asked for approval", extra={"release": release.release_id, "digest": evidence.digest})
    return {"status": "asked"}


def last_look(request: Asking, outside: Outside) -> dict[str, str]:
    """Return what people decided in time, if it never reached the release."""
    approval_id = outside.releases.get(request.release_id).item.get("approvalId")
    approval = outside.approvals.find(approval_id) if approval_id else None
    if approval is None or not approval.is_decided:
        return {"decision": "none"}
    outside.approvals.delivered(approval.approval_id, Delivery.DELIVERED, outside.clock.now())
    logger.info("decided, and never handed over", extra={"release": request.release_id, "state": approval.state})
    return approval.answer()


def set_reminder(request: Asking, approval: Approval, outside: Outside) -> None:
    """Have the approvers reminded before the time is up."""
    names = Names.of(config.model_name(), approval.release_id)
    about = {"releaseId": approval.release_id, "approvalId": approval.approval_id}
    outside.reminders.set(names.reminder, reminder_time(approval.deadline, request.expires_in), about)


def evidence_uri(release: Release) -> str:
    """Return where the evidence is kept for the approval page: beside the release's other files."""
    bucket, _ = split_uri(release.place("capture"))
    return f"s3://{bucket}/releases/{release.release_id}/evidence.json"


def _is_answered(previous: str, request: Asking, outside: Outside) -> bool:
    """Return whether a person was faster than this retried call; one yes of two is an answer, too."""
    approval = outside.approvals.find(previous)
    return approval is not None and bool(approval.decisions) and approval.turn == request.turn


def open_approval(
    request: Asking,
    release: Release,
    evidence: Evidence,
    previous: str | None,
    invitations: list[Invitation],
    deadline: datetime,
    outside: Outside,
) -> Approval:
    """Store a new approval with what is asked; only the invitations hold the links' secrets."""
    approval_id, now = invitations[0].link.approval_id, outside.clock.now()
    approval = Approval(
        approval_id,
        release.release_id,
        tuple(invitation.holder for invitation in invitations),
        request.turn,
        evidence.digest,
        deadline,
        rule_for(release),
    )
    words = question(config.model_name(), evidence.content, moment(approval.deadline), approval.rule)
    outside.approvals.open(approval, words, previous=previous, now=now)
    return approval
