"""Turn a column as it was read (text or typed) into typed values. Used by prepare and analyze.

The grammar is applied to each value by itself, so that a value means the same in every batch.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

NUMBER = r"^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?$"
DATETIME = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}([ T][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?)?$"
ARTICLES = {"datetime": "a datetime", "integer": "an integer", "number": "a number", "string": "text"}

Mask: TypeAlias = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Parsed:
    """A column's values with two masks of equal length; a value under either mask means nothing."""

    values: npt.NDArray[Any]
    """float64 for number and integer, datetime64[us] for datetime, str objects for string"""
    blank: Mask
    wrong: Mask


def parse(column: pa.Array, kind: str) -> Parsed:
    """Parse a column of text or of any simple type as `kind`: datetime, integer, number or string."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_large_string(column.type) or pa.types.is_null(column.type):
        column = column.cast(pa.string())
    if kind == "string":
        return _parse_string(column)
    if kind == "datetime":
        return _parse_datetime(column)
    parsed = _parse_number(column)
    if kind == "integer":
        with np.errstate(invalid="ignore"):
            whole = (parsed.values == np.floor(parsed.values)) & (np.abs(parsed.values) <= 2**53)
        return Parsed(parsed.values, parsed.blank, parsed.wrong | (~parsed.blank & ~whole))
    return parsed


def _parse_string(column: pa.Array) -> Parsed:
    if not pa.types.is_string(column.type):
        try:
            column = column.cast(pa.string())
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            return _all_wrong(column, np.full(len(column), "", dtype=object))
    text, blank = _trim(column)
    return Parsed(text.to_numpy(zero_copy_only=False).astype(object), blank, np.zeros(len(column), dtype=bool))


def _parse_number(column: pa.Array) -> Parsed:
    if pa.types.is_string(column.type):
        plain = _parse_plain_numbers(column)
        if plain is not None:
            return plain
        text, blank = _trim(column)
        fits = _mask(pc.match_substring_regex(text, NUMBER))
        values = _convert(text, fits, pa.float64(), float).to_numpy(zero_copy_only=False)
    elif _is_numeric(column.type):
        values = column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
        blank = _mask(column.is_null()) | np.isnan(values)
        fits = np.ones(len(column), dtype=bool)
    else:
        return _all_wrong(column, np.full(len(column), np.nan))
    values = np.where(blank, np.nan, values) + 0.0  # -0.0 becomes 0.0
    return Parsed(values, blank, ~blank & ~(fits & np.isfinite(values)))


def _parse_plain_numbers(column: pa.Array) -> Parsed | None:
    """Parse text at once when every value is a finite number or empty; None when one isn't.

    The cast reads what NUMBER describes, and nan and inf, which the check for finite values takes out.
    """
    blank = _mask(column.is_null()) | (pc.binary_length(column).to_numpy(zero_copy_only=False) == 0)
    try:
        numbers = pc.cast(_only(column, ~blank), pa.float64())
    except pa.ArrowInvalid:
        return None
    values = numbers.to_numpy(zero_copy_only=False) + 0.0
    if not np.isfinite(values[~blank]).all():
        return None
    return Parsed(values, blank, np.zeros(len(column), dtype=bool))


def _parse_datetime(column: pa.Array) -> Parsed:
    microseconds = pa.timestamp("us")
    if pa.types.is_string(column.type):
        text, blank = _trim(column)
        fits = _mask(pc.match_substring_regex(text, DATETIME))
        moments = _convert(text, fits, microseconds, _one_moment)
    elif pa.types.is_timestamp(column.type) or pa.types.is_date(column.type):
        moments = column.cast(pa.timestamp("us", getattr(column.type, "tz", None)), safe=False).cast(pa.int64())
        moments, blank = moments.cast(microseconds), _mask(column.is_null())
    else:
        return _all_wrong(column, np.full(len(column), np.datetime64("NaT"), dtype="datetime64[us]"))
    values = moments.to_numpy(zero_copy_only=False).astype("datetime64[us]")
    return Parsed(values, blank, ~blank & np.isnat(values))


def _one_moment(text: str) -> datetime:
    """Parse a text of the form DATETIME; Python 3.10 takes fractions of three or six digits only."""
    whole, dot, fraction = text.partition(".")
    return datetime.fromisoformat(f"{whole}.{fraction:0<6}" if dot else whole)


def _convert(text: pa.Array, fits: Mask, target: pa.DataType, one: Any) -> pa.Array:
    """Convert the values that fit; what can't be converted (a 13th month) becomes null."""
    chosen = _only(text, fits)
    try:
        return pc.cast(chosen, target)
    except pa.ArrowInvalid:
        return pa.array([_one_or_none(one, value) for value in chosen.to_pylist()], target)


def _only(text: pa.Array, wanted: Mask) -> pa.Array:
    """Return the text with null where it isn't wanted."""
    return text if wanted.all() else pc.if_else(pa.array(wanted), text, pa.nulls(len(text), pa.string()))


def _one_or_none(one: Any, value: str | None) -> Any:
    try:
        return None if value is None else one(value)
    except ValueError:
        return None


def _trim(column: pa.Array) -> tuple[pa.Array, Mask]:
    text = pc.fill_null(pc.utf8_trim_whitespace(column), "")
    return text, _mask(pc.equal(text, ""))


def _is_numeric(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def _all_wrong(column: pa.Array, values: npt.NDArray[Any]) -> Parsed:
    blank = _mask(column.is_null())
    return Parsed(values, blank, ~blank)


def _mask(flags: pa.Array) -> Mask:
    mask: Mask = flags.to_numpy(zero_copy_only=False)
    return mask
