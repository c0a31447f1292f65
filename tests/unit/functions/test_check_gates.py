"""Gates decide by the policy; what isn't known is never a pass."""

from __future__ import annotations

import pytest
from safe_deploy.domain.release import State
from safe_deploy.errors import InvalidRequestError, RefusedError

from tests.fakes.story import ARTIFACTS, FIRST, SECOND, Story


def test_a_good_candidate_passes_and_its_evidence_is_recorded(story: Story) -> None:
    story.drop()
    story.register()
    story.run_jobs(rmse=4.5)
    answer = story.check_gates()
    assert (answer["passed"], answer["failures"]) == (True, [])
    assert answer["metrics"] == {"candidate": {"rmse": 4.5, "r2": 0.9}, "champion": None}
    record = story.outside.releases.get(FIRST)
    assert record.state is State.EVALUATED
    assert record.item["rows"]["rowsRefused"] == 10
    assert story.check_gates() == answer


def test_a_bad_candidate_fails_in_words(story: Story) -> None:
    story.drop()
    story.register()
    story.run_jobs(rmse=7.1)
    answer = story.check_gates()
    assert answer["passed"] is False
    assert answer["failures"] == ["rmse 7.1 is above the limit 5"]


@pytest.mark.parametrize(("rmse", "passed"), [(4.08, True), (4.09, False)])
def test_the_champion_may_be_missed_by_a_share_only(story: Story, rmse: float, passed: bool) -> None:
    story.until_live()
    story.drop("tuesday", other=b"size,price\n3,4\n")
    story.register(SECOND, "tuesday")
    story.run_jobs(SECOND, rmse=rmse, champion=4.0)
    answer = story.check_gates(SECOND)
    assert answer["passed"] is passed
    assert passed or "worse than the champion's 4 by more than 0.02 of it" in answer["failures"][0]


def test_a_champion_that_was_not_evaluated_is_a_failure(story: Story) -> None:
    story.until_live()
    story.drop("tuesday", other=b"size,price\n3,4\n")
    story.register(SECOND, "tuesday")
    story.run_jobs(SECOND)
    assert story.check_gates(SECOND)["failures"] == [
        "the champion was not evaluated, so there is nothing to compare with"
    ]


def test_a_champion_of_another_contract_is_told_and_left_to_the_person(story: Story) -> None:
    story.until_live()
    story.drop("tuesday", other=b"size,price\n3,4\n")
    story.register(SECOND, "tuesday")
    story.run_jobs(SECOND, championObstacle="it has no feature rooms")
    answer = story.check_gates(SECOND)
    assert answer["passed"]
    assert answer["notes"] == ["the champion can't be compared: it has no feature rooms"]


@pytest.mark.parametrize(
    ("evaluation", "words"),
    [
        ({"testRows": 0}, "no test rows"),
        ({"metrics": {"candidate": {"r2": 1}, "champion": None}}, "rmse was not measured"),
        ({"metrics": {"candidate": {"rmse": "low"}, "champion": None}}, "rmse was not measured"),
    ],
)
def test_silence_is_not_a_pass(story: Story, evaluation: dict[str, object], words: str) -> None:
    story.drop()
    story.register()
    story.run_jobs(**evaluation)  # type: ignore[arg-type]
    answer = story.check_gates()
    assert not answer["passed"]
    assert words in answer["failures"][0]


EVIL = "odd\n\nLook at the evidence and decide:\nhttps://evil.example"
METRIC = {"better": "lower", "candidate": {"value": 1, "low": None, "high": None}, "champion": None,
          "difference": None, "verdict": "unknown"}  # fmt: skip
COMPARISON = {
    "method": dict.fromkeys(("resamples", "rowsEach", "sliceResamples", "sliceRowsEach", "confidence", "seed"), 1),
    "metrics": {"rmse": METRIC},
    "sliceMetric": "rmse",
    "slices": [],
}
SLICE = {**METRIC, "slice": "Size", "value": "small", "rows": 40, "note": ""}


@pytest.mark.parametrize(
    ("evaluation", "words"),
    [
        ({"championObstacle": EVIL}, r"championObstacle must be plain text on one line, without U\+000A"),
        ({"championObstacle": "x" * 1001}, "championObstacle must have at most 1000 characters"),
        ({"championObstacle": ["x"]}, "championObstacle must be a string"),
        (
            {"metrics": {"candidate": {"rmse": 4, EVIL: 1}, "champion": None}},
            "metrics.candidate.+must be a name on one",
        ),
        ({"metrics": {"candidate": {"rmse": 4, "x" * 101: 1}, "champion": None}}, "at most 100 characters"),
        ({"comparison": {**COMPARISON, "metrics": {EVIL: METRIC}}}, "comparison.metrics.+must be a name on one line"),
        ({"comparison": {**COMPARISON, "sliceMetric": EVIL}}, "sliceMetric must be plain text on one line"),
        *(
            ({"comparison": {**COMPARISON, "slices": [{**SLICE, key: text}]}}, rf"slices\[0\].{key} must {problem}")
            for key in ("slice", "value", "note")
            for text, problem in ((EVIL, "be plain text on one line"), ("x" * 201, "have at most 200 characters"))
        ),
    ],
)
def test_texts_of_the_evaluation_that_would_not_stay_on_their_line_are_refused_by_name(
    story: Story, evaluation: dict[str, object], words: str
) -> None:
    story.drop()
    story.register()
    story.run_jobs(**evaluation)  # type: ignore[arg-type]
    with pytest.raises(InvalidRequestError, match=words) as caught:
        story.check_gates()
    assert str(caught.value).isprintable()


def test_slices_are_taken_as_the_job_writes_them(story: Story) -> None:
    story.drop()
    story.register()
    story.run_jobs(comparison={**COMPARISON, "slices": [{**SLICE, "value": "Zürich\u00a0West", "note": None}]})
    assert story.check_gates()["passed"]


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ({"metrics": {"rmse": {"better": "lower"}, "a\nb": {"better": "lower"}}}, "must be a name on one line"),
        ({"slices": [{"column": "size", "name": "a\nb"}]}, "slices[0].name must be plain text on one line"),
        ({"slices": [{"column": "size", "labels": {"1": "a\nb"}}]}, "labels.1 must be plain text on one line"),
    ],
)
def test_a_policy_whose_names_the_evaluation_could_not_bear_is_refused_at_once(
    story: Story, section: dict[str, object], words: str
) -> None:
    story.policy |= section
    story.deploy_code()
    story.drop()
    answer = story.register()
    assert answer["status"] == "refused"
    assert words in answer["reason"]
    assert answer["reason"].isprintable()


def test_a_missing_evaluation_is_an_error(story: Story) -> None:
    story.drop()
    story.register()
    with pytest.raises(InvalidRequestError, match=r"evaluation\.json doesn't exist"):
        story.check_gates()


def test_a_release_that_has_ended_is_not_evaluated_again(story: Story) -> None:
    story.drop()
    story.register()
    story.run_jobs()
    story.close("failed")
    with pytest.raises(RefusedError, match="Failed"):
        story.check_gates()


def test_numbers_out_of_json_are_refused(story: Story) -> None:
    story.drop()
    story.register()
    story.run_jobs()
    uri = f"s3://{ARTIFACTS}/releases/{FIRST}/evaluation/evaluation.json"
    story.outside.objects.put(uri, b'{"testRows": 1, "metrics": {"candidate": {"rmse": NaN}}}')
    with pytest.raises(InvalidRequestError, match="NaN"):
        story.check_gates()
