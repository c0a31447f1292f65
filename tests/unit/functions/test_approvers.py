"""Who decides: personal links, two people, the requester, callers whom IAM knows, reminders."""

from __future__ import annotations

import json
from typing import Any

import pytest
from safe_deploy.domain.approval import Approval
from safe_deploy.domain.decision import ApprovalState
from safe_deploy.errors import InvalidRequestError, TransientError

from tests.fakes.story import FIRST, MODEL, ROOT, SITE, Story

ADA, BOB = "ada@example.com", "bob@example.com"
ROLE = "arn:aws:sts::111122223333:assumed-role/ReleaseManager"


def approval(story: Story) -> Approval:
    return story.outside.memory.approvals[story.outside.releases.get(FIRST).item["approvalId"]]


def state(story: Story) -> ApprovalState:
    return approval(story).state


def refusals(story: Story) -> list[tuple[str, str]]:
    """What was refused, and in which trail it stands."""
    return [(e["event"], e["release"]) for e in story.outside.memory.audit if e["event"].startswith("Refused")]


def ask(story: Story, requested_by: str = "Ada@Example.com", **approval: Any) -> None:
    """Tell the story until everybody has their mail."""
    story.policy["approval"] = {"required": 1, "requesterMayApprove": True, **approval}
    story.deploy_code()
    story.drop(manifest={"files": ["sales.csv"], "requestedBy": requested_by})
    story.register()
    story.run_jobs()
    story.check_gates()
    story.test_endpoint()
    story.wait(FIRST, "token", 36_000)
    story.call("ask_for_approval", {"releaseId": FIRST, "turn": 1, "expiresInSeconds": 36_000})


@pytest.fixture
def personal(story: Story, monkeypatch: pytest.MonkeyPatch) -> Story:
    """An app whose approvers get personal links."""
    monkeypatch.setenv("APPROVER_EMAILS", f"{ADA}, {BOB},{ADA.upper()}")
    return story


# ---- personal links ----


def test_each_approver_gets_a_link_of_their_own_and_the_topic_gets_none(personal: Story) -> None:
    ask(personal)
    links = personal.personal_links()
    assert set(links) == {ADA, BOB}
    assert len(set(links.values())) == 2
    assert len(personal.outside.mailbox.sent) == 2, "an address that is given twice gets one mail"
    assert SITE not in repr(personal.outside.topic.sent)
    for to, subject, text, html in personal.outside.mailbox.sent:
        assert subject == f"{MODEL}: release {FIRST} asks for your decision"
        assert links[to] in text
        assert f'href="{links[to]}"' in html
        assert "<script" not in html


def test_the_record_says_whose_link_it_was(personal: Story) -> None:
    ask(personal)
    page = personal.decide(personal.personal_links()[BOB], decidedBy="Bob", reason="fine")
    assert f"Bob &lt;{BOB}&gt; approved" in page["body"]
    decision = personal.outside.releases.get(FIRST).item["decision"]
    assert (decision["identity"], decision["via"], decision["name"]) == (BOB, "personal link", "Bob")
    assert decision["userAgent"].startswith("Mozilla/5.0")
    entry = next(e for e in personal.outside.memory.audit if e["event"] == "Decision: approved")
    assert entry["actor"] == f"Bob <{BOB}>"
    assert "This release was approved" in personal.show(personal.personal_links()[ADA])["body"]


def test_mail_in_html_escapes_what_comes_from_elsewhere(personal: Story) -> None:
    from safe_deploy.domain.notices import Notice
    from safe_deploy.pages.mail import as_html

    html = as_html(Notice("<b>", 'a <script>alert(1)</script>\n\n"b"\n'), 'https://x/?a="><script>')
    assert "<script>" not in html
    assert "<b>" not in html


def test_without_a_sender_personal_links_are_refused_by_name(personal: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    from safe_deploy.errors import ConfigurationError
    from safe_deploy.wiring import Aws

    monkeypatch.setenv("SENDER_EMAIL", "")
    with pytest.raises(ConfigurationError, match="SENDER_EMAIL"):
        _ = Aws().mailbox


def test_a_stack_with_approvers_and_no_sender_begins_no_release(
    personal: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SENDER_EMAIL", "")
    personal.deploy_code()
    personal.drop()
    with pytest.raises(InvalidRequestError, match="ApproverEmails but no SenderEmail"):
        personal.register()


def refuse(story: Story, monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    """Let the mail service refuse some addresses for good."""
    real = story.outside.mailbox.send

    def send(to: str, *mail: str) -> None:
        if to in addresses:
            raise InvalidRequestError(f"mail an approver: MessageRejected: {to} is not verified")
        real(to, *mail)

    monkeypatch.setattr(story.outside.mailbox, "send", send)


def test_an_address_that_is_refused_keeps_nobody_else_from_deciding(
    personal: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse(personal, monkeypatch, ADA)
    ask(personal)
    ((subject, text),) = personal.outside.topic.sent
    assert "not everybody could be asked" in subject
    assert f"- {ADA}: mail an approver: MessageRejected" in text
    entry = next(e for e in personal.outside.memory.audit if e["event"] == "Mailed")
    assert (entry["detail"]["sentTo"], list(entry["detail"]["notSentTo"])) == ([BOB], [ADA])
    personal.decide(personal.personal_links()[BOB], decidedBy="Bob")
    assert state(personal) is ApprovalState.APPROVED


def test_where_nobody_can_be_mailed_the_release_fails_by_what_the_mail_service_says(
    personal: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse(personal, monkeypatch, ADA, BOB)
    with pytest.raises(InvalidRequestError, match="MessageRejected"):
        ask(personal)


# ---- two people ----


@pytest.mark.parametrize(
    ("approval", "words"),
    [
        ({"required": 2}, "2 different people have to agree"),
        ({"requesterMayApprove": False}, "Ada@Example.com asked for this release and can't be the only one to agree."),
    ],
)
def test_mail_and_page_say_whose_yes_it_takes(story: Story, approval: dict[str, Any], words: str) -> None:
    ask(story, **approval)
    ((_, text),) = story.outside.topic.sent
    assert words in text
    assert ("Fewer links than that were mailed (1)" in text) == ("required" in approval)
    assert "by a personal link or an IAM identity of their own" in text
    for more in ("The topic's link tells nobody apart: a yes by it doesn't count", "agrees from the terminal"):
        assert more in text
        assert more.replace("'", "&#x27;") in story.show(story.mailed_link())["body"]
    assert words.replace("'", "&#x27;") in story.show(story.mailed_link())["body"]


def test_two_people_have_to_agree(personal: Story) -> None:
    ask(personal, required=2)
    links = personal.personal_links()
    page = personal.decide(links[ADA], decidedBy="Ada", reason="good")
    assert "Your yes is recorded" in page["body"]
    assert state(personal) is ApprovalState.PENDING
    assert personal.outside.executions.answers == []

    page = personal.decide(links[ADA], decidedBy="Not Ada")
    assert "Your yes is recorded" in page["body"]
    assert state(personal) is ApprovalState.PENDING, "the same person again is still one person"
    assert f"Ada &lt;{ADA}&gt; agreed." in personal.show(links[BOB])["body"]

    page = personal.decide(links[BOB], decidedBy="Bob")
    assert "This release was approved" in page["body"]
    assert "good" in page["body"]
    ((_, answer),) = personal.outside.executions.answers
    assert answer["by"] == f"Ada <{ADA}> and Bob <{BOB}>"
    decision = personal.outside.releases.get(FIRST).item["decision"]
    assert [each["identity"] for each in decision["decisions"]] == [ADA, BOB]


def test_a_retried_call_keeps_the_first_of_two_agreements(personal: Story) -> None:
    ask(personal, required=2)
    links = personal.personal_links()
    personal.decide(links[ADA], decidedBy="Ada")
    asking = {"releaseId": FIRST, "turn": 1, "expiresInSeconds": 3600}
    assert personal.call("ask_for_approval", asking) == {"status": "asked"}
    assert personal.personal_links() == links, "nobody is mailed a newer link"
    personal.decide(links[BOB], decidedBy="Bob")
    assert state(personal) is ApprovalState.APPROVED


def test_one_no_rejects_whoever_agreed_before(personal: Story) -> None:
    ask(personal, required=2)
    links = personal.personal_links()
    personal.decide(links[ADA])
    page = personal.decide(links[BOB], "reject", reason="too early", decidedBy="Bob")
    assert "This release was rejected" in page["body"]
    ((_, answer),) = personal.outside.executions.answers
    assert (answer["decision"], answer["reason"], answer["by"]) == ("rejected", "too early", f"Bob <{BOB}>")


def test_who_agreed_may_still_say_no(personal: Story) -> None:
    ask(personal, required=2)
    link = personal.personal_links()[ADA]
    personal.decide(link)
    assert "rejected" in personal.decide(link, "reject", reason="I was wrong")["body"]


def test_one_link_for_all_is_one_person_whatever_names_are_typed(story: Story) -> None:
    ask(story, required=2)
    link = story.mailed_link()
    for name in ("Ada", "Bob", "Eve"):
        page = story.decide(link, decidedBy=name)
        assert "Your yes is recorded" in page["body"]
        assert "agreed." not in page["body"], "it doesn't count, so nobody is told that they agreed"
    assert state(story) is ApprovalState.PENDING
    assert [decision.by for decision in approval(story).decisions] == ["Ada"], "many names fill no record"
    (bob, _) = [e["detail"]["name"] for e in story.outside.memory.audit if "agreed before" in e["event"]]
    assert bob == "Bob"


def test_a_link_and_an_iam_identity_are_not_known_to_be_two_people(personal: Story) -> None:
    ask(personal, required=2)
    personal.decide(personal.personal_links()[ADA])
    assert json.loads(personal.decide_as(f"{ROLE}/ada")["body"])["state"] == "pending"
    assert json.loads(personal.decide_as(f"{ROLE}/bob")["body"])["state"] == "approved"


def test_one_person_in_two_roles_is_one_person(personal: Story) -> None:
    ask(personal, required=2)
    for arn in (
        f"{ROLE}/ada",
        "arn:aws:iam::111122223333:user/Ada",
        "arn:aws:sts::111122223333:assumed-role/Admin/ada",
    ):
        assert json.loads(personal.decide_as(arn)["body"])["state"] == "pending"
    assert len(approval(personal).decisions) == 1
    assert json.loads(personal.decide_as(f"{ROLE}/bob")["body"])["state"] == "approved"


@pytest.mark.parametrize("rule", [{"required": 2}, {"requesterMayApprove": False}])
def test_who_has_not_named_their_session_is_told_how_to(story: Story, rule: dict[str, Any]) -> None:
    """Two calls of one person, whose credentials the AWS CLI refreshed in between, aren't two people."""
    ask(story, **rule)
    for session in ("botocore-session-1700000000", "botocore-session-1700003600"):
        answer = story.decide_as(f"{ROLE}/{session}")
        assert answer["statusCode"] == 409
        message = json.loads(answer["body"])["message"]
        assert session in message
        assert "Set role_session_name to your own name in your profile in ~/.aws/config" in message
    assert (state(story), approval(story).decisions) == (ApprovalState.PENDING, ())
    assert refusals(story)[0] == ("Refused: the session's name is made up", FIRST)
    body = json.loads(story.decide_as(f"{ROLE}/botocore-session-1700000000", "reject", reason="stop")["body"])
    assert body["state"] == "rejected", "a no counts, whoever says it"


def test_where_anybodys_yes_suffices_a_session_needs_no_name(story: Story) -> None:
    ask(story)
    body = json.loads(story.decide_as(f"{ROLE}/botocore-session-1700000000")["body"])
    assert (body["state"], body["by"]) == ("approved", f"{ROLE}/botocore-session-1700000000")


def test_who_approved_are_those_whose_yes_counts(personal: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    ask(personal, required=2)
    personal.decide(personal.personal_links()[ADA], decidedBy="Ada")
    personal.decide_as(f"{ROLE}/bob")
    body = json.loads(personal.decide_as(f"{ROLE}/carol")["body"])
    assert (body["state"], body["by"]) == ("approved", f"{ROLE}/bob and {ROLE}/carol")
    assert len(personal.outside.releases.get(FIRST).item["decision"]["decisions"]) == 3


# ---- the requester ----


def test_another_name_by_the_same_link_is_nobody_else(story: Story) -> None:
    ask(story, "Ada Lovelace", requesterMayApprove=False)
    link = story.mailed_link()
    for name in ("Ada Lovelace", "Bob"):
        page = story.decide(link, decidedBy=name)["body"]
        assert "Your yes is recorded" in page
        assert "Somebody else has to, by a personal link or an IAM identity of their own" in page
    assert state(story) is ApprovalState.PENDING
    body = json.loads(story.decide_as(f"{ROLE}/bob")["body"])
    assert (body["state"], body["by"]) == ("approved", f"{ROLE}/bob")


def test_the_requester_is_known_by_the_address_in_their_name(personal: Story) -> None:
    ask(personal, f"Ada Lovelace <{ADA}>", requesterMayApprove=False)
    assert "Your yes is recorded" in personal.decide(personal.personal_links()[ADA], decidedBy="Bob")["body"]
    assert state(personal) is ApprovalState.PENDING


@pytest.mark.parametrize(
    "arn",
    [
        f"{ROLE}/ada",
        "arn:aws:sts::111122223333:assumed-role/Admin/ADA",
        "arn:aws:iam::111122223333:user/people/ada",
    ],
)
def test_the_requester_is_known_in_any_role(story: Story, arn: str) -> None:
    ask(story, f"{ROLE}/ada", requesterMayApprove=False)
    assert json.loads(story.decide_as(arn)["body"])["state"] == "pending"
    assert json.loads(story.decide_as(f"{ROLE}/bob")["body"])["state"] == "approved"


def test_where_the_requester_must_not_decide_alone_a_drop_says_who_asks(story: Story) -> None:
    story.policy["approval"] = {"required": 1, "requesterMayApprove": False}
    story.deploy_code()
    story.drop()
    refused = story.register()
    assert refused["status"] == "refused"
    assert 'needs "requestedBy": approval.requesterMayApprove is false' in refused["reason"]


def test_the_requester_alone_can_not_approve_where_the_policy_says_so(personal: Story) -> None:
    ask(personal, requesterMayApprove=False)
    links = personal.personal_links()
    page = personal.decide(links[ADA])
    assert "can&#x27;t be the only one to agree" in page["body"]
    assert state(personal) is ApprovalState.PENDING
    assert "This release was approved" in personal.decide(links[BOB])["body"]


@pytest.mark.parametrize("decided_by", ["Ada@Example.com", " ada@example.COM "])
def test_the_requester_is_known_by_the_name_they_type_too(story: Story, decided_by: str) -> None:
    ask(story, requesterMayApprove=False)
    assert "Your yes is recorded" in story.decide(story.mailed_link(), decidedBy=decided_by)["body"]


def test_the_requester_is_known_by_their_session_too(story: Story) -> None:
    ask(story, requesterMayApprove=False)
    assert json.loads(story.decide_as(f"{ROLE}/{ADA}")["body"])["state"] == "pending"
    assert json.loads(story.decide_as(f"{ROLE}/{BOB}")["body"])["state"] == "approved"


def test_the_requester_may_reject(personal: Story) -> None:
    ask(personal, requesterMayApprove=False)
    personal.decide(personal.personal_links()[ADA], "reject", reason="my mistake")
    assert state(personal) is ApprovalState.REJECTED


def test_where_the_policy_allows_it_the_requester_decides_alone(personal: Story) -> None:
    ask(personal)
    personal.decide(personal.personal_links()[ADA])
    assert state(personal) is ApprovalState.APPROVED


# ---- from the terminal ----


def test_a_caller_whom_iam_knows_decides_under_their_arn(story: Story) -> None:
    ask(story)
    answer = story.decide_as(f"{ROLE}/ada")
    assert answer["statusCode"] == 200
    body = json.loads(answer["body"])
    assert body == {"release": FIRST, "state": "approved", "by": f"{ROLE}/ada", "delivery": "delivered"}
    decision = story.outside.releases.get(FIRST).item["decision"]
    assert (decision["via"], decision["identity"]) == ("IAM", f"{ROLE}/ada")
    assert f"{ROLE}/ada approved" in story.show(story.mailed_link())["body"]


@pytest.mark.parametrize("by", ["link", "IAM"])
def test_a_decision_stands_in_the_trail_after_the_look_before_it(story: Story, by: str) -> None:
    ask(story)
    story.outside.clock.advance(0.25)
    story.show(story.mailed_link())
    story.outside.clock.advance(0.25)
    story.decide(story.mailed_link()) if by == "link" else story.decide_as(f"{ROLE}/ada")
    trail = [(entry["at"], entry["event"]) for entry in story.outside.memory.audit]
    assert [event for _, event in trail[-2:]] == ["Viewed", "Decision: approved"]
    assert trail[-2][0] < trail[-1][0]


def test_a_second_decision_from_the_terminal_is_told_the_first(story: Story) -> None:
    ask(story)
    story.decide_as(f"{ROLE}/ada")
    body = json.loads(story.decide_as(f"{ROLE}/bob", "reject", reason="no")["body"])
    assert (body["state"], body["by"]) == ("approved", f"{ROLE}/ada")
    assert len(story.outside.executions.answers) == 1


def test_a_decision_from_the_terminal_is_about_the_evidence_that_was_seen(story: Story) -> None:
    ask(story)
    assert story.decide_as(f"{ROLE}/ada", digest="0" * 64)["statusCode"] == 409
    assert state(story) is ApprovalState.PENDING
    assert "Refused: other evidence was seen" in repr(story.outside.memory.audit)


def test_a_rejection_from_the_terminal_needs_a_reason(story: Story) -> None:
    ask(story)
    answer = story.decide_as(f"{ROLE}/ada", "reject")
    assert answer["statusCode"] == 400
    assert "reason" in json.loads(answer["body"])["message"]


def test_a_release_that_nobody_is_asked_about_yet(story: Story) -> None:
    story.deploy_code()
    story.drop()
    story.register()
    answer = story.decide_as(f"{ROLE}/ada", digest="0" * 64)
    assert (answer["statusCode"], json.loads(answer["body"])["message"]) == (
        404,
        f"nobody is asked about release {FIRST}",
    )
    assert refusals(story) == [("Refused: nobody is asked about the release", FIRST)]


def test_a_decision_about_a_release_that_is_not_there_is_recorded(story: Story) -> None:
    gone = "20260101-000000-ffff"
    assert story.decide_as(f"{ROLE}/ada", release_id=gone, digest="0" * 64)["statusCode"] == 404
    (entry,) = story.outside.memory.audit
    assert (entry["release"], entry["event"], entry["actor"]) == (
        "unknown",
        "Refused: there is no such release",
        f"{ROLE}/ada",
    )
    assert entry["detail"]["releaseId"] == gone


@pytest.mark.parametrize("body", [json.dumps({"x" * 10_000: 1}), json.dumps({"decision": "x" * 10_000}), "x" * 10_000])
def test_what_is_recorded_of_a_request_that_is_none_is_short(story: Story, body: str) -> None:
    event = json.loads((ROOT / "events/decide_release/signed.json").read_text())
    event["pathParameters"]["id"] = "y" * 5_000
    for given in (body, event["body"]):
        assert story.call("decide_release", event | {"body": given, "isBase64Encoded": False})["statusCode"] == 400
    assert [entry["release"] for entry in story.outside.memory.audit] == ["unknown", "unknown"]
    assert all(len(json.dumps(entry)) < 1500 for entry in story.outside.memory.audit)


def test_what_a_caller_tries_in_vain_is_recorded(story: Story) -> None:
    ask(story)
    story.decide_as(f"{ROLE}/bob", "reject")
    story.decide_as(f"{ROLE}/ada")
    story.decide_as(f"{ROLE}/ada")
    story.decide_as(f"{ROLE}/eve", "reject", reason="no")
    refused = [(e["event"], e["actor"]) for e in story.outside.memory.audit if e["event"].startswith("Refused")]
    assert refused == [
        ("Refused: the request: reason is needed to reject", f"{ROLE}/bob"),
        ("Refused: another decision was made before", f"{ROLE}/eve"),
    ]


def test_a_release_that_nobody_is_asked_about(story: Story) -> None:
    assert story.decide_as(f"{ROLE}/ada", release_id="20260101-000000-ffff", digest="0" * 64)["statusCode"] == 404
    ask(story)
    story.outside.clock.advance(36_001)
    assert story.decide_as(f"{ROLE}/ada")["statusCode"] == 409


def test_without_a_caller_nothing_is_decided(story: Story) -> None:
    ask(story)
    assert story.decide_as("")["statusCode"] == 409
    assert state(story) is ApprovalState.PENDING


def test_what_could_not_be_handed_over_is_handed_over_by_the_next_call(story: Story) -> None:
    ask(story)
    story.outside.executions.failure = TransientError("Step Functions is away")
    assert story.decide_as(f"{ROLE}/ada")["statusCode"] == 503
    story.outside.executions.failure = None
    body = json.loads(story.decide_as(f"{ROLE}/bob", "reject", reason="no")["body"])
    assert (body["state"], body["delivery"]) == ("approved", "delivered")


def test_the_policy_says_how_long_people_have(story: Story) -> None:
    story.policy["approval"] = {"required": 1, "requesterMayApprove": True, "hours": 2}
    story.deploy_code()
    story.drop()
    assert story.register()["limits"]["approvalSeconds"] == 7200


@pytest.mark.parametrize("hours", [0, 337, 1.5, "2"])
def test_a_time_that_can_not_be_is_refused_by_name(story: Story, hours: Any) -> None:
    story.policy["approval"] = {"required": 1, "requesterMayApprove": True, "hours": hours}
    story.deploy_code()
    story.drop()
    answer = story.register()
    assert (answer["status"], "approval.hours" in answer["reason"]) == ("refused", True)


# ---- reminders ----


def test_the_reminder_comes_before_the_end_with_a_link_that_works(story: Story) -> None:
    ask(story)
    at, _ = story.outside.reminders.set_for[f"{MODEL}-{FIRST}-reminder"]
    assert (approval(story).deadline - at).total_seconds() == 36_000 / 4
    first = story.mailed_link()
    assert story.remind() == {"reminded": 1}
    subject, text = story.outside.topic.sent[-1]
    assert "still waits" in subject
    second = story.mailed_link()
    assert second != first
    assert second in text
    for link in (first, second):
        assert story.show(link)["statusCode"] == 200
    assert "This release was approved" in story.decide(second)["body"]
    assert "This release was approved" in story.show(first)["body"]


def test_a_reminder_goes_to_those_who_have_not_agreed(personal: Story) -> None:
    ask(personal, required=2)
    personal.decide(personal.personal_links()[ADA])
    personal.outside.mailbox.sent.clear()
    assert personal.remind() == {"reminded": 1}
    assert set(personal.personal_links()) == {BOB}
    assert "approved" in personal.decide(personal.personal_links()[BOB])["body"]


def test_nobody_is_reminded_of_what_is_decided_or_over(story: Story) -> None:
    ask(story)
    sent = len(story.outside.topic.sent)
    story.outside.clock.advance(36_001)
    assert story.remind() == {"reminded": 0}
    assert len(story.outside.topic.sent) == sent


def test_a_decision_that_did_not_reach_its_release_is_handed_over_by_the_reminder(story: Story) -> None:
    ask(story)
    story.outside.executions.failure = TransientError("Step Functions is away")
    assert story.decide_as(f"{ROLE}/ada")["statusCode"] == 503
    with pytest.raises(TransientError):
        story.remind()
    story.outside.executions.failure = None
    sent = len(story.outside.topic.sent)
    assert story.remind() == story.remind() == {"reminded": 0}
    ((_, answer),) = story.outside.executions.answers
    assert (answer["decision"], answer["by"]) == ("approved", f"{ROLE}/ada")
    assert len(story.outside.topic.sent) == sent


def told_of_the_expiry(story: Story) -> tuple[str, str]:
    """Let the time for a decision pass: the notice's subject and text."""
    story.close("expired")
    return story.outside.topic.sent[-1]


def test_silence_is_told_as_such(story: Story) -> None:
    ask(story)
    subject, text = told_of_the_expiry(story)
    assert subject.endswith("expired: nobody decided in time")
    assert f"Nobody decided about release {FIRST}" in text


def test_a_decision_that_never_reached_its_release_is_not_told_as_silence(story: Story) -> None:
    ask(story)
    story.outside.executions.failure = TransientError("Step Functions is away")
    story.decide_as(f"{ROLE}/ada")
    subject, text = told_of_the_expiry(story)
    assert subject.endswith("the decision came too late")
    assert f"{ROLE}/ada decided about release {FIRST} of {MODEL} (approve)" in text


def test_the_reminder_is_removed_with_the_dev_endpoint(story: Story) -> None:
    ask(story)
    story.outside.endpoints.schedules.add(f"{MODEL}-{FIRST}-reminder")
    story.call("clean_up_release", {"releaseId": FIRST, "scope": "dev"})
    assert story.outside.endpoints.schedules == set()
