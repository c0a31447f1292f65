"""Bodies in, bodies out."""

from __future__ import annotations

import csv
import io
import json
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.functions.predict.predict_bundle import TOY, errors, formats

ROWS = ["1.5,3,0.0", "2.0,4,-1.0"]
sizes = st.floats(min_value=0, max_value=100, exclude_min=True)
changes = st.floats(allow_nan=False, allow_infinity=False)
toy_rows = st.lists(st.tuples(sizes, st.integers(1, 9), changes), min_size=1, max_size=8)


@pytest.mark.parametrize(
    "body",
    [
        b"1.5,3,0\n2,4,-1\n",
        b"1.5,3,0\r\n2,4,-1",
        b"1.5,3,0\r2,4,-1\r",
        b"\n\n1.5,3,0\n\n\r\n2,4,-1\n\n",
        b'"1.5","3","0"\n 2,4,-1 \n',
        b"\xef\xbb\xbf1.5,3,0\n2,4,-1\n",
    ],
)
def test_csv_in_the_shapes_people_send(body: bytes) -> None:
    assert formats.read_rows("text/csv", body, TOY) == ROWS


@pytest.mark.parametrize(
    "content_type",
    [
        "text/csv",
        "Text/CSV",
        "text/csv;charset=UTF-8",
        'text/csv; header=absent ; charset="utf-8"',
        "text/csv;",
    ],
)
def test_content_type_with_parameters(content_type: str) -> None:
    assert formats.read_rows(content_type, b"1.5,3,0\n2,4,-1", TOY) == ROWS


@pytest.mark.parametrize(
    "content_type", ["", "text/plain", "application/x-www-form-urlencoded", "text/csv; charset=utf-16", "csv"]
)
def test_another_content_type_is_refused(content_type: str) -> None:
    with pytest.raises(errors.RefusedError) as refusal:
        formats.read_rows(content_type, b"1.5,3,0", TOY)
    assert (refusal.value.status, refusal.value.code) == (415, "UnsupportedMediaType")


def test_json_instances_may_be_objects_and_lists() -> None:
    body = b' {"instances": [[1.5, 3, 0], {"count": 4, "size": 2, "change": -1.0}]} '
    assert formats.read_rows("application/json", body, TOY) == ROWS


@given(toy_rows)
def test_the_same_values_give_the_same_rows_from_csv_and_json(rows: list[tuple[float, int, float]]) -> None:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    document = {"instances": [dict(zip(TOY.names, row, strict=True)) for row in rows]}
    from_csv = formats.read_rows("text/csv", text.getvalue().encode(), TOY)
    assert from_csv == formats.read_rows("application/json", json.dumps(document).encode(), TOY)
    assert len(from_csv) == len(rows)


def rows_or_status(content_type: str, body: bytes) -> Any:
    try:
        return formats.read_rows(content_type, body, TOY)
    except errors.RefusedError as refusal:
        return refusal.status


@given(st.binary(max_size=60) | st.text(max_size=60).map(lambda text: text.encode(errors="replace")))
def test_any_csv_body_is_read_or_refused(body: bytes) -> None:
    outcome = rows_or_status("text/csv", body)
    assert outcome in (400, 422) or all(row.count(",") == 2 for row in outcome)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from([*TOY.names, "x"]), inner),
    max_leaves=8,
)


@given(json_values)
def test_any_json_document_is_read_or_refused(instances: object) -> None:
    outcome = rows_or_status("application/json", json.dumps({"instances": instances}).encode())
    assert outcome in (400, 422) or len(outcome) == len(cast("list[object]", instances))


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "the body is empty"),
        (b" \r\n\n", "the body is empty"),
        (b"\xff\xfe1", "the body is not UTF-8"),
        (b'1.5,3,"0', "row 1 is not valid CSV: unexpected end of data"),
        (b'1.5,3,0\n"1"5,3,0\n', "row 2 is not valid CSV: ',' expected after '\"'"),
        (b"size,count,change\n1.5,3,0\n", "row 1 looks like a header"),
        (b"Count, size\n1.5,3,0\n", "row 1 looks like a header"),
        (b"a,b,c\n1.5,3,0\n", "row 1 looks like a header"),
    ],
)
def test_csv_that_cannot_be_read(body: bytes, message: str) -> None:
    with pytest.raises(errors.RefusedError) as refusal:
        formats.read_rows("text/csv", body, TOY)
    assert refusal.value.message.startswith(message)
    assert (refusal.value.status, refusal.value.code) == (400, "InvalidRequest")


@pytest.mark.parametrize("body", [b"nan,1,0", b"nan,inf,nan", b",,", b"1,1,0\nsize,count,change"])
def test_a_bad_row_is_not_taken_for_a_header(body: bytes) -> None:
    with pytest.raises(errors.RefusedError) as refusal:
        formats.read_rows("text/csv", body, TOY)
    assert refusal.value.status == 422


def test_rows_are_counted_without_empty_lines() -> None:
    with pytest.raises(errors.RefusedError) as refusal:
        formats.read_rows("text/csv", b"\n1,1,0\n\n1,99,0\n", TOY)
    assert (refusal.value.row, refusal.value.column) == (2, "count")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"{", "the body is not valid JSON: Expecting property name"),
        (b"[[1.5,3,0]]", 'the body must be {"instances": [...]} and nothing else'),
        (b"{}", 'the body must be {"instances": [...]} and nothing else'),
        (b'{"instances":[[1.5,3,0]],"x":1}', 'the body must be {"instances": [...]} and nothing else'),
        (b'{"instances":[]}', "instances must be a list of at least one instance"),
        (b'{"instances":{"size":1}}', "instances must be a list of at least one instance"),
        (b'{"instances":[[1]],"instances":[[1]]}', "an object in the body has the same key twice"),
        (b'{"instances":[{"size":1,"size":2}]}', "an object in the body has the same key twice"),
        (b'{"instances":[[NaN,3,0]]}', "NaN and Infinity are not JSON"),
        (b'{"instances":[[1,3,-Infinity]]}', "NaN and Infinity are not JSON"),
        (b'{"instances":[[1,3,' + b"9" * 5000 + b"]]}", "the body holds a number that is too long"),
        (b"[" * 200_000, "the body is nested too deeply"),
    ],
)
def test_json_that_cannot_be_read(body: bytes, message: str) -> None:
    with pytest.raises(errors.RefusedError) as refusal:
        formats.read_rows("application/json", body, TOY)
    assert refusal.value.message.startswith(message)
    assert (refusal.value.status, refusal.value.code) == (400, "InvalidRequest")


@pytest.mark.parametrize(
    ("accept", "as_csv"),
    [
        ("text/csv", True),
        ("TEXT/CSV; charset=utf-8", True),
        ("text/*", True),
        ("text/csv, application/json", True),
        ("application/json, text/csv", False),
        ("application/json;q=0.5, text/csv;q=0.9", True),
        ("text/csv;q=0.5, application/json;q=0.9", False),
        ("text/csv;q=0.5, */*;q=0.1", True),
        ("text/csv;q=0.5, */*", False),
        ("*/*, text/csv;q=0.9", False),
        ("*/*;q=0.1, application/json;q=0", True),
        ("text/*;q=0, text/csv", True),
        ("text/csv;q=0", False),
        ("text/csv;q=x", False),
        ("*/*", False),
        ("application/*", False),
        ("image/png", False),
        ("", False),
        (",,;", False),
    ],
)
def test_the_accept_header_decides(accept: str, as_csv: bool) -> None:
    assert formats.answers_csv(accept) is as_csv


@given(st.text(max_size=60))
def test_any_accept_header_gets_an_answer(accept: str) -> None:
    assert formats.answers_csv(accept) in (True, False)


def test_scores_are_written_in_both_formats() -> None:
    assert formats.write_scores([1.5, 1e-7], "r", as_csv=True) == ("text/csv", "1.5\n1e-07\n")
    content_type, body = formats.write_scores([1.5, 2.0], "r", as_csv=False)
    assert content_type == "application/json"
    assert json.loads(body) == {"predictions": [{"score": 1.5}, {"score": 2.0}], "release": "r"}


@pytest.mark.parametrize("body", [b"1.5\n-2e3\n", b"1.5,-2e3", b"1.5\r\n-2e3", b" 1.5 \n\n -2e3 \n"])
def test_the_models_scores_are_read(body: bytes) -> None:
    assert formats.read_scores(body, 2) == [1.5, -2000.0]


@pytest.mark.parametrize("body", [b"", b"1.5", b"1\n2\n3", b"1.5\nnan", b"inf\n1", b"1.5\nx", b"1e999\n1"])
def test_an_answer_that_is_not_one_finite_number_for_each_row_is_a_failure(body: bytes) -> None:
    with pytest.raises(errors.ModelAnswerError):
        formats.read_scores(body, 2)
