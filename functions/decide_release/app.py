"""Take the decision of a caller whom AWS has authenticated. Called by POST /releases/{id}/decision, signed with IAM.

The caller's ARN is what API Gateway says; what a caller says of themselves isn't asked.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from safe_deploy import config, observability
from safe_deploy.domain.approval import Approval
from safe_deploy.domain.audit import NO_RELEASE, stamp
from safe_deploy.domain.deciding import deliver, record
from safe_deploy.domain.decision import Decision, Via
from safe_deploy.domain.fields import Fields, parse_json
from safe_deploy.domain.names import check_release_id
from safe_deploy.domain.ports import Outside
from safe_deploy.domain.visit import CHOICES, REASON_LIMIT, Visit
from safe_deploy.errors import IllegalTransitionError, InvalidRequestError, NotFoundError, RefusedError, TransientError
from safe_deploy.wiring import aws

STATUS = ((NotFoundError, 404), (InvalidRequestError, 400), (TransientError, 503), (RefusedError, 409))

logger = observability.logger()


@dataclass(frozen=True, slots=True)
class Request:
    """What was sent, and who sent it."""

    release_id: str
    choice: str
    evidence_digest: str
    reason: str
    caller: str
    visit: Visit

    @classmethod
    def from_event(cls, event: dict[str, Any]) -> Request:
        """Read the event. Raises InvalidRequestError, naming the field that is wrong."""
        visit = Visit.from_event(event)
        given = Fields(parse_json(visit.content, "the request"), "the request")
        choice, evidence = given.choice("decision", CHOICES), given.text("evidenceDigest", maximum=64)
        reason = given.prose("reason", maximum=REASON_LIMIT) if given.value("reason") else ""
        given.end()
        if choice == "reject" and not reason:
            given.fail("reason", "is needed to reject")
        return cls(check_release_id(visit.approval_id), choice, evidence, reason, caller_of(event), visit)

    def refuse(self, why: str, outside: Outside, *, trail: str = "", **detail: str) -> None:
        """Add to the audit trail, which is the release's unless another is named, that a decision wasn't taken."""
        now, facts = outside.clock.now(), {**self.visit.facts, **detail}
        outside.releases.audit(trail or self.release_id, f"Refused: {why}", self.caller, facts, now)


def caller_of(event: dict[str, Any]) -> str:
    """Return the caller's ARN. Raises RefusedError when the route demands none."""
    iam = ((event.get("requestContext") or {}).get("authorizer") or {}).get("iam") or {}
    if not iam.get("userArn"):
        raise RefusedError("the caller isn't known: the route must demand IAM")
    return str(iam["userArn"])


@logger.inject_lambda_context
def handler(event: dict[str, Any], _context: LambdaContext, *, outside: Outside | None = None) -> dict[str, Any]:
    """Return what is decided now, as HTTP API takes it."""
    outside = outside or aws()
    try:
        return answered(200, decide(read(event, outside), outside))
    except tuple(kind for kind, _ in STATUS) as error:
        status = next(status for kind, status in STATUS if isinstance(error, kind))
        logger.info("no decision", extra={"status": status, "reason": str(error)})
        return answered(status, {"message": str(error)})


def read(event: dict[str, Any], outside: Outside) -> Request:
    """Return the request. Raises InvalidRequestError, which is recorded, when it isn't one."""
    try:
        return Request.from_event(event)
    except InvalidRequestError as error:
        facts = Visit.from_event(event).facts
        outside.releases.audit(NO_RELEASE, f"Refused: {error}", caller_of(event), facts, outside.clock.now())
        raise


def decide(request: Request, outside: Outside) -> dict[str, Any]:
    """Record the decision unless there is one, and hand it over unless that is done."""
    approval = approval_of(request, outside)
    now = outside.clock.now()
    if approval.is_open(now):
        decision = Decision(
            request.choice,
            request.caller,
            request.reason,
            stamp(now),
            request.visit.source_ip,
            Via.IAM,
            request.caller,
            request.visit.user_agent,
        )
        check_caller(request, decision, approval, outside)
        try:
            after = record(approval, decision, outside)
        except IllegalTransitionError:
            request.refuse("the release doesn't wait any more", outside)
            raise
        if after is None:
            request.refuse("somebody else was faster", outside)
            raise TransientError("somebody decides about this release just now; look, then try again")
        if after is approval:
            request.refuse("this person has agreed before", outside)
        approval = after
    elif approval.decided and (approval.decided.choice, approval.decided.identity) != (request.choice, request.caller):
        request.refuse("another decision was made before", outside, state=str(approval.state))
    approval = deliver(approval, config.model_name(), outside)
    logger.info("approval", extra={"release": approval.release_id, "state": approval.state, "by": request.caller})
    return {
        "release": approval.release_id,
        "state": str(approval.state),
        "by": approval.by,
        "delivery": str(approval.delivery or ""),
    }


def check_caller(request: Request, decision: Decision, approval: Approval, outside: Outside) -> None:
    """Raise RefusedError for the yes of nobody knows whom, where it matters who agrees."""
    if decision.choice == "approve" and approval.rule.tells_apart and decision.is_role_alone:
        request.refuse("the session's name is made up", outside, approvalId=approval.approval_id)
        raise RefusedError(
            f"nobody can tell who you are: a program has made up the name of your session, {decision.session}, and "
            "about this release it matters who agrees. Set role_session_name to your own name in your profile in "
            "~/.aws/config (or give --role-session-name to `aws sts assume-role`), take the role anew, and decide again"
        )


def approval_of(request: Request, outside: Outside) -> Approval:
    """Return the approval that a release waits for. Raises NotFoundError, RefusedError when it isn't what was seen."""
    try:
        release = outside.releases.get(request.release_id)
    except NotFoundError:
        request.refuse("there is no such release", outside, trail=NO_RELEASE, releaseId=request.release_id)
        raise
    asked = release.item.get("approvalId")
    approval = outside.approvals.find(asked) if asked else None
    if approval is None:
        request.refuse("nobody is asked about the release", outside, state=str(release.state))
        raise NotFoundError(f"nobody is asked about release {release.release_id}")
    if approval.evidence_digest != request.evidence_digest:
        request.refuse(
            "other evidence was seen", outside, approvalId=approval.approval_id, seen=request.evidence_digest
        )
        raise RefusedError("the evidence that you have seen is not what the release is asked about; look again")
    if not approval.is_open(outside.clock.now()) and not approval.is_decided:
        request.refuse("the decision came after the end", outside, state=str(approval.state))
        raise IllegalTransitionError(f"the approval of release {release.release_id} is {approval.state}")
    return approval


def answered(status: int, content: dict[str, Any]) -> dict[str, Any]:
    """Return JSON as HTTP API takes it."""
    headers = {"content-type": "application/json", "cache-control": "no-store"}
    return {"statusCode": status, "headers": headers, "body": json.dumps(content), "isBase64Encoded": False}
