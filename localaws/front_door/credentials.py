"""Who holds which access key. The front door asks it on every request; services issue from it."""

from __future__ import annotations

import secrets
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Principal:
    """Who calls: a person's user, or a role in a session."""

    arn: str
    """`arn:aws:iam::…:user/…` or `arn:aws:iam::…:role/…`."""
    session: str = ""
    """The session's name, when it is a role."""

    @property
    def caller_arn(self) -> str:
        """The ARN as STS and AWS's logs show it (`arn:aws:sts::…:assumed-role/Name/session`)."""
        if ":role/" not in self.arn:
            return self.arn
        account, name = self.arn.split(":")[4], self.arn.rsplit("/", 1)[1]
        return f"arn:aws:sts::{account}:assumed-role/{name}/{self.session}"


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a caller signs with."""

    access_key: str
    secret_key: str
    token: str
    principal: Principal
    expires: datetime | None

    def environment(self) -> dict[str, str]:
        """The variables under which AWS's SDKs look for them."""
        found = {"AWS_ACCESS_KEY_ID": self.access_key, "AWS_SECRET_ACCESS_KEY": self.secret_key}
        return {**found, "AWS_SESSION_TOKEN": self.token} if self.token else found


class CredentialStore:
    """Issues credentials for roles and finds the holder of an access key."""

    LIFETIME = timedelta(hours=12)

    def __init__(self) -> None:
        self._by_key: dict[str, Credentials] = {}
        self._lock = threading.Lock()

    def add_person(self, access_key: str, arn: str) -> Credentials:
        """The person at the keyboard: long-lived, the secret is the key id itself (nothing here is secret)."""
        return self._keep(Credentials(access_key, access_key, "", Principal(arn), None))

    def issue(self, role_arn: str, session: str, now: datetime) -> Credentials:
        """Fresh temporary credentials of a role, as `sts:AssumeRole` would give."""
        if ":role/" not in role_arn:
            raise ValueError(f"not a role: {role_arn!r}")
        return self._keep(
            Credentials(
                access_key="ASIA" + secrets.token_hex(8).upper(),
                secret_key=secrets.token_urlsafe(30),
                token=secrets.token_urlsafe(48),
                principal=Principal(role_arn, session),
                expires=now + self.LIFETIME,
            )
        )

    def find(self, access_key: str) -> Credentials | None:
        """The holder of an access key, if it was ever issued here."""
        return self._by_key.get(access_key)

    def _keep(self, credentials: Credentials) -> Credentials:
        with self._lock:
            self._by_key[credentials.access_key] = credentials
        return credentials
