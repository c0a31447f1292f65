"""Properties of links and form tokens: good for what they were made for, and for nothing near it."""

from __future__ import annotations

import base64
import string
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safe_deploy.domain.approval import Link, hash_of
from safe_deploy.domain.decision import ApprovalState
from safe_deploy.domain.visit import FIELDS

from tests.fakes.story import FIRST, MODEL, SITE, Story, form_of, visit

TYPED = ("decidedBy", "reason", "decision", "formToken")
ALPHABET = string.ascii_letters + string.digits + "_-"
LINKS = st.builds(
    Link, st.text("0123456789abcdef", min_size=32, max_size=32), st.text(ALPHABET, min_size=43, max_size=43)
)
REVISIONS = st.integers(0, 10**6)
KEEP = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=150)


def test_a_secret_has_256_random_bits() -> None:
    secrets = [Link.create().secret for _ in range(500)]
    assert {len(base64.urlsafe_b64decode(secret + "=")) for secret in secrets} == {32}
    ones = sum(byte.bit_count() for secret in secrets for byte in base64.urlsafe_b64decode(secret + "="))
    assert abs(ones / (500 * 256) - 0.5) < 0.01, "bits that are not even are not random"
    assert len(set(secrets)) == 500


@given(LINKS, REVISIONS)
def test_a_form_token_is_good_for_its_link_and_revision(link: Link, revision: int) -> None:
    assert link.admits_form(link.form_token(revision), revision)
    assert not link.admits_form(link.form_token(revision), revision + 1)
    assert link.secret not in link.form_token(revision)
    assert hash_of(link.secret) != link.form_token(revision)


@given(LINKS, LINKS, REVISIONS)
def test_a_form_token_is_good_for_no_other_link(one: Link, other: Link, revision: int) -> None:
    if one != other:
        assert not other.admits_form(one.form_token(revision), revision)


@given(LINKS, REVISIONS, st.data())
def test_a_changed_token_is_no_token(link: Link, revision: int, data: Any) -> None:
    token = link.form_token(revision)
    place = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(st.sampled_from("0123456789abcdef").filter(lambda digit: digit != token[place]))
    for changed in (token[:place] + other + token[place + 1 :], token[:place], token + other, token.upper() + "x"):
        assert not link.admits_form(changed, revision)


@given(st.text(max_size=80), st.text(max_size=80))
def test_only_what_looks_like_ours_is_looked_up(approval_id: str, secret: str) -> None:
    link = Link(approval_id, secret)
    assert link.is_well_formed or link.lookup == "0" * 32


@KEEP
@given(data=st.data())
def test_a_tampered_link_opens_nothing(story: Story, link: str, data: Any) -> None:
    story.outside.memory.attempts.clear()
    head, _, key = link.partition("?key=")
    place = data.draw(st.integers(0, len(key) - 1))
    other = data.draw(st.sampled_from(ALPHABET).filter(lambda letter: letter != key[place]))
    tampered = f"{head}?key={key[:place]}{other}{key[place + 1 :]}"
    assert story.show(tampered)["statusCode"] == 404
    assert story.decide(tampered)["statusCode"] == 404
    assert state(story) is ApprovalState.PENDING


@KEEP
@given(fields=st.dictionaries(st.sampled_from([*FIELDS, "other"]), st.text(max_size=50), max_size=7))
def test_a_form_of_anything_decides_nothing(story: Story, link: str, fields: dict[str, str]) -> None:
    """Whatever is sent, nothing is decided, and nobody sees an error of ours."""
    story.outside.memory.attempts.clear()
    page = story.call("decide_approval", visit("POST", link, form=fields))
    assert page["statusCode"] in (400, 404)
    assert state(story) is ApprovalState.PENDING


@KEEP
@given(fields=st.fixed_dictionaries({"modelName": st.text(max_size=50)}, optional=dict.fromkeys(TYPED, st.text())))
def test_without_the_models_name_the_holder_of_a_link_decides_nothing(
    story: Story, link: str, fields: dict[str, str]
) -> None:
    story.outside.memory.attempts.clear()
    approval = next(iter(story.outside.memory.approvals.values()))
    fields["modelName"] = fields["modelName"].replace(MODEL, "")
    page = story.call("decide_approval", visit("POST", link, form=form_of(link, revision=approval.revision, **fields)))
    assert page["statusCode"] in (400, 422)
    assert state(story) is ApprovalState.PENDING


@KEEP
@given(body=st.binary(max_size=200), content_type=st.sampled_from(["application/x-www-form-urlencoded", "text/plain"]))
def test_bytes_of_anything_decide_nothing(story: Story, link: str, body: bytes, content_type: str) -> None:
    story.outside.memory.attempts.clear()
    event = visit("POST", link, form={}, headers={"content-type": content_type})
    event["body"] = base64.b64encode(body).decode()
    assert story.call("decide_approval", event)["statusCode"] in (400, 404)
    assert state(story) is ApprovalState.PENDING


def test_a_replayed_form_is_told_what_was_decided(story: Story, link: str) -> None:
    form = form_of(link)
    event = visit("POST", link, form=form)
    first = story.call("decide_approval", event)
    for _ in range(3):
        again = story.call("decide_approval", event)
        assert again == first
    assert len(story.outside.executions.answers) == 1
    assert len([entry for entry in story.outside.memory.audit if entry["event"] == "Decision: approved"]) == 1


def test_a_link_of_one_release_does_not_open_another(story: Story, link: str) -> None:
    other = story.until_asked("20260201-090000-0c2d", "tuesday")
    mixed = f"{link.partition('?')[0]}?{other.partition('?')[2]}"
    assert story.decide(mixed)["statusCode"] == 404
    assert mixed.startswith(SITE)


@KEEP
@given(seconds=st.integers(1, 3600 * 24 * 60))
def test_after_the_deadline_nothing_is_decided(story: Story, link: str, seconds: int) -> None:
    story.outside.memory.attempts.clear()
    deadline = story.outside.memory.approvals[approval_id(story)].deadline
    story.outside.clock.time = deadline
    story.outside.clock.advance(seconds - 1)
    page = story.decide(link)
    assert (page["statusCode"], state(story)) == (410, ApprovalState.PENDING)
    assert "expired" in page["body"]


def approval_id(story: Story) -> str:
    """The id of the approval that the release waits for."""
    return str(story.outside.releases.get(FIRST).item["approvalId"])


def state(story: Story) -> ApprovalState:
    """Where the approval stands."""
    return story.outside.memory.approvals[approval_id(story)].state
