"""Mail protection opens, follows and submits; it must not decide, and must not get in a person's way."""

from __future__ import annotations

import re

import pytest
from safe_deploy.domain.approval import Approval
from safe_deploy.domain.decision import ApprovalState

from tests.approval.conftest import Fetch
from tests.approval.scanner import ADDRESSES, GUESSES, Page, scan
from tests.fakes.story import FIRST, MODEL, SITE, Story


def approval(story: Story) -> Approval:
    """The approval as it stands."""
    return story.outside.memory.approvals[story.outside.releases.get(FIRST).item["approvalId"]]


def test_a_scanner_finds_the_form_and_sends_it_in_every_way(story: Story, link: str, browser: Fetch) -> None:
    """The scanner is worth something only if it does send the form: a person's values would have decided."""
    (form,) = Page(browser("GET", link, None, "192.0.2.1", "x")[1]).forms
    assert form.buttons == [("decision", "approve"), ("decision", "reject")]
    assert form.fillable == ["modelName", "decidedBy", "reason"]
    assert len(list(form.sendings())) == 3 * len(GUESSES)
    values = {**form.fields, "modelName": MODEL, "decidedBy": "Ada", "decision": "approve"}
    assert browser("POST", f"{SITE}/approvals/{form.action}", values, "192.0.2.1", "x")[0] == 200
    assert approval(story).state is ApprovalState.APPROVED


def test_a_scanner_decides_nothing(story: Story, link: str, browser: Fetch) -> None:
    statuses = scan(browser, link, ADDRESSES)
    assert {200, 422} <= set(statuses)
    assert approval(story).state is ApprovalState.PENDING
    assert approval(story).decisions == ()
    assert story.outside.executions.answers == []


def test_a_person_decides_after_the_scanners(story: Story, link: str, browser: Fetch) -> None:
    for wave in range(3):
        scan(browser, link, (ADDRESSES[wave],))
        story.outside.clock.advance(600)
    assert "This release was approved" in story.decide(link)["body"]


def test_a_scanner_that_comes_while_a_person_reads_costs_them_one_more_click(
    story: Story, link: str, browser: Fetch
) -> None:
    (form,) = Page(browser("GET", link, None, "192.0.2.1", "x")[1]).forms
    scan(browser, link, ADDRESSES[:1])
    typed = {**form.fields, "modelName": MODEL, "decidedBy": "Ada", "reason": "good", "decision": "approve"}
    status, text = browser("POST", f"{SITE}/approvals/{form.action}", typed, "192.0.2.1", "x")
    assert status == 422
    assert 'value="Ada"' in text
    (again,) = Page(text).forms
    reason = re.search(r"<textarea[^>]*>(.*?)</textarea>", text)
    assert reason
    sent = {**again.fields, "reason": reason[1], "decision": "approve"}
    assert browser("POST", f"{SITE}/approvals/{again.action}", sent, "192.0.2.1", "x")[0] == 200
    assert approval(story).state is ApprovalState.APPROVED


def test_a_scanner_after_the_decision_changes_nothing(story: Story, link: str, browser: Fetch) -> None:
    story.decide(link)
    before = approval(story)
    scan(browser, link, ADDRESSES)
    assert approval(story) == before
    assert len(story.outside.executions.answers) == 1


@pytest.mark.parametrize("agent", ["", "Outlook-iOS/2.0", "curl/8"])
def test_every_visit_is_on_record_with_address_and_agent(story: Story, link: str, browser: Fetch, agent: str) -> None:
    browser("HEAD", link, None, "198.51.100.7", agent)
    browser("GET", link, None, "198.51.100.7", agent)
    viewed = [entry["detail"] for entry in story.outside.memory.audit if entry["event"] == "Viewed"]
    assert [(each["method"], each["sourceIp"], each["userAgent"]) for each in viewed] == [
        ("HEAD", "198.51.100.7", agent),
        ("GET", "198.51.100.7", agent),
    ]
