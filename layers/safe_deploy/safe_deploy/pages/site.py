"""What both page functions do alike: count and open a link, load the evidence, answer for errors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from safe_deploy.domain.approval import APPROVAL_ID, Approval, Holder, Link
from safe_deploy.domain.attempts import is_noted, may_try, window_of
from safe_deploy.domain.audit import NO_RELEASE
from safe_deploy.domain.fields import parse_json
from safe_deploy.domain.ports import Outside
from safe_deploy.domain.visit import BadVisitError, TooManyVisitsError, Visit
from safe_deploy.errors import AccessDeniedError, NotFoundError, TooLargeError, TransientError
from safe_deploy.pages import approval as pages
from safe_deploy.pages.layout import Page

EVIDENCE_LIMIT = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Opened:
    """What a link has opened, and for whom it was made."""

    approval: Approval
    holder: Holder

    def record(self, event: str, visit: Visit, outside: Outside, **detail: str) -> None:
        """Add to the audit trail what was done with the link."""
        about = {"approvalId": self.approval.approval_id, "evidenceDigest": self.approval.evidence_digest}
        actor = self.holder.email or "whoever holds the link"
        now = outside.clock.now()
        outside.releases.audit(self.approval.release_id, event, actor, {**visit.facts, **about, **detail}, now)


def admit(visit: Visit, outside: Outside) -> None:
    """Count a visit. Raises TooManyVisitsError, which the audit trail names once for each window and approval."""
    now = outside.clock.now()
    if may_try(visit.link, visit.source_ip, outside.attempts, now):
        return
    if is_noted(visit.source_ip, outside.attempts, now):
        about = {"approvalId": visit.approval_id} if APPROVAL_ID.fullmatch(visit.approval_id) else {}
        outside.releases.audit(NO_RELEASE, "Too many visits", visit.source_ip, about, window_of(now))
    raise TooManyVisitsError("too many visits")


def open_link(visit: Visit, link: Link, outside: Outside) -> Opened | None:
    """Return the approval that a link opens, or None for a guess: recorded, and as much work as any other."""
    found = outside.approvals.find(link.lookup)
    holder = link.holder_in(found)
    if found is not None and holder is not None:
        return Opened(found, holder)
    trail = found.release_id if found is not None else NO_RELEASE
    outside.releases.audit(trail, "Refused: the link opens nothing", "unknown", visit.facts, outside.clock.now())
    return None


def load_evidence(approval: Approval, outside: Outside, bucket: str) -> Mapping[str, Any] | None:
    """Return the evidence that an approval is about, or None when that isn't kept any more, or can't be read."""
    uri = f"s3://{bucket}/releases/{approval.release_id}/evidence.json"
    try:
        content = outside.objects.read(uri, limit=EVIDENCE_LIMIT)
    except (NotFoundError, AccessDeniedError, TooLargeError):
        return None
    if sha256(content).hexdigest() != approval.evidence_digest:
        return None
    evidence: Mapping[str, Any] = parse_json(content, "evidence.json")
    return evidence


def answering(make: Callable[[], Page]) -> dict[str, Any]:
    """Return the page as HTTP API takes it; the one place that decides what an error's status is.

    What isn't ours is raised, so that it counts as the function's error; HTTP API answers 500 for it.
    """
    try:
        page = make()
    except BadVisitError as error:
        page = pages.bad_request(str(error))
    except TooManyVisitsError:
        page = pages.too_many()
    except TransientError:
        page = pages.busy()
    return page.to_output()
