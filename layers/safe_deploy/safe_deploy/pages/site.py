"""What both page functions do alike: open a link, load the evidence, answer for errors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any

from safe_deploy.domain.approval import Approval, Link
from safe_deploy.domain.fields import parse_json
from safe_deploy.domain.ports import Outside
from safe_deploy.domain.visit import BadVisitError
from safe_deploy.errors import TransientError
from safe_deploy.pages import approval as pages
from safe_deploy.pages.layout import Page

EVIDENCE_LIMIT = 4 * 1024 * 1024


def open_link(link: Link, outside: Outside) -> Approval | None:
    """Return the approval that a link opens, or None for a guess."""
    if not link.is_well_formed:
        return None
    found = outside.approvals.find(link.approval_id)
    return found if link.opens(found) else None


def load_evidence(approval: Approval, outside: Outside, bucket: str) -> Mapping[str, Any] | None:
    """Return the evidence that an approval is about, or None when what is kept isn't that any more."""
    uri = f"s3://{bucket}/releases/{approval.release_id}/evidence.json"
    content = outside.objects.read(uri, limit=EVIDENCE_LIMIT)
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
    except TransientError:
        page = pages.busy()
    return page.to_output()
