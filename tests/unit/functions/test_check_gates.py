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
