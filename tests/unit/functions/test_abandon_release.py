"""What a stopped execution has left running is stopped; what serves, and what has ended, is left alone."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from safe_deploy.domain.live import Shift
from safe_deploy.domain.names import release_id_of
from safe_deploy.domain.release import State
from safe_deploy.errors import InvalidRequestError

from localaws.stepfunctions.testing import run
from tests.fakes.story import FIRST, MODEL, SECOND, Story, execution
from tests.statemachine.machines import EVENT, all_well, machine

BASE = f"{MODEL}-{FIRST}"


@pytest.fixture(autouse=True)
def same_id(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the story's execution have the story's release id."""
    from tests.fakes.story import load

    monkeypatch.setattr(load("abandon_release"), "release_id_of", lambda _arn, _started: FIRST)
    story.outside.executions.statuses[execution(FIRST)] = "ABORTED"


def abandon(story: Story) -> dict[str, Any]:
    story.outside.executions.statuses[execution(FIRST)] = "ABORTED"
    answer: dict[str, Any] = story.call("abandon_release", {"executionArn": execution(FIRST)})
    return answer


def test_the_release_id_is_the_one_that_the_machine_derives() -> None:
    asked = run(machine("release"), EVENT, all_well()).requests["Register Drop"][0]["Payload"]
    arn = "arn:aws:states:us-east-1:123456789012:execution:machine:test"
    assert release_id_of(arn, datetime(2026, 1, 1, 0, 0, 0, 999_000, tzinfo=UTC)) == asked["releaseId"]
    assert asked["executionArn"] == arn


def test_jobs_are_asked_to_stop_once_and_waited_for(story: Story) -> None:
    story.outside.jobs.statuses = {f"{BASE}-prepare": "Completed", f"{BASE}-train": "InProgress"}
    for _ in range(2):
        answer = abandon(story)
        assert (answer["status"], answer["waitingFor"]) == ("stopping", [f"training job {BASE}-train"])
    assert story.outside.jobs.stopped == [("training", f"{BASE}-train")]
    story.outside.jobs.statuses[f"{BASE}-train"] = "Stopped"
    assert abandon(story)["status"] == "stopped"


def test_a_release_without_a_record_is_stopped_too(story: Story) -> None:
    answer = abandon(story)
    assert (answer["status"], answer["outcome"], answer["releaseId"]) == ("stopped", "stopped", FIRST)


def test_its_deployment_is_stopped_and_the_traffic_waited_for(story: Story) -> None:
    story.publish(SECOND, "2")
    story.outside.functions.alias = "2"
    story.publish(FIRST, "3")
    story.outside.functions.weights = {"3": 0.1}
    story.outside.deployments.shift = Shift("d-3", "1", "3")
    answer = abandon(story)
    assert story.outside.deployments.stopped == ["d-3"]
    assert answer["waitingFor"] == ["deployment d-3", "traffic to leave version 3"]
    story.outside.deployments.shift = None
    assert abandon(story)["waitingFor"] == ["traffic to leave version 3"]
    story.outside.functions.weights = {}
    assert abandon(story)["status"] == "stopped"


@pytest.mark.parametrize("hooked", [True, False])
def test_where_traffic_should_be_back_is_known_once_a_deployment_was_under_way(story: Story, hooked: bool) -> None:
    story.decide(story.until_asked())
    story.take_lock()
    story.publish()
    assert abandon(story)["backTo"] is None, "no deployment was created"
    if hooked:
        story.hook("check_version")
    else:
        story.outside.deployments.shift = Shift("d-2", "1", "2")
    assert abandon(story)["backTo"] == "1"
    story.outside.deployments.shift = None
    assert abandon(story)["backTo"] == ("1" if hooked else None), "the machine remembers what it was told once"


def test_all_traffic_while_hooks_still_check_is_sent_back(story: Story) -> None:
    story.publish(FIRST, "3")
    story.outside.functions.alias = "3"
    story.outside.deployments.shift = Shift("d-3", "1", "3")
    assert abandon(story)["status"] == "stopping"
    assert story.outside.deployments.stopped == ["d-3"]


def test_somebody_elses_deployment_is_left_alone(story: Story) -> None:
    story.publish(SECOND, "2")
    story.outside.deployments.shift = Shift("d-2", "1", "2")
    assert abandon(story)["status"] == "stopped"
    assert story.outside.deployments.stopped == []


def test_what_serves_without_having_said_so_is_live(story: Story) -> None:
    story.decide(story.until_asked())
    story.take_lock()
    story.publish()
    story.outside.functions.alias = "2"
    answer = abandon(story)
    assert (answer["status"], answer["outcome"], answer["version"]) == ("live", "live", "2")
    story.close("live", version="2", error=answer["error"])
    assert story.outside.releases.get(FIRST).state is State.LIVE
    assert abandon(story)["status"] == "ended", "the second time there is nothing to do"


def test_a_live_release_whose_grace_time_was_cut_short_stays(story: Story) -> None:
    story.until_live()
    assert abandon(story)["status"] == "ended"
    assert story.outside.endpoints.log == []


def test_a_release_that_ended_by_itself_is_left_alone(story: Story) -> None:
    story.until_asked()
    story.close("expired")
    assert abandon(story)["status"] == "ended"


def test_an_end_that_was_recorded_but_not_told_is_told_as_what_it_was(story: Story) -> None:
    story.drop(manifest={"files": ["gone.csv"]})
    story.register()
    answer = abandon(story)
    assert (answer["status"], answer["outcome"]) == ("stopped", "refused")


def test_a_success_needs_nothing(story: Story) -> None:
    story.outside.executions.statuses[execution(FIRST)] = "SUCCEEDED"
    assert story.call("abandon_release", {"executionArn": execution(FIRST)})["status"] == "ended"


def test_what_still_runs_is_not_abandoned(story: Story) -> None:
    story.outside.executions.statuses[execution(FIRST)] = "RUNNING"
    with pytest.raises(InvalidRequestError, match="stop it first"):
        story.call("abandon_release", {"executionArn": execution(FIRST)})


@pytest.mark.parametrize(
    ("status", "reason", "words"),
    [
        ("ABORTED", ("Stopped", "wrong data"), "its execution was stopped by hand (Stopped: wrong data)"),
        ("ABORTED", ("", ""), "its execution was stopped by hand"),
        ("TIMED_OUT", ("", ""), "its execution took longer than it may"),
        ("FAILED", ("States.Runtime", "x"), "its execution failed without recording an end (States.Runtime: x)"),
    ],
)
def test_who_or_what_stopped_it_is_told(story: Story, status: str, reason: tuple[str, str], words: str) -> None:
    story.outside.executions.statuses[execution(FIRST)] = status
    story.outside.executions.reasons[execution(FIRST)] = reason
    answer = story.call("abandon_release", {"executionArn": execution(FIRST)})
    story.close("stopped", error=answer["error"])
    subject, text = story.outside.topic.sent[-1]
    assert subject.endswith("was stopped")
    assert words in text
    assert story.outside.releases.get(FIRST).state is State.STOPPED


def test_codedeploys_own_way_back_is_waited_for_and_never_stopped(story: Story) -> None:
    story.publish(FIRST, "3")
    story.outside.functions.alias = "3"
    story.outside.deployments.shift = Shift("d-9", "", "", undoes=True)
    assert abandon(story)["waitingFor"] == ["traffic to leave version 3"]
    assert story.outside.deployments.stopped == []
