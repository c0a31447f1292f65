"""Every end has a name, a record, a free lock, and one notice in plain words."""

from __future__ import annotations

import json
from typing import Any

import pytest
from safe_deploy.domain.release import State
from safe_deploy.errors import RefusedError, TransientError

from tests.fakes.story import FIRST, ROOT, SECOND, Story


def mail(story: Story) -> str:
    return "\n".join(story.outside.topic.sent[-1])


@pytest.fixture
def promoting(story: Story) -> Story:
    """A release that holds the lock."""
    story.decide(story.until_asked())
    story.take_lock()
    return story


@pytest.mark.parametrize(
    ("outcome", "state", "words"),
    [
        ("failed", State.FAILED, "failed"),
        ("expired", State.EXPIRED, "the decision came too late"),
        ("stale", State.STALE, "production has changed"),
        ("rolledBack", State.ROLLED_BACK, "was rolled back"),
        ("live", State.LIVE, "is live"),
    ],
)
def test_an_end_is_recorded_told_and_frees_the_lock(promoting: Story, outcome: str, state: State, words: str) -> None:
    sent = len(promoting.outside.topic.sent)
    error = {"Error": "States.Timeout", "Cause": ""}
    for _ in range(2):
        assert promoting.close(outcome, error=error, state="Some State") == {}
        promoting.outside.clock.advance(60)
    record = promoting.outside.releases.get(FIRST)
    assert record.state is state
    assert record.item["closedAt"] == "2026-01-31T12:00:00Z"
    lock = promoting.outside.memory.lock
    assert lock is not None
    assert lock.holder == ""
    assert len(promoting.outside.topic.sent) == sent + 1
    assert words in mail(promoting)
    assert "Ended in the state: Some State" in mail(promoting)
    assert [entry["event"] for entry in promoting.outside.memory.audit].count(str(state)) == 1


def test_another_releases_lock_is_left_alone(promoting: Story) -> None:
    promoting.drop("tuesday", other=b"size,price\n3,4\n")
    promoting.register(SECOND, "tuesday")
    promoting.close("failed", SECOND)
    lock = promoting.outside.memory.lock
    assert lock is not None
    assert lock.holder == FIRST


def test_a_notice_that_could_not_be_sent_is_sent_by_the_retry(promoting: Story) -> None:
    promoting.outside.topic.failures = 1
    with pytest.raises(TransientError):
        promoting.close("failed")
    promoting.close("failed")
    assert "failed" in mail(promoting)


def test_a_failed_job_is_told_in_its_own_words(story: Story) -> None:
    story.drop()
    story.register()
    event = json.loads((ROOT / "events/close_release/prepare_failed.json").read_text())
    story.call("close_release", event)
    text = mail(story)
    assert "41 of 100 rows (41.0%) were refused" in text
    assert "AlgorithmError" not in text
    assert "RoleArn" not in text
    assert "Drop: s3://drops-bucket/drops/monday/manifest.json" in text
    assert "Nothing was live before" in text


def test_a_refusal_is_told_with_its_reason(story: Story) -> None:
    story.drop(manifest={"files": ["gone.csv"]})
    reason = story.register()["reason"]
    story.close("refused", error={"Error": "DropRefused", "Cause": "other words"})
    assert reason in mail(story)
    record = story.outside.releases.get(FIRST)
    assert (record.state, record.item["reason"]) == (State.REFUSED, reason)


def test_a_no_is_told_with_the_persons_words(story: Story) -> None:
    story.decide(story.until_asked(), "reject", reason="too slow for us")
    story.close("rejected", error={"Error": "ReleaseRejected", "Cause": "x"})
    assert "Ada Lovelace (as they named themselves): too slow for us" in mail(story)
    assert story.outside.releases.get(FIRST).state is State.REJECTED


def test_a_rollback_is_told_with_what_the_hooks_found(promoting: Story) -> None:
    promoting.publish()
    promoting.outside.endpoints.endpoints.clear()
    promoting.hook("check_version")
    promoting.close("rolledBack", error={"Error": "RolledBack", "Cause": "deployment d-2 is Stopped"})
    assert "doesn't exist; deployment d-2 is Stopped" in mail(promoting)


def test_a_rollback_is_told_with_what_could_not_be_looked_at(promoting: Story) -> None:
    event = json.loads((ROOT / "events/close_release/rolled_back_unread.json").read_text())
    promoting.prove()
    promoting.call("close_release", event)
    text = mail(promoting)
    assert "was rolled back" in text
    assert "Reason: The candidate is worse in errors" in text
    assert "Whether traffic went back could not be seen: User is not authorized to perform lambda:GetAlias" in text
    assert "Production could not be read back: read the alias: AccessDeniedException" in text


@pytest.mark.parametrize("outcome", ["rolledBack", "failed", "stale"])
def test_who_went_back_while_a_release_was_on_its_way_is_named(promoting: Story, outcome: str) -> None:
    stopped = {"stoppedBy": {"by": "Grace", "reason": "fares look too low"}}
    promoting.outside.releases.update(FIRST, stopped, promoting.outside.clock.now())
    promoting.close(outcome, error={"Error": "X", "Cause": "the alias points to version 1"})
    assert "Grace went back to what served before: fares look too low; the alias points to version 1" in mail(promoting)


def test_what_was_read_back_after_a_stop_is_told(story: Story) -> None:
    """GIVEN a live release and one in mid-shift WHEN that is stopped THEN the mail says what production is now."""
    story.until_live()
    link = story.until_asked(SECOND, "tuesday", champion=4.5)
    story.decide(link)
    story.take_lock(SECOND)
    story.publish(SECOND, "3")
    story.call("verify_rollback", {"version": "2", "leftReleaseId": SECOND})
    story.close("stopped", SECOND, error={"Error": "ExecutionStopped", "Cause": "by hand"})
    text = mail(story)
    assert f"Read back afterwards: Production serves from release {FIRST} (version 2)." in text
    assert "Not as it should be: nothing monitors it" in text


def test_a_live_release_names_who_approved_it_and_what_is_missing(promoting: Story) -> None:
    promoting.close("live", version="2", error={"Error": "Scheduler.X", "Cause": "no schedule"})
    assert "Approved by Ada Lovelace (as they named themselves) at 2026-01-31 12:00 UTC." in mail(promoting)
    assert "needs you: no schedule" in mail(promoting)


def test_a_live_release_whose_endpoint_only_grows_says_what_to_do(promoting: Story) -> None:
    event = json.loads((ROOT / "events/close_release/live_scale_in_refused.json").read_text())
    promoting.call("close_release", event)
    text = mail(promoting)
    assert "doesn't shrink, which costs, until you let it: User is not authorized to perform" in text
    command = "register-scalable-target --service-namespace sagemaker"
    assert command in text
    assert f"--resource-id endpoint/taxi-fare-{FIRST}-prod/variant/AllTraffic --suspended-state" in text
    assert "needs you" not in text, "nothing else is missing"


def test_a_clean_up_that_failed_is_told(promoting: Story) -> None:
    promoting.close("failed", cleanUp={"Error": "RefusedError", "Cause": '{"errorMessage": "not allowed"}'})
    assert "look for leftovers: not allowed" in mail(promoting)


def test_who_serves_on_is_told(story: Story) -> None:
    story.until_live()
    story.drop("tuesday", other=b"size,price\n3,4\n")
    story.register(SECOND, "tuesday")
    story.close("failed", SECOND, error={"Error": "X", "Cause": "it broke"})
    assert f"Release {FIRST} goes on serving" in mail(story)
    assert "Reason: it broke" in mail(story)


def test_the_link_of_an_approval_that_nobody_used_says_so(story: Story) -> None:
    link = story.until_asked()
    story.close("expired")
    assert "This link has expired" in story.show(link)["body"]


def test_the_link_of_a_release_that_failed_meanwhile_says_so(story: Story) -> None:
    link = story.until_asked()
    story.close("failed")
    assert "Nothing to decide any more" in story.show(link)["body"]
    assert "Nothing to decide any more" in story.decide(link)["body"]


def test_a_decision_outlives_the_end(promoting: Story) -> None:
    link = promoting.mailed_link()
    promoting.close("stale")
    assert "Ada Lovelace (as they named themselves) approved" in promoting.show(link)["body"]


def test_a_release_that_failed_before_it_had_a_record_gets_one(story: Story) -> None:
    story.close("failed", error={"Error": "X", "Cause": "no access"})
    assert story.outside.releases.get(FIRST).state is State.FAILED
    assert "no access" in mail(story)


def test_a_duplicate_ends_quietly(story: Story) -> None:
    assert story.close("duplicate") == {}
    assert story.outside.topic.sent == []
    assert story.outside.memory.releases == {}


def test_what_is_live_can_not_fail_any_more(promoting: Story) -> None:
    promoting.close("live")
    with pytest.raises(RefusedError, match="Live"):
        promoting.close("failed")


def test_what_is_live_can_be_rolled_back(promoting: Story) -> None:
    promoting.close("live")
    promoting.close("rolledBack", error={"Error": "X", "Cause": "went back"})
    assert promoting.outside.releases.get(FIRST).state is State.ROLLED_BACK
    assert "went back" in mail(promoting)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (None, "no reason was given"),
        ({"Error": "States.Timeout"}, "a step took longer than it may"),
        ({"Error": "E", "Cause": "plain words"}, "plain words"),
        (
            {"Error": "TransientError", "Cause": '{"errorMessage": "S3 is away", "errorType": "T"}'},
            "S3 is away",
        ),
        (
            {
                "Error": "States.TaskFailed",
                "Cause": '{"TrainingJobName": "j", "TrainingJobStatus": "Stopped"}',
            },
            "the training job j ended as Stopped: AWS gives no reason",
        ),
        (
            {"Error": "E", "Cause": '{"TrainingJobName": "j", "FailureReason": "no capacity"}'},
            "the training job j ended as Failed: no capacity",
        ),
        ({"Error": "E", "Cause": "x" * 5000}, "xxx..."),
        ({"Error": "E", "Cause": "[1]"}, "[1]"),
    ],
)
def test_causes_are_put_into_words(story: Story, error: Any, words: str) -> None:
    story.close("failed", error=error)
    assert words in mail(story)
    assert len(mail(story)) < 2000
