"""Remind those who have not decided, with fresh links: the earlier ones are kept only as hashes.

Called once by a schedule that ask_for_approval has set. A decision that was recorded, but didn't reach its release, is
handed over. Links are never logged.
"""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from safe_deploy import config, observability
from safe_deploy.domain import notices
from safe_deploy.domain.approval import APPROVAL_ID, Approval
from safe_deploy.domain.asking import invite, send
from safe_deploy.domain.deciding import deliver
from safe_deploy.domain.fields import Fields
from safe_deploy.domain.figures import moment
from safe_deploy.domain.ports import Outside
from safe_deploy.entry import task
from safe_deploy.errors import ConditionFailedError, TransientError
from safe_deploy.pages.mail import as_html
from safe_deploy.wiring import aws

logger = observability.logger()


@logger.inject_lambda_context
@task
def handler(event: dict[str, Any], _context: LambdaContext, *, outside: Outside | None = None) -> dict[str, Any]:
    """Return {"reminded"}: how many were mailed."""
    outside = outside or aws()
    given = Fields(event, "the request")
    approval_id = given.text("approvalId")
    if not APPROVAL_ID.fullmatch(approval_id):
        given.fail("approvalId", "must be 32 hexadecimal digits")
    approval = outside.approvals.find(approval_id)
    if approval is not None:
        deliver(approval, config.model_name(), outside)
    if approval is None or not approval.is_open(outside.clock.now()):
        logger.info("nobody to remind")
        return {"reminded": 0}
    return {"reminded": remind(approval, outside)}


def remind(approval: Approval, outside: Outside) -> int:
    """Mail everybody who was asked and has not agreed yet."""
    agreed = {decision.identity for decision in approval.decisions}
    asked = dict.fromkeys(holder.email for holder in approval.holders)
    emails = [email for email in asked if email and email not in agreed]
    if not emails and any(asked):
        return 0
    invitations, current = invite(emails, approval.approval_id), approval
    try:
        for invitation in invitations:
            current = outside.approvals.add_holder(current, invitation.holder)
    except ConditionFailedError as error:
        raise TransientError("somebody visits the approval just now") from error
    until = moment(approval.deadline)
    unsent = send(
        invitations,
        config.setting("APPROVAL_URL"),
        lambda url: notices.approval_reminder(config.model_name(), approval.release_id, url, until),
        as_html,
        outside,
    )
    sent = [each.email or "the topic" for each in invitations if each.email not in unsent]
    detail = {"approvalId": approval.approval_id, "sentTo": sent, "notSentTo": unsent}
    outside.releases.audit(approval.release_id, "Reminded", "remind_approvers", detail, outside.clock.now())
    logger.info("reminded", extra={"release": approval.release_id, "mails": len(sent)})
    return len(sent)
