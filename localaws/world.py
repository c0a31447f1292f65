"""The one place where the laptop's AWS is wired together: settings, clock, credentials, services, front door."""

from __future__ import annotations

import functools
import threading
import uuid
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any, TypeVar

import boto3
from botocore.config import Config

from localaws.clock import Clock
from localaws.delegated import Delegated
from localaws.faults.registry import Faults
from localaws.front_door.app import FrontDoor
from localaws.front_door.credentials import Credentials, CredentialStore
from localaws.front_door.ledger import Ledger
from localaws.service import Service
from localaws.settings import PERSON_ACCESS_KEY, Settings

S = TypeVar("S", bound=Service)
RENEW_BEFORE = timedelta(minutes=30)
CLIENTS_KEPT = 200
"""Jobs act in sessions of their own: clients of those long ended are let go."""


@functools.cache
def _session() -> boto3.Session:
    """One for the process: it holds the service models, which take 0.5 s and 50 MB to read."""
    return boto3.Session()


class World:
    """One AWS account in one region. `start()` opens it, `stop()` ends everything it began."""

    def __init__(self, settings: Settings, services: Iterable[type[Service]]) -> None:
        self.settings = settings
        self.clock = Clock(settings.time_scale)
        self.credentials = CredentialStore()
        self.ledger = Ledger()
        self.faults = Faults()
        self.person = self.credentials.add_person(PERSON_ACCESS_KEY, f"arn:aws:iam::{settings.account}:user/you")
        self.delegated = Delegated(self)
        self.services = {kind.name: kind(self) for kind in services}
        self.front_door = FrontDoor(self)
        self._clients: OrderedDict[tuple[str, str, str], tuple[Credentials, Any]] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def endpoint(self) -> str:
        """The address of the front door, such as `http://localhost:4566`."""
        return f"http://localhost:{self.front_door.port}"

    def start(self) -> None:
        """Open the front door; services are ready when this returns."""
        self.settings.home.mkdir(parents=True, exist_ok=True)
        self.front_door.bind()
        for service in self.services.values():
            service.start()
        self.front_door.open()

    def stop(self) -> None:
        """Stop every service (in the reverse of their order) and close the front door."""
        for service in reversed(self.services.values()):
            service.stop()
        self.front_door.close()

    def service(self, kind: type[S]) -> S:
        """The one service of that class."""
        found = self.services[kind.name]
        if not isinstance(found, kind):
            raise TypeError(f"service {kind.name} is a {type(found).__name__}, not a {kind.__name__}")
        return found

    def credentials_for(self, role: str, session: str) -> Credentials:
        """Temporary credentials of a role, for a process or a client that acts for it."""
        return self.credentials.issue(role, session, self.clock.now())

    def client(self, service: str, *, role: str | None = None, session: str = "localaws") -> Any:
        """A boto3 client of the front door that acts with a role's credentials, or as the person without one."""
        key = (service, role or "", session if role else "")
        with self._lock:
            held = self._clients.get(key)
            if held is not None:
                expires = held[0].expires
                if expires is None or expires - RENEW_BEFORE > self.clock.now():
                    self._clients.move_to_end(key)
                    return held[1]
            credentials = self.credentials_for(role, session) if role else self.person
            client = _session().client(
                service,  # type: ignore[call-overload]
                region_name=self.settings.region,
                endpoint_url=self.endpoint,
                aws_access_key_id=credentials.access_key,
                aws_secret_access_key=credentials.secret_key,
                aws_session_token=credentials.token or None,
                config=Config(
                    retries={"total_max_attempts": 1},
                    read_timeout=900,
                    max_pool_connections=50,
                    signature_version="s3v4" if service == "s3" else None,  # for presigned URLs
                ),
            )
            self._clients[key] = (credentials, client)
            if len(self._clients) > CLIENTS_KEPT:
                self._clients.popitem(last=False)
            return client

    def process_environment(self, role: str, session: str) -> dict[str, str]:
        """The environment by which an AWS SDK in a child process finds this world and acts for a role."""
        return {
            **self.credentials_for(role, session).environment(),
            "AWS_REGION": self.settings.region,
            "AWS_DEFAULT_REGION": self.settings.region,
            "AWS_ENDPOINT_URL": self.endpoint,
        }

    def emit_event(
        self, source: str, detail_type: str, detail: Mapping[str, Any], resources: Iterable[str] = ()
    ) -> None:
        """Put an event of an AWS service on the default event bus."""
        event = {
            "version": "0",
            "id": str(uuid.uuid4()),
            "detail-type": detail_type,
            "source": source,
            "account": self.settings.account,
            "time": self.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ"),
            "region": self.settings.region,
            "resources": list(resources),
            "detail": dict(detail),
        }
        self.delegated.deliver_event(event)
