"""Take the decision that a page's form makes. Called by the HTTP API's POST /approvals/{id}.

Forms and links are never logged.
"""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from safe_deploy import config, observability
from safe_deploy.domain.approval import Approval, Holder
from safe_deploy.domain.audit import NO_RELEASE, stamp
from safe_deploy.domain.deciding import deliver, record
from safe_deploy.domain.decision import Decision, Via
from safe_deploy.domain.ports import Outside
from safe_deploy.domain.visit import BadVisitError, DecisionForm, Visit, WrongFormError
from safe_deploy.errors import ConditionFailedError, IllegalTransitionError
from safe_deploy.pages import approval as pages
from safe_deploy.pages.layout import Page
from safe_deploy.pages.site import Opened, admit, answering, load_evidence, open_link
from safe_deploy.wiring import aws

USED = "This form was sent before, perhaps by a program that reads your mail. Look once more, then press again."
CHANGED = "Somebody else has sent a form in the meantime. Look once more, then press again."

logger = observability.logger()


@logger.inject_lambda_context
def handler(event: dict[str, Any], _context: LambdaContext, *, outside: Outside | None = None) -> dict[str, Any]:
    """Return the page that says what is decided now."""
    return answering(lambda: decide(Visit.from_event(event), outside or aws()))


def decide(visit: Visit, outside: Outside) -> Page:
    """Record the decision unless there is one, hand it over unless that is done, and tell."""
    admit(visit, outside)
    form = read_form(visit, outside)
    opened = open_link(visit, form.link, outside)
    if opened is None:
        logger.info("no approval opened")
        return pages.unknown()
    approval, model_name = opened.approval, config.model_name()
    if approval.is_open(outside.clock.now()):
        try:
            taken = take_form(form, opened, visit, outside)
        except IllegalTransitionError:
            opened.record("Refused: the release doesn't wait any more", visit, outside)
            return pages.not_waiting(model_name, approval)
        if isinstance(taken, Page):
            return taken
        approval = taken
    elif form.choice:
        opened.record("Refused: a form that came after the end", visit, outside, state=str(approval.state))
    approval = deliver(approval, model_name, outside)
    logger.info("approval", extra={"release": approval.release_id, "state": approval.state})
    if approval.is_open(outside.clock.now()):
        return pages.waiting_for_others(model_name, approval)
    return pages.settled(model_name, form.link, approval)


def read_form(visit: Visit, outside: Outside) -> DecisionForm:
    """Return the form. Raises BadVisitError, which is recorded, when it isn't one that our page sends."""
    try:
        visit.check_origin()
        return DecisionForm.parse(visit)
    except BadVisitError as error:
        outside.releases.audit(NO_RELEASE, f"Refused: {error}", "unknown", visit.facts, outside.clock.now())
        raise


def take_form(form: DecisionForm, opened: Opened, visit: Visit, outside: Outside) -> Approval | Page:
    """Return the approval after a form's decision, or the page that asks again."""
    approval = opened.approval
    if not form.link.admits_form(form.form_token, approval.revision):
        opened.record("Refused: a form that was used before", visit, outside)
        return ask_again(form, approval, outside, USED)
    try:
        form.check(config.model_name())
    except WrongFormError as error:
        opened.record("Refused: a form that was filled in wrongly", visit, outside, problem=str(error))
        return ask_again(form, with_new_form(approval, outside), outside, str(error))
    after = record(approval, decision_of(form, opened.holder, visit, outside), outside)
    if after is None:
        opened.record("Refused: somebody else was faster", visit, outside)
        return ask_again(form, read_again(approval, outside), outside, CHANGED)
    if after is approval:
        opened.record("Refused: this person has agreed before", visit, outside, name=form.decided_by)
    return after


def with_new_form(approval: Approval, outside: Outside) -> Approval:
    """Return an approval whose form's token is a new one."""
    try:
        return outside.approvals.use_form(approval)
    except ConditionFailedError:
        return read_again(approval, outside)


def read_again(approval: Approval, outside: Outside) -> Approval:
    """Return an approval as it is now."""
    return outside.approvals.find(approval.approval_id) or approval


def ask_again(form: DecisionForm, approval: Approval, outside: Outside, problem: str) -> Approval | Page:
    """Return the form once more, with what was typed and what is wrong; or the approval, if it is settled by now."""
    if not approval.is_open(outside.clock.now()):
        return approval
    evidence = load_evidence(approval, outside, config.setting("ARTIFACT_BUCKET"))
    if evidence is None:
        return pages.undecidable(approval)
    return pages.pending(config.model_name(), form.link, approval, evidence, form=form, problem=problem)


def decision_of(form: DecisionForm, holder: Holder, visit: Visit, outside: Outside) -> Decision:
    """Return the decision that a checked form makes."""
    return Decision(
        form.choice,
        form.decided_by,
        form.reason,
        stamp(outside.clock.now()),
        visit.source_ip,
        Via.PERSONAL_LINK if holder.email else Via.LINK,
        holder.email,
        visit.user_agent,
    )
