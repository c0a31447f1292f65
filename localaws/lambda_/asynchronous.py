"""Lambda's queue of asynchronous invocations: two more tries after a failure. Used by the service."""

from __future__ import annotations

import heapq
import itertools
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from localaws.clock import Clock
from localaws.errors import AwsError

log = logging.getLogger("localaws.lambda")

RETRY_AFTER = (60.0, 120.0)
"""AWS seconds before the second and the third try."""
THROTTLED_AFTER = (1.0, 300.0)
"""The first and the longest wait when throttled; it doubles in between."""
WORKERS = 16


@dataclass(frozen=True, slots=True)
class Queued:
    """One asynchronous event."""

    attempt: Callable[[], bool]
    """Invokes; whether it succeeded. Raises `TooManyRequestsException` when throttled."""
    dropped: Callable[[], None]
    """Notes that it is given up."""
    retries: int
    max_age: float
    """AWS seconds of waiting after which it is dropped."""
    waited: float = 0
    throttled: int = 0
    failed: int = 0


class EventQueue:
    """Delivers each event at least once, unless it keeps failing."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._due: list[tuple[float, int, Queued]] = []
        self._order = itertools.count()
        self._changed = threading.Condition()
        self._stopping = False
        self._open = 0
        self._workers = ThreadPoolExecutor(WORKERS, thread_name_prefix="lambda-async")
        self._thread = threading.Thread(target=self._dispatch, name="lambda-async-queue", daemon=True)

    def start(self) -> None:
        """Begin to deliver."""
        self._thread.start()

    def put(self, attempt: Callable[[], bool], dropped: Callable[[], None], retries: int, max_age: float) -> None:
        """Take an event to be delivered now."""
        with self._changed:
            self._open += 1
        self._schedule(Queued(attempt, dropped, retries, max_age), 0)

    def wait_until_empty(self, seconds: float = 30.0) -> bool:
        """Whether every event is delivered or given up before the time is over."""
        with self._changed:
            return self._changed.wait_for(lambda: self._open == 0, timeout=seconds)

    def stop(self) -> None:
        """Deliver no more; what runs is waited for."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join()
        self._workers.shutdown(wait=True, cancel_futures=True)

    def _schedule(self, queued: Queued, delay: float) -> None:
        """Try after `delay` seconds of AWS time."""
        at = time.monotonic() + self._clock.real(delay)
        with self._changed:
            heapq.heappush(self._due, (at, next(self._order), queued))
            self._changed.notify_all()

    def _dispatch(self) -> None:
        while True:
            with self._changed:
                while not self._stopping and not (self._due and self._due[0][0] <= time.monotonic()):
                    wait = self._due[0][0] - time.monotonic() if self._due else None
                    self._changed.wait(wait)
                if self._stopping:
                    return
                _, _, queued = heapq.heappop(self._due)
            self._workers.submit(self._try, queued)

    def _try(self, queued: Queued) -> None:
        again = None
        try:
            again = self._after(queued)
        except Exception:
            log.exception("an asynchronous event failed inside localaws")
        if again is not None:
            self._schedule(*again)
            return
        with self._changed:
            self._open -= 1
            self._changed.notify_all()

    def _after(self, queued: Queued) -> tuple[Queued, float] | None:
        """Try once; what is to be tried again, and after how many seconds of AWS time."""
        try:
            if queued.attempt():
                return None
            again = replace(queued, failed=queued.failed + 1)
            delay = RETRY_AFTER[min(queued.failed, len(RETRY_AFTER) - 1)]
        except AwsError as error:
            if error.code != "TooManyRequestsException":
                log.warning("an asynchronous event is dropped: %s", error)
                queued.dropped()
                return None
            again = replace(queued, throttled=queued.throttled + 1)
            delay = min(THROTTLED_AFTER[0] * 2**queued.throttled, THROTTLED_AFTER[1])
        again = replace(again, waited=queued.waited + delay)
        if again.failed <= queued.retries and again.waited <= queued.max_age:
            return again, delay
        queued.dropped()
        return None
