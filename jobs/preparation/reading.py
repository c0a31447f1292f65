"""Read a drop's files in batches, so that memory stays bounded. Called by job.py.

CSV columns come as text, Parquet columns in their own types. What can't be read is refused in one sentence.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
from pyarrow import csv, parquet

from jobs.folder import Contract
from jobs.header import read_header
from jobs.outcome import DataRefusedError
from jobs.preparation.lines import CountedLines

BATCH_ROWS = 65_536
BLOCK_BYTES = 2 << 20
NO_ROWS = "has a header but no rows; upload a file with rows."


@dataclass
class Source:
    """One file of a drop, and what was seen of it so far."""

    path: Path
    rows: int = 0
    refused: Counter[str] = field(default_factory=Counter)

    @property
    def name(self) -> str:
        """Return the file's name as the person knows it."""
        return self.path.name

    def sha256(self) -> str:
        """Return the digest of the file as it lies there."""
        digest = hashlib.sha256()
        with self.path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
        return digest.hexdigest()

    def batches(self, contract: Contract) -> Iterator[pa.RecordBatch]:
        """Yield the rows, only the contract's columns. Raises DataRefusedError."""
        if self.path.stat().st_size == 0:
            raise DataRefusedError(f"{self.name} is empty (0 bytes); upload the file again.")
        if self.name.endswith(".parquet"):
            yield from self._parquet_batches(contract)
        elif self.name.endswith((".csv", ".csv.gz")):
            yield from self._csv_batches(contract)
        else:
            raise DataRefusedError(f"{self.name} is neither .csv, .csv.gz nor .parquet; name or convert it so.")
        if self.rows == 0:
            raise DataRefusedError(f"{self.name} {NO_ROWS}")

    def _csv_batches(self, contract: Contract) -> Iterator[pa.RecordBatch]:
        header = read_header(self.path)
        wanted = self._wanted(header, contract)
        try:
            stream = CountedLines(self.path)
            reader = csv.open_csv(
                pa.PythonFile(stream, mode="r"),
                read_options=csv.ReadOptions(use_threads=False, block_size=BLOCK_BYTES),
                parse_options=csv.ParseOptions(newlines_in_values=True, invalid_row_handler=self._skip),
                convert_options=csv.ConvertOptions(
                    include_columns=wanted,
                    column_types={name: pa.string() for name in wanted},
                    strings_can_be_null=False,
                ),
            )
            for batch in reader:
                self.rows += batch.num_rows
                yield batch
            swallowed = stream.lines - 1 - self.rows
            if swallowed > 0:
                self._refuse("line inside quotes", swallowed)
        except UnicodeDecodeError as error:
            raise DataRefusedError(f"{self.name} is not UTF-8; save it as UTF-8 text.") from error
        except (pa.ArrowInvalid, OSError) as error:
            raise DataRefusedError(self._csv_problem(str(error))) from error

    def _csv_problem(self, text: str) -> str:
        if "Empty CSV" in text:
            return f"{self.name} {NO_ROWS}"
        where = f"after {self.rows:,} rows"
        if "UTF8" in text or "UTF-8" in text:
            return f"{self.name} is not UTF-8 ({where}); save it as UTF-8 text."
        if self.name.endswith(".gz") and ("ompress" in text or "zlib" in text.lower()):
            return f"{self.name} is damaged or cut off ({where}): {text}; upload it again."
        return f"{self.name} can't be read as CSV ({where}): {text}; look for an unclosed quote there."

    def _skip(self, row: csv.InvalidRow) -> str:
        fields = "1 field" if row.actual_columns == 1 else f"{row.actual_columns} fields"
        self._refuse(f"row has {fields} instead of {row.expected_columns}", 1)
        return "skip"

    def _refuse(self, reason: str, rows: int) -> None:
        self.rows += rows
        self.refused[reason] += rows

    def _parquet_batches(self, contract: Contract) -> Iterator[pa.RecordBatch]:
        try:
            with parquet.ParquetFile(self.path) as file:
                wanted = self._wanted(file.schema_arrow.names, contract)
                for batch in file.iter_batches(batch_size=BATCH_ROWS, columns=wanted):
                    self.rows += batch.num_rows
                    yield batch
        except (pa.ArrowInvalid, OSError) as error:
            problem = str(error).rstrip(".")
            raise DataRefusedError(
                f"{self.name} can't be read as Parquet: {problem}; write it again, or upload it as CSV."
            ) from error

    def _wanted(self, present: list[str], contract: Contract) -> list[str]:
        """Return the contract's columns that the file has. Raises DataRefusedError if one is missing."""
        twice = [name for name, count in Counter(present).items() if count > 1]
        for column in contract.columns:
            if column.name in twice:
                raise DataRefusedError(f"{self.name} has column {column.name} more than once; keep one of them.")
        missing = [column.name for column in contract.columns if column.required and column.name not in present]
        if missing:
            noun = "column" if len(missing) == 1 else "columns"
            raise DataRefusedError(
                f"{self.name} has no {noun} {', '.join(missing)} (it has {_shorten(present)}); "
                "add what is missing, or correct the header."
            )
        return [column.name for column in contract.columns if column.name in present]


def list_sources(folder: Path) -> list[Source]:
    """Return every file of a drop, ordered by name. Raises DataRefusedError if there is none."""
    paths = sorted((path for path in folder.rglob("*") if path.is_file()), key=lambda path: path.name)
    if not paths:
        raise DataRefusedError("the drop holds no files; list at least one in its manifest.")
    return [Source(path) for path in paths]


def _shorten(names: list[str]) -> str:
    return ", ".join(names[:20]) + (f" and {len(names) - 20} more" if len(names) > 20 else "")
