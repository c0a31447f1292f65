"""Carries log lines and metrics to CloudWatch, off the path of requests. Used by Lambda and by HTTP APIs."""

from __future__ import annotations

import itertools
import logging
import threading
from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, cast

from botocore.exceptions import BotoCoreError, ClientError

from localaws.cloudwatch.metrics import Datapoint
from localaws.lambda_.metrics import embedded
from localaws.lambda_.output import Line

if TYPE_CHECKING:
    from localaws.world import World

log = logging.getLogger("localaws.lambda")
BATCH_SECONDS = 0.1
MAX_BATCH_EVENTS = 10_000
MAX_BATCH_BYTES = 1_048_576
EVENT_OVERHEAD = 26


@dataclass(frozen=True, slots=True)
class LogTarget:
    """Where an environment's lines go, and as whom they are written."""

    group: str
    stream: str
    role: str
    session: str
    """The name of the role's session: the function's."""
    may_create_group: bool = True


class Metrics(Protocol):
    """What CloudWatch offers to services that publish metrics of their own."""

    def ingest(self, namespace: str, data: Iterable[Datapoint]) -> None:
        """Keep datapoints."""


@dataclass(slots=True)
class _Batch:
    lines: dict[LogTarget, list[Line]] = field(default_factory=lambda: defaultdict(list))
    points: dict[str, list[Datapoint]] = field(default_factory=lambda: defaultdict(list))

    def __bool__(self) -> bool:
        return bool(self.lines or self.points)


class Telemetry:
    """One thread that writes in batches."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._batch = _Batch()
        self._changed = threading.Condition()
        self._writing = False
        self._stopping = False
        self._streams: set[LogTarget] = set()
        self._thread = threading.Thread(target=self._run, name="telemetry", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def put(self, target: LogTarget, lines: Iterable[Line]) -> None:
        """Write lines to a log stream, soon; metrics embedded in them are published."""
        with self._changed:
            self._batch.lines[target].extend(lines)
            self._changed.notify_all()

    def publish(self, namespace: str, points: Iterable[Datapoint]) -> None:
        """Publish metrics, soon."""
        with self._changed:
            self._batch.points[namespace].extend(points)
            self._changed.notify_all()

    def flush(self, seconds: float = 30.0) -> None:
        """Wait until everything put so far is written."""
        with self._changed:
            self._changed.wait_for(lambda: not self._batch and not self._writing, timeout=seconds)

    def stop(self) -> None:
        """Write what is left and end."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(timeout=30)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._batch or self._stopping)
                if not self._batch:
                    return
                if not self._stopping:
                    self._changed.wait_for(lambda: self._stopping, timeout=BATCH_SECONDS)
                batch, self._batch = self._batch, _Batch()
                self._writing = True
            try:
                self._write(batch)
            finally:
                with self._changed:
                    self._writing = False
                    self._changed.notify_all()

    def _write(self, batch: _Batch) -> None:
        for lines in batch.lines.values():
            for namespace, point in embedded(lines):
                batch.points[namespace].append(point)
        cloudwatch = self._world.services.get("cloudwatch")
        if cloudwatch is not None:
            for namespace, points in batch.points.items():
                cast(Metrics, cloudwatch).ingest(namespace, points)
        for target, lines in batch.lines.items():
            try:
                self._write_lines(target, lines)
            except (BotoCoreError, ClientError) as error:
                self._streams.discard(target)
                log.warning("log lines of %s are lost: %s", target.stream, error)

    def _write_lines(self, target: LogTarget, lines: list[Line]) -> None:
        logs: Any = self._world.client("logs", role=target.role, session=target.session)
        if target not in self._streams:
            self._create_stream(logs, target)
            self._streams.add(target)
        for chunk in _chunks(lines):
            logs.put_log_events(
                logGroupName=target.group,
                logStreamName=target.stream,
                logEvents=[
                    {"timestamp": at, "message": line.text}
                    for at, line in zip(itertools.accumulate((line.at for line in chunk), max), chunk, strict=True)
                ],
            )

    def _create_stream(self, logs: Any, target: LogTarget) -> None:
        try:
            with suppress(logs.exceptions.ResourceAlreadyExistsException):  # a call after it has failed
                logs.create_log_stream(logGroupName=target.group, logStreamName=target.stream)
        except logs.exceptions.ResourceNotFoundException:
            if not target.may_create_group:
                raise
            logs.create_log_group(logGroupName=target.group)
            logs.create_log_stream(logGroupName=target.group, logStreamName=target.stream)


def _chunks(lines: list[Line]) -> Iterable[list[Line]]:
    """Lines in as many pieces as one `PutLogEvents` may hold."""
    sizes = itertools.accumulate(len(line.text.encode()) + EVENT_OVERHEAD for line in lines)
    numbered = enumerate(zip(lines, sizes, strict=True))
    for _, group in itertools.groupby(numbered, key=lambda n: (n[0] // MAX_BATCH_EVENTS, n[1][1] // MAX_BATCH_BYTES)):
        yield [line for _, (line, _) in group]
