"""Write what a drop became: splits, baseline, golden rows. Called by job.py, batch by batch."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from jobs.folder import Contract
from jobs.preparation.splitting import TEST, TRAIN, VALIDATION

SPLITS = {"train": TRAIN, "validation": VALIDATION, "test": TEST}
PLAIN = csv.WriteOptions(include_header=False, quoting_style="none")


class Outputs:
    """The prepared files, written batch by batch."""

    def __init__(self, folder: Path, contract: Contract) -> None:
        self._folder = folder
        self._contract = contract
        self._files: dict[str, BinaryIO] = {}
        self.counts = dict.fromkeys(SPLITS, 0)

    def __enter__(self) -> Outputs:
        for name in (*SPLITS, "baseline"):
            path = self._folder / name / f"{name}.csv"
            path.parent.mkdir(parents=True, exist_ok=True)
            self._files[name] = path.open("wb")
        self._files["baseline"].write((",".join(self._contract.feature_names) + "\n").encode())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for file in self._files.values():
            file.close()

    def write(self, table: npt.NDArray[np.float64], splits: npt.NDArray[np.int8]) -> None:
        """Append accepted rows, label first, to the file of their split; train rows make the baseline too."""
        columns = self._typed(table)
        for name, split in SPLITS.items():
            part = columns.filter(pa.array(splits == split))
            self.counts[name] += part.num_rows
            csv.write_csv(part, self._files[name], PLAIN)
            if split == TRAIN:
                csv.write_csv(part.drop_columns(["0"]), self._files["baseline"], PLAIN)

    def _typed(self, table: npt.NDArray[np.float64]) -> pa.Table:
        """Integers get no decimal point, numbers always get one: the monitor tells types by that."""
        fields = (self._contract.label, *self._contract.features)
        columns = [
            pa.array(table[:, place].astype(np.int64)) if entry.type == "integer" else decimals(table[:, place])
            for place, entry in enumerate(fields)
        ]
        return pa.table(columns, names=[str(place) for place in range(len(columns))])


def decimals(values: npt.NDArray[np.float64]) -> pa.Array:
    """Return numbers as text that reads back as the same number and never looks like an integer."""
    text = pc.cast(pa.array(values), pa.string())
    marked = pc.or_(pc.match_substring(text, "."), pc.match_substring(text, "e"))
    return pc.if_else(marked, text, pc.binary_join_element_wise(text, "0", "."))


@dataclass
class Golden:
    """The test rows with the smallest hashes: the same few rows, whatever the order of the drop."""

    size: int
    rows: dict[int, list[float]] = field(default_factory=dict)

    def offer(self, hashes: npt.NDArray[np.uint64], table: npt.NDArray[np.float64]) -> None:
        """Consider test rows; a row that comes twice counts once."""
        for place in np.argsort(hashes, kind="stable")[: self.size * 2]:
            self.rows[int(hashes[place])] = [float(value) for value in table[place]]
        self.rows = {key: self.rows[key] for key in heapq.nsmallest(self.size, self.rows)}

    def to_json(self, contract: Contract) -> dict[str, Any]:
        """Return the rows as features and labels; integers are written as integers."""
        whole = [entry.type == "integer" for entry in contract.features]
        rows = [
            [int(value) if integer else value for value, integer in zip(row[1:], whole, strict=True)]
            for row in self.rows.values()
        ]
        return {
            "columns": contract.feature_names,
            "rows": rows,
            "labels": [row[0] for row in self.rows.values()],
        }
