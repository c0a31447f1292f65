"""Apply the contract to a batch of rows: which are accepted, and why the others are not. Called by job.py."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from jobs.folder import Contract, Field
from jobs.outcome import ModelFolderError
from jobs.parsing import ARTICLES, Mask, Parsed, parse
from jobs.preparation.splitting import row_hashes

BOUND_TESTS: dict[str, tuple[Callable[[Any, float], Any], str]] = {
    "minimum": (np.less, "below"),
    "maximum": (np.greater, "above"),
    "exclusiveMinimum": (np.less_equal, "not above"),
    "exclusiveMaximum": (np.greater_equal, "not below"),
}


@dataclass(frozen=True)
class Cleaned:
    """The accepted rows of a batch."""

    table: npt.NDArray[np.float64]
    """label first, then the features in the contract's order"""
    hashes: npt.NDArray[np.uint64]
    refused: Counter[str]


class Refusals:
    """The rows of a batch that are still in, and how many went out for which reason.

    A row is counted once, under the first rule that it breaks, so that the counts add up to the rows refused.
    """

    def __init__(self, rows: int) -> None:
        self.accepted: Mask = np.ones(rows, dtype=bool)
        self.counts: Counter[str] = Counter()

    def refuse(self, broken: Mask, reason: str) -> None:
        """Take out the rows that `broken` marks."""
        broken = broken & self.accepted
        count = int(np.count_nonzero(broken))
        if count:
            self.counts[reason] += count
            self.accepted = self.accepted & ~broken


def clean(
    batch: pa.Table | pa.RecordBatch, contract: Contract, features: Callable[[pd.DataFrame], pd.DataFrame]
) -> Cleaned:
    """Parse, check, make features, check those. Raises ModelFolderError if features() breaks its promise."""
    refusals = Refusals(batch.num_rows)
    parsed = {column.name: _read_column(batch, column) for column in contract.columns}
    for column in contract.columns:
        _check_column(refusals, column, parsed[column.name])
    inside = refusals.accepted
    hashes = row_hashes([(parsed[column.name], column.type) for column in contract.columns], inside)
    rows = pd.DataFrame({column.name: _finish(parsed[column.name], column, inside) for column in contract.columns})
    table = _make_features(rows, contract, features)
    seconds = Refusals(len(rows))
    for position, field in enumerate((contract.label, *contract.features)):
        values = table[:, position]
        seconds.refuse(~np.isfinite(values), f"{field.name} could not be computed")
        if field.type == "integer":
            seconds.refuse(values != np.floor(values), f"{field.name} not an integer")
        _check_bounds(seconds, field, values)
    return Cleaned(table[seconds.accepted], hashes[seconds.accepted], refusals.counts + seconds.counts)


def _read_column(batch: pa.Table | pa.RecordBatch, column: Field) -> Parsed:
    if column.name not in batch.schema.names:
        return parse(pa.nulls(batch.num_rows, pa.string()), column.type)
    given = batch.column(column.name)
    if isinstance(given, pa.ChunkedArray):
        given = given.combine_chunks()
    return parse(given, column.type)


def _check_column(refusals: Refusals, column: Field, parsed: Parsed) -> None:
    if column.default is None:
        refusals.refuse(parsed.blank, f"{column.name} is blank")
    refusals.refuse(parsed.wrong, f"{column.name} not {ARTICLES[column.type]}")
    usable = ~parsed.blank & ~parsed.wrong
    if column.values:
        listed = ", ".join(str(value) for value in column.values)
        known = np.isin(parsed.values, np.array(column.values, dtype=parsed.values.dtype))
        refusals.refuse(usable & ~known, f"{column.name} not one of {listed}")
    if column.bounds:
        _check_bounds(refusals, column, np.where(usable, parsed.values, np.nan))


def _check_bounds(refusals: Refusals, field: Field, values: npt.NDArray[np.float64]) -> None:
    for bound, limit in field.bounds.items():
        outside, words = BOUND_TESTS[bound]
        refusals.refuse(outside(values, limit), f"{field.name} {words} {limit:g}")


def _finish(parsed: Parsed, column: Field, inside: Mask) -> npt.NDArray[Any]:
    """Return the accepted values as features() gets them: blanks filled, integers as int64."""
    values = parsed.values[inside]
    blank = parsed.blank[inside]
    if blank.any():
        default = np.datetime64(column.default, "us") if column.type == "datetime" else column.default
        values = np.where(blank, np.array(default, dtype=values.dtype), values)
    return values.astype(np.int64) if column.type == "integer" else values


def _make_features(
    rows: pd.DataFrame, contract: Contract, features: Callable[[pd.DataFrame], pd.DataFrame]
) -> npt.NDArray[np.float64]:
    names = [contract.label.name, *contract.feature_names]
    if rows.empty:
        return np.empty((0, len(names)))
    try:
        made = features(rows)
    except Exception as error:
        raise ModelFolderError(f"model/features.py failed: {type(error).__name__}: {error}") from error
    if not isinstance(made, pd.DataFrame) or len(made) != len(rows):
        raise ModelFolderError(f"model/features.py must return a DataFrame of {len(rows)} rows, one for each row.")
    missing = [name for name in names if name not in made.columns]
    if missing:
        raise ModelFolderError(f"model/features.py returned no column {missing[0]}, which contract.json names.")
    try:
        table: npt.NDArray[np.float64] = made[names].to_numpy(dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ModelFolderError(f"model/features.py returned something that isn't a number: {error}") from error
    return table
