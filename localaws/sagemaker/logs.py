"""A container's output as a CloudWatch log stream, sent in batches with the role's credentials."""

from __future__ import annotations

import logging
import threading
import time
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

log = logging.getLogger("localaws.sagemaker")
BATCH = 1000
PAUSE = 0.5
"""Real seconds between batches."""
LONGEST = 200_000
"""Characters of one event; CloudWatch takes 256 KiB."""


class LogStream:
    """Lines go to CloudWatch a little later. A role that may not write logs loses them, as on AWS."""

    def __init__(self, client: Any, group: str, stream: str) -> None:
        self._client = client
        self.group = group
        self.stream = stream
        self._waiting: list[dict[str, Any]] = []
        self._changed = threading.Condition()
        self._closed = False
        self._made = False
        self._thread = threading.Thread(target=self._send_all, name=f"logs {stream}", daemon=True)
        self._thread.start()

    def add(self, line: str) -> None:
        """One line; blank ones aren't kept, since CloudWatch refuses empty events."""
        if not line.strip():
            return
        with self._changed:
            self._waiting.append({"timestamp": int(time.time() * 1000), "message": line[:LONGEST]})
            self._changed.notify()

    def close(self) -> None:
        """Send what is left and end."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join(timeout=10)

    def _send_all(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closed)
                self._changed.wait_for(lambda: self._closed, timeout=PAUSE)
                batch, self._waiting = self._waiting[:BATCH], self._waiting[BATCH:]
                if not batch:
                    return
            try:
                self._send(batch)
            except (ClientError, BotoCoreError) as error:
                log.warning("log stream %s/%s lost %d lines: %s", self.group, self.stream, len(batch), error)

    def _send(self, batch: list[dict[str, Any]]) -> None:
        if not self._made:
            self._make("create_log_group", logGroupName=self.group)
            self._make("create_log_stream", logGroupName=self.group, logStreamName=self.stream)
            self._made = True
        self._client.put_log_events(logGroupName=self.group, logStreamName=self.stream, logEvents=batch)

    def _make(self, operation: str, **names: str) -> None:
        try:
            getattr(self._client, operation)(**names)
        except self._client.exceptions.ResourceAlreadyExistsException:
            return
