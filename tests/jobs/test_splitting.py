"""The same row is in the same split, in every drop."""

from __future__ import annotations

import gzip
import io
import random

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.parsing import parse
from jobs.preparation.splitting import TEST, TRAIN, VALIDATION, assign, row_hashes
from tests.jobs.drops import Prepare, table, trip

FROZEN = [8930780131517785732, 3818396174991319797, 9495712045037011424]


def hashes_of(rows: list[tuple[str, str, str]]) -> list[int]:
    columns = []
    for place, kind in enumerate(("number", "datetime", "string")):
        columns.append((parse(pa.array([row[place] for row in rows], pa.string()), kind), kind))
    return [int(value) for value in row_hashes(columns, np.ones(len(rows), dtype=bool))]


rows = st.tuples(
    st.floats(allow_nan=False, allow_infinity=False).map(repr) | st.just(""),
    st.datetimes().map(lambda moment: moment.isoformat(" ", "seconds")) | st.just(""),
    st.text(alphabet="abcä ", max_size=4),
)


@given(st.lists(rows, min_size=1, max_size=20), st.randoms())
def test_a_rows_hash_depends_on_the_row_alone(given_rows: list[tuple[str, str, str]], chance: random.Random) -> None:
    together = dict(zip(given_rows, hashes_of(given_rows), strict=True))
    shuffled = chance.sample(given_rows, len(given_rows))
    assert dict(zip(shuffled, hashes_of(shuffled), strict=True)) == together
    for row in given_rows:
        assert hashes_of([row]) == [together[row]]


def test_the_hash_never_changes() -> None:
    # GIVEN these figures were written down once: WHEN they change, champions have seen the test rows
    assert hashes_of([("1.5", "2018-01-11 18:24:44", "a"), ("", "", ""), ("-0.0", "2018-01-11", "ä")]) == FROZEN
    assert hashes_of([("0", "2018-01-11T00:00:00", " ä ")]) == FROZEN[2:]


def test_a_blank_is_not_its_default_and_columns_are_not_interchangeable() -> None:
    assert len(set(hashes_of([("0", "", "a"), ("", "", "a"), ("0", "", "0"), ("0", "1970-01-01", "a")]))) == 4


@given(st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=50))
def test_shares_grow_without_moving_test_rows(values: list[int]) -> None:
    hashes = np.array(values, dtype=np.uint64)
    small, large = assign(hashes, 0.1, 0.2), assign(hashes, 0.3, 0.2)
    assert np.array_equal(small == TEST, large == TEST)
    assert np.all((small != VALIDATION) | (large == VALIDATION))


def test_shares_are_kept() -> None:
    columns = [(parse(pa.array(np.arange(100_000.0)), "number"), "number")]
    splits = assign(row_hashes(columns, np.ones(100_000, dtype=bool)), 0.15, 0.15)
    for split, share in ((TRAIN, 0.7), (VALIDATION, 0.15), (TEST, 0.15)):
        assert np.mean(splits == split) == pytest.approx(share, abs=0.005)


def test_the_split_is_the_same_whatever_the_drop_looks_like(prepare: Prepare) -> None:
    # GIVEN 600 rows WHEN they come shuffled, in two files, with other columns in other orders, or as Parquet
    lines = [trip(i, congestion_surcharge=("", "2.5")[i % 2]) for i in range(600)]
    plain = prepare({"a.csv": table(lines)})
    frame = pd.read_csv(io.BytesIO(table(lines)), dtype=str, keep_default_na=False)
    shuffled = frame.sample(frac=1, random_state=3).iloc[:, ::-1]
    shuffled.insert(2, "vendor_id", "x, y")
    split_up = prepare(
        {
            "b.csv.gz": gzip.compress(shuffled[:250].to_csv(index=False).encode()),
            "a.csv": shuffled[250:].to_csv(index=False).encode(),
        }
    )
    typed = pd.read_csv(io.BytesIO(table(lines)), parse_dates=["pickup_datetime", "dropoff_datetime"])
    parquet = prepare({"a.parquet": typed.to_parquet(row_group_size=70)})
    # THEN every row is in the same split, and so are the golden rows
    for other in (split_up, parquet):
        assert other.code == 0, other.message
        for split in ("train", "validation", "test"):
            assert sorted(other.rows(split)) == sorted(plain.rows(split))
        assert other.golden == plain.golden


def test_a_row_keeps_its_split_in_a_larger_drop(prepare: Prepare) -> None:
    few = prepare({"a.csv": table(trip(i) for i in range(300))})
    many = prepare({"a.csv": table(trip(i) for i in range(900))})
    for split in ("train", "validation", "test"):
        assert set(few.rows(split)) <= set(many.rows(split))
