"""Read a CSV file's header, and see whether the file is what its name says. Used by prepare and analyze."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

import pyarrow as pa
from pyarrow import csv

from jobs.outcome import DataRefusedError

HEADER_LIMIT = 1 << 20


def read_header(path: Path) -> list[str]:
    """Return a CSV file's column names. Raises DataRefusedError if the file isn't what its name says."""
    zipped = path.name.endswith(".gz")
    try:
        with gzip.open(path, "rb") if zipped else path.open("rb") as file:
            line = file.readline(HEADER_LIMIT)
    except gzip.BadGzipFile as error:
        raise DataRefusedError(f"{path.name} is not gzip though its name says so; compress or rename it.") from error
    except (EOFError, zlib.error) as error:
        raise DataRefusedError(f"{path.name} is damaged or cut off: {error}; upload it again.") from error
    if not zipped and line.startswith(b"\x1f\x8b"):
        raise DataRefusedError(f"{path.name} is gzip though its name doesn't say so; name it {path.name}.gz.")
    try:
        text = line.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataRefusedError(f"{path.name} is not UTF-8; save it as UTF-8 text.") from error
    if not text.strip():
        raise DataRefusedError(f"{path.name} is empty: it begins with a blank line; its first line must be a header.")
    names = csv.read_csv(pa.BufferReader(text.rstrip("\r\n").encode() + b"\n")).column_names
    return [str(name) for name in names]
