"""Links for approvers, and the mails that carry them. Used by ask_for_approval and remind_approvers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from safe_deploy.domain.approval import Holder, Link, hash_of
from safe_deploy.domain.decision import Rule
from safe_deploy.domain.notices import Notice
from safe_deploy.domain.ports import Outside
from safe_deploy.domain.release import Release
from safe_deploy.errors import InvalidRequestError, RefusedError, SafeDeployError

EARLIEST = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Invitation:
    """A link, and the address that it goes to; without one, it goes to the topic."""

    link: Link
    email: str = ""

    @property
    def holder(self) -> Holder:
        """Return what is kept of it."""
        return Holder(hash_of(self.link.secret), self.email)


def invite(emails: Iterable[str], approval_id: str = "") -> list[Invitation]:
    """Return a personal link for each address, all of one approval; without addresses, one link for the topic."""
    approval_id = approval_id or Link.create().approval_id
    return [Invitation(Link.create(approval_id), email) for email in (tuple(emails) or ("",))]


def send(
    invitations: Iterable[Invitation],
    site: str,
    words: Callable[[str], Notice],
    as_html: Callable[[Notice, str], str],
    outside: Outside,
) -> dict[str, str]:
    """Send each link to whom it is for; `words` makes the notice around a link. Return why addresses had none.

    Raises what the mail service says when it takes the mail to nobody at all.
    """
    unsent: dict[str, SafeDeployError] = {}
    asked = tuple(invitations)
    for invitation in asked:
        url = invitation.link.url(site)
        notice = words(url)
        if not invitation.email:
            outside.topic.publish(notice.subject, notice.text)
            continue
        try:
            outside.mailbox.send(invitation.email, notice.subject, notice.text, as_html(notice, url))
        except (InvalidRequestError, RefusedError) as error:
            unsent[invitation.email] = error
    if unsent and len(unsent) == len(asked):
        raise next(iter(unsent.values()))
    return {email: str(error) for email, error in unsent.items()}


def reminder_time(deadline: datetime, expires_in: timedelta) -> datetime:
    """Return when to remind: when a quarter of the time is left, but a day before the end at most."""
    return deadline - min(expires_in / 4, EARLIEST)


def rule_for(release: Release) -> Rule:
    """Return whose yes a release needs, by its policy and by who asked for it."""
    policy = release.policy.approval
    requester = (release.item.get("manifest") or {}).get("requestedBy") or ""
    return Rule(policy.required, "" if policy.requester_may_approve else str(requester))
