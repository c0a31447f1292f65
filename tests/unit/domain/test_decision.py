"""Whose yes counts: who is told apart from whom, who asked for a release, and who can't be known at all."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from safe_deploy.domain.approval import Approval
from safe_deploy.domain.decision import ApprovalState, Decision, Rule, Via, aliases
from safe_deploy.domain.monitoring import parse_time

ADA, BOB = "ada@example.com", "bob@example.com"
ROLE = "arn:aws:sts::111122223333:assumed-role/ReleaseManager"
USER = "arn:aws:iam::111122223333:user"
AT = "2026-01-31T12:00:00.000Z"


def by_link(name: str = "Bob") -> Decision:
    return Decision("approve", name, "", AT)


def by_mail(email: str, name: str = "somebody") -> Decision:
    return replace(by_link(name), via=Via.PERSONAL_LINK, identity=email)


def by_iam(arn: str) -> Decision:
    return replace(by_link(arn), via=Via.IAM, identity=arn)


def is_approved(rule: Rule, *decisions: Decision) -> bool:
    return rule.state_after(decisions) is ApprovalState.APPROVED


# ---- sessions ----


@pytest.mark.parametrize(
    "session",
    [
        "botocore-session-1700000000",
        "aws-sdk-js-1700000000000",
        "aws-sdk-js-session-1700000000000",
        "aws-sdk-java-1700000000000",
        "aws-sdk-kotlin-1700000000000",
        "aws-sdk-php-1700000000000",
        "aws-go-sdk-1700000000000000000",
        "aws-dotnet-sdk-session-638000000000000000",
        "assume-role-from-profile-1632246085998",
        "1700000000000000000",
    ],
)
def test_a_name_that_a_program_makes_up_names_nobody(session: str) -> None:
    decision = by_iam(f"{ROLE}/{session}")
    assert (decision.session, decision.is_role_alone, decision.is_told_apart) == (session, True, False)
    assert decision.person == ROLE.casefold()
    assert not is_approved(Rule(2), decision, by_iam(f"{ROLE}/{session[:-1]}7"), by_iam(f"{ROLE}/ada"))
    assert not is_approved(Rule(requester="Ada"), decision)
    assert is_approved(Rule(), decision), "where anybody's yes suffices, so does this"


@pytest.mark.parametrize(
    "session", ["ada", ADA, "ada-2", "u1234567", "47110815", "ada-20260131", "i-0123456789abcdef0"]
)
def test_a_persons_session_names_them(session: str) -> None:
    decision = by_iam(f"{ROLE}/{session}")
    assert (decision.session, decision.is_role_alone, decision.person) == (session, False, session.casefold())
    assert is_approved(Rule(2), decision, by_iam(f"{ROLE}/bob"))


def test_a_user_of_iam_has_no_session_to_be_made_up() -> None:
    decision = by_iam(f"{USER}/batch-1700000000")
    assert (decision.session, decision.is_told_apart) == ("", True)


# ---- the requester ----


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("Ada Lovelace", {"ada lovelace"}),
        ("Ada Lovelace <ada@example.com>", {"ada lovelace <ada@example.com>", "ada lovelace", ADA}),
        ("ada@example.com (Ada)", {"ada@example.com (ada)", ADA}),
        (f"{ROLE}/Ada", {f"{ROLE}/ada".casefold(), "ada"}),
        ("  ADA\u00a0 LOVELACE ", {"ada lovelace"}),
        ("\uff21da", {"ada"}),
        ("A\u200dda", {"ada"}),
        ("", set()),
        ("<>", {"<>"}),
    ],
)
def test_what_somebody_goes_by(name: str, found: set[str]) -> None:
    assert aliases(name) == found


@pytest.mark.parametrize(
    ("requester", "decision"),
    [
        ("Ada Lovelace <ada@example.com>", by_mail(ADA)),
        ("Ada Lovelace <ADA@Example.com>", by_mail(ADA, "Bob")),
        ("Ada Lovelace <ada@example.com>", by_mail(BOB, "Ada  Lovelace")),
        ("Ada Lovelace <ada@example.com>", by_iam(f"{ROLE}/{ADA}")),
        (ADA, by_iam(f"{ROLE}/{ADA}")),
        ("ada", by_iam(f"{USER}/team/Ada")),
        (f"{ROLE}/ada", by_iam(f"{ROLE}/ada")),
        (f"{ROLE}/ada", by_iam("arn:aws:sts::444455556666:assumed-role/Admin/ada")),
        (f"{ROLE}/ada", by_iam(f"{USER}/ada")),
        (f"{USER}/ada", by_iam(f"{ROLE}/ada")),
        (f"{ROLE}/{ADA}", by_mail(ADA)),
        (f"Bob <{BOB}>", by_mail(BOB, "Ada")),
    ],
)
def test_the_requester_does_not_agree_alone_under_any_of_their_names(requester: str, decision: Decision) -> None:
    rule = Rule(requester=requester)
    assert rule.is_requester(decision)
    assert not is_approved(rule, decision)
    assert is_approved(rule, decision, by_mail("carol@example.com", "Carol"))


def test_who_has_been_the_requester_once_stays_it() -> None:
    assert not is_approved(Rule(requester="Ada"), by_mail(BOB, "Ada"), by_mail(BOB, "Bob"))


def test_the_topics_link_is_nobody_besides_the_requester() -> None:
    rule = Rule(requester="Ada")
    assert not is_approved(rule, by_link("Ada"), by_link("Bob"), by_link("Carol"))
    assert not is_approved(rule, by_mail(ADA, "Ada"), by_link("Bob"))
    assert is_approved(rule, by_link("Ada"), by_mail(BOB, "Bob"))
    assert rule.state_after([replace(by_link("Bob"), choice="reject")]) is ApprovalState.REJECTED


def test_who_besides_the_requester_agrees_is_of_the_kind_that_suffices() -> None:
    """Two of the requester's names by IAM, and a mail address: that may be one person, or two; three it isn't."""
    rule = Rule(2, f"Ada <{ADA}>")
    assert not is_approved(rule, by_iam(f"{ROLE}/{ADA}"), by_iam(f"{USER}/ada"), by_mail(BOB))
    assert is_approved(rule, by_iam(f"{ROLE}/{ADA}"), by_mail(ADA), by_mail(BOB))


DECISIONS = st.lists(
    st.sampled_from(
        [
            *(by_link(name) for name in ("Ada", "Bob", "")),
            *(by_mail(email, name) for email in (ADA, BOB, "carol@example.com") for name in ("Ada", "Bob")),
            *(by_iam(f"{ROLE}/{name}") for name in ("ada", "bob", "botocore-session-1700000000", "1700000000000")),
            *(by_iam(f"{USER}/{name}") for name in ("ada", "carol")),
        ]
    ),
    max_size=6,
)


@given(DECISIONS, st.integers(1, 2), st.sampled_from(["", "Ada", ADA, f"{ROLE}/ada", "somebody"]))
def test_whoever_is_named_counts_and_they_suffice(decisions: list[Decision], required: int, requester: str) -> None:
    rule = Rule(required, requester)
    counting = rule.counting(decisions)
    assert len({(decision.via, decision.person) for decision in counting}) == len(counting)
    if rule.tells_apart:
        assert all(decision.is_told_apart for decision in counting)
    if is_approved(rule, *decisions):
        assert len({decision.via for decision in counting}) == 1
        assert len(counting) >= required
        assert not requester or not all(rule.is_requester(decision) for decision in counting)
        assert is_approved(rule, *counting), "those who are named would have sufficed without the rest"


def test_who_approved_names_those_whose_yes_counts() -> None:
    approval = Approval("a" * 32, "20260131-120000-0a1b", (), 1, "digest", parse_time(AT, "at"), Rule(2))
    for decision in (by_link("Eve"), by_mail(ADA, "Ada"), by_iam(f"{ROLE}/bob"), by_mail(BOB, "Bob")):
        assert "Eve" not in approval.by
        approval = approval.with_decision(decision)
    assert approval.state is ApprovalState.APPROVED
    assert approval.by == f"Ada <{ADA}> and Bob <{BOB}>"
