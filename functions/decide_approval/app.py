"""Record a person's decision, then hand it to the release. Called by the HTTP API's POST /approvals/{id}.

The record comes first: should handing over fail, a button hands over the same decision again, never another.
Forms and links are never logged.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from safe_deploy import config, observability
from safe_deploy.domain.approval import Approval, Decision, Delivery, encryption_context
from safe_deploy.domain.monitoring import iso
from safe_deploy.domain.ports import Outside
from safe_deploy.domain.visit import DecisionForm, Visit, WrongFormError
from safe_deploy.errors import ConditionFailedError, IllegalTransitionError
from safe_deploy.pages import approval as pages
from safe_deploy.pages.layout import Page
from safe_deploy.pages.site import answering, load_evidence, open_link
from safe_deploy.wiring import aws

logger = observability.logger()


@logger.inject_lambda_context
def handler(event: dict[str, Any], _context: LambdaContext, *, outside: Outside | None = None) -> dict[str, Any]:
    """Return the page that says what is decided now."""
    return answering(lambda: decide(Visit.from_event(event), outside or aws()))


def decide(visit: Visit, outside: Outside) -> Page:
    """Record the decision unless there is one, hand it over unless that is done, and tell."""
    visit.check_origin()
    form = DecisionForm.parse(visit)
    approval = open_link(form.link, outside)
    if approval is None or not form.link.admits_form(form.form_token):
        logger.info("no approval opened")
        return pages.unknown()
    model_name = config.model_name()
    if approval.is_open(outside.clock.now()):
        try:
            form.check(model_name)
        except WrongFormError as error:
            return ask_again(form, approval, outside, str(error))
        try:
            outside.approvals.decide(approval, decision_of(form, visit, outside))
        except ConditionFailedError:
            logger.info("somebody else was faster", extra={"release": approval.release_id})
        except IllegalTransitionError:
            return pages.not_waiting(model_name, approval)
        approval = outside.approvals.find(approval.approval_id) or approval
    if approval.decided is not None and approval.delivery is None:
        approval = deliver(approval, outside)
    return pages.settled(model_name, form.link, approval)


def ask_again(form: DecisionForm, approval: Approval, outside: Outside, problem: str) -> Page:
    """Return the form once more, with what was typed and what is wrong with it."""
    evidence = load_evidence(approval, outside, config.setting("ARTIFACT_BUCKET"))
    if evidence is None:
        return pages.undecidable(approval)
    return pages.pending(config.model_name(), form.link, approval, evidence, form=form, problem=problem)


def decision_of(form: DecisionForm, visit: Visit, outside: Outside) -> Decision:
    """Return the decision that a checked form makes."""
    return Decision(form.choice, form.decided_by, form.reason, iso(outside.clock.now()), visit.source_ip)


def deliver(approval: Approval, outside: Outside) -> Approval:
    """Hand the recorded decision to the state machine's task, and record what became of that."""
    context = encryption_context(config.model_name(), approval.release_id, approval.approval_id)
    token = outside.keys.decrypt(approval.task_token_ciphertext, context)
    waited = outside.executions.succeed(token, approval.answer())
    delivery = Delivery.DELIVERED if waited else Delivery.NOT_WAITING
    outside.approvals.delivered(approval.approval_id, delivery, outside.clock.now())
    logger.info("decision handed over", extra={"release": approval.release_id, "delivery": delivery})
    return replace(approval, delivery=delivery)
