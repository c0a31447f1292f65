"""Intervals cover at every moment, proofs hold at the margin, sketches know their quantiles."""

from __future__ import annotations

import math
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from safe_deploy.domain.analysis.intervals import log_evidence, quantile_counts, rate_interval
from safe_deploy.domain.analysis.passing import Proofs, packed
from safe_deploy.domain.analysis.sketch import Sketch


@given(st.integers(0, 500), st.integers(0, 500), st.floats(0.001, 0.2))
def test_a_rate_interval_holds_the_share_seen_and_exactly_what_is_not_refuted(
    k: int, others: int, level: float
) -> None:
    low, high = rate_interval(k, k + others, level)
    assert 0 <= low <= high <= 1
    if k + others:
        assert low <= k / (k + others) <= high
    for rate in (0.05, 0.3, 0.77):
        refuted = log_evidence(k, k + others, rate) > -math.log(level)
        assert refuted == (not low - 1e-9 <= rate <= high + 1e-9)


def test_a_rate_interval_narrows_with_more_requests_and_is_everything_without() -> None:
    assert rate_interval(0, 0, 0.05) == (0, 1)
    widths = [high - low for low, high in (rate_interval(n // 10, n, 0.05) for n in (10, 100, 1000, 10_000))]
    assert widths == sorted(widths, reverse=True)


@pytest.mark.parametrize("rate", [0.001, 0.1, 0.5])
def test_a_rate_interval_covers_at_all_times_at_once(rate: float) -> None:
    draw, missed = random.Random(6), 0
    for _ in range(300):
        events = 0
        for n in range(1, 400):
            events += draw.random() < rate
            if log_evidence(events, n, rate) > -math.log(0.1):
                missed += 1
                break
    assert missed <= 300 * 0.1 + 3 * math.sqrt(300 * 0.09)


@given(st.sampled_from([0.1, 0.5, 0.9, 0.99]), st.integers(1, 3000))
def test_the_counts_of_a_quantile_are_exactly_those_not_refuted(share: float, requests: int) -> None:
    least, greatest = quantile_counts(share, requests, 0.05)
    for count in {0, least - 1, least, greatest, greatest + 1, requests}:
        if 0 <= count <= requests:
            assert (log_evidence(count, requests, share) < -math.log(0.05)) == (least <= count <= greatest)


@given(st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=200), st.floats(-100, 100), st.floats(0.01, 1))
def test_a_sketch_knows_its_quantiles_to_two_percent_of_the_distance_from_its_centre(
    values: Any, centre: Any, share: Any
) -> None:
    sketch = Sketch(centre)
    for value in values:
        sketch.add(value)
    exact = sorted(values)[max(1, math.ceil(share * len(values))) - 1]
    assert sketch.quantile(share) == pytest.approx(exact, abs=0.0205 * abs(exact - centre) + 1e-5)


def test_a_sketch_is_bounded() -> None:
    draw, sketch = random.Random(7), Sketch()
    for _ in range(30_000):
        sketch.add(draw.choice((-1, 1)) * 10 ** draw.uniform(-300, 300))
    assert len(sketch.to_state()["cells"]) <= 2100


def test_bounds_beyond_the_ends_are_infinite() -> None:
    sketch = Sketch()
    for value in range(1, 11):
        sketch.add(float(value))
    low, high = sketch.between(0, 10)
    assert (low, high) == (-math.inf, math.inf)
    low, high = sketch.between(3, 7)
    assert low == pytest.approx(3, rel=0.03)
    assert high == pytest.approx(8, rel=0.03)


def blocks(proofs: Proofs, draw: random.Random, champion: float, candidate: float, count: int) -> Any:
    for _ in range(count):
        for served, rate in ((False, champion), (False, champion), (True, candidate)):
            proofs.observe(served, packed([draw.random() < rate]))
        proofs.close((champion,))
        yield proofs.evidence


@pytest.mark.parametrize(("champion", "margin"), [(0.0, 0.05), (0.3, 0.1)])
def test_a_candidate_at_the_margin_is_proven_within_at_most_at_the_level(champion: float, margin: float) -> None:
    draw, passed = random.Random(8), 0
    for _ in range(300):
        proofs = Proofs(margin, 1, 0.05)
        passed += any(e >= 20 for e in blocks(proofs, draw, champion, champion + margin, 300))
    assert passed <= 300 * 0.05 + 3 * math.sqrt(300 * 0.05 * 0.95)


def test_a_candidate_like_the_champion_is_proven_and_one_that_goes_bad_is_proven_no_more() -> None:
    draw, proofs = random.Random(9), Proofs(0.01, 1, 0.05)
    assert max(blocks(proofs, draw, 0.0, 0.0, 400)) >= 20
    assert list(blocks(proofs, draw, 0.0, 1.0, 20))[-1] < 20


@given(st.lists(st.booleans(), min_size=1, max_size=100))
def test_one_version_alone_proves_nothing(errors: list[bool]) -> None:
    for served in (False, True):
        proofs = Proofs(0.01, 1, 0.05)
        for error in errors:
            proofs.observe(served, packed([error]))
            proofs.close((0.01,))
        assert proofs.evidence == 1
