"""The execution environments of every function: reused while warm, reaped when idle. Used by the invoker."""

from __future__ import annotations

import threading
import time
from collections import defaultdict

from localaws.lambda_.environment import Planner
from localaws.lambda_.guardian import Guardian
from localaws.lambda_.model import Version
from localaws.lambda_.sandbox import Sandbox

IDLE_SECONDS = 300.0
MAX_IDLE = 24
"""Of all functions together; the one longest idle goes first."""
MAX_AGE = 6 * 3600.0
"""Well within the life of the credentials that an environment was started with."""
SWEEP_SECONDS = 5.0
STOP_SECONDS = 10.0


class Pool:
    """Lends environments; each is held by one invocation at a time."""

    def __init__(self, planner: Planner) -> None:
        self._planner = planner
        self._guardian = Guardian()
        self._lock = threading.Lock()
        self._returned = threading.Condition(self._lock)
        self._idle: dict[str, list[Sandbox]] = defaultdict(list)
        self._lent: dict[Sandbox, str] = {}
        self._retired: set[str] = set()
        self._stopped = threading.Event()
        self._sweeper = threading.Thread(target=self._sweep_for_ever, name="lambda-reaper", daemon=True)

    def start(self) -> None:
        """Begin to reap."""
        self._sweeper.start()

    def warm(self, version: Version) -> Sandbox | None:
        """An idle environment of a version that is ready for an event, now held by the caller."""
        while True:
            with self._lock:
                idle = self._idle.get(version.environment_id)
                if not idle:
                    return None
                sandbox = idle.pop()
                self._lent[sandbox] = version.environment_id
            if time.monotonic() - sandbox.born < MAX_AGE and sandbox.is_ready():
                return sandbox
            self.discard(sandbox)

    def cold(self, version: Version) -> Sandbox:
        """A new environment, still to be initialized, held by the caller."""
        sandbox = Sandbox(self._planner.plan(version), self._guardian)
        with self._lock:
            self._lent[sandbox] = version.environment_id
            stopped = self._stopped.is_set()
        if stopped:
            self.discard(sandbox)
            raise RuntimeError("Lambda has been stopped")
        return sandbox

    def give_back(self, sandbox: Sandbox) -> None:
        """Keep an environment for the next invocation, unless its version serves no longer."""
        sandbox.idle_since = time.monotonic()
        with self._lock:
            key = self._lent[sandbox]
            keep = key not in self._retired and not self._stopped.is_set()
            if keep:
                del self._lent[sandbox]
                self._idle[key].append(sandbox)
        if not keep:
            self.discard(sandbox)

    def discard(self, sandbox: Sandbox) -> None:
        """End an environment that can't be used again."""
        sandbox.kill()
        with self._lock:
            del self._lent[sandbox]
            self._returned.notify_all()

    def retire(self, version: Version) -> None:
        """The version serves no longer: end its idle environments now, the busy ones when they are done."""
        with self._lock:
            self._retired.add(version.environment_id)
            idle = self._idle.pop(version.environment_id, [])
        for sandbox in idle:
            sandbox.kill()

    def processes(self) -> int:
        """How many environments there are."""
        with self._lock:
            return len(self._lent) + sum(len(idle) for idle in self._idle.values())

    def crash(self, function: str) -> None:
        """Kill the busy environments of a function in the middle of what they do."""
        with self._lock:
            busy = [s for s in self._lent if s.plan.environment["AWS_LAMBDA_FUNCTION_NAME"] == function]
        for sandbox in busy:
            sandbox.interrupt()

    def interrupt(self) -> None:
        """Start no more environments and let the busy ones end in the middle of what they do."""
        self._stopped.set()
        with self._lock:
            for sandbox in self._lent:
                sandbox.interrupt()

    def stop(self) -> None:
        """End every environment, busy or not."""
        self.interrupt()
        if self._sweeper.is_alive():
            self._sweeper.join()
        with self._lock:
            idle = [sandbox for held in self._idle.values() for sandbox in held]
            self._idle.clear()
        for sandbox in idle:
            sandbox.kill()
        with self._lock:
            self._returned.wait_for(lambda: not self._lent, timeout=STOP_SECONDS)
        self._guardian.close()

    def _sweep_for_ever(self) -> None:
        while not self._stopped.wait(SWEEP_SECONDS):
            self.sweep(time.monotonic())

    def sweep(self, now: float) -> None:
        """End what has been idle for long, and the longest idle where there are too many."""
        with self._lock:
            every = sorted(
                ((sandbox, key) for key, idle in self._idle.items() for sandbox in idle),
                key=lambda item: item[0].idle_since,
            )
            surplus = len(every) - MAX_IDLE
            stale = [
                (sandbox, key)
                for place, (sandbox, key) in enumerate(every)
                if place < surplus or now - sandbox.idle_since > IDLE_SECONDS
            ]
            for sandbox, key in stale:
                self._idle[key].remove(sandbox)
                if not self._idle[key]:
                    del self._idle[key]
        for sandbox, _ in stale:
            sandbox.kill()
