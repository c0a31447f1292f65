"""What a yes is about: gathered the same twice, and with the shift that it sets in motion."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from safe_deploy.domain.evidence import Evidence, gather
from safe_deploy.domain.release import Release

from tests.fakes.story import ARTIFACTS, ENVIRONMENT, FIRST, SECOND, Story


@pytest.fixture
def story(monkeypatch: pytest.MonkeyPatch) -> Story:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    told = Story()
    told.until_live()
    told.until_tested(SECOND, "tuesday", champion=4.1)
    return told


def gathered(story: Story, release_id: str = SECOND, **policy: Any) -> Evidence:
    """The evidence, with another policy on record where one is given."""
    item = copy.deepcopy(dict(story.outside.releases.get(release_id).item))
    for name, section in policy.items():
        item["policy"][name] |= section
    return gather(Release.from_item(item), story.outside.objects)


def test_evidence_that_is_gathered_again_has_the_same_digest(story: Story) -> None:
    assert gathered(story).digest == gathered(story).digest


@pytest.mark.parametrize(
    "changes",
    [
        {"errorMargin": 0.5},
        {"shareMargin": 0.4},
        {"latencyTolerance": None},
        {"predictionTolerance": 9},
        {"minimumRequests": 1},
        {"replayRequests": 0},
        {"onInsufficientEvidence": "hold"},
    ],
)
def test_a_yes_is_to_what_the_shift_has_to_prove(story: Story, changes: dict[str, Any]) -> None:
    before, after = gathered(story), gathered(story, canary=changes)
    assert before.digest != after.digest
    assert before.content["canary"] | changes == after.content["canary"] | {"furtherWindows": 0}


def test_further_windows_count_only_where_the_policy_holds(story: Story) -> None:
    assert gathered(story, canary={"windows": 7}).digest == gathered(story).digest
    held = gathered(story, canary={"windows": 7, "onInsufficientEvidence": "hold"})
    assert held.content["canary"]["furtherWindows"] == 7


def test_a_first_release_has_the_same_sections(story: Story) -> None:
    assert gathered(story, FIRST).content.keys() == gathered(story).content.keys()


# ---- drift of the training data ----


def test_of_many_violations_those_are_kept_that_no_distance_tells(story: Story) -> None:
    """GIVEN more than are kept THEN the others go first, in the job's order, and all are counted."""
    distances = [{"feature_name": f"f{i}", "description": f"Baseline drift distance: {i}"} for i in range(60)]
    others = [{"feature_name": f"g{i}", "description": "Completeness requirement is not met."} for i in range(3)]
    uri = f"s3://{ARTIFACTS}/releases/{SECOND}/baseline/constraint_violations.json"
    story.outside.objects.put(uri, {"violations": [*distances, *others]})
    found = gathered(story).content["drift"]
    assert found["violationsInAll"] == 63
    assert [entry["feature"] for entry in found["violations"]] == ["g0", "g1", "g2", *(f"f{i}" for i in range(47))]
