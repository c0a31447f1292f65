"""What analyze says of data: in Model Monitor's schema, of real trips, and of broken captures."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.analysis.rows import moment
from tests.jobs.drops import ROOT

SAMPLES = ROOT / "model" / "samples"
NAMES = ["duration_minutes", "trip_distance", "passenger_count", "rate_code_id", "congestion_surcharge"]
Run = Callable[..., "Analysis"]


def capture(data: str, time: str = "2019-02-01T10:30:00Z", encoding: str = "CSV", **entry: Any) -> str:
    """Return a line of data capture."""
    if encoding == "BASE64":
        data = base64.b64encode(data.encode()).decode()
    given = {"observedContentType": "text/csv", "mode": "INPUT", "data": data, "encoding": encoding, **entry}
    output = {"observedContentType": "text/csv", "mode": "OUTPUT", "data": "12.5\n", "encoding": "CSV"}
    return json.dumps(
        {
            "captureData": {"endpointInput": given, "endpointOutput": output},
            "eventMetadata": {"eventId": "5d1e", "inferenceTime": time},
            "eventVersion": "0",
        }
    )


class Analysis:
    """What a run of analyze left behind."""

    def __init__(self, folder: Path, code: int) -> None:
        self.folder, self.code = folder, code

    @property
    def message(self) -> str:
        return (self.folder / "message").read_text()

    def file(self, name: str) -> dict[str, Any]:
        content: dict[str, Any] = json.loads((self.folder / f"{name}.json").read_text())
        return content

    def feature(self, name: str) -> dict[str, Any]:
        return next(entry for entry in self.file("statistics")["features"] if entry["name"] == name)

    @property
    def violations(self) -> list[tuple[str, str]]:
        found = self.file("constraint_violations")["violations"]
        return [(entry["feature_name"], entry["constraint_check_type"]) for entry in found]

    @property
    def descriptions(self) -> str:
        return "\n".join(entry["description"] for entry in self.file("constraint_violations")["violations"])


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Analyze a CSV text or capture lines; with a baseline, compare."""
    from jobs.analysis import job

    runs = 0

    def analyze(data: str | list[str], baseline: Analysis | None = None, **environment: str) -> Analysis:
        nonlocal runs
        runs += 1
        folder = tmp_path / f"run-{runs}"
        source = folder / "in" / "AllTraffic" / "2019" / "02" / "01" / "10"
        source.mkdir(parents=True)
        if isinstance(data, str):
            (source / "data.csv").write_text(data)
        else:
            (source / "00-00-000-a.jsonl").write_text("".join(line + "\n" for line in data[::2]))
            (source / "00-00-001-b.jsonl").write_text("".join(line + "\n" for line in data[1::2]))
        settings = {
            "dataset_format": '{"csv": {"header": true}}'
            if isinstance(data, str)
            else '{"sagemakerCaptureJson": {}}',
            "dataset_source": str(folder / "in"),
            "output_path": str(folder),
            "message_path": str(folder / "message"),
            **environment,
        }
        if baseline:
            settings["baseline_statistics"] = str(baseline.folder / "statistics.json")
            settings["baseline_constraints"] = str(baseline.folder / "constraints.json")
        with monkeypatch.context() as patch:
            for name, value in settings.items():
                patch.setenv(name, value)
            return Analysis(folder, job.main())

    return analyze


@pytest.fixture(scope="session")
def trips_2018() -> pd.DataFrame:
    """Real trips of 2018 as features."""
    return taxi_features(SAMPLES / "2018.csv.gz")


def taxi_features(path: Path) -> pd.DataFrame:
    from jobs.folder import ModelFolder
    from jobs.preparation.cleaning import clean
    from jobs.preparation.reading import Source

    folder = ModelFolder(ROOT / "model")
    contract, features = folder.contract(), folder.function("features.py", "features")
    rows = [clean(batch, contract, features).table for batch in Source(path).batches(contract)]
    table = pd.DataFrame(np.concatenate(rows)[:, 1:], columns=NAMES)
    return table.astype({"passenger_count": int, "rate_code_id": int})


def captured(rows: pd.DataFrame, rows_a_request: int = 1) -> list[str]:
    lines = rows.to_csv(header=False, index=False).splitlines()
    return [capture("\n".join(lines[i : i + rows_a_request])) for i in range(0, len(lines), rows_a_request)]


def test_a_baseline_is_in_the_schema(run: Run, trips_2018: pd.DataFrame) -> None:
    done = run(trips_2018.to_csv(index=False), comparison_threshold="0.25", comparison_method="Simple")
    assert (done.code, done.message) == (
        0,
        f"Completed: Job completed successfully with a baseline of {len(trips_2018):,} rows.",
    )
    statistics = done.file("statistics")
    assert statistics["version"] == 0
    assert statistics["dataset"] == {"item_count": len(trips_2018)}
    assert [entry["name"] for entry in statistics["features"]] == NAMES
    types = ["Fractional", "Fractional", "Integral", "Integral", "Fractional"]
    assert [entry["inferred_type"] for entry in statistics["features"]] == types
    for name in NAMES:
        found, exact = done.feature(name)["numerical_statistics"], trips_2018[name].astype(float)
        assert found["common"] == {"num_present": len(trips_2018), "num_missing": 0}
        for figure, truth in (
            ("mean", exact.mean()),
            ("sum", exact.sum()),
            ("std_dev", exact.std(ddof=0)),
            ("min", exact.min()),
            ("max", exact.max()),
        ):
            assert found[figure] == pytest.approx(truth, rel=1e-9)
        kll = found["distribution"]["kll"]
        assert len(kll["buckets"]) == 10
        assert sum(bucket["count"] for bucket in kll["buckets"]) == len(trips_2018)
        assert sum(len(level) << i for i, level in enumerate(kll["sketch"]["data"])) == len(trips_2018)
    constraints = done.file("constraints")
    assert constraints["features"][0] == {
        "name": "duration_minutes",
        "inferred_type": "Fractional",
        "completeness": 1.0,
        "num_constraints": {"is_non_negative": True},
    }
    distribution = constraints["monitoring_config"]["distribution_constraints"]
    assert (distribution["comparison_threshold"], distribution["comparison_method"]) == (0.25, "Simple")
    assert not (done.folder / "constraint_violations.json").exists()


def test_the_surcharge_of_2019_is_drift_and_nothing_else_is(run: Run, trips_2018: pd.DataFrame) -> None:
    baseline = run(trips_2018.to_csv(index=False), comparison_threshold="0.2")
    traffic = pd.read_csv(SAMPLES / "traffic-2019.csv.gz")
    for rows in (traffic.iloc[1000:1200], traffic.iloc[1500:2500], traffic.iloc[400:]):
        done = run(captured(rows), baseline)
        assert done.violations == [("congestion_surcharge", "baseline_drift_check")]
        assert done.message == "CompletedWithViolations: Job completed successfully with 1 violations."
        report = done.file("report")
        distance = report["metrics"]["feature_baseline_drift_congestion_surcharge"]
        assert done.descriptions == f"Baseline drift distance: {distance} exceeds threshold: 0.2"
        assert 0.7 < distance < 0.95
        assert report["metrics"]["feature_non_null_trip_distance"] == len(rows)
    quiet = run(captured(traffic[:270]), baseline)
    assert quiet.violations == []


@pytest.mark.parametrize("size", [200, 1000, 5000])
def test_other_trips_of_2018_are_no_drift(run: Run, trips_2018: pd.DataFrame, size: int) -> None:
    # GIVEN the policy's threshold or half of it, halves of the year at random
    for seed in range(5):
        chosen = trips_2018.sample(frac=1, random_state=seed)
        half = len(chosen) // 2
        baseline = run(chosen[:half].to_csv(index=False), comparison_threshold="0.1")
        done = run(captured(chosen[half : half + size], rows_a_request=50), baseline)
        assert done.violations == []
        assert done.message == "Completed: Job completed successfully with no violations."
        assert done.file("report")["rows"] == size


SMALL = "a,b,c\n" + "".join(f"{i}.5,{i % 3},{'xyz'[i % 3]}\n" for i in range(300))


def small_rows(changes: dict[int, str]) -> list[str]:
    rows = SMALL.splitlines()[1:]
    return [capture(changes.get(i, row)) for i, row in enumerate(rows)]


@pytest.mark.parametrize(
    ("row", "violation", "description"),
    [
        (
            "oops,1,x",
            ("a", "data_type_check"),
            "Data type match requirement is not met. Expected data type: Fractional, Expected match: 100.0%. "
            "Observed: Only 99.66666666666667% of data is Fractional.",
        ),
        ("1,2.5,x", ("b", "data_type_check"), "Expected data type: Integral, Expected match: 100.0%."),
        (
            "1,,x",
            ("b", "completeness_check"),
            "Expected completeness: 100.0%. Observed: Only 99.66666666666667%",
        ),
        ("1,2,w", ("c", "categorical_values_check"), "Value: 0.99666"),
        (
            "1,2",
            ("Missing columns", "missing_column_check"),
            "There are missing columns in current dataset. Number of columns in current dataset: 2, Number "
            "of columns in baseline constraints: 3. In 1 of 300 rows.",
        ),
        ("1,2,x,4", ("Extra columns", "extra_column_check"), "Number of columns in current dataset: 4, "),
    ],
)
def test_a_single_bad_row_is_seen(run: Run, row: str, violation: tuple[str, str], description: str) -> None:
    done = run(small_rows({7: row}), run(SMALL))
    assert done.violations == [violation]
    assert description in done.descriptions
    assert done.file("report")["rows"] == 300


def test_whole_numbers_written_with_a_point_are_integral(run: Run) -> None:
    assert run(small_rows({7: "1.5,2.0,x"}), run(SMALL)).violations == []


def test_categories_drift_too(run: Run) -> None:
    done = run(small_rows({i: f"{i}.5,{i % 3},x" for i in range(150)}), run(SMALL))
    assert done.violations == [("c", "baseline_drift_check")]


def test_columns_of_a_csv_file_are_compared_by_name(run: Run) -> None:
    done = run(SMALL.replace("b,c\n", "c,d\n"), run(SMALL))
    assert ("b", "missing_column_check") in done.violations
    assert ("d", "extra_column_check") in done.violations


def test_what_the_constraints_switch_off_is_not_checked(run: Run) -> None:
    baseline = run(SMALL)
    constraints = baseline.file("constraints")
    constraints["features"][0]["monitoringConfigOverrides"] = {"evaluate_constraints": "Disabled"}
    constraints["features"][1]["monitoringConfigOverrides"] = {
        "datatype_check_threshold": 0.5,
        "distribution_constraints": {"comparison_threshold": 0.9},
    }
    (baseline.folder / "constraints.json").write_text(json.dumps(constraints))
    rows = small_rows(dict.fromkeys(range(100), "oops,7.5,x"))
    assert {name for name, _ in run(rows, run(SMALL)).violations} == {"a", "b"}
    done = run(rows, baseline)
    assert done.violations == []
    assert "feature_baseline_drift_a" not in done.file("report")["metrics"]


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
    from jobs.analysis.rows import Rows, add_lines, add_quoted, request_rows

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
    ("changes", "sentence"),
    [
        ({"dataset_format": "{}"}, "dataset_format is {}; use"),
        ({"dataset_format": '{"csv": {"header": false}}'}, "dataset_format is"),
        ({"dataset_source": ""}, "the environment variable dataset_source is missing."),
        ({"comparison_threshold": "much"}, "comparison_threshold is much; it is a number."),
        ({"comparison_threshold": "7"}, "comparison_threshold is 7.0; it is a distance, from 0 to 1."),
        ({"comparison_method": "Best"}, "comparison_method is Best; use Simple or Robust."),
        ({"baseline_constraints": "/nowhere"}, "baseline_constraints /nowhere can't be read"),
        ({"start_time": "soon", "end_time": "later"}, "start_time soon or end_time later is not a time"),
    ],
)
def test_a_wrong_setting_is_named(run: Run, changes: dict[str, str], sentence: str) -> None:
    done = run(SMALL, **changes)
    assert done.code == 1
    assert done.message.startswith(sentence)


def test_a_baseline_needs_rows_and_a_capture_needs_a_baseline(run: Run) -> None:
    assert run("a,b\n").message.endswith("has no rows to make a baseline of.")
    assert (
        run([capture("1")]).message
        == "captured rows have no header: baseline_constraints must name their columns."
    )


def test_a_file_that_never_had_a_value_pretends_no_statistics(run: Run) -> None:
    done = run("a,b\n1,\n2,\n")
    assert done.feature("b") == {"name": "b", "inferred_type": "Unknown"}
    assert done.file("constraints")["features"][1] == {
        "name": "b",
        "inferred_type": "Unknown",
        "completeness": 0.0,
    }


def test_it_runs_by_path_from_anywhere(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "data.csv").write_text(SMALL)
    environment = {
        "dataset_format": '{"csv": {"header": true, "output_columns_position": "START"}}',
        "dataset_source": "in",
        "output_path": "out",
        "message_path": "message",
    }
    command = [sys.executable, str(ROOT / "jobs" / "analyze.py")]
    run = subprocess.run(
        command, cwd=tmp_path, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    assert (tmp_path / "message").read_text() == run.stdout.strip()
    assert (tmp_path / "out" / "statistics.json").exists()


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
