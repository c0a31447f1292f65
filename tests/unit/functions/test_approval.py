"""From the mail to the decision: what a link shows, what a form does, and what nobody may see."""

from __future__ import annotations

import re
from datetime import timedelta
from html.parser import HTMLParser
from typing import Any

import pytest
from safe_deploy.domain.attempts import LIMITS, MOST_NOTED
from safe_deploy.domain.canonical import digest
from safe_deploy.domain.decision import ApprovalState
from safe_deploy.domain.ports import SealedToken
from safe_deploy.domain.release import State
from safe_deploy.domain.task_tokens import HANDED, encryption_context, open_token
from safe_deploy.errors import InvalidRequestError, NotFoundError, RefusedError, TransientError

from tests.fakes.story import ARTIFACTS, FIRST, MODEL, SECOND, SITE, Story, form_of, visit

TOKEN = "task-token-of-" + FIRST + "-which-nobody-may-see"


@pytest.fixture
def link(story: Story) -> str:
    """A link out of a mail."""
    return story.until_asked()


def state(story: Story) -> ApprovalState:
    approval_id = story.outside.releases.get(FIRST).item["approvalId"]
    return story.outside.memory.approvals[approval_id].state


# ---- asking ----


def test_the_mail_says_what_is_asked_and_until_when(story: Story, link: str) -> None:
    subject, text = story.outside.topic.sent[-1]
    assert subject == f"{MODEL}: release {FIRST} asks for your decision"
    for words in (
        "The first model",
        "rmse: 4 (",
        "Rows used: 90 (of 100; 10 refused",
        "Latency: 5 ms",
        "2026-01-31 13:00 UTC",
        link,
    ):
        assert words in text
    assert re.fullmatch(rf"{SITE}/approvals/[0-9a-f]{{32}}\?key=[A-Za-z0-9_-]{{43}}", link)


def test_the_evidence_is_kept_and_bound_by_its_digest(story: Story, link: str) -> None:
    evidence = story.outside.objects.read_json(f"s3://{ARTIFACTS}/releases/{FIRST}/evidence.json")
    record = story.outside.releases.get(FIRST)
    assert record.state is State.AWAITING_APPROVAL
    assert record.item["evidenceDigest"] == digest(evidence)
    assert evidence["candidate"]["metrics"] == {"rmse": 4, "r2": 0.9}
    assert evidence["data"]["refusedByReason"] == {"size is blank": 7, "price is below 0": 3}


def test_what_is_asked_is_kept_beside_the_digest_for_those_at_a_terminal(story: Story, link: str) -> None:
    asked = story.outside.releases.get(FIRST).item["question"]
    assert f"Release {FIRST} of {MODEL} has kept every gate" in asked
    assert "Decide until 2026-01-31 13:00 UTC." in asked
    assert SITE not in asked
    assert link.partition("?key=")[2] not in asked


def test_neither_secret_nor_token_is_kept_or_logged(
    story: Story, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("DEBUG"):
        link = story.until_asked()
        story.show(link)
        story.decide(link, modelName="wrong")
        story.decide(link)
        story.show(link)
    form, memory = form_of(link), story.outside.memory
    kept = repr([memory, story.outside.objects.content])
    logged = "".join(capsys.readouterr()) + caplog.text
    assert "asked for approval" in logged
    for secret in (form["key"], form["formToken"], TOKEN):
        assert secret not in kept
        assert secret not in logged
    for _, text in story.outside.topic.sent:
        assert TOKEN not in text
    assert story.outside.executions.answers[0][0] == TOKEN


@pytest.fixture
def tested(story: Story) -> Story:
    """A release that is ready to be asked about."""
    story.until_tested()
    return story


ASKING = {"releaseId": FIRST, "turn": 1, "expiresInSeconds": 3600}


def test_who_is_handed_another_releases_task_keeps_its_token_for_it(tested: Story) -> None:
    tested.wait(SECOND, "token of the second")
    tested.wait(FIRST, TOKEN)
    assert tested.call("ask_for_approval", ASKING) == {"status": "asked"}
    tested.decide(tested.mailed_link())
    assert [token for token, _ in tested.outside.executions.answers] == [TOKEN]
    assert open_token(SECOND, 1, MODEL, tested.outside) == "token of the second"


def test_a_task_that_another_function_was_handed_is_found_in_its_keeping(tested: Story) -> None:
    sealed = tested.outside.keys.encrypt(TOKEN, encryption_context(MODEL, FIRST, 1))
    until = tested.outside.clock.now().replace(microsecond=0) + timedelta(minutes=50)
    tested.outside.task_tokens.keep(FIRST, 1, SealedToken(sealed, until))
    assert tested.call("ask_for_approval", ASKING) == {"status": "asked"}
    (approval,) = tested.outside.memory.approvals.values()
    assert approval.deadline == until, "the task's time runs since it was handed out"


def test_while_a_call_waits_its_task_may_come_through_another_function(
    tested: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nothing() -> None:
        until = tested.outside.clock.now() + timedelta(hours=1)
        tested.outside.task_tokens.keep(FIRST, 1, SealedToken(b"sealed", until))

    monkeypatch.setattr(tested.outside.activity, "take", nothing)
    assert tested.call("ask_for_approval", ASKING) == {"status": "asked"}


def test_a_task_that_was_handed_to_who_lost_it_is_asked_for_anew(tested: Story) -> None:
    assert tested.call("ask_for_approval", ASKING) == {"status": "tokenLost"}
    assert tested.outside.topic.sent == []
    tested.wait(FIRST, TOKEN, turn=2)
    assert tested.call("ask_for_approval", {**ASKING, "turn": 2}) == {"status": "asked"}
    tested.decide(tested.mailed_link())
    assert [token for token, _ in tested.outside.executions.answers] == [TOKEN]


def test_a_newer_task_supersedes_the_link_of_the_one_before(tested: Story) -> None:
    first = tested.ask()
    tested.wait(FIRST, TOKEN, turn=2)
    tested.call("ask_for_approval", {**ASKING, "turn": 2})
    assert "A newer mail replaces this link" in tested.show(first)["body"]


def test_among_too_many_who_ask_one_tries_again(tested: Story) -> None:
    for number in range(HANDED):
        tested.wait(f"20260201-09000{number}-0c2d", f"token {number}")
    with pytest.raises(TransientError, match="none of them of release"):
        tested.call("ask_for_approval", ASKING)
    tested.wait(FIRST, TOKEN)
    assert tested.call("ask_for_approval", ASKING) == {"status": "asked"}


def test_the_token_is_bound_to_its_release_and_turn(tested: Story) -> None:
    tested.ask()
    sealed = tested.outside.task_tokens.sealed
    sealed[SECOND, 1] = sealed[FIRST, 2] = sealed[FIRST, 1]
    for release_id, turn in ((SECOND, 1), (FIRST, 2)):
        with pytest.raises(InvalidRequestError):
            open_token(release_id, turn, MODEL, tested.outside)
    with pytest.raises(NotFoundError):
        open_token(SECOND, 3, MODEL, tested.outside)


def test_a_retried_call_supersedes_its_own_link(story: Story, link: str) -> None:
    again = story.ask()
    assert again != link
    page = story.show(link)
    assert page["statusCode"] == 410
    assert "A newer mail replaces this link" in page["body"]
    assert story.show(again)["statusCode"] == 200
    assert "A newer mail" in story.decide(link)["body"]
    assert state(story) is ApprovalState.PENDING


def test_a_retried_call_that_a_person_outran_asks_nobody(story: Story, link: str) -> None:
    story.decide(link)
    sent = len(story.outside.topic.sent)
    assert story.ask() == link
    assert len(story.outside.topic.sent) == sent
    assert state(story) is ApprovalState.APPROVED


def test_a_mail_that_could_not_be_sent_is_tried_again_with_a_new_link(tested: Story) -> None:
    tested.outside.topic.failures = 1
    with pytest.raises(TransientError):
        tested.ask()
    assert tested.show(tested.ask())["statusCode"] == 200


def test_who_is_asked_is_on_record_with_the_request_whatever_becomes_of_the_mail(tested: Story) -> None:
    tested.outside.topic.failures = 1
    with pytest.raises(TransientError):
        tested.ask()
    (first,) = (entry for entry in tested.outside.memory.audit if entry["event"] == "Asked for approval")
    (approval,) = tested.outside.memory.approvals.values()
    assert first["detail"]["asked"] == ["the topic"]
    assert first["detail"]["evidenceDigest"] == approval.evidence_digest
    tested.ask()
    _, second = (entry for entry in tested.outside.memory.audit if entry["event"] == "Asked for approval")
    assert second["detail"]["supersedes"] == approval.approval_id
    (mailed,) = (entry for entry in tested.outside.memory.audit if entry["event"] == "Mailed")
    assert mailed["detail"]["approvalId"] == second["detail"]["approvalId"]


def test_nobody_is_asked_about_a_release_that_failed_its_gates(story: Story) -> None:
    story.drop()
    story.register()
    story.run_jobs(rmse=9.0)
    story.check_gates()
    story.test_endpoint()
    with pytest.raises(RefusedError, match="failed a gate"):
        story.ask()


# ---- looking ----


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_opening_a_link_decides_nothing_and_is_noted(story: Story, link: str, method: str) -> None:
    memory = story.outside.memory
    before = repr([memory.releases, memory.approvals])
    for _ in range(3):
        page = story.call("show_approval", visit(method, link))
        assert page["statusCode"] == 200
        assert bool(page["body"]) == (method == "GET")
    assert repr([memory.releases, memory.approvals]) == before
    assert story.outside.executions.answers == []
    (viewed,) = [entry for entry in memory.audit if entry["event"] == "Viewed"]
    assert viewed["release"] == FIRST
    assert viewed["detail"]["sourceIp"] == "192.0.2.10"
    assert viewed["detail"]["method"] == method
    assert viewed["detail"]["evidenceDigest"] == story.outside.releases.get(FIRST).item["evidenceDigest"]


def test_a_used_form_is_shown_anew_and_nothing_typed_is_lost(story: Story, link: str) -> None:
    """A mail scanner sends the form as it finds it; the person's page is older than that."""
    story.decide(link, modelName="", decidedBy="")
    page = story.call("decide_approval", visit("POST", link, form=form_of(link, reason="fine & dandy")))
    assert page["statusCode"] == 422
    assert "was sent before" in page["body"]
    assert "fine &amp; dandy</textarea>" in page["body"]
    assert state(story) is ApprovalState.PENDING
    token = re.search(r'name="formToken" value="([0-9a-f]{64})"', page["body"])
    assert token
    again = visit("POST", link, form=form_of(link, formToken=token[1]))
    assert "This release was approved" in story.call("decide_approval", again)["body"]


def test_too_many_visits_are_turned_away_and_noted_once(story: Story, link: str) -> None:
    wrong = guesses(link)[0]
    for _ in range(LIMITS["address"]):
        assert story.show(wrong)["statusCode"] == 404
    for page in (story.show(wrong), story.show(link), story.decide(link)):
        assert page["statusCode"] == 429
    for _ in range(LIMITS["approval"]):
        story.show(wrong)
    assert state(story) is ApprovalState.PENDING
    (noted,) = [entry for entry in story.outside.memory.audit if entry["event"] == "Too many visits"]
    assert noted["actor"] == "192.0.2.10"
    assert noted["detail"] == {"approvalId": story.outside.releases.get(FIRST).item["approvalId"]}
    elsewhere = visit("GET", link)
    elsewhere["requestContext"]["http"]["sourceIp"] = "192.0.2.11"
    assert story.call("show_approval", elsewhere)["statusCode"] == 200, "a wild scanner keeps nobody else out"
    story.outside.clock.advance(600)
    assert story.show(link)["statusCode"] == 200


def test_who_visits_what_there_is_not_fills_no_audit_trail(story: Story, link: str) -> None:
    for number in range(LIMITS["address"] + 100):
        story.show(f"{SITE}/approvals/{number:032x}?key={'A' * 43}")
        story.show(f"{SITE}/approvals/{'x' * number}?key=")
    noted = [entry["detail"] for entry in story.outside.memory.audit if entry["event"] == "Too many visits"]
    assert 1 < len(noted) <= MOST_NOTED
    assert {} in noted, "what isn't an id of ours isn't repeated"


def test_two_visits_at_the_same_moment_are_two_entries(story: Story, link: str) -> None:
    for request_id in ("a", "b"):
        event = visit("GET", link)
        event["requestContext"]["requestId"] = request_id
        story.call("show_approval", event)
    assert [e["detail"]["requestId"] for e in story.outside.memory.audit if e["event"] == "Viewed"] == ["a", "b"]


def test_a_visit_with_a_body_is_a_visit(story: Story, link: str) -> None:
    event = visit("GET", link) | {"body": "x" * 100_000, "isBase64Encoded": False}
    assert story.call("show_approval", event)["statusCode"] == 200


@pytest.mark.parametrize("asking", ["show", "decide"])
def test_every_guess_makes_the_same_calls(
    story: Story, link: str, asking: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever guesses learns nothing by how much is done for them: an unknown id is as much work as a wrong key."""
    calls: list[str] = []
    for port, name in (("approvals", "find"), ("attempts", "count"), ("releases", "audit")):
        real = getattr(getattr(story.outside, port), name)

        def noted(*args: Any, real: Any = real, name: str = name) -> Any:
            calls.append(name)
            return real(*args)

        monkeypatch.setattr(getattr(story.outside, port), name, noted)
    made = []
    for guess in guesses(link):
        calls.clear()
        getattr(story, asking)(guess)
        made.append(tuple(calls))
    assert set(made) == {("count", "count", "find", "audit")}


def test_refused_attempts_stand_in_the_audit_trail_without_their_secrets(story: Story, link: str) -> None:
    story.show(guesses(link)[0])
    story.decide(link, modelName="wrong")
    story.call("decide_approval", visit("POST", link, form=form_of(link), headers={"sec-fetch-site": "cross-site"}))
    story.call("decide_approval", visit("POST", link, form=form_of(link)))
    events = [entry["event"] for entry in story.outside.memory.audit if entry["event"].startswith("Refused")]
    assert events == [
        "Refused: the link opens nothing",
        "Refused: a form that was filled in wrongly",
        "Refused: the form was sent from another site",
        "Refused: a form that was used before",
    ]
    assert form_of(link)["key"] not in repr(story.outside.memory.audit)


def refusals(story: Story) -> list[str]:
    """What was refused, as the audit trail has it."""
    return [e["event"] for e in story.outside.memory.audit if e["event"].startswith("Refused")]


def test_a_form_that_is_too_long_is_counted_and_recorded(story: Story, link: str) -> None:
    event = visit("POST", link, form=form_of(link)) | {"body": "a" * 40_000}
    assert story.call("decide_approval", event)["statusCode"] == 400
    assert refusals(story) == ["Refused: the form is too long"]
    assert story.outside.memory.attempts


def test_forms_after_the_end_are_recorded(story: Story, link: str) -> None:
    story.decide(link)
    story.decide(link, "reject", decidedBy="Eve", reason="no")
    assert refusals(story) == ["Refused: a form that came after the end"]


def test_a_form_for_a_release_that_has_ended_is_recorded(story: Story, link: str) -> None:
    story.outside.releases.update(FIRST, {}, story.outside.clock.now(), state=State.FAILED)
    story.decide(link)
    assert refusals(story) == ["Refused: the release doesn't wait any more"]


def test_the_page_shows_the_evidence_and_a_form(story: Story, link: str) -> None:
    body = story.show(link)["body"]
    record = story.outside.releases.get(FIRST)
    for words in (
        f"{MODEL}: decide about release {FIRST}",
        "rmse",
        "size is blank",
        record.item["evidenceDigest"],
        'name="modelName"',
        'name="decidedBy"',
        'name="reason"',
        "there is no champion to compare with",
    ):
        assert words in body
    assert f'action="{form_of(link)["formToken"]}' not in body


def test_candidate_and_champion_stand_side_by_side(story: Story) -> None:
    story.until_live()
    link = story.until_asked(SECOND, "tuesday", rmse=3.0, champion=4.0)
    assert re.search(r"rmse \(lower is better\)</th><td[^>]*>3</td><td[^>]*>4</td>", story.show(link)["body"])


def test_the_page_is_sent_with_headers_that_keep_it_private(story: Story, link: str) -> None:
    headers = story.show(link)["headers"]
    assert headers["cache-control"] == "no-store"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-frame-options"] == "DENY"
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "frame-ancestors 'none'" in policy
    assert "form-action 'self'" in policy
    assert "script" not in policy
    assert "unsafe" not in policy


def test_the_style_matches_the_hash_in_the_policy(story: Story, link: str) -> None:
    import base64
    import hashlib

    page = story.show(link)
    style = re.search(r"<style>(.*?)</style>", page["body"], re.DOTALL)
    assert style
    found = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert f"'sha256-{found}'" in page["headers"]["content-security-policy"]
    assert "style=" not in page["body"].replace("<style>", "")


class Tags(HTMLParser):
    """Checks that every tag is closed in its order, and collects them."""

    void = frozenset({"meta", "input", "br"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in self.void:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_whatever_comes_from_elsewhere_is_escaped(story: Story) -> None:
    evil = '"><script>alert(1)</script>'
    story.drop(manifest={"files": ["sales.csv"], "description": evil, "requestedBy": evil})
    story.register()
    story.run_jobs(championObstacle=evil)
    story.check_gates()
    story.test_endpoint()
    link = story.ask()
    pages = [
        story.show(link),
        story.decide(link, modelName=evil, decidedBy=evil, reason=evil),
        story.decide(link, "reject", decidedBy=evil, reason=evil),
    ]
    for page in pages:
        tags = Tags(page["body"])
        assert tags.open == []
        assert "script" not in {tag for tag, _ in tags.seen}
        assert "&lt;script&gt;" in page["body"]


EVIL = "fine\n\nLook at the evidence and decide:\nhttps://evil.example/approvals/1"


def lines_by_others(story: Story) -> list[str]:
    """Lines of mails that would be taken for ours, though others wrote them."""
    lines = [line for _, text in story.outside.topic.sent for line in text.splitlines()]
    return [line for line in lines if line.startswith("https://evil")]


def test_whatever_comes_from_elsewhere_stays_in_its_line_of_a_plain_mail(story: Story) -> None:
    glass = {"description": EVIL, "requestedBy": "Ada", "breakGlass": {"reason": EVIL}}
    story.drop(manifest={"files": ["sales.csv"], **glass})
    story.register()
    story.run_jobs()
    story.check_gates()
    story.test_endpoint()
    story.decide(story.ask(), "reject", reason=EVIL)
    story.close("rejected")
    told = [text for _, text in story.outside.topic.sent if "https://evil" in text]
    assert len(told) == 2, "the question and the outcome"
    assert lines_by_others(story) == []


@pytest.mark.parametrize("line_end", ["\n", "\r", "\u2028", "\x85"])
def test_what_has_to_be_one_line_is_refused_and_told_in_one(story: Story, line_end: str) -> None:
    """Who asks, and what the evaluation job says: mails print it as it is."""
    evil = f"fine{line_end}https://evil.example/approvals/1"
    story.drop(manifest={"files": ["sales.csv"], "requestedBy": evil})
    assert "requestedBy must be plain text on one line" in story.register()["reason"]
    story.close("refused")
    story.drop("tuesday", other=b"size,price\n3,4\n")
    story.register(SECOND, "tuesday")
    story.run_jobs(SECOND, championObstacle=evil)
    with pytest.raises(InvalidRequestError) as caught:
        story.check_gates(SECOND)
    story.close("failed", SECOND, error={"Error": "X", "Cause": str(caught.value)})
    assert len(story.outside.topic.sent) == 2
    assert lines_by_others(story) == []


def test_every_field_of_the_form_has_a_label(story: Story, link: str) -> None:
    tags = Tags(story.show(link)["body"]).seen
    labelled = {attributes.get("for") for tag, attributes in tags if tag == "label"}
    fields = {
        attributes.get("id")
        for tag, attributes in tags
        if tag in ("input", "textarea") and attributes.get("type") != "hidden"
    }
    assert fields == labelled == {"modelName", "decidedBy", "reason"}
    assert ("html", {"lang": "en"}) in tags


def guesses(link: str) -> list[str]:
    address, _, key = link.partition("?key=")
    wrong_id = f"{SITE}/approvals/{'0' * 32}"
    return [
        f"{address}?key={'A' * 43}",
        f"{address}?key={key[:-1]}",
        f"{wrong_id}?key={key}",
        f"{SITE}/approvals/..%2F?key={key}",
        f"{address}?key=",
    ]


def test_every_wrong_link_looks_the_same(story: Story, link: str) -> None:
    pages = [story.show(guess) for guess in guesses(link)]
    pages += [story.decide(guess) for guess in guesses(link)]
    assert {page["statusCode"] for page in pages} == {404}
    assert len({page["body"] for page in pages}) == 1
    assert FIRST not in pages[0]["body"]
    assert state(story) is ApprovalState.PENDING


def test_an_expired_link_says_so_to_its_holder_only(story: Story, link: str) -> None:
    story.outside.clock.advance(3600)
    page = story.show(link)
    assert page["statusCode"] == 410
    assert "This link has expired" in page["body"]
    assert "expired" in story.decide(link)["body"]
    assert story.outside.executions.answers == []
    assert story.show(guesses(link)[0])["statusCode"] == 404


def test_evidence_that_is_gone_can_not_be_decided_about(story: Story, link: str) -> None:
    (uri,) = [uri for uri in story.outside.objects.content if uri.endswith("evidence.json")]
    del story.outside.objects.content[uri]
    page = story.show(link)
    assert page["statusCode"] == 409
    assert "The evidence has changed" in page["body"]


def test_evidence_that_was_tampered_with_can_not_be_decided_about(story: Story, link: str) -> None:
    uri = f"s3://{ARTIFACTS}/releases/{FIRST}/evidence.json"
    evidence = story.outside.objects.read_json(uri)
    evidence["candidate"]["metrics"]["rmse"] = 0.1
    story.outside.objects.put(uri, evidence)
    page = story.show(link)
    assert page["statusCode"] == 409
    assert "<form" not in page["body"]


# ---- deciding ----


def test_a_yes_is_recorded_and_handed_over(story: Story, link: str) -> None:
    page = story.decide(link, reason="better on every metric")
    assert page["statusCode"] == 200
    assert "This release was approved" in page["body"]
    record = story.outside.releases.get(FIRST)
    assert record.state is State.APPROVED
    assert story.outside.executions.answers == [
        (
            TOKEN,
            {
                "decision": "approved",
                "by": "Ada Lovelace (as they named themselves)",
                "reason": "better on every metric",
                "evidenceDigest": record.item["evidenceDigest"],
            },
        )
    ]
    entry = next(e for e in story.outside.memory.audit if e["event"] == "Decision: approved")
    assert entry["actor"] == "Ada Lovelace (as they named themselves)"
    assert entry["detail"]["sourceIp"] == "192.0.2.10"


def test_a_no_needs_a_reason_and_is_handed_over(story: Story, link: str) -> None:
    page = story.decide(link, "reject")
    assert page["statusCode"] == 422
    assert "Give a reason" in page["body"]
    assert "This release was rejected" in story.decide(link, "reject", reason="too slow")["body"]
    answer = story.outside.executions.answers[0][1]
    assert (answer["decision"], answer["reason"]) == ("rejected", "too slow")


def test_a_second_click_shows_the_first_decision(story: Story, link: str) -> None:
    story.decide(link)
    for choice in ("approve", "reject"):
        page = story.decide(link, choice, reason="changed my mind", decidedBy="Eve")
        assert "Ada Lovelace (as they named themselves) approved" in page["body"]
    assert len(story.outside.executions.answers) == 1
    assert "Ada Lovelace (as they named themselves) approved" in story.show(link)["body"]


def test_a_decision_that_was_not_handed_over_is_handed_over_later_and_never_another(story: Story, link: str) -> None:
    story.outside.executions.failure = TransientError("Step Functions is away")
    page = story.decide(link)
    assert page["statusCode"] == 503
    assert state(story) is ApprovalState.APPROVED

    story.outside.executions.failure = None
    shown = story.show(link)["body"]
    assert "Hand it over now" in shown
    assert "has not reached the release" in shown
    page = story.call(
        "decide_approval",
        visit("POST", link, form={k: v for k, v in form_of(link).items() if k in ("key", "formToken")}),
    )
    assert "This decision has reached the release" in page["body"]
    assert story.outside.executions.answers[0][1]["decision"] == "approved"
    assert "Hand it over now" not in story.show(link)["body"]


LOOK = {"releaseId": FIRST, "turn": 1, "expiresInSeconds": 36_000, "timeIsUp": True}


@pytest.mark.parametrize(("choice", "told"), [("approve", "approved"), ("reject", "rejected")])
def test_a_decision_that_nobody_handed_over_is_found_when_the_time_is_up(
    story: Story, link: str, choice: str, told: str
) -> None:
    story.outside.executions.failure = TransientError("Step Functions is away")
    story.decide(link, choice, reason="because")
    answer = story.call("ask_for_approval", LOOK)
    assert (answer["decision"], answer["by"]) == (told, "Ada Lovelace (as they named themselves)")
    assert answer["evidenceDigest"] == story.outside.releases.get(FIRST).item["evidenceDigest"]
    assert "has reached the release" in story.show(link)["body"]


def test_where_nobody_decided_there_is_nothing_to_find(story: Story, link: str) -> None:
    assert story.call("ask_for_approval", LOOK) == {"decision": "none"}
    assert state(story) is ApprovalState.PENDING


def test_a_decision_that_comes_too_late_is_told_and_recorded(story: Story, link: str) -> None:
    story.outside.executions.waiting.clear()
    page = story.decide(link)
    assert "no longer waited" in page["body"]
    approval_id = story.outside.releases.get(FIRST).item["approvalId"]
    assert story.outside.memory.approvals[approval_id].delivery == "notWaiting"


def test_a_release_that_has_ended_takes_no_decision(story: Story, link: str) -> None:
    story.outside.releases.update(FIRST, {}, story.outside.clock.now(), state=State.FAILED)
    page = story.decide(link)
    assert page["statusCode"] == 409
    assert state(story) is ApprovalState.PENDING
    assert story.outside.executions.answers == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"modelName": "other-model"}, "Type the model"),
        ({"modelName": ""}, "Type the model"),
        ({"decidedBy": "  "}, "Give your name"),
        ({"decidedBy": "x" * 101}, "Give your name"),
        ({"decidedBy": "a\x00b"}, "Your name holds a character that can&#x27;t be taken"),
        ({"decidedBy": "\u200d"}, "Give your name"),
        ({"decidedBy": "Bob <bob@example.com>"}, "Give your name"),
        ({"decidedBy": "ARN:aws:iam::111122223333:user/ciso"}, "Give your name"),
        ({"decision": "maybe"}, "Press Approve or Reject"),
        ({"decision": None}, "Press Approve or Reject"),
        ({"reason": "x" * 1001}, "Shorten the comment: it has 1,001 of 1,000 characters"),
        ({"reason": "\u202egood"}, "U+202E (right-to-left override)"),
        ({"reason": "so\u2028and"}, "Your comment holds a character that can&#x27;t be taken"),
        ({"reason": "\u200b \u2066"}, "Type the comment anew, without it"),
    ],
)
def test_what_was_typed_wrongly_is_asked_again(story: Story, link: str, changes: dict[str, Any], words: str) -> None:
    page = story.decide(link, **changes)
    assert page["statusCode"] == 422
    assert words in page["body"]
    assert 'role="alert"' in page["body"]
    assert "<title>Nothing decided: " in page["body"]
    assert '#decide" autocomplete="off"' in page["body"], "so that browsers show the form again, not the page's top"
    assert state(story) is ApprovalState.PENDING


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("good\u00a0so far\u202f!", "good so far !"),
        ("well done \U0001f469\u200d\U0001f680 \u2764\ufe0f", "well done \U0001f469\u200d\U0001f680 \u2764\ufe0f"),
        ("two\r\nlines\tand a tab", "two\nlines\tand a tab"),
    ],
)
def test_what_people_type_on_their_keyboards_is_taken(story: Story, link: str, typed: str, kept: str) -> None:
    page = story.decide(link, reason=typed, decidedBy="Zo\u00eb\u00a0M\u00fcller")
    assert "This release was approved" in page["body"]
    decision = story.outside.releases.get(FIRST).item["decision"]
    assert (decision["reason"], decision["name"]) == (kept, "Zo\u00eb M\u00fcller")


def test_what_was_typed_is_kept_when_the_form_comes_back(story: Story, link: str) -> None:
    body = story.decide(link, modelName="oops", decidedBy="Grace <Hopper>", reason="a & b")["body"]
    assert 'value="oops"' in body
    assert 'value="Grace &lt;Hopper&gt;"' in body
    assert "a &amp; b</textarea>" in body


@pytest.mark.parametrize(
    "changes",
    [
        {"headers": {"content-type": "application/json"}},
        {"headers": {"content-type": ""}},
        {"headers": {"origin": "https://evil.example.com", "sec-fetch-site": None}},
        {"headers": {"origin": f"{SITE}.evil.example.com", "sec-fetch-site": None}},
        {"headers": {"origin": "https://evil.example", "host": "evil.example", "sec-fetch-site": None}},
        {"headers": {"origin": "https://[", "sec-fetch-site": None}},
        {"headers": {"origin": "null", "sec-fetch-site": "cross-site"}},
        {"headers": {"origin": SITE, "sec-fetch-site": "cross-site"}},
        {"headers": {"sec-fetch-site": "same-site"}},
        {"headers": {"sec-fetch-site": "none"}},
        {"headers": {"sec-fetch-mode": "cors"}},
        {"headers": {"sec-fetch-dest": "iframe"}},
        {"body": "####"},
        {"body": "a" * 40_000},
        {"body": "key=1&key=2", "isBase64Encoded": False},
        {"body": "unknown=1", "isBase64Encoded": False},
        {"body": "key", "isBase64Encoded": False},
        {"body": "key=%ff", "isBase64Encoded": False},
    ],
)
def test_a_form_that_is_not_ours_is_refused(story: Story, link: str, changes: dict[str, Any]) -> None:
    event = visit("POST", link, form=form_of(link), headers=changes.pop("headers", {}))
    page = story.call("decide_approval", event | changes)
    assert page["statusCode"] == 400
    assert state(story) is ApprovalState.PENDING


@pytest.mark.parametrize("origin", ["null", SITE, SITE.upper(), None])
@pytest.mark.parametrize("fetched_from", ["same-origin", None])
def test_a_browsers_own_form_is_taken(story: Story, link: str, origin: str | None, fetched_from: str | None) -> None:
    headers = {"origin": origin, "sec-fetch-site": fetched_from}
    event = visit("POST", link, form=form_of(link), headers=headers)
    assert story.call("decide_approval", event)["statusCode"] == 200


def test_without_the_pages_form_token_nothing_is_decided(story: Story, link: str) -> None:
    for token in ("0" * 64, "é", "", form_of(link, revision=1)["formToken"]):
        page = story.decide(link, formToken=token)
        assert page["statusCode"] == 422
        assert "was sent before" in page["body"]
    assert state(story) is ApprovalState.PENDING


def test_two_people_at_once_one_decision(story: Story, link: str, monkeypatch: pytest.MonkeyPatch) -> None:
    decide = story.outside.approvals.decide

    def second_of_two(approval: Any, decision: Any) -> None:
        monkeypatch.setattr(story.outside.approvals, "decide", decide)
        assert "rejected" in story.decide(link, "reject", reason="no", decidedBy="Eve")["body"]
        decide(approval, decision)

    monkeypatch.setattr(story.outside.approvals, "decide", second_of_two)
    assert "Eve (as they named themselves) rejected" in story.decide(link)["body"]
    assert [answer["decision"] for _, answer in story.outside.executions.answers] == ["rejected"]
