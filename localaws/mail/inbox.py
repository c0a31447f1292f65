"""The inbox: every mail that this world has sent. Written by `Mail`, read by tests, the demo and the page."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from localaws.watched import Watched

KEPT = 1_000


@dataclass(frozen=True, slots=True)
class Message:
    """One mail as it arrived."""

    at: datetime
    sender: str
    to: tuple[str, ...]
    subject: str
    text: str
    html: str = ""
    topic: str = ""
    """The ARN of the topic it came by, if it came by SNS."""
    id: str = field(default_factory=lambda: str(uuid.uuid4()))

    def to_json(self) -> dict[str, Any]:
        """Its parts, for `/_localaws/inbox.json`."""
        return {**asdict(self), "at": self.at.isoformat()}


class Inbox:
    """Mail in order of arrival, whoever it is to."""

    def __init__(self) -> None:
        self._mail: Watched[Message] = Watched(KEPT)

    def add(self, message: Message) -> None:
        """Let a mail arrive."""
        self._mail.add(message)

    def messages(self, to: str | None = None) -> list[Message]:
        """Every mail so far, oldest first, of one person if asked."""
        return [message for message in self._mail.items() if to is None or to in message.to]

    def find(self, message_id: str) -> Message | None:
        """The mail with that id."""
        return next((message for message in self._mail.items() if message.id == message_id), None)

    def wait_for(self, wanted: Callable[[Message], bool], timeout: float) -> Message:
        """The first mail that satisfies `wanted`, there already or to come. Raises `TimeoutError`."""
        return self._mail.wait_for(wanted, timeout)
