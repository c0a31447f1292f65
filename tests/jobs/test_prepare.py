"""What prepare makes of a drop, and the sentence with which it refuses one."""

from __future__ import annotations

import gzip
import io
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.parsing import NUMBER
from jobs.preparation.outputs import decimals
from tests.jobs.drops import HEADER, ROOT, Prepare, table, trip

GOOD = [trip(i) for i in range(200)]
FIELDS = len(HEADER.split(","))


def test_a_good_drop_becomes_training_data(prepare: Prepare) -> None:
    done = prepare({"trips.csv": table(GOOD)})
    assert (done.code, done.message) == (0, "Prepared 200 of 200 rows.")
    counts = {split: len(done.rows(split)) for split in ("train", "validation", "test")}
    assert done.report["split"] == counts
    assert sum(counts.values()) == done.report["rowsAccepted"] == 200
    # label first, features in the contract's order; integers without a decimal point, numbers with one
    assert all(row.endswith(",1,1,0.0") for row in done.rows("train"))
    assert len(done.rows("train")[0].split(",")) == 6
    header, *baseline = done.rows("baseline")
    assert header == "duration_minutes,trip_distance,passenger_count,rate_code_id,congestion_surcharge"
    assert baseline == [row.partition(",")[2] for row in done.rows("train")]
    golden = done.golden
    assert golden["columns"] == header.split(",")
    assert len(golden["rows"]) == len(golden["labels"]) == 20
    tests = {tuple(map(float, row.split(","))) for row in done.rows("test")}
    assert {(label, *row) for label, row in zip(golden["labels"], golden["rows"], strict=True)} <= tests


REFUSED_ROWS = [
    ("passenger_count above 9", trip(1, passenger_count="12")),
    ("passenger_count below 1", trip(1, passenger_count="0")),
    ("passenger_count is blank", trip(1, passenger_count=" ")),
    ("passenger_count not an integer", trip(1, passenger_count="1.5")),
    ("trip_distance not a number", trip(1, trip_distance="far")),
    ("trip_distance not above 0", trip(1, trip_distance="0")),
    ("trip_distance not below 121", trip(1, trip_distance="121")),
    ("total_amount not below 200", trip(1, total_amount="1e9")),
    ("total_amount not a number", trip(1, total_amount="nan")),
    ("rate_code_id not one of 1, 2, 3, 4, 5, 6", trip(1, rate_code_id="99")),
    ("congestion_surcharge below 0", trip(1, congestion_surcharge="-2.5")),
    ("pickup_datetime not a datetime", trip(1, pickup_datetime="2018-13-01 00:00:00")),
    ("duration_minutes not above 0", trip(1, dropoff_datetime="2017-01-01 00:00:00")),
    (f"row has 3 fields instead of {FIELDS}", "1,2,3"),
    (f"row has {FIELDS + 1} fields instead of {FIELDS}", trip(1) + ",x"),
    (f"row has 1 field instead of {FIELDS}", "oops"),
]


@pytest.mark.parametrize(("reason", "row"), REFUSED_ROWS, ids=[reason for reason, _ in REFUSED_ROWS])
def test_a_refused_row_is_counted_under_its_reason(prepare: Prepare, reason: str, row: str) -> None:
    done = prepare({"trips.csv": table([*GOOD, row])})
    assert done.code == 0
    assert done.report["refusedByReason"] == {reason: 1}
    assert (done.report["rowsRead"], done.report["rowsAccepted"], done.report["rowsRefused"]) == (201, 200, 1)


def test_a_row_with_two_faults_is_counted_once(prepare: Prepare) -> None:
    done = prepare({"trips.csv": table([*GOOD, trip(1, passenger_count="0", trip_distance="far")])})
    assert done.report["refusedByReason"] == {"trip_distance not a number": 1}


def test_rows_that_a_stray_quote_swallows_are_counted(prepare: Prepare) -> None:
    lines = [*GOOD[:190], '"' + trip(1), *GOOD[190:198], '"' + trip(2), *GOOD[198:]]
    done = prepare({"trips.csv": table(lines)})
    assert done.report["rowsRead"] == 202
    assert done.report["refusedByReason"]["line inside quotes"] == 9
    assert done.report["rowsAccepted"] + done.report["rowsRefused"] == 202


def test_blank_lines_and_windows_line_ends_and_a_byte_order_mark_are_no_rows(prepare: Prepare) -> None:
    plain = table(GOOD).replace(b"\n", b"\r\n")
    done = prepare({"trips.csv": b"\xef\xbb\xbf" + plain + b"\r\n\r\n"})
    assert (done.code, done.report["rowsRead"], done.report["rowsRefused"]) == (0, 200, 0)


GZIPPED = gzip.compress(table(GOOD))
REFUSED_DROPS = [
    ({"a.csv": b""}, "a.csv is empty (0 bytes); upload the file again."),
    ({"a.csv": HEADER.encode()}, "a.csv has a header but no rows; upload a file with rows."),
    ({"a.csv": HEADER.encode() + b"\n"}, "a.csv has a header but no rows; upload a file with rows."),
    ({"a.csv": table(GOOD), "b.csv": table([])}, "b.csv has a header but no rows; upload a file with rows."),
    ({"a.csv.gz": table(GOOD)}, "a.csv.gz is not gzip though its name says so; compress or rename it."),
    ({"a.csv": GZIPPED}, "a.csv is gzip though its name doesn't say so; name it a.csv.gz."),
    ({"a.csv.gz": GZIPPED[:-400]}, "a.csv.gz is damaged or cut off"),
    ({"a.csv": table(GOOD).decode().encode("utf-16")}, "a.csv is not UTF-8; save it as UTF-8 text."),
    (
        {"a.csv": table([*GOOD, trip(1, trip_distance="é")]).decode().encode("latin-1")},
        "a.csv is not UTF-8 (",
    ),
    ({"a.parquet": table(GOOD)}, "a.parquet can't be read as Parquet: "),
    ({"a.txt": table(GOOD)}, "a.txt is neither .csv, .csv.gz nor .parquet; name or convert it so."),
    ({}, "the drop holds no files; list at least one in its manifest."),
    ({"a.csv": b"\n" + table(GOOD)}, "a.csv is empty: it begins with a blank line"),
    (
        {"a.csv": table(GOOD).replace(b"trip_distance", b"distance").replace(b"_count", b"s")},
        "a.csv has no columns passenger_count, trip_distance (it has pickup_datetime, dropoff_datetime, pass",
    ),
    (
        {"a.csv": table(GOOD).replace(b"congestion_surcharge", b"rate_code_id")},
        "a.csv has column rate_code_id more",
    ),
    ({"a.csv": table(GOOD[:30])}, "30 of 30 rows are usable; policy.json asks for 40; add rows"),
]


@pytest.mark.parametrize(("files", "sentence"), REFUSED_DROPS, ids=[sentence for _, sentence in REFUSED_DROPS])
def test_a_refused_drop_says_why_in_one_sentence(prepare: Prepare, files: dict[str, bytes], sentence: str) -> None:
    done = prepare(files)
    assert done.code == 1
    assert done.message.startswith(sentence)
    assert "\n" not in done.message
    assert [entry["name"] for entry in done.report["files"]] == sorted(files)


def test_too_many_refused_rows_are_named_with_their_shares(prepare: Prepare) -> None:
    bad = [trip(i, passenger_count="12") for i in range(40)] + [trip(i, trip_distance="x") for i in range(20)]
    bad += [trip(i, rate_code_id="7") for i in range(10)] + ["1,2"] * 5
    done = prepare({"good.csv": table(GOOD), "bad.csv": table(bad)})
    assert done.code == 1
    assert done.message == (
        "75 of 275 rows (27.3%) were refused, most in bad.csv; policy.json allows 20%: passenger_count "
        "above 9 in 40 (14.5%), trip_distance not a number in 20 (7.3%), rate_code_id not one of "
        "1, 2, 3, 4, 5, 6 in 10 (3.6%); correct the data, or data.maximumRefusedShare."
    )


def test_an_optional_column_may_be_missing(prepare: Prepare) -> None:
    without = pd.read_csv(io.BytesIO(table(GOOD)), dtype=str).drop(columns="congestion_surcharge")
    done = prepare({"trips.csv": without.to_csv(index=False).encode()})
    assert (done.code, done.report["rowsRefused"]) == (0, 0)
    assert all(row.endswith(",0.0") for row in done.rows("train"))


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        (
            "features.py",
            "return pd.DataFrame(",
            "return 1 / 0 or (",
            "model/features.py failed: ZeroDivisionError",
        ),
        ("features.py", "trip.dt.total_seconds() / 60", "None", "200 of 200 rows (100.0%) were refused"),
        (
            "features.py",
            "trip.dt.total_seconds() / 60",
            "'long'",
            "model/features.py returned something that isn't",
        ),
        (
            "features.py",
            '"trip_distance": rows',
            '"distance": rows',
            "model/features.py returned no column trip_",
        ),
        ("features.py", "def features", "def feature", "model/features.py has no function features."),
        (
            "contract.json",
            '"type": "datetime"',
            '"type": "date"',
            "contract.json: pickup_datetime has type date",
        ),
        (
            "contract.json",
            '{"default": 0}',
            '"refuse"',
            "contract.json: column congestion_surcharge may be missing",
        ),
        ("contract.json", '"label"', '"target"', "contract.json has no 'label'."),
        (
            "policy.json",
            '"testShare": 0.15',
            '"testShare": 0.9',
            "policy.json: validationShare and testShare",
        ),
        ("policy.json", "{", "[", "model/policy.json can't be read"),
    ],
)
def test_a_fault_in_the_model_folder_is_named(
    prepare: Prepare, code: Path, file: str, old: str, new: str, message: str
) -> None:
    path = code / "model" / file
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))
    done = prepare({"trips.csv": table(GOOD)})
    assert done.message.startswith(message)


def test_it_runs_by_path_from_anywhere(tmp_path: Path, code: Path) -> None:
    (tmp_path / "drop").mkdir()
    (tmp_path / "drop" / "trips.csv").write_bytes(table(GOOD))
    command = [sys.executable, str(ROOT / "jobs" / "prepare.py"), "--code", str(code), "--input", "drop"]
    run = subprocess.run(
        [*command, "--output", "out", "--message", "deep/er/message"],
        check=False,
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    assert json.loads((tmp_path / "out/report/report.json").read_text())["rowsAccepted"] == 200
    assert (tmp_path / "deep/er/message").read_text() == run.stdout.strip() == "Prepared 200 of 200 rows."


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1))
def test_numbers_are_written_so_that_they_read_back_and_never_look_whole(values: list[float]) -> None:
    for value, text in zip(values, decimals(np.array(values)).to_pylist(), strict=True):
        assert float(text) == value
        assert "." in text or "e" in text
        assert re.match(NUMBER, text)
