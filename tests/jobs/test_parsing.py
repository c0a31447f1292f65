"""What a value is, does not depend on its neighbours or on its format."""

from __future__ import annotations

import math
import re
from datetime import datetime

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.parsing import DATETIME, NUMBER, parse

cells = st.one_of(
    st.floats(allow_nan=False).map(repr),
    st.integers().map(str),
    st.text(max_size=12),
    st.text(alphabet="0123456789.-+eE_ ", max_size=10),
    st.datetimes().map(str),
    st.text(alphabet="0123456789-: T.", min_size=8, max_size=26),
    st.sampled_from(["", " ", "nan", "inf", "-inf", "1e400", "1_000", "+1", "1.", ".5", "-", "0x10", "１２"]),
    st.sampled_from(["2018-13-01", "2018-02-30 00:00:00", "2018-01-01T24:00:00", "2018-01-01 00:00:00Z"]),
)
spaces = "\t\n\v\f\r "


def one_number(cell: str) -> float | None:
    """The reference: a blank is NaN, None is wrong."""
    text = cell.strip()
    if not text:
        return math.nan
    return float(text) if re.match(NUMBER, text) and math.isfinite(float(text)) else None


def one_datetime(cell: str) -> datetime | str | None:
    text = cell.strip()
    if not text:
        return "blank"
    form = "%Y-%m-%d" + ("" if len(text) == 10 else " %H:%M:%S") + (".%f" if "." in text else "")
    try:
        return datetime.strptime(text.replace("T", " "), form) if re.match(DATETIME, text) else None  # noqa: DTZ007
    except ValueError:
        return None


@given(st.lists(cells, max_size=30))
def test_numbers_parse_as_each_would_alone(column: list[str]) -> None:
    parsed = parse(pa.array(column, pa.string()), "number")
    for cell, value, blank, wrong in zip(column, parsed.values, parsed.blank, parsed.wrong, strict=True):
        expected = one_number(cell)
        assert wrong == (expected is None)
        assert blank == (expected is not None and math.isnan(expected))
        if expected is not None and not blank:
            assert value == expected


@given(st.lists(cells, max_size=30))
def test_datetimes_parse_as_each_would_alone(column: list[str]) -> None:
    parsed = parse(pa.array(column, pa.string()), "datetime")
    for cell, value, blank, wrong in zip(column, parsed.values, parsed.blank, parsed.wrong, strict=True):
        expected = one_datetime(cell)
        assert blank == (expected == "blank")
        assert wrong == (expected is None)
        if isinstance(expected, datetime):
            assert value == np.datetime64(expected, "us")


@pytest.mark.parametrize("digits", range(1, 7))
@pytest.mark.parametrize("neighbours", [[], ["2018-13-01"]])
def test_a_fraction_of_a_second_may_have_any_length(digits: int, neighbours: list[str]) -> None:
    cell = "2018-01-11 18:24:44." + "123456"[:digits]
    assert parse(pa.array([cell, *neighbours]), "datetime").values[0] == np.datetime64(cell, "us")


@given(st.lists(st.floats() | st.none(), max_size=30))
def test_typed_numbers_mean_what_their_text_means(values: list[float | None]) -> None:
    typed = parse(pa.array(values, pa.float64()), "number")
    text = parse(pa.array(["" if v is None or math.isnan(v) else repr(v) for v in values], pa.string()), "number")
    assert np.array_equal(typed.blank, text.blank)
    assert np.array_equal(typed.wrong, text.wrong)
    usable = ~typed.blank & ~typed.wrong
    assert np.array_equal(typed.values[usable], text.values[usable])


@pytest.mark.parametrize(("cell", "wrong"), [("1", False), ("1.0", False), ("1.5", True), ("1e20", True)])
def test_an_integer_is_a_whole_number_that_a_float_holds_exactly(cell: str, wrong: bool) -> None:
    assert parse(pa.array([cell]), "integer").wrong[0] == wrong


@pytest.mark.parametrize(
    "column",
    [
        pa.array([[1]], pa.list_(pa.int64())),
        pa.array([True]),
        pa.array([b"1"], pa.binary()),
    ],
)
@pytest.mark.parametrize("kind", ["number", "integer", "datetime"])
def test_a_type_that_makes_no_sense_is_wrong_in_every_row(column: pa.Array, kind: str) -> None:
    assert parse(column, kind).wrong.tolist() == [True]


def test_parquet_types_are_understood() -> None:
    moment = datetime(2018, 1, 11, 18, 24, 44)  # noqa: DTZ001
    assert parse(pa.array([moment], pa.timestamp("ns")), "datetime").values[0] == np.datetime64(moment, "us")
    assert parse(pa.array([moment.date()]), "datetime").values[0] == np.datetime64("2018-01-11", "us")
    assert parse(pa.array(["a", None]).dictionary_encode(), "string").blank.tolist() == [False, True]
    assert parse(pa.array([7], pa.int8()), "string").values.tolist() == ["7"]
    assert parse(pa.array([None], pa.null()), "number").blank.tolist() == [True]


@pytest.mark.parametrize("cell", ["+0", "+1.5", "-.5", "1.", "1e5", "007"])
@pytest.mark.parametrize("neighbours", [[], [""], ["x"]])
def test_a_number_is_one_on_the_fast_way_and_on_the_slow(cell: str, neighbours: list[str]) -> None:
    assert parse(pa.array([cell, *neighbours]), "number").values[0] == float(cell)
