"""AWS's own tables of how missing data is treated, and what follows from M out of N."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localaws.cloudwatch.alarm_state import next_state

POINTS = {"-": None, "X": True, "0": False}
TREATMENTS = ("missing", "ignore", "breaching", "notBreaching")
N, A, K, R = "INSUFFICIENT_DATA", "ALARM", "OK", None  # R: the state is retained


@pytest.mark.parametrize(
    ("points", "needed", "wanted"),
    [
        # evaluation periods 3, data points to alarm 3
        ("0 - X - X", 3, (K, K, K, K)),
        ("0 - - - -", 3, (K, K, K, K)),
        ("- - - - -", 3, (N, R, A, K)),
        ("0 X X - X", 3, (A, A, A, A)),
        ("- - X - -", 3, (A, R, A, K)),
        # evaluation periods 3, data points to alarm 2
        ("0 - X - X", 2, (A, A, A, A)),
        ("0 0 X 0 X", 2, (A, A, A, A)),
        ("0 - X - -", 2, (K, K, A, K)),
        ("- - - - 0", 2, (K, K, A, K)),
        ("- - - X -", 2, (A, R, A, K)),
        # a breach that is too young to tell
        ("- - - - X", 3, (R, R, A, K)),
    ],
)
def test_the_tables_of_the_documentation(points: str, needed: int, wanted: tuple[str | None, ...]) -> None:
    breaching = [POINTS[point] for point in points.split()]
    found = tuple(next_state(breaching, needed, 3, treatment) for treatment in TREATMENTS)
    assert found == wanted


@given(st.lists(st.booleans(), min_size=1, max_size=8), st.data())
def test_with_all_data_there_only_the_count_decides(points: list[bool], data: st.DataObject) -> None:
    periods = data.draw(st.integers(1, len(points)))
    needed = data.draw(st.integers(1, periods))
    wanted = "ALARM" if sum(points[-periods:]) >= needed else "OK"
    assert {next_state(points, needed, periods, treatment) for treatment in TREATMENTS} == {wanted}


@given(st.lists(st.sampled_from([True, False, None]), min_size=3, max_size=7), st.integers(1, 3))
def test_breaching_never_calms_and_not_breaching_never_alarms_more(points: list[bool | None], needed: int) -> None:
    if next_state(points, needed, 3, "notBreaching") == "ALARM":
        assert next_state(points, needed, 3, "breaching") == "ALARM"
        assert next_state(points, needed, 3, "missing") == "ALARM"
