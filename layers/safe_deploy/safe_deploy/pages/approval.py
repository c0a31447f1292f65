"""What an approver sees, from the form to what became of it. Used by show_approval and decide_approval."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from string import Template
from typing import Any

from safe_deploy.domain.approval import Approval, Delivery, Link
from safe_deploy.domain.decision import ApprovalState
from safe_deploy.domain.figures import moment
from safe_deploy.domain.monitoring import parse_time
from safe_deploy.domain.visit import NAME_LIMIT, REASON_LIMIT, DecisionForm
from safe_deploy.pages.evidence import evidence_sections
from safe_deploy.pages.html import escape
from safe_deploy.pages.layout import Page, message

FORM = Template(
    """<section aria-labelledby="decide">
<h2 id="decide">Decide</h2>
$problem<form method="post" action="$action#decide" autocomplete="off" aria-labelledby="decide">
<input type="hidden" name="key" value="$key">
<input type="hidden" name="formToken" value="$token">
<label for="modelName">Type the model's name: <code>$model</code></label>
<input id="modelName" name="modelName" value="$typed" required autocapitalize="none" spellcheck="false">
<label for="decidedBy">Your name</label>
<input id="decidedBy" name="decidedBy" value="$name" required maxlength="$name_limit">
<label for="reason">Comment <span class="soft">(to reject: the reason, which is mailed)</span></label>
<textarea id="reason" name="reason" rows="3" maxlength="$reason_limit">$reason</textarea>
<div class="buttons">
<button class="yes" name="decision" value="approve">Approve</button>
<button class="no" name="decision" value="reject">Reject</button>
</div>
</form>
</section>"""
)

AGAIN = Template(
    """<form method="post" action="$action">
<input type="hidden" name="key" value="$key">
<div class="buttons"><button class="yes">Hand it over now</button></div>
</form>"""
)


def unknown() -> Page:
    """Return the one page for a link that opens nothing: wrong id, wrong key or none at all look alike."""
    return message(
        404,
        "This link opens nothing",
        "It may be incomplete: mail programs sometimes break long links. Copy the whole link from the mail.",
    )


def bad_request(problem: str) -> Page:
    """Return the page for a form that no browser would have sent from ours."""
    return message(400, "This form can't be read", problem[:1].upper() + problem[1:] + ".")


def too_many() -> Page:
    """Return the page for who asks too often, whatever they ask for."""
    return message(
        429, "Too many visits", "Nothing was lost. Wait ten minutes, then open the link from the mail again."
    )


def busy() -> Page:
    """Return the page for when AWS is away."""
    return message(503, "Please try again", "Nothing was lost. Wait a minute, then open the link from the mail again.")


def pending(
    model_name: str,
    link: Link,
    approval: Approval,
    evidence: Mapping[str, Any],
    *,
    form: DecisionForm | None = None,
    problem: str = "",
) -> Page:
    """Return the page with the evidence and the form; a form that was sent before is filled in again."""
    title = f"{model_name}: decide about release {approval.release_id}"
    alert = (
        f'<div class="panel problem" role="alert"><p>Nothing was decided. {escape(problem)}</p></div>\n'
        if problem
        else ""
    )
    filled = FORM.substitute(
        problem=alert,
        action=escape(link.approval_id),
        key=escape(link.secret),
        token=escape(link.form_token(approval.revision)),
        model=escape(model_name),
        typed=escape(form.model_name if form else ""),
        name=escape(form.decided_by if form else ""),
        reason=escape(form.reason if form else ""),
        name_limit=NAME_LIMIT,
        reason_limit=REASON_LIMIT,
    )
    intro = (
        f"<h1>{escape(model_name)}: decide about release "
        f'<span class="whole">{escape(approval.release_id)}</span></h1>\n'
        f'<p class="soft">Until {escape(moment(approval.deadline))}. Opening this page has decided nothing. '
        '<a class="screen" href="#decide">Go to the decision</a></p>'
        + (f'\n<p class="panel">{escape(others)}</p>' if (others := _others_words(approval)) else "")
    )
    sections = evidence_sections(evidence, approval.evidence_digest)
    return Page(
        422 if problem else 200, f"Nothing decided: {title}" if problem else title, f"{intro}\n{sections}\n{filled}"
    )


def settled(model_name: str, link: Link, approval: Approval) -> Page:
    """Return the page for an approval that can't be decided any more."""
    release = f"release {approval.release_id} of {model_name}"
    decision = approval.decided
    if decision is not None:
        verb = "approved" if approval.state is ApprovalState.APPROVED else "rejected"
        words = [f"{approval.by} {verb} {release} at {moment(parse_time(decision.at, 'at'))}."]
        words += [f"{each.who}: {each.reason}" for each in approval.decisions if each.reason]
        words.append(_delivery_words(approval))
        page = message(200, f"This release was {verb}", *words)
        return page if approval.delivery else replace(page, body=f"{page.body}\n{_again(link)}")
    if approval.state is ApprovalState.SUPERSEDED:
        return message(
            410,
            "A newer mail replaces this link",
            f"A later mail asks about {release}. Use its link.",
        )
    if approval.state is ApprovalState.WITHDRAWN:
        return message(410, "Nothing to decide any more", f"The run of {release} ended without a decision.")
    return message(
        410,
        "This link has expired",
        f"Nobody decided about {release} until {moment(approval.deadline)}, so it was not released.",
    )


def waiting_for_others(model_name: str, approval: Approval) -> Page:
    """Return the page for a yes that doesn't suffice by itself."""
    return message(
        200,
        "Your yes is recorded",
        f"Release {approval.release_id} of {model_name} still waits. {_others_words(approval)}",
    )


def not_waiting(model_name: str, approval: Approval) -> Page:
    """Return the page for a decision that came after the release had ended."""
    return message(
        409,
        "Nothing to decide any more",
        f"The run of release {approval.release_id} of {model_name} doesn't wait any more. Nothing was recorded.",
    )


def undecidable(approval: Approval) -> Page:
    """Return the page for evidence that isn't what the approval is about."""
    return message(
        409,
        "The evidence has changed",
        f"What is kept as evidence of release {approval.release_id} isn't what you were asked about. "
        "Don't decide; tell whoever runs this app.",
    )


def _others_words(approval: Approval) -> str:
    agreed = f"{approval.by} agreed." if approval.by else ""
    return " ".join(filter(None, (agreed, approval.rule.words)))


def _delivery_words(approval: Approval) -> str:
    if approval.delivery is Delivery.DELIVERED:
        return "This decision has reached the release."
    if approval.delivery is Delivery.NOT_WAITING:
        return (
            "The release no longer waited when the decision reached it: it had this decision already, or had "
            "ended. The mail about its end says which."
        )
    return "The decision is recorded, and has not reached the release yet."


def _again(link: Link) -> str:
    return AGAIN.substitute(action=escape(link.approval_id), key=escape(link.secret))
