"""A visit to the approval page: API Gateway's event, strictly read. Used by the two page functions."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from safe_deploy.domain.approval import Link
from safe_deploy.domain.fields import LINE_ENDS, is_blank, oddity, spaced
from safe_deploy.errors import InvalidRequestError, RefusedError

BODY_LIMIT = 16 * 1024
FORM_TYPE = "application/x-www-form-urlencoded"
FIELDS = ("key", "formToken", "decision", "modelName", "decidedBy", "reason")
CHOICES = ("approve", "reject")
NAME_LIMIT = 100
NAME = re.compile(rf"(?!arn:)[^<>]{{1,{NAME_LIMIT}}}", re.IGNORECASE)
"""A name that can't be taken for an identity that somebody has verified."""
AGENT_LIMIT = 200
REASON_LIMIT = 1000


class BadVisitError(InvalidRequestError):
    """No page of ours sends such a request."""


class TooManyVisitsError(RefusedError):
    """An address, or an approval's link, was used more often than a person would."""


class WrongFormError(InvalidRequestError):
    """The form is as it should be, and something a person typed isn't. The text is for them."""


@dataclass(frozen=True, slots=True)
class Visit:
    """One HTTP request for an approval."""

    approval_id: str
    host: str
    """The API's own address, as API Gateway and not the browser says."""
    headers: Mapping[str, str]
    """Names in lower case, as API Gateway hands them over."""
    query: Mapping[str, str]
    body: str
    """As it came; `content` reads it."""
    is_base64: bool
    source_ip: str
    method: str
    user_agent: str
    request_id: str

    @classmethod
    def from_event(cls, event: Mapping[str, Any]) -> Visit:
        """Read an event of HTTP API's payload format 2.0."""
        context = event.get("requestContext") or {}
        http = context.get("http") or {}
        return cls(
            str((event.get("pathParameters") or {}).get("id", "")),
            str(context.get("domainName", "")).lower(),
            {name.lower(): value for name, value in (event.get("headers") or {}).items()},
            event.get("queryStringParameters") or {},
            event.get("body") or "",
            bool(event.get("isBase64Encoded")),
            str(http.get("sourceIp", "")),
            str(http.get("method", "")),
            str(http.get("userAgent", ""))[:AGENT_LIMIT],
            str(context.get("requestId", "")),
        )

    @property
    def content(self) -> bytes:
        """Return the body. Raises BadVisitError for one that is too long or can't be read."""
        if len(self.body) > 2 * BODY_LIMIT:
            raise BadVisitError("the form is too long")
        try:
            content = base64.b64decode(self.body, validate=True) if self.is_base64 else self.body.encode()
        except (binascii.Error, ValueError) as error:
            raise BadVisitError("the form can't be read") from error
        if len(content) > BODY_LIMIT:
            raise BadVisitError("the form is too long")
        return content

    @property
    def link(self) -> Link:
        """Return the link that was opened."""
        return Link(self.approval_id, self.query.get("key", ""))

    def check_origin(self) -> None:
        """Raise BadVisitError when a browser says that the form was sent from elsewhere, or not by a page.

        Sec-Fetch-Site, which no page can forge, decides where there is one. Older browsers send Origin, which must
        be this host; `null` is what a page under `Referrer-Policy: no-referrer`, such as ours, makes them send.
        """
        fetched_from = self.headers.get("sec-fetch-site")
        if fetched_from is not None:
            own = fetched_from == "same-origin"
        else:
            origin = self.headers.get("origin", "null").lower()
            own = origin == "null" or origin.partition("://")[2] == self.host
        if not own:
            raise BadVisitError("the form was sent from another site")
        if self.headers.get("sec-fetch-mode", "navigate") != "navigate":
            raise BadVisitError("the form was sent by a script")
        if self.headers.get("sec-fetch-dest", "document") != "document":
            raise BadVisitError("the form was sent from inside another page")

    @property
    def facts(self) -> dict[str, str]:
        """Return what the audit trail keeps of a visit. Neither link nor form is in it."""
        return {
            "method": self.method,
            "sourceIp": self.source_ip,
            "userAgent": self.user_agent,
            "requestId": self.request_id,
        }


@dataclass(frozen=True, slots=True)
class DecisionForm:
    """What was typed and pressed."""

    link: Link
    form_token: str
    choice: str
    model_name: str
    decided_by: str
    reason: str

    @classmethod
    def parse(cls, visit: Visit) -> DecisionForm:
        """Read the form. Raises BadVisitError unless it has each field of ours once, and no other."""
        content_type = visit.headers.get("content-type", "").partition(";")[0].strip().lower()
        if content_type != FORM_TYPE:
            raise BadVisitError(f"the form must be sent as {FORM_TYPE}")
        try:
            pairs = parse_qsl(
                visit.content.decode("ascii"),
                keep_blank_values=True,
                strict_parsing=True,
                errors="strict",
                max_num_fields=len(FIELDS),
            )
        except ValueError as error:
            raise BadVisitError("the form can't be read") from error
        given = dict(pairs)
        if len(given) != len(pairs) or given.keys() - set(FIELDS):
            raise BadVisitError("the form has a field twice, or one that isn't ours")
        return cls(
            Link(visit.approval_id, given.get("key", "")),
            given.get("formToken", ""),
            given.get("decision", ""),
            given.get("modelName", "").strip(),
            spaced(given.get("decidedBy", "")).strip(),
            spaced(given.get("reason", "")).replace("\r\n", "\n").strip(),
        )

    def check(self, model_name: str) -> None:
        """Raise WrongFormError about what a person has to correct."""
        if self.choice not in CHOICES:
            raise WrongFormError("Press Approve or Reject.")
        if self.model_name != model_name:
            raise WrongFormError(f"Type the model's name, {model_name}, to show that you mean this model.")
        _check_plain("name", self.decided_by)
        if not NAME.fullmatch(self.decided_by) or not any(map(str.isalnum, self.decided_by)):
            raise WrongFormError(f"Give your name, {NAME_LIMIT} characters at most, and no ARN, < or >.")
        _check_plain("comment", self.reason, LINE_ENDS)
        if self.choice == "reject" and is_blank(self.reason):
            raise WrongFormError("Give a reason: whoever trained the model will want to know it.")
        if len(self.reason) > REASON_LIMIT:
            raise WrongFormError(f"Shorten the comment: it has {len(self.reason):,} of {REASON_LIMIT:,} characters.")


def _check_plain(what: str, text: str, allowed: str = "") -> None:
    if found := oddity(text, allowed):
        raise WrongFormError(
            f"Your {what} holds a character that can't be taken, since it doesn't show or changes how the rest reads: "
            f"{found}. It may have come along when you copied the text. Type the {what} anew, without it."
        )
