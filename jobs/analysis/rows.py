"""Read the rows to analyse, CSV files or captured requests, into profiles. Called by job.py.

Memory stays bounded: rows go into the profiles batch by batch. What can't be read is counted by reason.
"""

from __future__ import annotations

import base64
import csv as plain_csv
import io
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import csv

from jobs.analysis.profile import Profile
from jobs.header import read_header
from jobs.outcome import JobError

BLOCK_BYTES = 1 << 20


@dataclass
class Rows:
    """Everything that was read."""

    names: list[str]
    profiles: list[Profile] = field(default_factory=list)
    read: int = 0
    widths: Counter[int] = field(default_factory=Counter)
    """rows with another number of fields than there are names; they are in no profile"""
    unreadable: Counter[str] = field(default_factory=Counter)
    outside_window: int = 0

    def __post_init__(self) -> None:
        self.profiles = [Profile(name) for name in self.names]

    @property
    def profiled(self) -> int:
        """Return the rows that the profiles hold."""
        return self.read - self.widths.total()

    def add(self, batch: pa.RecordBatch | pa.Table) -> None:
        """Add a batch of text columns in the order of the names."""
        self.read += batch.num_rows
        for place, profile in enumerate(self.profiles):
            column = batch.column(place)
            profile.update(column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column)

    def skip(self, row: csv.InvalidRow) -> str:
        """Count a row of another width; pyarrow's handler."""
        self.read += 1
        self.widths[int(row.actual_columns)] += 1
        return "skip"

    def parse_options(self) -> csv.ParseOptions:
        """Return how rows are parsed: a blank line counts as a row."""
        return csv.ParseOptions(ignore_empty_lines=False, newlines_in_values=True, invalid_row_handler=self.skip)


def read_csv_files(folder: Path) -> Rows:
    """Read CSV files with one and the same header. Raises JobError."""
    rows: Rows | None = None
    for path in files_of(folder):
        try:
            names = read_header(path)
            rows = rows or Rows(names)
            if names != rows.names:
                raise JobError(f"{path.name} has another header than the files before it.")
            reader = csv.open_csv(
                path,
                read_options=csv.ReadOptions(use_threads=False, block_size=BLOCK_BYTES),
                parse_options=rows.parse_options(),
                convert_options=text_columns(names),
            )
            for batch in reader:
                rows.add(batch)
        except (pa.ArrowInvalid, OSError) as error:
            raise JobError(f"{path.name} can't be read as CSV: {error}") from error
    if rows is None:
        raise JobError(f"{folder} holds no CSV file.")
    return rows


def text_columns(names: list[str]) -> csv.ConvertOptions:
    """Return the options that leave every column as text."""
    return csv.ConvertOptions(column_types={name: pa.string() for name in names}, strings_can_be_null=False)


def files_of(folder: Path) -> list[Path]:
    """Return all files of a folder in order of their paths; keys of captured data sort by time."""
    return sorted(path for path in folder.rglob("*") if path.is_file())


@dataclass(frozen=True)
class Window:
    """The time that is looked at: from `start`, before `end`."""

    start: datetime
    end: datetime

    @classmethod
    def of(cls, start: str, end: str) -> Window:
        """Parse the job's start_time and end_time. Raises JobError."""
        try:
            return cls(moment(start), moment(end))
        except ValueError as error:
            raise JobError(f"start_time {start} or end_time {end} is not a time like 2026-01-31T13:00:00Z.") from error

    def holds(self, time: datetime) -> bool:
        """Return whether a time is inside."""
        return self.start <= time < self.end


def moment(text: str) -> datetime:
    """Parse an ISO 8601 time, fractions of seconds left off; without a zone it is UTC. Raises ValueError."""
    whole, dot, rest = text.replace("Z", "+00:00").partition(".")
    time = datetime.fromisoformat(whole + rest.lstrip("0123456789") if dot else whole)
    return time if time.tzinfo else time.replace(tzinfo=timezone.utc)


class UnreadableError(Exception):
    """A captured record can't be used; the text is the reason it is counted under."""


def read_capture(folder: Path, names: list[str], window: Window | None) -> Rows:
    """Read the inputs of captured requests. They have no header: the baseline's features name the columns."""
    rows = Rows(names)
    pending: list[str] = []
    size = 0
    for record in records(folder):
        try:
            text = request_rows(record, window)
        except UnreadableError as error:
            rows.unreadable[str(error)] += 1
            continue
        if text is None:
            rows.outside_window += 1
        elif '"' in text:
            add_quoted(rows, text)
        else:
            pending.append(text)
            size += len(text)
        if size > BLOCK_BYTES:
            add_lines(rows, pending)
            pending, size = [], 0
    add_lines(rows, pending)
    return rows


def records(folder: Path) -> Iterator[str]:
    """Yield the lines of all capture files; blank ones are none. What isn't UTF-8 comes as U+FFFD."""
    for path in files_of(folder):
        with path.open(encoding="utf-8", errors="replace", newline="\n") as file:
            for line in file:
                if not line.isspace():
                    yield line


def request_rows(record: str, window: Window | None) -> str | None:
    """Return a captured request's CSV rows, or None outside the window. Raises UnreadableError."""
    try:
        given = json.loads(record)
        captured = given["captureData"]
    except (ValueError, TypeError, KeyError) as error:
        raise UnreadableError("not a capture record") from error
    if window:
        try:
            inside = window.holds(moment(given["eventMetadata"]["inferenceTime"]))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise UnreadableError("no usable inferenceTime") from error
        if not inside:
            return None
    text = decode_input(captured)
    if not text:
        raise UnreadableError("the request was empty")
    return text


def decode_input(captured: Any) -> str:
    """Return the text of a record's input. Raises UnreadableError."""
    try:
        entry = captured["endpointInput"]
        data, encoding = entry["data"], entry["encoding"]
    except (TypeError, KeyError) as error:
        raise UnreadableError("no endpointInput") from error
    kind = entry.get("observedContentType", "text/csv")
    if kind != "text/csv" and (kind := str(kind).partition(";")[0].strip().lower()) != "text/csv":
        raise UnreadableError(f"content type {kind} instead of text/csv")
    try:
        if encoding == "BASE64":
            return base64.b64decode(data, validate=True).decode("utf-8").strip("\r\n")
        if encoding == "CSV":
            return str(data).strip("\r\n")
    except (ValueError, TypeError) as error:
        raise UnreadableError("data are not BASE64 of UTF-8 text") from error
    raise UnreadableError(f"encoding {encoding} instead of CSV or BASE64")


def add_lines(rows: Rows, texts: list[str]) -> None:
    """Add rows without quotes."""
    if not texts:
        return
    try:
        table = csv.read_csv(
            pa.BufferReader(("\n".join(texts) + "\n").encode()),
            read_options=csv.ReadOptions(use_threads=False, column_names=rows.names, block_size=BLOCK_BYTES),
            parse_options=rows.parse_options(),
            convert_options=text_columns(rows.names),
        )
    except pa.ArrowInvalid as error:
        raise JobError(f"captured rows can't be parsed: {error}") from error
    rows.add(table)


def add_quoted(rows: Rows, text: str) -> None:
    """Add the rows of one request by themselves, so that a stray quote can't swallow another request's."""
    try:
        parsed = list(plain_csv.reader(io.StringIO(text), strict=True))
    except plain_csv.Error:
        rows.unreadable["quotes that don't match"] += 1
        return
    fitting = [row for row in parsed if len(row) == len(rows.names)]
    for row in parsed:
        if len(row) != len(rows.names):
            rows.read += 1
            rows.widths[len(row)] += 1
    if fitting:
        columns = [pa.array([row[place] for row in fitting]) for place in range(len(rows.names))]
        rows.add(pa.table(columns, names=rows.names))
