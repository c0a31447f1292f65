"""Who subscribed to which topic by e-mail, and whether they have confirmed it. Kept by `Mail`."""

from __future__ import annotations

import secrets
import threading
from dataclasses import dataclass, field


@dataclass(slots=True)
class Subscription:
    """One address on one topic."""

    arn: str
    topic: str
    address: str
    token: str = field(default_factory=lambda: secrets.token_hex(32))
    """What the link in the confirmation mail carries."""
    confirmed: bool = False


class Subscriptions:
    """Subscriptions by e-mail; moto knows them too, but not that they wait to be confirmed."""

    def __init__(self) -> None:
        self._by_arn: dict[str, Subscription] = {}
        self._lock = threading.Lock()

    def add(self, arn: str, topic: str, address: str) -> Subscription:
        """The subscription with that ARN, a new one if there is none yet."""
        with self._lock:
            return self._by_arn.setdefault(arn, Subscription(arn, topic, address))

    def remove(self, *, arn: str | None = None, topic: str | None = None) -> None:
        """Forget one subscription, or all of a topic."""
        with self._lock:
            for held in list(self._by_arn.values()):
                if arn == held.arn or topic == held.topic:
                    del self._by_arn[held.arn]

    def by_token(self, token: str) -> Subscription | None:
        """The subscription whose confirmation mail carries a token."""
        return next((held for held in self.all() if secrets.compare_digest(held.token, token)), None)

    def all(self) -> list[Subscription]:
        """Every subscription."""
        with self._lock:
            return list(self._by_arn.values())

    def of(self, topic: str) -> list[Subscription]:
        """The confirmed subscriptions of a topic."""
        return [held for held in self.all() if held.topic == topic and held.confirmed]
