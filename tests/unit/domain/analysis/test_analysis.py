"""The analysis: three verdicts, the same whatever the batches, simultaneous order or interruptions."""

from __future__ import annotations

import json
import math
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safe_deploy.domain.analysis import (
    CANDIDATE,
    CHAMPION,
    Analysis,
    AnalysisPolicy,
    Observation,
    Status,
    largest_shift,
)
from safe_deploy.errors import InvalidRequestError

POLICY = AnalysisPolicy()


def traffic(seed: int, count: int, *, weight: float = 0.2, every: int = 1, **candidate: Any) -> list[Observation]:
    """Requests of both versions; `candidate` says how it differs, `every` how many share a moment."""
    draw = random.Random(seed)
    found: list[Observation] = []
    for i in range(count):
        served = draw.random() < weight
        odd = candidate if served else {}
        error = draw.random() < odd.get("errors", 0.002)
        latency = 20 * math.exp(draw.gauss(0, 0.5)) * odd.get("slower", 1.0)
        prediction = draw.gauss(10, 2) + odd.get("shift", 0.0)
        cold = served and len(found) < odd.get("cold", 0)
        found.append(
            Observation(
                1000.0 + i // every,
                CANDIDATE if served else CHAMPION,
                error,
                latency + 3000 * cold,
                cold,
                None if error else prediction,
            )
        )
    return found


PAST = traffic(0, 300, weight=0)


def analysis(observations: list[Observation], policy: AnalysisPolicy = POLICY, weight: float = 0.2) -> Analysis:
    return Analysis(policy, weight, PAST).observe_many(observations)


def figures(given: Analysis) -> list[float]:
    return [figure for finding in given.verdict().findings for figure in (finding.alarm, finding.proof)]


# ---- verdicts ----


def test_a_candidate_like_the_champion_passes_in_the_end_and_not_before() -> None:
    requests = traffic(1, 6000)
    assert analysis(requests[:300]).status is Status.INSUFFICIENT
    verdict = analysis(requests).verdict()
    assert verdict.status is Status.PASS
    assert verdict.metric is None
    assert all(finding.is_proven for finding in verdict.findings)


@pytest.mark.parametrize(
    ("metric", "difference", "unit"),
    [
        ("errors", {"errors": 0.5}, "points"),
        ("latency", {"slower": 2.0}, "times"),
        ("predictions", {"shift": 4.0}, "units"),
        ("predictions", {"shift": -4.0}, "units"),
    ],
)
def test_a_worse_candidate_fails_with_the_metric_the_estimate_and_the_requests(
    metric: Any, difference: Any, unit: Any
) -> None:
    verdict = analysis(traffic(2, 3000, **difference)).verdict()
    assert verdict.status is Status.FAIL
    assert verdict.metric == metric
    assert str(verdict.candidate_requests) in verdict.reason
    estimate = next(finding.estimate for finding in verdict.findings if finding.metric == metric)
    assert estimate is not None
    assert estimate.unit == unit
    truth = {"points": 0.5 - 0.002, "times": 2.0, "units": difference.get("shift")}[unit]
    assert estimate.low <= truth <= estimate.high
    json.dumps(verdict.to_output(), allow_nan=False)


def test_a_candidate_that_always_fails_is_stopped_after_three_failed_requests() -> None:
    past, needed = traffic(0, 1000, weight=0), []
    for seed in range(31):
        given, failed = Analysis(POLICY, 0.1, past), 0
        for request in traffic(seed, 500, weight=0.1, errors=1.0):
            given.observe(request)
            if given.has_failed:
                break
            failed += request.version == CANDIDATE
        needed.append(failed)
    assert sorted(needed)[15] <= 3


def test_a_failure_is_final_and_its_requests_are_counted_no_further() -> None:
    given = analysis(traffic(3, 3000, errors=1.0))
    before = given.verdict()
    given.observe_many(traffic(4, 3000))
    assert given.verdict() == before
    assert before.status is Status.FAIL


def test_silence_is_never_a_pass() -> None:
    assert analysis([]).verdict().status is Status.INSUFFICIENT
    alone = [request for request in traffic(5, 8000) if request.version == CHAMPION]
    verdict = analysis(alone).verdict()
    assert verdict.status is Status.INSUFFICIENT
    assert "0 of at least 100 requests" in verdict.reason


def test_too_few_requests_are_no_pass_even_if_all_is_proven() -> None:
    requests = traffic(1, 6000)
    policy = AnalysisPolicy(minimum_requests=5000)
    assert analysis(requests, policy).status is Status.INSUFFICIENT
    assert analysis(requests).status is Status.PASS


def test_cold_starts_of_the_candidate_are_no_latency() -> None:
    warm = analysis(traffic(6, 2000, cold=200))
    assert warm.status is not Status.FAIL
    counted = next(finding for finding in warm.verdict().findings if finding.metric == "latency")
    assert counted.candidate_requests < warm.verdict().candidate_requests


def test_predictions_that_are_no_numbers_are_errors() -> None:
    requests = [
        request._replace(prediction=math.nan) if request.version == CANDIDATE else request
        for request in traffic(7, 600)
    ]
    assert analysis(requests).verdict().metric == "errors"


def test_within_the_tolerances_nothing_fails() -> None:
    policy = AnalysisPolicy(latency_tolerance=0.5, prediction_tolerance=1.0)
    requests = traffic(8, 4000, slower=1.4, shift=1.8)
    assert analysis(requests, policy).status is not Status.FAIL
    assert analysis(requests).status is Status.FAIL


def test_a_metric_without_a_tolerance_is_left_out() -> None:
    policy = AnalysisPolicy(latency_tolerance=None, prediction_tolerance=None)
    verdict = analysis(traffic(9, 6000, slower=5, shift=50), policy).verdict()
    assert [finding.metric for finding in verdict.findings] == ["errors"]
    assert verdict.status is Status.PASS


def alike(requests: list[Observation], candidate: float) -> list[Observation]:
    """The same requests, but the champion predicts 7 whatever it is asked, and the candidate something else."""
    return [
        request._replace(prediction=None if request.error else candidate if request.version == CANDIDATE else 7.0)
        for request in requests
    ]


@pytest.mark.parametrize(("candidate", "status"), [(7.0, Status.PASS), (7.1, Status.INSUFFICIENT)])
def test_a_champion_that_always_predicts_the_same_is_replaced_only_by_its_like(
    candidate: float, status: Status
) -> None:
    given = Analysis(POLICY, 0.2, alike(PAST, candidate)).observe_many(alike(traffic(1, 6000), candidate))
    verdict = given.verdict()
    assert verdict.status is status
    assert verdict.findings[2].alarm <= 1, "how far it may move can't be said, so nothing is held against it"
    told = "predictions are all alike" in verdict.reason and '"predictionTolerance": null' in verdict.reason
    assert told == (status is Status.INSUFFICIENT)


def test_predictions_that_differ_from_a_constant_by_the_margin_are_rarely_proven() -> None:
    """The candidate errs from the champion's constant in just as many requests as the margin allows."""
    policy, passed, runs = AnalysisPolicy(share_margin=0.1, latency_tolerance=None), 0, 40
    for seed in range(runs):
        draw = random.Random(seed)
        given = Analysis(policy, 0.5, alike(PAST, 7.0))
        for request in alike(traffic(seed, 1200, weight=0.5), 7.0):
            odd = request.version == CANDIDATE and draw.random() < 0.1
            given.observe(request._replace(prediction=8.0) if odd else request)
            if given._metrics["predictions"].proof >= 20:
                passed += 1
                break
    assert passed <= runs * 0.05 + 3 * math.sqrt(runs * 0.0475)


@pytest.mark.parametrize("wild", [1e4, -1e4, 1e200])
@pytest.mark.parametrize("candidate", [{"shift": 60.0}, {"stuck": 0.0}], ids=str)
def test_one_wild_prediction_of_the_champion_excuses_nothing(wild: float, candidate: dict[str, float]) -> None:
    """GIVEN the shipped margins, and one prediction far off in the champion's past THEN a candidate far off fails."""
    policy = AnalysisPolicy(error_margin=0.02, share_margin=0.1, latency_tolerance=0.5, prediction_tolerance=0.5)
    draw = random.Random(20)
    past = [request._replace(prediction=draw.gauss(10, 3)) for request in traffic(20, 2000, weight=0)]
    past[-200] = past[-200]._replace(prediction=wild)
    given = Analysis(policy, 0.2, past)
    for request in traffic(21, 1200):
        value = draw.gauss(10, 3) + candidate.get("shift", 0.0)
        told = candidate.get("stuck", value) if request.version == CANDIDATE else draw.gauss(10, 3)
        given.observe(request._replace(prediction=None if request.error else told))
    assert given.verdict().metric == "predictions"
    json.dumps(given.to_state(), allow_nan=False)


def test_a_shift_that_the_approver_saw_is_not_made_small_by_one_wild_prediction() -> None:
    ours = [float(i) for i in range(1000)]
    seen = largest_shift(ours, [value + 300 for value in ours])
    ours[500] = 1e6
    assert largest_shift(ours, [value + 300 for value in ours]) == pytest.approx(seen, rel=0.01)


def test_what_the_approver_saw_widens_the_tolerance() -> None:
    ours, theirs = [float(i) for i in range(1000)], [float(i) + 300 for i in range(1000)]
    shift = largest_shift(ours, theirs)
    assert shift == pytest.approx(300 / 288.7, rel=0.01)
    assert POLICY.having_seen(shift).prediction_tolerance == pytest.approx(0.25 + shift)
    for alike in ([1.0, 1.0], [1.0] * 99 + [1e6]):
        with pytest.raises(ValueError, match="alike"):
            largest_shift(alike, [2.0])


def test_a_few_failures_all_of_the_candidate_already_bound_the_difference_from_below() -> None:
    estimate = Analysis(POLICY, 0.1, PAST).observe_many(traffic(2, 60, weight=0.1, errors=1.0)).verdict().findings[0]
    assert estimate.candidate_requests < 8
    assert estimate.estimate is not None
    assert 0 < estimate.estimate.low < 1 - 0.002 <= estimate.estimate.high


def test_the_share_that_already_is_changes_nothing() -> None:
    requests = traffic(2, 60, weight=0.1, errors=1.0)
    given = Analysis(POLICY, 0.1, PAST)
    given.shift(0.1)
    given.observe_many(requests[:30])
    given.shift(0.1)
    given.observe_many(requests[30:])
    assert given.to_state() == Analysis(POLICY, 0.1, PAST).observe_many(requests).to_state()


def test_the_interval_of_the_difference_covers_at_all_times_at_once() -> None:
    missed, runs = 0, 60
    for seed in range(runs):
        given = Analysis(AnalysisPolicy(alpha=1e-9, unproven=0.1), 0.2)
        draw = random.Random(seed)
        for i in range(400):
            served = draw.random() < 0.2
            error = draw.random() < (0.3 if served else 0.1)
            given.observe(Observation(float(i), CANDIDATE if served else CHAMPION, error, 1.0))
            estimate = given._errors.estimate(0.1) if served else None
            if estimate is not None and not estimate.low <= 0.2 <= estimate.high:
                missed += 1
                break
    assert missed <= runs * 0.1 + 3 * math.sqrt(runs * 0.09)


def test_requests_under_one_share_are_not_held_against_those_under_another() -> None:
    """GIVEN live requests that are bad and replayed ones that aren't, whoever serves THEN nothing is proven by that."""
    given, moment = Analysis(POLICY, 0.1, PAST), 2000.0
    for _ in range(100):
        given.observe(Observation(moment, CHAMPION, True, 9.0))
        given.observe(Observation(moment + 1, CHAMPION, False, 900.0, False, 99.0))
        given.shift(0.5)
        given.observe(Observation(moment + 2, CANDIDATE, False, 20.0, False, 10.0))
        given.shift(0.1)
        moment += 3
    assert [finding.proof for finding in given.verdict().findings] == [1.0, 1.0, 1.0]


# ---- false alarms ----


@pytest.mark.parametrize("true", [0.2, 0.24, 0.15])
@pytest.mark.parametrize("outage", [False, True])
def test_looking_after_every_request_keeps_false_alarms_at_the_level(true: float, outage: bool) -> None:
    policy, failed, runs = AnalysisPolicy(alpha=0.1), 0, 60
    for seed in range(runs):
        requests = traffic(seed, 300, weight=true)
        if outage:
            requests[100:150] = [r._replace(error=True, prediction=None) for r in requests[100:150]]
        failed += analysis(requests, policy).has_failed
    assert failed <= runs * 0.1 + 3 * math.sqrt(runs * 0.09)


# ---- invariances ----


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6), st.lists(st.integers(0, 400), max_size=5))
def test_batches_and_interruptions_change_nothing(seed: int, cuts: list[int]) -> None:
    requests = traffic(seed, 400, every=3, errors=0.01, slower=1.1)
    whole, parts = analysis(requests), analysis([])
    ends = sorted({*cuts, 400})
    for start, end in zip([0, *ends], ends, strict=False):
        parts.observe_many(requests[start:end])
        parts.verdict()
        parts = Analysis.from_state(json.loads(json.dumps(parts.to_state(), allow_nan=False)))
    assert parts.to_state() == whole.to_state()
    assert parts.verdict() == whole.verdict()


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6))
def test_the_order_of_simultaneous_requests_does_not_matter(seed: int) -> None:
    requests = traffic(seed, 300, every=10, errors=0.02)
    shuffled, draw = list(requests), random.Random(seed)
    for start in range(0, 300, 10):
        part = shuffled[start : start + 10]
        draw.shuffle(part)
        shuffled[start : start + 10] = part
    assert figures(analysis(shuffled)) == pytest.approx(figures(analysis(requests)), rel=1e-6)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6), st.floats(1, 50))
def test_a_worse_last_request_is_never_better_evidence(seed: int, times: float) -> None:
    requests = traffic(seed, 200)
    last = Observation(5000.0, CANDIDATE, False, 30.0, False, 10.0)
    before = analysis([*requests, last]).alarm
    assert analysis([*requests, last._replace(latency=30.0 * times)]).alarm >= before * (1 - 1e-9)
    failed = analysis([*requests, last._replace(error=True)]).verdict().findings[0].alarm
    assert failed > analysis([*requests, last]).verdict().findings[0].alarm


# ---- the state ----


def test_the_state_is_bounded_and_small_enough_for_an_item() -> None:
    draw, given = random.Random(10), Analysis(POLICY, 0.2)
    sizes = []
    for start in range(0, 12_000, 4000):
        given.observe_many(
            r._replace(latency=10 ** draw.uniform(-3, 9), prediction=draw.gauss(0, 1) * 10 ** draw.uniform(-3, 3))
            for r in traffic(start, 4000)
        )
        sizes.append(len(json.dumps(given.to_state())))
    assert max(sizes) < 200_000
    assert sizes[2] < sizes[1] * 1.2


def test_another_weight_may_follow_and_is_kept() -> None:
    given = analysis(traffic(11, 500))
    given.shift(0.5)
    given.observe_many(request._replace(time=request.time + 500) for request in traffic(12, 500, weight=0.5))
    assert not given.has_failed
    assert Analysis.from_state(given.to_state()).to_state() == given.to_state()


def test_requests_of_one_moment_are_bounded_too() -> None:
    given = analysis([request._replace(time=1.0) for request in traffic(13, 5000)])
    assert len(json.dumps(given.to_state())) < 200_000
    assert given.verdict().candidate_requests > 800


# ---- refusals ----


@pytest.mark.parametrize("weight", [0.0, 1.0, -0.1, math.nan])
def test_a_weight_at_which_nothing_can_be_compared_is_refused(weight: float) -> None:
    with pytest.raises(InvalidRequestError, match="share of the traffic"):
        Analysis(POLICY, weight)
    with pytest.raises(InvalidRequestError, match="share of the traffic"):
        analysis([]).shift(weight)


@pytest.mark.parametrize(
    "wrong",
    [
        {"alpha": 0.0},
        {"unproven": 1.0},
        {"error_margin": 0.0},
        {"share_margin": -1.0},
        {"minimum_requests": 0},
        {"latency_tolerance": -0.1},
        {"prediction_tolerance": math.inf},
    ],
)
def test_a_policy_that_cannot_be_is_refused_by_name(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequestError, match=next(iter(wrong))):
        AnalysisPolicy(**wrong)


def test_foreign_versions_histories_and_states_are_refused() -> None:
    with pytest.raises(InvalidRequestError, match="champion or candidate"):
        analysis([Observation(1.0, "blue", False, 1.0)])
    with pytest.raises(InvalidRequestError, match="champion's requests only"):
        Analysis(POLICY, 0.1, [Observation(1.0, CANDIDATE, False, 1.0)])
    with pytest.raises(InvalidRequestError, match="version"):
        Analysis.from_state({"version": 0})
