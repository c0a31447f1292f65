"""bench/canary.py calls a goal broken by what its runs can tell, and proven only if they prove it."""

from __future__ import annotations

from typing import Any

import pytest

from bench.canary_goals import goal, sentence


def share(name: str, count: int, runs: int, interval: tuple[float, float]) -> dict[str, Any]:
    return {name: count / runs, "runs": runs, "interval": interval}


@pytest.mark.parametrize(
    ("part", "found", "told"),
    [
        ("false_rollbacks", share("rate", 0, 100, (0.0, 0.037)), "goal<=0.01: not contradicted"),
        ("false_rollbacks", share("rate", 2, 100, (0.0055, 0.07)), "goal<=0.01: not contradicted"),
        ("false_rollbacks", share("rate", 5, 100, (0.0215, 0.1118)), "goal<=0.01: BROKEN"),
        ("false_rollbacks", share("rate", 8, 600, (0.0068, 0.0261)), "goal<=0.01: BROKEN"),
        ("false_rollbacks", share("rate", 1, 1000, (0.0002, 0.0056)), "goal<=0.01: met"),
        ("false_rollbacks", share("rate", 28, 2000, (0.0097, 0.0202)), "goal<=0.015: not contradicted"),
        ("false_passes", share("passed", 3, 200, (0.0051, 0.0432)), "goal<=0.05: met"),
        ("false_passes", share("passed", 60, 1000, (0.0469, 0.0765)), "goal<=0.05: BROKEN"),
        ("silence", share("passed", 1, 20, (0.0089, 0.2361)), "goal<=0: BROKEN"),
        ("silence", share("passed", 0, 20, (0.0, 0.1611)), "goal<=0: met"),
    ],
)
def test_a_share_breaks_its_goal_where_the_runs_tell_and_is_proven_where_they_prove_it(
    part: str, found: dict[str, Any], told: str
) -> None:
    assert sentence(goal(part, "some cell", found)) == told


@pytest.mark.parametrize(
    ("name", "found", "told"),
    [
        ("latency, slowest 1% x5", {"runs": 200, "oracle": 100, "requests": 191, "ratio": 1.91}, "goal<=1.9: BROKEN"),
        ("predictions +0.1 sd", {"runs": 200, "oracle": 100, "requests": 250, "ratio": 2.5}, "goal<=2.5: met"),
        ("errors 0.1 to 1%", {"runs": 200, "oracle": 100, "requests": None}, "goal<=1.7: BROKEN"),
        ("errors 0.1 to 1%", {"runs": 12, "oracle": 5, "requests": 60, "ratio": 12}, "goal<=1.7: too few runs to say"),
        ("errors 0.1 to 100%", {"runs": 200, "oracle": 2, "requests": 4, "ratio": 2}, "goal<=3: BROKEN"),
        ("errors 0.1 to 100%, from minute 10", {"runs": 200, "requests": 7}, ""),
    ],
)
def test_a_median_breaks_its_goal_by_the_metric_that_the_cell_names(
    name: str, found: dict[str, Any], told: str
) -> None:
    assert sentence(goal("detection", name, found)) == told


def test_a_good_candidate_has_no_goal_for_passing() -> None:
    assert goal("false_passes", "identical, errors 0.1%", share("passed", 40, 40, (0.9124, 1.0))) is None
