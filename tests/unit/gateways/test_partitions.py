"""Whom people reach reads and writes exactly the partitions of the records that its role allows, over a DynamoDB."""

from __future__ import annotations

from typing import Any

import pytest
from safe_deploy.errors import TransientError
from safe_deploy.gateways import clients
from safe_deploy.gateways.approvals import TableApprovals
from safe_deploy.gateways.attempts import TableAttempts
from safe_deploy.gateways.audit import TableAudit
from safe_deploy.gateways.releases import TableReleases
from safe_deploy.gateways.table import Table
from safe_deploy.gateways.task_tokens import TableTaskTokens

from tests.fakes.aws import FakeContext
from tests.fakes.story import ENVIRONMENT, FIRST, Story
from tests.template.test_template import partitions

RECORDS = ENVIRONMENT["TABLE_NAME"]
CALLER = "arn:aws:iam::111122223333:user/ada"


def audit() -> TableAudit:
    """The audit trail in moto's DynamoDB."""
    return TableAudit(Table(ENVIRONMENT["AUDIT_TABLE_NAME"]))


class Watched(Story):
    """A story whose records stand in tables, and what each function reaches of them, by action."""

    def __init__(self) -> None:
        super().__init__()
        self.reached: dict[str, dict[str, set[str]]] = {}
        self.calling = ""
        table, outside = Table(RECORDS), self.outside
        outside.releases = TableReleases(table, audit)  # type: ignore[assignment]
        outside.approvals = TableApprovals(table, audit)  # type: ignore[assignment]
        outside.attempts = TableAttempts(table)  # type: ignore[assignment]
        outside.task_tokens = TableTaskTokens(table)  # type: ignore[assignment]
        clients.client("dynamodb").meta.events.register("before-parameter-build.dynamodb", self.see)

    def call(self, function: str, event: dict[str, Any], context: FakeContext | None = None) -> Any:
        self.calling = function
        try:
            return super().call(function, event, context)
        finally:
            self.calling = ""

    def see(self, params: dict[str, Any], model: Any, **_: Any) -> None:
        """Note a call to DynamoDB; of a transaction, each write under the action that IAM asks for."""
        calls = [(f"{kind}Item", write) for each in params.get("TransactItems", ()) for kind, write in each.items()]
        for action, request in calls or [(model.name, params)]:
            if request["TableName"] == RECORDS:
                partition = (request.get("Key") or request["Item"])["pk"]["S"]
                found = self.reached.setdefault(self.calling, {})
                found.setdefault(f"dynamodb:{action}", set()).add(partition)

    def decide(self, link: str, choice: str = "approve", **changes: Any) -> Any:
        self.outside.memory.approvals = {approval.approval_id: approval} if (approval := self.approval()) else {}
        return super().decide(link, choice, **changes)

    def approval(self) -> Any:
        """The approval that the release waits for."""
        return self.outside.approvals.find(str(self.outside.releases.get(FIRST).item["approvalId"]))


@pytest.fixture
def story(aws: None) -> Watched:
    """A story until somebody is asked."""
    story = Watched()
    story.until_asked()
    return story


def test_looking_and_deciding_by_link(story: Watched) -> None:
    link = story.mailed_link()
    assert story.show(link)["statusCode"] == 200
    assert story.decide(link, modelName="wrong")["statusCode"] == 422
    assert "This decision has reached the release" in story.decide(link)["body"]
    assert story.decide(link)["statusCode"] == story.show(link)["statusCode"] == 200
    assert story.reached["show_approval"] == partitions("ShowApprovalFunction")
    assert story.reached["decide_approval"] == partitions("DecideApprovalFunction")


def test_deciding_from_the_terminal(story: Watched) -> None:
    for _ in range(2):
        assert story.decide_as(CALLER)["statusCode"] == 200
    assert story.decide_as(CALLER, release_id="20260101-000000-ffff", digest="0" * 64)["statusCode"] == 404
    assert story.reached["decide_release"] == partitions("DecideReleaseFunction")


def test_reminding_and_handing_over(story: Watched) -> None:
    assert story.remind() == {"reminded": 1}
    story.outside.executions.failure = TransientError("Step Functions is away")
    assert story.decide_as(CALLER)["statusCode"] == 503
    story.outside.executions.failure = None
    assert story.remind() == {"reminded": 0}
    assert story.approval().delivery == "delivered"
    assert story.reached["remind_approvers"] == partitions("RemindApproversFunction")
