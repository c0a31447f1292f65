"""Delivers in the background, with AWS's retries, and keeps a record. Called by EventBridge and Scheduler."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from localaws.eventbridge.targets import DeliveryError
from localaws.timetable import Timetable
from localaws.watched import Watched

if TYPE_CHECKING:
    from localaws.world import World

log = logging.getLogger("localaws.delivery")
LONGEST_PAUSE = 60.0
KEPT = 500


@dataclass(frozen=True, slots=True)
class Delivery:
    """One thing handed to one target, or not."""

    at: datetime
    origin: str
    """The ARN of the rule or schedule."""
    what: str
    """The event's source and detail type, or the schedule's expression."""
    target: str
    payload: str
    status: str = "pending"
    """`pending`, `delivered` or `failed`."""
    attempts: int = 0
    error: str = ""


class Deliveries:
    """A bounded pool of workers. `record` holds what has ended, delivered or failed; `ended` is told of each."""

    def __init__(self, world: World, name: str, ended: Callable[[Delivery], None] | None = None) -> None:
        self._world = world
        self._ended = ended
        self._pool = ThreadPoolExecutor(max_workers=8, thread_name_prefix=name)
        self._retries = Timetable(f"{name}-retries")
        self._stopped = False
        self.record: Watched[Delivery] = Watched(KEPT)

    def start(self) -> None:
        """Begin."""
        self._retries.start()

    def stop(self) -> None:
        """Drop what is waiting and end."""
        self._stopped = True
        self._retries.stop()
        self._pool.shutdown(cancel_futures=True)

    def run(self, work: Callable[[], None]) -> None:
        """Do something in the background; its exceptions are logged."""

        def safely() -> None:
            try:
                work()
            except Exception:
                if not self._stopped:
                    log.exception("background work failed")

        if not self._stopped:
            self._pool.submit(safely)

    def send(self, delivery: Delivery, retry: Mapping[str, Any], action: Callable[[], None]) -> None:
        """Call `action` until it succeeds or the retry policy gives up."""
        self.run(lambda: self._attempt(delivery, retry, action))

    def _attempt(self, delivery: Delivery, retry: Mapping[str, Any], action: Callable[[], None]) -> None:
        tried = replace(delivery, attempts=delivery.attempts + 1)
        try:
            action()
        except DeliveryError as error:
            pause = min(2.0 ** (tried.attempts - 1), LONGEST_PAUSE) * random.uniform(0.8, 1.2)  # noqa: S311 (jitter)
            age = self._world.clock.now() - delivery.at
            limit = timedelta(seconds=self._world.clock.real(retry.get("MaximumEventAgeInSeconds", 86_400)))
            if error.retryable and tried.attempts <= retry.get("MaximumRetryAttempts", 185) and age < limit:
                log.info("%s → %s: %s; trying again", delivery.origin, delivery.target, error)
                again = replace(tried, error=str(error))
                self._retries.after(self._world.clock.real(pause), lambda: self.send(again, retry, action))
                return
            log.warning("%s → %s failed for good: %s", delivery.origin, delivery.target, error)
            self._end(replace(tried, status="failed", error=str(error)))
        except Exception as error:
            self._end(replace(tried, status="failed", error=repr(error)))
            raise
        else:
            self._end(replace(tried, status="delivered", error=""))

    def _end(self, delivery: Delivery) -> None:
        if self._ended is not None:
            self._ended(delivery)
        self.record.add(delivery)
