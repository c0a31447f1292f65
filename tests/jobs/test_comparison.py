"""How sure a comparison is: intervals that hold what they promise, slices that are judged fairly, bounded work."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from jobs.evaluation.bootstrap import Effort, Estimate, Metrics, Undefined, bootstrap
from jobs.evaluation.comparison import Answers, compare
from jobs.evaluation.slices import OTHERS, VALUES_SHOWN, Slicing
from jobs.outcome import ModelFolderError
from model.metrics import metrics

BETTER = {"rmse": "lower", "r2": "higher"}
FEW = Effort(200, 500)


def answers(rows: int, spread: float, bias: float = 0.0, seed: int = 1) -> Answers:
    """Return labels, a candidate that is `bias` off and a champion; `g` is a column to slice by."""
    random = np.random.default_rng(seed)
    labels = random.normal(20, 5, rows)
    champion = labels + random.normal(0, 2, rows)
    candidate = champion + bias + random.normal(0, spread, rows)
    return Answers(labels, [candidate, champion], {"g": random.integers(0, 4, rows).astype(np.float64)})


def test_the_same_rows_give_the_same_intervals() -> None:
    given = answers(2_000, 0.1)
    assert compare(metrics, BETTER, [Slicing("g", "g")], given) == compare(metrics, BETTER, [Slicing("g", "g")], given)


def test_the_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    """95 % of them, give or take what 150 tries may differ: 5 % of 150 is 7.5, with a deviation of 2.7."""
    missed = 0
    for seed in range(150):
        given = answers(400, 0.0, seed=seed)
        found = bootstrap(metrics, ["rmse"], given.labels, given.predictions[1:], FEW)["rmse"][0]
        assert found.low is not None
        assert found.high is not None
        missed += not found.low <= 2.0 <= found.high
    assert missed <= 18


def test_many_rows_are_known_better_than_the_resamples_are_large() -> None:
    """GIVEN 64 times as many rows as a resample has THEN the interval is about an eighth as wide."""

    def width(rows: int) -> float:
        given = answers(rows, 0.0)
        found = bootstrap(metrics, ["rmse"], given.labels, given.predictions[1:], FEW)["rmse"][0]
        assert found.low is not None
        assert found.high is not None
        return found.high - found.low

    assert width(500) / width(32_000) == pytest.approx(8, rel=0.25)


def test_the_difference_is_paired_so_it_is_far_narrower_than_the_metrics_are() -> None:
    found = compare(metrics, BETTER, [], answers(3_000, 0.05))["metrics"]["rmse"]
    own = found["candidate"]["high"] - found["candidate"]["low"]
    assert found["difference"]["high"] - found["difference"]["low"] < own / 5


@pytest.mark.parametrize(("bias", "verdict"), [(1.5, "worse"), (0.0, "same")])
def test_a_difference_counts_when_its_interval_leaves_out_nought(bias: float, verdict: str) -> None:
    found = compare(metrics, BETTER, [], answers(3_000, 0.05, bias))["metrics"]
    assert [found[name]["verdict"] for name in BETTER] == [verdict, verdict]


def test_without_a_champion_there_are_intervals_and_no_verdict() -> None:
    given = answers(500, 0.1)
    alone = Answers(given.labels, given.predictions[:1], given.columns)
    found = compare(metrics, BETTER, [Slicing("g", "g")], alone)
    assert found["metrics"]["rmse"]["candidate"]["low"] is not None
    assert found["metrics"]["rmse"]["difference"] is None
    assert {entry["verdict"] for entry in found["slices"]} == {"unknown"}
    values = [entry["candidate"]["value"] for entry in found["slices"]]
    assert values == sorted(values, reverse=True)


def test_the_worst_regression_comes_first_and_a_small_slice_is_not_judged() -> None:
    # GIVEN a candidate that is bad in slice 2 alone, good in slice 3, and slice 9 of five rows, where it is worst
    given = answers(4_000, 0.0)
    slices, candidate = given.columns["g"], given.predictions[0]
    candidate[slices == 2] += 2
    candidate[slices == 3] = given.labels[slices == 3]
    slices[:5] = 9
    candidate[:5] += 50
    # WHEN
    found = compare(metrics, BETTER, [Slicing("g", "g")], given)["slices"]
    # THEN
    assert [(entry["value"], entry["verdict"]) for entry in found] == [
        ("2", "worse"),
        *((value, "same") for value in sorted("01")),
        ("3", "better"),
        ("9", "unknown"),
    ]
    assert found[-1]["note"] == "fewer than 30 rows"


def test_slices_without_a_difference_are_rarely_called_worse_however_many_there_are() -> None:
    """20 slices, 12 tries: at 5 % a family, not one of them is expected to have a false alarm."""
    alarms = 0
    for seed in range(12):
        given = answers(2_000, 0.3, seed=seed)
        given.predictions[0] = given.labels + np.random.default_rng(seed + 999).normal(0, 2, 2_000)
        given.columns["g"] = np.random.default_rng(seed).integers(0, 20, 2_000).astype(np.float64)
        slices = compare(metrics, BETTER, [Slicing("g", "g")], given)["slices"]
        alarms += any(entry["verdict"] in ("worse", "better") for entry in slices)
    assert alarms <= 4


def needs_two_classes(labels: npt.NDArray[np.float64], _: npt.NDArray[np.float64]) -> dict[str, float]:
    if len(np.unique(labels)) < 2:
        raise ValueError("only one class")
    return {"auc": 0.5}


def test_a_slice_that_the_metric_refuses_says_so() -> None:
    labels = np.array([0.0, 1.0] * 50)
    given = Answers(labels, [labels, labels], {"g": labels})
    found = compare(needs_two_classes, {"auc": "higher"}, [Slicing("g", "g")], given)
    assert [entry["note"] for entry in found["slices"]] == ["auc can't be measured: ValueError: only one class"] * 2
    assert found["slices"][0]["difference"] is None


def test_what_a_metric_says_against_a_slice_stays_on_a_short_line() -> None:
    def metrics(labels: npt.NDArray[np.float64], _: npt.NDArray[np.float64]) -> dict[str, float]:
        if len(labels) < 100:
            raise ValueError("no\n\nLook here:\u2028" + "x" * 300)
        return {"auc": 0.5}

    labels = np.array([0.0, 1.0] * 50)
    found = compare(metrics, {"auc": "higher"}, [Slicing("g", "g")], Answers(labels, [labels], {"g": labels}))
    for entry in found["slices"]:
        assert entry["note"].startswith("auc can't be measured: ValueError: no Look here: xxx")
        assert entry["note"].isprintable()
        assert len(entry["note"]) == 200


def test_a_metric_that_most_resamples_refuse_has_no_interval() -> None:
    labels = np.zeros(200)
    labels[0] = 1.0
    found = bootstrap(needs_two_classes, ["auc"], labels, [labels, labels], FEW)["auc"]
    assert found == [Estimate(0.5), Estimate(0.5), Estimate(0.0)]
    with pytest.raises(Undefined):
        bootstrap(needs_two_classes, ["auc"], labels[1:], [labels[1:]], FEW)


def test_a_metric_that_is_not_a_number_is_left_out() -> None:
    def sometimes(labels: Any, predictions: Any) -> dict[str, float]:
        return {"rmse": 1.0, "r2": float("nan")}

    found: Metrics = sometimes
    assert set(compare(found, BETTER, [], answers(100, 0.1))["metrics"]) == {"rmse"}


def test_millions_of_rows_take_seconds() -> None:
    given = answers(2_000_000, 0.1)
    slicings = [Slicing("g", "g"), Slicing("label", "g", bands=(1.0, 2.0, 3.0))]
    began = time.process_time()
    compare(metrics, {"rmse": "lower", "mae": "lower", "r2": "higher"}, slicings, given)
    assert time.process_time() - began < 20


def test_bands_take_their_lower_edge_and_empty_ones_are_left_out() -> None:
    found = {
        label: list(np.flatnonzero(mask))
        for label, mask in Slicing("d", "d", bands=(1.0, 2.0, 5.0)).cut(np.array([0.5, 1.0, 7.0, 5.0]))
    }
    assert found == {"under 1": [0], "1 to 2": [1], "5 and more": [2, 3]}


def test_values_have_labels_and_rare_ones_are_put_together() -> None:
    values = np.repeat(np.arange(VALUES_SHOWN + 3), [50] * VALUES_SHOWN + [2, 1, 1]).astype(np.float64)
    found = {label: int(mask.sum()) for label, mask in Slicing("v", "v", labels={"3": "three"}).cut(values)}
    assert found["three"] == 50
    assert found[OTHERS] == 4
    assert sum(found.values()) == len(values)


@pytest.mark.parametrize(
    ("entry", "words"),
    [({"column": "x"}, "names x"), ("g", "names None"), ({"column": "g", "bands": [2, 1]}, "bands of g must rise")],
)
def test_a_slicing_that_cannot_be_used_is_refused(entry: Any, words: str) -> None:
    with pytest.raises(ModelFolderError, match=words):
        Slicing.from_json(entry, ["g"])
