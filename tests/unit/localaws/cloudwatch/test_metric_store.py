"""The metric store and the statistics of what it holds."""

from __future__ import annotations

import statistics as reference

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localaws.cloudwatch import metrics
from localaws.cloudwatch.metrics import MetricKey, MetricStore, Observation
from localaws.cloudwatch.statistics import check_statistic, series, statistic
from localaws.errors import NotModelledError

KEY = MetricKey.of("N", "m", [("b", "2"), ("a", "1")])


def seen(at: float, value: float, unit: str = "None") -> Observation:
    return Observation.of_values(at, unit, {value: 1.0})


def test_dimensions_have_no_order() -> None:
    assert MetricKey.of("N", "m", [("a", "1"), ("b", "2")]) == KEY


@given(st.lists(st.floats(0, 100)))
def test_observations_are_found_in_order_of_time_whatever_order_they_came_in(moments: list[float]) -> None:
    store = MetricStore()
    for at in moments:
        store.add(KEY, seen(at, at))
    found = [observation.at for observation in store.between(KEY, 20, 80)]
    assert found == sorted(at for at in moments if 20 <= at < 80)


def test_units_can_be_told_apart() -> None:
    store = MetricStore()
    store.add(KEY, seen(1, 1, "Seconds"))
    store.add(KEY, seen(2, 2, "Count"))
    assert [o.at for o in store.between(KEY, 0, 9, "Count")] == [2]


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "MAX_OBSERVATIONS", 100)
    monkeypatch.setattr(metrics, "MAX_METRICS", 2)
    store = MetricStore()
    for at in range(1000):
        store.add(KEY, seen(at, at))
    held = store.between(KEY, 0, 1000)
    assert 90 <= len(held) <= 100
    assert held[-1].at == 999
    for name in ("x", "y"):
        store.add(MetricKey.of("N", name, []), seen(1, 1))
    assert [key.name for key, _ in store.metrics()] == ["x", "y"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [("PR(0:2)", 50.0), ("PR(:2)", 50.0), ("PR(2:)", 50.0), ("PR(1:3)", 50.0), ("PR(5:9)", 0.0), ("PR(0:4.5)", 100.0)],
)
def test_a_percentile_rank_is_open_below_and_closed_above(name: str, expected: float) -> None:
    check_statistic(name)
    assert statistic(name, [seen(0, value) for value in (1, 2, 3, 4)]) == expected


def test_no_rank_is_told_of_statistics_alone() -> None:
    assert statistic("PR(0:2)", [Observation.of_statistics(0, "None", 4, 10, 1, 4)]) is None


@pytest.mark.parametrize("name", ["PR(:)", "PR(a:b)", "PR(1%:2%)", "TM(1:2)"])
def test_other_ranks_are_refused(name: str) -> None:
    with pytest.raises(NotModelledError, match="statistic"):
        check_statistic(name)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=50))
def test_statistics_agree_with_pythons(values: list[float]) -> None:
    observations = [seen(0, value) for value in values]
    assert statistic("Average", observations) == pytest.approx(reference.fmean(values), abs=1e-6)
    assert statistic("Sum", observations) == pytest.approx(sum(values), abs=1e-6)
    assert statistic("p50", observations) == pytest.approx(reference.median(values), abs=1e-6)
    assert (statistic("p0", observations), statistic("p100", observations)) == (min(values), max(values))
    assert statistic("SampleCount", observations) == len(values)


@given(st.dictionaries(st.integers(0, 9).map(float), st.integers(1, 5).map(float), min_size=1))
def test_counted_values_weigh_as_often_as_they_occur(counts: dict[float, float]) -> None:
    at_once = [Observation.of_values(0, "None", counts)]
    one_by_one = [seen(0, value) for value, count in counts.items() for _ in range(int(count))]
    for name in ("p10", "p90", "p99.9", "Average"):
        assert statistic(name, at_once) == pytest.approx(statistic(name, one_by_one))


def test_percentiles_of_statistic_sets_are_known_only_when_all_values_are_one() -> None:
    assert statistic("p99", [Observation.of_statistics(0, "None", 3, 6, 2, 2)]) == 2
    assert statistic("p99", [Observation.of_statistics(0, "None", 3, 6, 1, 3)]) is None
    assert statistic("Maximum", [Observation.of_statistics(0, "None", 3, 6, 1, 3)]) == 3


def test_periods_are_aligned_and_those_without_data_absent() -> None:
    store = MetricStore()
    for at in (60, 119.9, 120, 240):
        store.add(KEY, seen(at, 1))
    assert series(store, KEY, "Sum", None, 60, range(1, 4)) == {1: 2, 2: 1}


@pytest.mark.parametrize("name", ["tm90", "IQM", "p101", "Median"])
def test_other_statistics_are_refused_by_name(name: str) -> None:
    with pytest.raises(NotModelledError, match=name):
        check_statistic(name)
