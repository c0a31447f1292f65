"""How captured requests are read: none is lost, and what can't be read is told."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.analysis.rows import Rows, add_lines, add_quoted, moment, request_rows
from tests.jobs.analyses import SMALL, Run, capture, small_rows


def test_no_rows_are_no_data_and_never_no_violations(run: Run) -> None:
    baseline = run(SMALL)
    window = {"start_time": "2019-03-01T00:00:00Z", "end_time": "2019-03-01T01:00:00Z"}
    for done, left_out in ((run([], baseline), ""), (run(small_rows({}), baseline, **window), "300")):
        assert done.code == 0
        assert done.message.startswith("NoData: no rows were captured, so nothing can be said.")
        assert left_out in done.message
        assert done.file("report")["outcome"] == "NoData"
        assert done.file("report")["metrics"] == {}
        assert sorted(path.name for path in done.folder.glob("*.json")) == ["report.json"]


def test_only_the_window_is_looked_at(run: Run) -> None:
    # GIVEN rows from 09:59 to 11:00 WHEN the window is 10 to 11 THEN its start is in and its end is out
    times = ["09:59:59.999", "10:00:00", "10:59:59.5", "11:00:00"]
    lines = [capture("1.5,1,x", f"2019-02-01T{time}Z") for time in times]
    window = {"start_time": "2019-02-01T10:00:00Z", "end_time": "2019-02-01T11:00:00Z"}
    report = run(lines, run(SMALL), **window).file("report")
    assert (report["rows"], report["outsideWindow"]) == (2, 2)
    lost = run([capture("1.5,1,x", "yesterday")], run(SMALL), **window)
    assert lost.file("report")["unreadable"] == {"no usable inferenceTime": 1}


UNREADABLE = [
    ("{not json", "not a capture record"),
    ("[]", "not a capture record"),
    ('"text"', "not a capture record"),
    ("{}", "not a capture record"),
    ('{"captureData": null}', "no endpointInput"),
    ('{"captureData": {"endpointOutput": {}}}', "no endpointInput"),
    ('{"captureData": {"endpointInput": {"data": "1"}}}', "no endpointInput"),
    (capture("1,2,x", encoding="JSON"), "encoding JSON instead of CSV or BASE64"),
    (
        capture("{}", observedContentType="application/json"),
        "content type application/json instead of text/csv",
    ),
    (
        capture("1,2,x").replace('"encoding": "CSV"', '"encoding": "BASE64"'),
        "data are not BASE64 of UTF-8 text",
    ),
    (capture(""), "the request was empty"),
    (capture('1,2,"x'), "quotes that don't match"),
]


@pytest.mark.parametrize(("line", "reason"), UNREADABLE, ids=[reason for _, reason in UNREADABLE])
def test_a_record_that_cant_be_read_is_counted_and_is_a_violation(run: Run, line: str, reason: str) -> None:
    done = run([*small_rows({}), line], run(SMALL))
    assert done.file("report")["unreadable"] == {reason: 1}
    assert done.violations == [("captureData", "data_type_check")]
    assert reason in done.descriptions
    assert "1 records could not be read" in done.message
    assert done.file("report")["rows"] == 300


def test_nothing_but_unreadable_records_is_a_violation_without_statistics(run: Run) -> None:
    done = run(["{"] * 5, run(SMALL))
    assert done.violations == [("captureData", "data_type_check")]
    assert not (done.folder / "statistics.json").exists()


def test_base64_and_several_rows_and_quotes_are_read(run: Run) -> None:
    lines = [
        capture("1.5,1,x\n2.5,2,y\n", encoding="BASE64"),
        capture('3.5,0,"z"\r\n4.5,1,x'),
        capture('5.5,1,"x, or ""y"""'),
    ]
    done = run(lines, run(SMALL))
    assert done.file("report")["rows"] == 5
    found = done.feature("c")["string_statistics"]
    values = {bucket["value"]: bucket["count"] for bucket in found["distribution"]["categorical"]["buckets"]}
    assert values == {"x": 2, "y": 1, "z": 1, 'x, or "y"': 1}
    assert done.feature("a")["numerical_statistics"]["sum"] == 17.5


def test_an_empty_line_in_a_request_is_a_row_of_blanks(run: Run) -> None:
    done = run([capture("1.5,1,x\n\n2.5,2,y")], run(SMALL))
    assert done.file("report")["rows"] == 3
    assert done.violations == [(name, "completeness_check") for name in "abc"]


rows = st.lists(
    st.tuples(st.floats(-1e6, 1e6), st.integers(-9, 9), st.sampled_from(["x", "y", "z"])),
    min_size=1,
    max_size=12,
)


@settings(max_examples=40, deadline=None)
@given(st.lists(rows, min_size=1, max_size=6), st.data())
def test_no_row_is_lost_however_requests_are_cut(requests: list[list[Any]], data: st.DataObject) -> None:
    read = Rows(["a", "b", "c"])
    for request in requests:
        text = "\n".join(f"{a!r},{b},{c}" for a, b, c in request)
        line = capture(text, encoding=data.draw(st.sampled_from(["CSV", "BASE64"])))
        add = data.draw(st.sampled_from([add_lines, add_quoted]))
        found = request_rows(line, None)
        assert found is not None
        if add is add_lines:
            add_lines(read, [found])
        else:
            add_quoted(read, found)
    everything = [row for request in requests for row in request]
    assert read.read == len(everything)
    assert read.profiles[0].numbers.total == pytest.approx(sum(row[0] for row in everything), abs=1e-3)
    assert sum(read.profiles[2].texts.values()) == len(everything)


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("2019-02-01T10:30:00.123456789Z", "2019-02-01T10:30:00+00:00"),
        ("2019-02-01T10:30:00.5+01:00", "2019-02-01T09:30:00+00:00"),
        ("2019-02-01T10:30:00", "2019-02-01T10:30:00+00:00"),
    ],
)
def test_times_in_their_usual_forms(text: str, same: str) -> None:
    assert moment(text) == moment(same)
