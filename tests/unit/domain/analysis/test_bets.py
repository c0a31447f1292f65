"""Bets keep to Ville's inequality whatever is bet, know no order, and stay finite; ranks and events are calibrated."""

from __future__ import annotations

import math
import random
import statistics
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safe_deploy.domain.analysis import events, ranks
from safe_deploy.domain.analysis.betting import FAR_LESS, RESERVE, Bets, Share, Weight, factors
from safe_deploy.domain.analysis.events import ERRORS, EventBets, Rate
from safe_deploy.domain.analysis.history import KEPT, WINDOW, History, spread

RATIOS = st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=6)
WEIGHTS = st.floats(0.01, 0.99)
TENTH = Share(0.1, 0.1)


@given(RATIOS, WEIGHTS)
def test_a_bet_is_fair_whatever_is_bet_when_the_version_is_drawn_by_the_weight(
    ratios: list[float], weight: float
) -> None:
    outcome = factors(ratios, Share(weight, weight))
    for champion, candidate in zip(*outcome, strict=True):
        assert weight * candidate + (1 - weight) * champion == pytest.approx(1, rel=1e-9)


@given(st.lists(st.floats(0.01, 100), min_size=2, max_size=5), st.floats(0.05, 0.5), st.floats(1, 2))
def test_with_calibrated_bets_a_higher_weight_than_asked_is_no_gain(
    ratios: list[float], weight: float, more: float
) -> None:
    mean = sum(ratios) / len(ratios)
    calibrated = [ratio / mean for ratio in ratios]
    true = min(1.0, weight * more)
    gained = [factors([ratio], Share(weight, weight)) for ratio in calibrated]
    expected = sum(true * g.candidate[0] + (1 - true) * g.champion[0] for g in gained) / len(gained)
    assert expected <= 1 + 1e-9


@given(st.floats(1e-3, FAR_LESS, exclude_max=True), st.floats(0.05, 0.5), st.floats(0.1, 1), st.floats(0, 1))
def test_an_outcome_that_speaks_for_the_champion_is_no_gain_at_any_weight_down_to_the_least(
    ratio: float, asked: float, part: float, place: float
) -> None:
    """What the candidate hasn't served says little where it may have been asked less."""
    least = asked * part
    true = least + place * (asked - least)
    outcome = factors([ratio], Share(asked, least))
    assert true * outcome.candidate[0] + (1 - true) * outcome.champion[0] <= 1 + 1e-9


@pytest.mark.parametrize("true", [0.08, 0.06])
def test_a_weight_below_the_asked_one_is_no_evidence_of_errors(true: float) -> None:
    """One request in a thousand fails, of either version; the candidate gets less than was asked."""
    reached = 0
    for seed in range(60):
        draw, bets, weight = random.Random(seed), EventBets(ERRORS), Weight(0.1)
        for _ in range(500):
            bets.learn(draw.random() < 0.001)
        for _ in range(2500):
            served, failed = draw.random() < true, draw.random() < 0.001
            bets.observe(weight.assumed, served, failed)
            weight.count(1, served)
            bets.count(served)
            if not served:
                bets.learn(failed)
            if bets.evidence >= 100 / 0.38:
                reached += 1
                break
    assert reached <= 1


@pytest.mark.parametrize("guess", [0.5, 3.0, 50.0])
def test_villes_inequality_holds_by_simulation(guess: float) -> None:
    draw, weight, reached = random.Random(1), 0.2, 0
    for _ in range(400):
        bets = Bets([1.0])
        for _ in range(200):
            served = draw.random() < weight
            odd = draw.random() < 0.3
            bets.place(factors([guess if odd else 1 / guess], Share(weight, weight))[served])
            bets.count(served)
            if bets.evidence >= 10:
                reached += 1
                break
    assert reached <= 400 * 0.1 + 3 * math.sqrt(400 * 0.1 * 0.9)


@given(st.permutations(list(range(30))), st.integers(0, 1000))
def test_the_order_of_outcomes_does_not_matter(order: list[int], seed: int) -> None:
    draw = random.Random(seed)
    placed = [factors([draw.uniform(0.2, 5), draw.uniform(0.2, 5)], TENTH)[draw.random() < 0.1] for _ in range(30)]
    one, other = Bets([0.4, 0.6]), Bets([0.4, 0.6])
    for i in range(30):
        one.place(placed[i])
        other.place(placed[order[i]])
    assert one.evidence == pytest.approx(other.evidence, rel=1e-9)


def test_products_agree_with_sums_of_logarithms_over_many_requests() -> None:
    draw, bets, logs = random.Random(3), Bets([0.5, 0.5]), [math.log(0.45), math.log(0.45)]
    outcomes = [factors([1.2, 1.01], TENTH), factors([0.8, 0.99], TENTH)]
    for _ in range(300_000):
        chosen = outcomes[draw.random() < 0.5][draw.random() < 0.1]
        bets.place(chosen)
        logs = [have + math.log(one) for have, one in zip(logs, chosen, strict=True)]
    highest = max(logs)
    expected = math.exp(highest) * sum(math.exp(value - highest) for value in logs)
    assert bets.evidence - RESERVE == pytest.approx(expected, rel=1e-6, abs=1e-12)


@pytest.mark.parametrize("served", [True, False])
def test_evidence_stays_finite_and_positive_however_long_one_thing_goes_on(served: bool) -> None:
    bets = Bets([0.5, 0.5])
    for _ in range(20_000):
        bets.place(factors([1000.0, 0.001], TENTH)[served])
        bets.count(1)
    assert 0 < bets.evidence < math.inf


def test_what_is_kept_back_finds_a_candidate_that_goes_bad_late() -> None:
    bets, good, bad = Bets([1.0]), factors([0.1], TENTH), factors([500.0], TENTH)
    for _ in range(3000):
        for _ in range(9):
            bets.place(good.champion)
        bets.place(good.candidate)
        bets.count(1)
    late = 0
    while bets.evidence < 100:
        bets.place(bad.candidate)
        bets.count(1)
        late += 1
    assert late < 32 + 10


def test_a_reserve_is_never_invested_twice() -> None:
    bets = Bets([1.0])
    bets.count(10**6)
    assert bets.evidence == pytest.approx(1)


def test_no_traffic_of_the_candidate_lowers_the_weight_and_is_no_evidence() -> None:
    bets, weight = EventBets(ERRORS), Weight(0.1)
    for _ in range(20_000):
        bets.observe(weight.assumed, served=False, happened=False)
        bets.learn(happened=False)
        weight.count(1, 0)
    assert weight.assumed.most < 0.002
    assert bets.evidence < 100 / 0.35


def test_a_weight_as_asked_or_higher_stays_as_asked() -> None:
    draw = random.Random(4)
    for true in (0.1, 0.12, 0.5):
        weight = Weight(0.1)
        for _ in range(5000):
            weight.count(1, draw.random() < true)
        assert weight.assumed.most == 0.1
        assert 0.09 < weight.assumed.least <= 0.1


@pytest.mark.parametrize("steps", [ranks.LATENCY, ranks.PREDICTIONS])
def test_rank_bets_are_calibrated_and_rise_with_the_rank(steps: ranks.Steps) -> None:
    edges = (0.0, *ranks.EDGES, 1.0)
    held = [ranks.ratios(number, steps) for number in range(ranks.CELLS)]
    for bet in range(len(held[0])):
        assert sum(held[n][bet] * (edges[n + 1] - edges[n]) for n in range(ranks.CELLS)) == pytest.approx(1, rel=1e-6)
        assert all(b[bet] >= a[bet] - 1e-9 for a, b in pairwise(held))
        assert all(one[bet] > 0 for one in held)


@given(st.integers(-120, -7), WEIGHTS)
def test_event_bets_are_calibrated_at_the_rate_they_guess(step: int, weight: float) -> None:
    rate = min(math.exp(step / events.STEPS), 0.5)
    none, some = events._table(ERRORS, step, Share(weight, weight))
    for bet in range(len(ERRORS)):
        ratio = [one.candidate[bet] / one.champion[bet] for one in (none, some)]
        assert rate * ratio[1] + (1 - rate) * ratio[0] == pytest.approx(1)
        assert ratio[1] >= 1 >= ratio[0] > 0


def test_the_guess_of_a_rate_follows_the_champion_and_notices_an_outage() -> None:
    rate = Rate()
    for i in range(5000):
        rate.learn(i % 100 == 0)
    assert rate.guess == pytest.approx(0.01, rel=0.1)
    for _ in range(100):
        rate.learn(True)
    assert rate.guess > 0.2


@settings(max_examples=50)
@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=300), st.floats(-1e6, 1e6))
def test_ranks_lie_inside_rise_with_the_value_and_ignore_the_order(values: list[float], value: float) -> None:
    history, other = History(values), History(sorted(values))
    assert 0 < history.rank(value) < 1
    assert history.rank(value) == other.rank(value)
    assert history.rank(value) <= history.rank(value + 1)


def test_a_history_is_bounded_and_forgets_a_champion_that_changed() -> None:
    draw, history = random.Random(5), History()
    for _ in range(3 * WINDOW):
        value = draw.gauss(0, 1)
        history.learn(value, history.rank(value))
    assert len(history) == WINDOW
    assert history.spread == pytest.approx(1, rel=0.1)
    for _ in range(300):
        value = draw.gauss(8, 1)
        history.learn(value, history.rank(value))
    assert len(history) < KEPT + 300
    assert 0.3 < history.rank(8.0) < 0.7


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=300))
def test_a_spread_is_finite_and_no_more_than_that_of_all_values(values: list[float]) -> None:
    found = spread(sorted(values))
    assert 0 <= found < math.inf
    if values and max(map(abs, values)) < 1e100:
        assert found <= statistics.pstdev(values) * (1 + 1e-6) + 1e-9


def test_a_few_wild_values_widen_a_spread_by_nothing_to_speak_of() -> None:
    draw = random.Random(6)
    values = [draw.gauss(10, 3) for _ in range(WINDOW)]
    assert spread(sorted(values)) == pytest.approx(3 * 0.982, rel=0.03)
    values[:20] = [1e9] * 10 + [-1e9] * 10
    assert spread(sorted(values)) == pytest.approx(3, rel=0.03)


def test_values_that_are_alike_but_for_a_few_have_the_spread_of_these_if_they_are_more_than_chance() -> None:
    assert spread([7.0] * 2045 + [1e4] * 3) > 0
    assert spread([7.0] * 2046 + [1e4] * 2) == 0
    assert spread([7.0] * 60 + [1e4]) == 0
