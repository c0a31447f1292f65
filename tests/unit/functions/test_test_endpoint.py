"""The dev endpoint is tested for its contract, determinism, latency, and on replayed traffic."""

from __future__ import annotations

import itertools
import statistics

import pytest
from safe_deploy.domain.release import State
from safe_deploy.domain.replay import Replay
from safe_deploy.errors import InvalidRequestError, ModelAnswerError, TransientError

from tests.fakes.story import FIRST, MODEL, SECOND, Story


@pytest.fixture
def evaluated(story: Story) -> Story:
    """A release whose gates are kept."""
    story.drop()
    story.register()
    story.run_jobs()
    story.check_gates()
    return story


def test_a_good_endpoint_passes(evaluated: Story) -> None:
    answer = evaluated.test_endpoint()
    assert answer == {
        "passed": True,
        "failures": [],
        "latencyMilliseconds": {"p50": 5.0, "p99": 5.0},
        "goldenRows": 3,
        "replayed": 0,
        "replay": {"rows": 0, "leftOut": 0},
        "codeSha256": "code-1",
    }
    record = evaluated.outside.releases.get(FIRST)
    assert record.state is State.TESTED
    assert record.item["devTest"]["goldenScores"] == [11.5, 22.25, 33]
    assert evaluated.test_endpoint() == answer


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        (itertools.repeat("nan"), "not a finite number"),
        (itertools.repeat("high"), "isn't a number"),
        (itertools.repeat("1\n2"), "answered 2 scores for 1 rows"),
        (itertools.count(1), "when asked twice"),
    ],
)
def test_a_bad_answer_fails_in_words(evaluated: Story, answers: itertools.repeat[str], words: str) -> None:
    evaluated.outside.predictions.score = lambda row: next(answers)
    answer = evaluated.test_endpoint()
    assert not answer["passed"]
    assert words in answer["failures"][0]


def test_a_row_must_score_the_same_alone_and_among_others(evaluated: Story) -> None:
    calls = evaluated.outside.predictions.calls
    evaluated.outside.predictions.score = lambda row: sum(row) + (calls[-1][1] > 1)
    assert "alone and among others" in evaluated.test_endpoint()["failures"][0]


def test_slow_calls_fail_but_a_slow_first_call_does_not(evaluated: Story) -> None:
    evaluated.outside.predictions.milliseconds = itertools.chain([9000], itertools.repeat(20))
    assert evaluated.test_endpoint()["passed"]
    evaluated.outside.predictions.milliseconds = itertools.chain([20] * 10, [400] * 4, itertools.repeat(20))
    answer = evaluated.test_endpoint()
    assert len(answer["failures"]) == 1
    assert answer["failures"][0].startswith("one row takes 400 ms (99th percentile), above the limit 100 ms in 4 of ")


def test_a_model_that_fails_is_a_finding_and_a_busy_endpoint_is_retried(evaluated: Story) -> None:
    evaluated.outside.predictions.failure = ModelAnswerError("the endpoint failed: out of memory")
    answer = evaluated.test_endpoint()
    assert answer["failures"] == ["the endpoint failed: out of memory"]
    assert answer["latencyMilliseconds"] == {"p50": None, "p99": None}
    evaluated.outside.predictions.failure = TransientError("throttled")
    with pytest.raises(TransientError):
        evaluated.test_endpoint()


def test_replays_what_the_champion_was_asked_within_bounds(story: Story) -> None:
    story.until_live()
    story.drop("tuesday", other=b"size,price\n3,4\n")
    story.register(SECOND, "tuesday")
    story.run_jobs(SECOND, champion=4.0)
    story.check_gates(SECOND)
    champion = f"{MODEL}-{FIRST}-prod"
    story.outside.clock.advance(3600)
    story.capture(champion, "1,1\n2,2\n", "3.0\n5.0\n")
    story.capture(champion, "1,2,3\n", "9.0\n")
    story.outside.clock.advance(60)
    story.capture(champion, "4,1\n4,2\n4,3\n4,4\n", "6.0\n7.0\n8.0\n9.0\n")
    answer = story.test_endpoint(SECOND)
    assert answer["passed"]
    assert answer["replayed"] == 5
    assert answer["replay"] == {
        "rows": 5,
        "leftOut": 1,
        "championMean": 6.6,
        "candidateMean": 5.6,
        "meanDistance": 1.0,
        "largestDistance": 1.0,
        "differences": {"width": 0.1, "counts": [5] + [0] * 20, "below": 0, "above": 0},
    }


def test_from_enough_rows_the_approver_sees_how_far_the_scores_as_a_whole_have_moved() -> None:
    """GIVEN scores that all lie half a standard deviation higher WHEN compared THEN this is what is seen."""
    replay = Replay(1, 100)
    for number in range(100):
        replay.rows.append((float(number),))
        replay.scores.append(float(number))
    spread = statistics.stdev(replay.scores)
    found = replay.compare([score + spread / 2 for score in replay.scores])
    assert found["largestShift"] == pytest.approx(0.5, rel=0.02)
    replay.rows, replay.scores = replay.rows[:49], replay.scores[:49]
    assert "largestShift" not in replay.compare(replay.scores)
    alike = Replay(1, 100, [(1.0,)] * 60, [2.0] * 60)
    assert "largestShift" not in alike.compare([2.0] * 60), "of a constant there is no spread to measure by"
    alike.scores[0] = 900.0
    assert "largestShift" not in alike.compare([2.0] * 60), "nor of a constant but for one"


def test_only_the_releases_own_dev_endpoint_is_tested(evaluated: Story) -> None:
    event = {"releaseId": FIRST, "endpointName": f"{MODEL}-{FIRST}-prod"}
    with pytest.raises(InvalidRequestError, match="endpointName"):
        evaluated.call("test_endpoint", event)
