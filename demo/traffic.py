"""Live traffic: signed predictions at a steady rate, and what came back. Used by the demo and e2e tests."""

from __future__ import annotations

import csv
import gzip
import http.client
import random
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from demo.stack import PERSON, REGION


@dataclass(frozen=True, slots=True)
class Answer:
    """One request's outcome."""

    at: float
    """Seconds, monotonic."""
    status: int
    """0 when there was no HTTP answer."""
    release: str
    milliseconds: float
    body: str


@dataclass
class Traffic:
    """Sends rows of a feature file round and round, `rate` a second, over a few kept connections."""

    url: str
    rows: list[str]
    rate: float = 20.0
    workers: int = 4
    answers: list[Answer] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._next = 0
        self._began = 0.0

    def start(self) -> None:
        """Begin."""
        self._began = time.monotonic()
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(self.workers)]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End, after the requests under way."""
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=40)

    def since(self, moment: float) -> list[Answer]:
        """The answers to requests sent at or after a monotonic moment."""
        with self._lock:
            return [answer for answer in self.answers if answer.at >= moment]

    def shares(self, moment: float) -> dict[str, float]:
        """The share of answers by release since a moment."""
        counts = Counter(answer.release for answer in self.since(moment))
        total = sum(counts.values())
        return {release: count / total for release, count in sorted(counts.items())} if total else {}

    def _work(self) -> None:
        client = SignedClient(self.url)
        while not self._stop.is_set():
            with self._lock:
                number = self._next
                self._next += 1
            wait = self._began + number / self.rate - time.monotonic()
            if wait > 0 and self._stop.wait(wait):
                return
            answer = client.predict(self.rows[number % len(self.rows)])
            with self._lock:
                self.answers.append(answer)


class SignedClient:
    """A caller of POST /predict with the person's credentials, over one kept connection."""

    def __init__(self, url: str, access_key: str = PERSON, secret_key: str = PERSON) -> None:
        self._parts = urlsplit(url)
        self._auth = SigV4Auth(Credentials(access_key, secret_key), "execute-api", REGION)
        self._connection: http.client.HTTPConnection | None = None

    def predict(self, body: str | bytes, content_type: str = "text/csv", accept: str = "text/csv") -> Answer:
        """Ask once. A connection that broke is an answer of status 0, never an exception."""
        request = AWSRequest(
            method="POST",
            url=f"{self._parts.scheme}://{self._parts.netloc}/predict",
            data=body,
            headers={"Content-Type": content_type, "Accept": accept},
        )
        self._auth.add_auth(request)
        at = time.monotonic()
        for fresh in (False, True):
            try:
                if self._connection is None:
                    factory = (
                        http.client.HTTPSConnection if self._parts.scheme == "https" else http.client.HTTPConnection
                    )
                    self._connection = factory(self._parts.netloc, timeout=35)
                self._connection.request("POST", "/predict", body, dict(request.headers.items()))
                reply = self._connection.getresponse()
                text = reply.read().decode(errors="replace")
                release = reply.getheader("x-release-id") or ""
                return Answer(at, reply.status, release, (time.monotonic() - at) * 1000, text)
            except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError) as error:
                self._connection = None  # an idle connection may be closed under us: once more on a fresh one
                if fresh:
                    return Answer(at, 0, "", (time.monotonic() - at) * 1000, repr(error))
            except OSError as error:
                self._connection = None
                return Answer(at, 0, "", (time.monotonic() - at) * 1000, repr(error))
        raise AssertionError("unreachable")


def rows_of(path: Path) -> list[str]:
    """The feature rows of a gzip CSV with a header, each as one CSV line, in a mixed order that is always the same.

    The file is in order of time: unmixed, the first minute of traffic would all be trips of January.
    """
    with gzip.open(path, "rt", newline="") as file:
        reader = csv.reader(file)
        next(reader)
        rows = [",".join(row) for row in reader]
    random.Random(2019).shuffle(rows)  # noqa: S311 (nothing secret)
    return rows
