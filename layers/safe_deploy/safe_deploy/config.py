"""A function's settings: its environment, read when needed and not at import. Used everywhere."""

from __future__ import annotations

import os

from safe_deploy.domain.names import check_model_name
from safe_deploy.errors import ConfigurationError


def setting(name: str) -> str:
    """Return an environment variable. Raises ConfigurationError, naming it, when it is missing or empty."""
    value = os.environ.get(name, "").strip()
    if not value:
        raise ConfigurationError(f"the function's environment has no {name}; set it in template.yaml")
    return value


def optional(name: str) -> str:
    """Return an environment variable that may be missing or empty."""
    return os.environ.get(name, "").strip()


def approver_emails() -> tuple[str, ...]:
    """Return who gets a personal link: APPROVER_EMAILS, each once; none when the topic gets the one link."""
    given = (email.strip().casefold() for email in optional("APPROVER_EMAILS").split(","))
    return tuple(dict.fromkeys(filter(None, given)))


def check_approvers() -> None:
    """Raise ConfigurationError when people are to get personal links, and nobody is there to send them."""
    if approver_emails() and not optional("SENDER_EMAIL"):
        raise ConfigurationError("the stack has ApproverEmails but no SenderEmail: personal links need a sender")


def model_name() -> str:
    """Return MODEL_NAME, which every resource of a release begins with."""
    return check_model_name(setting("MODEL_NAME"))


def region() -> str:
    """Return the Region that Lambda runs the function in."""
    return setting("AWS_REGION")
