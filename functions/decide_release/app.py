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
from safe_deploy.domain.deciding import deliver, record
from safe_deploy.domain.decision import Decision, Via
from safe_deploy.domain.fields import Fields, parse_json
from safe_deploy.domain.monitoring import iso
from safe_deploy.domain.names import check_release_id
from safe_deploy.domain.ports import Outside
from safe_deploy.domain.visit import BODY_LIMIT, CHOICES, REASON_LIMIT, Visit, is_plain
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
        iam = ((event.get("requestContext") or {}).get("authorizer") or {}).get("iam") or {}
        if not iam.get("userArn"):
            raise RefusedError("the caller isn't known: the route must demand IAM")
        given = Fields(parse_json(visit.body[:BODY_LIMIT], "the request"), "the request")
        choice, evidence = given.choice("decision", CHOICES), given.text("evidenceDigest", maximum=64)
        reason = given.text("reason", maximum=REASON_LIMIT) if given.value("reason") else ""
        given.end()
        if choice == "reject" and not reason:
            given.fail("reason", "is needed to reject")
        if not is_plain(reason):
            given.fail("reason", "must be plain text")
        return cls(check_release_id(visit.approval_id), choice, evidence, reason, str(iam["userArn"]), visit)


@logger.inject_lambda_context
def handler(event: dict[str, Any], _context: LambdaContext, *, outside: Outside | None = None) -> dict[str, Any]:
    """Return what is decided now, as HTTP API takes it."""
    try:
        return answered(200, decide(Request.from_event(event), outside or aws()))
    except tuple(kind for kind, _ in STATUS) as error:
        status = next(status for kind, status in STATUS if isinstance(error, kind))
        logger.info("no decision", extra={"status": status, "reason": str(error)})
        return answered(status, {"message": str(error)})


def decide(request: Request, outside: Outside) -> dict[str, Any]:
    """Record the decision unless there is one, and hand it over unless that is done."""
    approval = approval_of(request, outside)
    now = outside.clock.now()
    if approval.is_open(now):
        decision = Decision(
            request.choice,
            request.caller,
            request.reason,
            iso(now),
            request.visit.source_ip,
            Via.IAM,
            request.caller,
            request.visit.user_agent,
        )
        after = record(approval, decision, outside)
        if after is None:
            raise TransientError("somebody decides about this release just now; look, then try again")
        approval = after
    approval = deliver(approval, config.model_name(), outside)
    logger.info("approval", extra={"release": approval.release_id, "state": approval.state, "by": request.caller})
    return {
        "release": approval.release_id,
        "state": str(approval.state),
        "by": approval.by,
        "delivery": str(approval.delivery or ""),
    }


def approval_of(request: Request, outside: Outside) -> Approval:
    """Return the approval that a release waits for. Raises NotFoundError, RefusedError when it isn't what was seen."""
    release = outside.releases.get(request.release_id)
    approval = outside.approvals.find(str(release.item.get("approvalId", "")))
    if approval is None:
        raise NotFoundError(f"nobody is asked about release {release.release_id}")
    if approval.evidence_digest != request.evidence_digest:
        detail = {**request.visit.facts, "approvalId": approval.approval_id, "seen": request.evidence_digest}
        now = outside.clock.now()
        outside.releases.audit(release.release_id, "Refused: other evidence was seen", request.caller, detail, now)
        raise RefusedError("the evidence that you have seen is not what the release is asked about; look again")
    if not approval.is_open(outside.clock.now()) and not approval.is_decided:
        raise IllegalTransitionError(f"the approval of release {release.release_id} is {approval.state}")
    return approval


def answered(status: int, content: dict[str, Any]) -> dict[str, Any]:
    """Return JSON as HTTP API takes it."""
    headers = {"content-type": "application/json", "cache-control": "no-store"}
    return {"statusCode": status, "headers": headers, "body": json.dumps(content), "isBase64Encoded": False}
