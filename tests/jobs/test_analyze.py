"""What analyze says of data: in Model Monitor's schema, of real trips, and of single bad rows."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.jobs.analyses import SMALL, Run, capture, small_rows
from tests.jobs.drops import ROOT

SAMPLES = ROOT / "model" / "samples"
NAMES = ["duration_minutes", "trip_distance", "passenger_count", "rate_code_id", "congestion_surcharge"]


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
    assert run("a,b\n").message.endswith("has no rows to describe.")
    assert run([capture("1")]).message == "captured rows have no header: baseline_constraints must name their columns."


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


def test_a_new_baseline_is_held_against_an_older_one(run: Run) -> None:
    """The same run describes the new rows and says how far they are from the champion's, and which way."""
    old = run("a,b\n" + "".join(f"{i % 50},{i % 7}\n" for i in range(2_000)))
    new = run("a,b\n" + "".join(f"{i % 50 + 20},{i % 7}\n" for i in range(2_000)), old, comparison_threshold="0.2")
    assert new.violations == [("a", "baseline_drift_check")]
    assert new.file("statistics")["dataset"]["item_count"] == 2_000
    assert new.file("constraints")["features"][0]["name"] == "a"
    assert new.file("report")["means"]["a"] == {"current": 44.5, "baseline": 24.5}
    assert old.file("report")["means"]["a"] == {"current": 24.5, "baseline": None}
    assert run("a,b\n", old).message.endswith("has no rows to describe.")
