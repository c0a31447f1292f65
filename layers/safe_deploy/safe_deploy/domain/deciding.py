"""Record a decision, then hand it to the release. Used by decide_approval and decide_release.

The record comes first: should handing over fail, the same decision is handed over again, never another.
"""

from __future__ import annotations

from dataclasses import replace

from safe_deploy.domain.approval import Approval, Delivery
from safe_deploy.domain.decision import Decision
from safe_deploy.domain.ports import Outside
from safe_deploy.domain.task_tokens import open_token
from safe_deploy.errors import ConditionFailedError


def record(approval: Approval, decision: Decision, outside: Outside) -> Approval | None:
    """Record a decision; return the approval after it, or None when it has changed since it was read.

    Who has agreed already agrees no second time. Raises IllegalTransitionError when the release doesn't wait.
    """
    if any(_is_same(decision, earlier) for earlier in approval.decisions):
        return approval
    try:
        return outside.approvals.decide(approval, decision)
    except ConditionFailedError:
        return None


def deliver(approval: Approval, model_name: str, outside: Outside) -> Approval:
    """Hand a recorded decision to the state machine's task, unless that is done; record what became of it."""
    if not approval.is_decided or approval.delivery is not None:
        return approval
    token = open_token(approval.release_id, approval.turn, model_name, outside)
    waited = outside.executions.succeed(token, approval.answer())
    delivery = Delivery.DELIVERED if waited else Delivery.NOT_WAITING
    outside.approvals.delivered(approval.approval_id, delivery, outside.clock.now())
    return replace(approval, delivery=delivery)


def _is_same(decision: Decision, earlier: Decision) -> bool:
    """Return whether a person has decided so before. It bounds what is kept, however many names somebody types."""
    return all(getattr(decision, name) == getattr(earlier, name) for name in ("choice", "via", "person"))
