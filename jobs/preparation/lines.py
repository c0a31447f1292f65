"""A stream that counts the lines passing through, to see rows that a quote swallows. Used by reading.py."""

from __future__ import annotations

import re
from pathlib import Path

import pyarrow as pa

REPEATED = re.compile(rb"\n(?=\n)")


class CountedLines:
    """A CSV file, unpacked if need be, as pyarrow reads it."""

    def __init__(self, path: Path) -> None:
        self._file = pa.input_stream(str(path), compression="gzip" if path.name.endswith(".gz") else None)
        self._last = b"\n"
        self._ends = 0

    @property
    def lines(self) -> int:
        """Return how many lines that aren't blank have passed."""
        return self._ends + (self._last != b"\n")

    def read(self, size: int = -1) -> bytes:
        """Read as a file does."""
        block: bytes = self._file.read(size if size >= 0 else None)
        if block:
            seen = self._last + block.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
            blank = len(REPEATED.findall(seen)) if b"\n\n" in seen else 0
            self._ends += seen.count(b"\n", 1) - blank
            self._last = seen[-1:]
        return block

    @property
    def closed(self) -> bool:
        """Return whether the file is closed."""
        return bool(self._file.closed)

    def close(self) -> None:
        """Close the file."""
        self._file.close()
