"""Ask people for a decision: gather the evidence, keep the task token encrypted, mail the links.

Called by the state `Ask for Approval`, which then waits. A retried call supersedes the earlier link.
Neither the event nor a link is ever logged.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from safe_deploy import config, observability
from safe_deploy.domain import notices
from safe_deploy.domain.approval import Approval, encryption_context, hash_of
from safe_deploy.domain.asking import Invitation, invite, reminder_time, rule_for, send
from safe_deploy.domain.evidence import Evidence, gather
from safe_deploy.domain.fields import Fields
from safe_deploy.domain.figures import moment
from safe_deploy.domain.monitoring import iso
from safe_deploy.domain.names import Names, check_release_id, split_uri
from safe_deploy.domain.ports import Outside
from safe_deploy.domain.release import Release
from safe_deploy.entry import task
from safe_deploy.errors import ConditionFailedError, RefusedError
from safe_deploy.pages.mail import as_html
from safe_deploy.wiring import aws

LONGEST_SECONDS = 365 * 24 * 3600

logger = observability.logger()


@dataclass(frozen=True, slots=True)
class Request:
    """What the state machine sends."""

    release_id: str
    task_token: str
    expires_in: timedelta

    @classmethod
    def from_event(cls, event: dict[str, Any]) -> Request:
        """Read the event. Raises InvalidRequestError, naming the field that is wrong."""
        given = Fields(event, "the request")
        return cls(
            check_release_id(given.value("releaseId")),
            given.text("taskToken", maximum=4000),
            timedelta(seconds=given.integer("expiresInSeconds", minimum=1, maximum=LONGEST_SECONDS)),
        )


@logger.inject_lambda_context
@task
def handler(event: dict[str, Any], _context: LambdaContext, *, outside: Outside | None = None) -> dict[str, Any]:
    """Return {}: the answer comes from a person, by decide_approval."""
    outside = outside or aws()
    request = Request.from_event(event)
    release = outside.releases.get(request.release_id)
    previous = release.item.get("approvalId")
    if previous and _is_answered(previous, request, outside):
        return {}
    evidence = gather(release, outside.objects)
    if not evidence.content["gates"]["passed"] or not evidence.content["devTest"]["passed"]:
        raise RefusedError(f"release {release.release_id} has failed a gate or a test; nobody is asked about it")
    outside.objects.write(evidence_uri(release), evidence.text, "application/json")
    invitations = invite(config.approver_emails())
    try:
        approval = open_approval(request, release, evidence, previous, invitations, outside)
    except ConditionFailedError:
        return {}
    set_reminder(request, approval, outside)
    site, until = config.setting("APPROVAL_URL"), moment(approval.deadline)
    send(
        invitations,
        site,
        lambda url: notices.approval_request(config.model_name(), evidence.content, url, until),
        as_html,
        outside,
    )
    outside.releases.audit(
        release.release_id,
        "Asked for approval",
        "ask_for_approval",
        {
            "approvalId": approval.approval_id,
            "evidenceDigest": evidence.digest,
            "until": iso(approval.deadline),
            "sentTo": [invitation.email or "the topic" for invitation in invitations],
            **approval.rule.to_item(),
        },
        outside.clock.now(),
    )
    logger.info("asked for approval", extra={"release": release.release_id, "digest": evidence.digest})
    return {}


def set_reminder(request: Request, approval: Approval, outside: Outside) -> None:
    """Have the approvers reminded before the time is up."""
    names = Names.of(config.model_name(), approval.release_id)
    about = {"releaseId": approval.release_id, "approvalId": approval.approval_id}
    outside.reminders.set(names.reminder, reminder_time(outside.clock.now(), request.expires_in), about)


def evidence_uri(release: Release) -> str:
    """Return where the evidence is kept for the approval page: beside the release's other files."""
    bucket, _ = split_uri(release.place("capture"))
    return f"s3://{bucket}/releases/{release.release_id}/evidence.json"


def _is_answered(previous: str, request: Request, outside: Outside) -> bool:
    """Return whether a person was faster than this retried call."""
    approval = outside.approvals.find(previous)
    return (
        approval is not None
        and approval.decided is not None
        and approval.task_token_hash == hash_of(request.task_token)
    )


def open_approval(
    request: Request,
    release: Release,
    evidence: Evidence,
    previous: str | None,
    invitations: list[Invitation],
    outside: Outside,
) -> Approval:
    """Store a new approval; only the invitations hold the links' secrets."""
    approval_id, now = invitations[0].link.approval_id, outside.clock.now()
    context = encryption_context(config.model_name(), release.release_id, approval_id)
    approval = Approval(
        approval_id,
        release.release_id,
        tuple(invitation.holder for invitation in invitations),
        hash_of(request.task_token),
        outside.keys.encrypt(request.task_token, context),
        evidence.digest,
        now + request.expires_in,
        rule_for(release),
    )
    outside.approvals.open(approval, previous=previous, now=now)
    return approval
