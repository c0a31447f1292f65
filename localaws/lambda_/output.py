"""What a function writes: plain lines and the runtime's framed log messages, from one pipe in their order.

The runtime is given the same pipe for standard output, standard error and its telemetry, so that nothing is
reordered. A frame is a type (4 bytes that begin with A5 5A, which no UTF-8 text has), a length (4 bytes),
microseconds (8 bytes) and a message.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass

MARK = b"\xa5\x5a"
HEAD = 16
MAX_EVENT = 256 * 1024


@dataclass(frozen=True, slots=True)
class Line:
    """One message for the log."""

    at: int
    """Milliseconds since the epoch."""
    text: str


class Output:
    """The reading end of the pipe, drained by whoever holds the environment."""

    def __init__(self) -> None:
        self.reader, self.writer = os.pipe()
        os.set_blocking(self.reader, False)
        self._buffer = bytearray()
        self._lines: list[Line] = []

    def drain(self) -> bool:
        """Read everything that is there. False once the last writer has gone."""
        while True:
            try:
                chunk = os.read(self.reader, 65_536)
            except BlockingIOError:
                return True
            if not chunk:
                return False
            self._buffer += chunk
            self._split()

    def take(self) -> list[Line]:
        """The messages since the last call; an unfinished line counts as one."""
        if self._buffer and not self._buffer.startswith(MARK):
            self._add(bytes(self._buffer))
            self._buffer.clear()
        lines, self._lines = self._lines, []
        return lines

    def close_writer(self) -> None:
        """The child has its own copy: without ours its end shows."""
        os.close(self.writer)

    def close(self) -> None:
        """Give the descriptor back."""
        os.close(self.reader)

    def _split(self) -> None:
        while self._buffer:
            if self._buffer.startswith(MARK):
                if len(self._buffer) < HEAD:
                    return
                length = int.from_bytes(self._buffer[4:8], "big")
                if len(self._buffer) < HEAD + length:
                    return
                stamp = int.from_bytes(self._buffer[8:16], "big") // 1000
                self._add(bytes(self._buffer[HEAD : HEAD + length]), stamp)
                del self._buffer[: HEAD + length]
                continue
            newline, mark = self._buffer.find(b"\n"), self._buffer.find(MARK)
            if mark > 0 and not 0 <= newline < mark:
                self._add(bytes(self._buffer[:mark]))
                del self._buffer[:mark]
            elif newline >= 0:
                self._add(bytes(self._buffer[:newline]))
                del self._buffer[: newline + 1]
            else:
                return

    def _add(self, raw: bytes, at: int | None = None) -> None:
        text = raw[:MAX_EVENT].decode("utf-8", "replace").rstrip("\r\n")
        if text:
            self._lines.append(Line(int(time.time() * 1000) if at is None else at, text))
