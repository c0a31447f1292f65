"""The sketch keeps its promises on any data; distances are Kolmogorov and Smirnov's."""

from __future__ import annotations

import importlib
import math
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.analysis.drift import ROBUST, SIMPLE, categorical_distance, numeric_distance
from jobs.analysis.sketch import Sketch, weighted

ks_2samp = importlib.import_module("scipy.stats").ks_2samp

Numbers: TypeAlias = npt.NDArray[np.float64]
SHAPES = ("normal", "few", "constant", "sorted", "reversed", "heavy", "sawtooth")


def draw(shape: str, count: int, seed: int) -> Numbers:
    chance = np.random.default_rng(seed)
    steps = np.arange(count, dtype=float)
    shapes: dict[str, Numbers] = {
        "normal": chance.normal(size=count),
        "few": chance.integers(1, 7, count).astype(float),
        "constant": np.full(count, 2.5),
        "sorted": steps,
        "reversed": -steps,
        "heavy": chance.pareto(0.3, count),
        "sawtooth": steps % 1000,
    }
    return shapes[shape]


def sketch_of(values: Numbers, batch: int) -> Sketch:
    sketch = Sketch()
    for start in range(0, len(values), batch):
        sketch.update(values[start : start + batch])
    return sketch


def rank_error(sketch: Sketch, values: Numbers) -> float:
    """The largest error of any rank, in values."""
    points = np.unique(values)
    kept, cumulated = sketch.weighted()
    estimated = np.concatenate([[0], cumulated])[np.searchsorted(kept, points, side="right")]
    exact = np.searchsorted(np.sort(values), points, side="right")
    return float(np.max(np.abs(estimated - exact)))


many = st.integers(1, 60_000)
seeds = st.integers(0, 2**32 - 1)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(SHAPES), many, st.integers(1, 70_000), seeds)
def test_ranks_are_off_by_no_more_than_the_bound(shape: str, count: int, batch: int, seed: int) -> None:
    values = draw(shape, count, seed)
    sketch = sketch_of(values, max(batch, count // 200))
    assert sketch.count == count
    assert sketch.weighted()[1][-1] == count
    assert rank_error(sketch, values) <= sketch.error_bound()
    assert sum(map(len, sketch.levels)) < 8_000


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(SHAPES), st.sampled_from(SHAPES), many, many, st.integers(100, 70_000), seeds)
def test_a_merged_sketch_keeps_its_bound(a: str, b: str, n: int, m: int, batch: int, seed: int) -> None:
    first, second = draw(a, n, seed), draw(b, m, seed + 1)
    sketch = sketch_of(first, max(batch, n // 200))
    sketch.merge(sketch_of(second, max(batch, m // 200)))
    both = np.concatenate([first, second])
    assert sketch.count == sketch.weighted()[1][-1] == n + m
    assert rank_error(sketch, both) <= sketch.error_bound()


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("batch", [997, 20_000, 65_536])
def test_ranks_are_off_by_a_quarter_of_a_percent_at_most_in_practice(shape: str, batch: int) -> None:
    values = draw(shape, 300_000, 1)
    assert rank_error(sketch_of(values, batch), values) <= 0.0025 * len(values)


@given(st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=2_050))
def test_few_values_are_all_kept(values: list[float]) -> None:
    sketch = sketch_of(np.array(values), 100)
    assert sketch.error_bound() == 0
    assert sketch.weighted()[0].tolist() == sorted(values)


def test_the_same_values_give_the_same_sketch() -> None:
    values = draw("normal", 50_000, 2)
    assert sketch_of(values, 7_000).to_json() == sketch_of(values, 7_000).to_json()


def test_json_keeps_the_distribution() -> None:
    sketch = sketch_of(draw("heavy", 50_000, 3), 10_000)
    given_json = sketch.to_json()
    assert given_json["parameters"] == {"c": 0.64, "k": 2048.0}
    values, cumulated = weighted([np.array(level) for level in given_json["data"]])
    assert np.array_equal(values, sketch.weighted()[0])
    assert np.array_equal(cumulated, sketch.weighted()[1])


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(SHAPES), st.sampled_from(SHAPES), st.integers(1, 30_000), st.integers(1, 5_000), seeds)
def test_the_simple_distance_is_the_exact_ks_statistic_within_the_bounds(
    a: str, b: str, n: int, m: int, seed: int
) -> None:
    first, second = draw(a, n, seed), draw(b, m, seed + 1)
    one, two = sketch_of(first, 5_000), sketch_of(second, 5_000)
    found = numeric_distance(one.weighted(), two.weighted(), SIMPLE)
    tolerance = one.error_bound() / n + two.error_bound() / m
    assert found == pytest.approx(ks_2samp(first, second).statistic, abs=tolerance + 1e-12)
    robust = numeric_distance(one.weighted(), two.weighted(), ROBUST)
    assert robust == pytest.approx(max(0, found - 1.8 * math.sqrt((n + m) / (n * m))))


def test_a_million_rows_are_within_a_thousandth_of_exact() -> None:
    first, second = draw("normal", 1_000_000, 4), draw("normal", 1_000_000, 5) * 1.1 + 0.05
    found = numeric_distance(sketch_of(first, 65_536).weighted(), sketch_of(second, 65_536).weighted(), SIMPLE)
    assert found == pytest.approx(ks_2samp(first, second).statistic, abs=0.001)


counts = st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 1000), min_size=1)


@given(counts, counts)
def test_the_categorical_distance_is_a_distance(a: dict[str, int], b: dict[str, int]) -> None:
    found = categorical_distance(a, b, SIMPLE)
    assert found == categorical_distance(b, a, SIMPLE)
    assert 0 <= found <= 1
    assert categorical_distance(a, {key: count * 3 for key, count in a.items()}, SIMPLE) == pytest.approx(0)
    assert categorical_distance(a, {"z": 1}, SIMPLE) == 1
