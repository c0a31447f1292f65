"""What somebody changes by hand is found within the hour, told once, and nothing is built on it unsaid."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from safe_deploy.domain.deployment import SERVING
from safe_deploy.domain.live import Shift
from safe_deploy.domain.lock import Lock
from safe_deploy.domain.out_of_band import IDS
from safe_deploy.domain.release import State

from tests.fakes.aws import START
from tests.fakes.story import FIRST, MODEL, SECOND, Story, execution

ENDPOINT, SCHEDULE = f"{MODEL}-{FIRST}-prod", f"{MODEL}-{FIRST}-monitor"
GONE = "no version"
"""What the alias points to when it can't be read."""


@pytest.fixture
def live(story: Story) -> Story:
    """FIRST is live as version 2, watched and scaled, and was seen so."""
    story.until_live()
    story.outside.executions.statuses[execution(FIRST)] = "SUCCEEDED"
    story.outside.endpoints.scaling.add(ENDPOINT)
    story.outside.endpoints.schedules.add(SCHEDULE)
    assert check(story) == []
    return story


def check(story: Story, after: float = 3600) -> list[str]:
    """Let an hour pass, and the check be made; the ids of what it found."""
    story.outside.clock.advance(after)
    answer = story.call("check_production", {})
    assert {finding["id"] for finding in answer["findings"]} <= set(IDS)
    return [finding["id"] for finding in answer["findings"]]


def mails(story: Story) -> list[str]:
    return [f"{subject}\n{text}" for subject, text in story.outside.topic.sent if "production" in subject]


def metric(story: Story) -> float:
    return story.outside.metrics.written[-1][1]["ChangesByHand"]


def test_nothing_is_wrong_before_the_first_release(story: Story) -> None:
    assert check(story) == []
    assert (mails(story), metric(story)) == ([], 0.0)


def test_a_release_that_goes_live_is_no_change_by_hand(live: Story) -> None:
    live.outside.clock.advance(60)
    live.until_live(SECOND, "tuesday", "3", champion=4.0)
    live.outside.endpoints.scaling.add(f"{MODEL}-{SECOND}-prod")
    live.outside.endpoints.schedules.add(f"{MODEL}-{SECOND}-monitor")
    assert check(live) == []
    assert mails(live) == []


def test_a_release_that_ends_while_the_check_looks_is_no_change_by_hand(
    live: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    """GIVEN a record that was read before its release is live WHEN the lock is free right after THEN all is well."""
    live.until_live(SECOND, "tuesday", "3", champion=4.0)
    live.outside.endpoints.scaling.add(f"{MODEL}-{SECOND}-prod")
    live.outside.endpoints.schedules.add(f"{MODEL}-{SECOND}-monitor")
    memory, kind = live.outside.memory, type(live.outside.releases)
    free = memory.lock
    assert free is not None
    memory.lock = replace(free, holder=SECOND, execution_arn=execution(SECOND))
    memory.releases[SECOND]["state"] = str(State.PROMOTING)
    find = kind.find

    def find_in_time(releases: Any, release_id: str) -> Any:
        record = find(releases, release_id)
        memory.lock, memory.releases[SECOND]["state"] = free, str(State.LIVE)
        return record

    with monkeypatch.context() as patched:
        patched.setattr(kind, "find", find_in_time)
        assert check(live, after=1) == []
    assert check(live) == []
    assert mails(live) == []


def test_an_alias_that_was_moved_back_by_hand_is_found_until_it_is_put_right(live: Story) -> None:
    live.until_live(SECOND, "tuesday", "3", champion=4.0)
    live.outside.endpoints.scaling.add(f"{MODEL}-{SECOND}-prod")
    live.outside.endpoints.schedules.add(f"{MODEL}-{SECOND}-monitor")
    assert check(live) == []
    live.outside.functions.alias = "2"
    for _ in range(3):
        assert check(live) == ["alias-moved"]
        assert metric(live) == 1.0
    (mail,) = mails(live)
    assert "production was changed by hand" in mail
    assert "version 2" in mail
    live.outside.functions.alias = "3"
    assert check(live) == []
    assert "as it should be again" in mails(live)[-1]
    assert len(mails(live)) == 2


@pytest.mark.parametrize("state", [State.REJECTED, State.FAILED, None])
def test_an_alias_that_was_moved_to_what_never_went_live_is_found(live: Story, state: State | None) -> None:
    live.publish(SECOND, "9")
    live.outside.endpoints.scaling.add(f"{MODEL}-{SECOND}-prod")
    live.outside.endpoints.schedules.add(f"{MODEL}-{SECOND}-monitor")
    if state:
        live.outside.releases.create(SECOND, state, {}, START)
    live.outside.functions.alias = "9"
    assert check(live) == ["alias-moved"]


def test_an_alias_that_was_moved_to_the_first_version_is_found(live: Story) -> None:
    live.outside.functions.alias = "1"
    assert check(live) == ["alias-moved"]


def test_an_alias_that_was_deleted_is_told_once_until_it_is_put_back(live: Story) -> None:
    """GIVEN what serves was found wrong WHEN the alias goes THEN both are known, whoever holds the lock."""
    live.outside.endpoints.scaling.clear()
    assert check(live) == ["scaling"]
    before = live.outside.memory.check
    live.outside.functions.alias = GONE
    live.outside.memory.lock = Lock(SECOND, execution(SECOND), 2, START)
    live.outside.executions.statuses[execution(SECOND)] = "RUNNING"
    for _ in range(3):
        assert check(live) == ["alias-gone", "scaling"]
        assert metric(live) == 2.0
    assert len(mails(live)) == 2
    assert "is gone, so nothing answers predictions; before it was version 2" in mails(live)[1]
    assert {**live.outside.memory.check, "findings": before["findings"]} == before, "what should serve is still known"
    live.outside.functions.alias = "2"
    live.outside.memory.lock = None
    live.outside.endpoints.scaling.add(ENDPOINT)
    assert check(live) == []
    assert "as it should be again" in mails(live)[-1]


def test_an_alias_that_was_never_seen_is_missed_all_the_same(story: Story) -> None:
    story.outside.functions.alias = GONE
    assert check(story) == ["alias-gone"]
    assert "so nothing answers predictions" in mails(story)[0]


def test_an_alias_that_comes_back_elsewhere_is_found(live: Story) -> None:
    live.outside.functions.alias = GONE
    assert check(live) == ["alias-gone"]
    live.outside.functions.alias = "1"
    assert check(live) == ["alias-moved"]


def test_going_back_is_no_change_by_hand(live: Story) -> None:
    live.until_live(SECOND, "tuesday", "3", champion=4.0)
    check(live)
    live.outside.clock.advance(60)
    live.outside.functions.alias = "2"
    at = live.outside.clock.now()
    live.outside.releases.restore(FIRST, {"restored": {"fromReleaseId": SECOND, "at": f"{at:%FT%TZ}"}}, at)
    assert "alias-moved" not in check(live)


def test_going_back_to_nothing_is_no_change_by_hand(live: Story) -> None:
    live.outside.functions.alias = "1"
    live.outside.releases.update(FIRST, {}, START, state=State.ROLLED_BACK)
    assert check(live) == []


def test_weights_without_a_deployment_are_found(live: Story) -> None:
    live.publish(SECOND, "3")
    live.outside.functions.weights = {"3": 0.1}
    live.outside.deployments.shift = Shift("d-3", "1", "3")
    assert check(live) == []
    live.outside.deployments.shift = None
    assert check(live) == ["weights-left"]
    assert "10% to version 3" in mails(live)[0]


def test_while_a_release_moves_production_the_alias_is_its_business(live: Story) -> None:
    live.publish(SECOND, "3")
    live.outside.functions.alias = "3"
    live.outside.memory.lock = Lock(SECOND, execution(SECOND), 2, START)
    live.outside.executions.statuses[execution(SECOND)] = "RUNNING"
    assert "alias-moved" not in check(live)
    live.outside.executions.statuses[execution(SECOND)] = "FAILED"
    assert "alias-moved" in check(live), "it was seen in passing, and never taken for good"


def test_what_a_release_is_just_making_complete_is_not_missing(live: Story) -> None:
    """GIVEN a release that has all traffic WHEN its schedule is yet to be made THEN nobody hears that it is gone."""
    live.publish(SECOND, "3")
    live.outside.functions.alias = "3"
    live.outside.memory.lock = Lock(SECOND, execution(SECOND), 2, START)
    live.outside.executions.statuses[execution(SECOND)] = "RUNNING"
    assert check(live) == []
    live.outside.memory.lock = Lock("rollback-1", execution(SECOND), 3, START)
    assert check(live) == []
    assert mails(live) == []


def test_what_serves_is_looked_at_while_another_release_moves_production(live: Story) -> None:
    live.outside.memory.lock = Lock(SECOND, execution(SECOND), 2, START)
    live.outside.executions.statuses[execution(SECOND)] = "RUNNING"
    del live.outside.endpoints.endpoints[ENDPOINT]
    assert check(live) == ["endpoint"]
    live.outside.functions.alias = "3"
    live.publish(SECOND, "3")
    assert check(live) == ["endpoint"], "nobody has looked again"


def test_a_stopped_release_is_tidied_up_after_for_an_hour(live: Story) -> None:
    live.publish(SECOND, "3")
    live.outside.functions.weights = {"3": 0.1}
    live.outside.memory.lock = Lock(SECOND, execution(SECOND), 2, START)
    live.outside.executions.statuses[execution(SECOND)] = "ABORTED"
    live.outside.executions.stopped[execution(SECOND)] = live.outside.clock.now()
    assert check(live, after=3599) == []
    assert check(live, after=1) == ["weights-left"]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"status": "Failed"}, "endpoint"),
        ({"capture_percentage": 10}, "endpoint"),
        ({"config_name": "another"}, "endpoint-config"),
    ],
)
def test_an_endpoint_that_was_changed_is_found(live: Story, change: dict[str, Any], expected: str) -> None:
    endpoints = live.outside.endpoints.endpoints
    endpoints[ENDPOINT] = replace(endpoints[ENDPOINT], **change)
    assert check(live) == [expected]


@pytest.mark.parametrize("status", SERVING)
def test_an_endpoint_that_scales_was_changed_by_nobody(live: Story, status: str) -> None:
    endpoints = live.outside.endpoints.endpoints
    endpoints[ENDPOINT] = replace(endpoints[ENDPOINT], status=status)
    assert check(live) == []


def test_an_endpoint_that_was_deleted_is_found(live: Story) -> None:
    live.outside.endpoints.endpoints.clear()
    assert check(live) == ["endpoint"]
    assert "doesn't exist" in mails(live)[0]


def test_scaling_and_schedule_that_are_gone_are_found(live: Story) -> None:
    live.outside.endpoints.scaling.clear()
    assert check(live) == ["scaling"]
    live.outside.endpoints.schedules.clear()
    assert check(live) == ["scaling", "schedule"]
    told = mails(live)
    assert len(told) == 2
    assert "Still so:" in told[1]
    live.outside.endpoints.scaling.add(ENDPOINT)
    assert check(live) == ["schedule"]
    assert "Less is wrong than before" in mails(live)[2]


def test_a_version_that_names_another_endpoint_is_found(live: Story) -> None:
    versions = live.outside.functions.versions
    live.outside.endpoints.add("elsewhere")
    live.outside.endpoints.scaling.add("elsewhere")
    versions["2"] = replace(versions["2"], endpoint_name="elsewhere")
    assert check(live) == ["environment"]


# ---- the next release ----


def test_the_next_release_does_not_build_on_it_unsaid(live: Story) -> None:
    live.outside.endpoints.endpoints.clear()
    check(live)
    live.drop("tuesday", other=b"size,price\n3,4\n")
    answer = live.register(SECOND, "tuesday")
    assert answer["status"] == "refused"
    assert "doesn't exist (endpoint)" in answer["reason"]
    assert '"acknowledge": ["endpoint"]' in answer["reason"]


def test_no_release_may_build_on_an_alias_that_is_gone(live: Story) -> None:
    live.outside.functions.alias = GONE
    check(live)
    live.drop("tuesday", {"files": ["other.csv"], "acknowledge": ["alias-gone"]}, other=b"size,price\n3,4\n")
    answer = live.register(SECOND, "tuesday")
    assert answer["status"] == "refused"
    assert answer["reason"].endswith("(alias-gone). Put it right: no release can build on that")


def test_a_release_that_says_so_may_build_on_it(live: Story) -> None:
    live.outside.endpoints.endpoints.clear()
    check(live)
    live.drop("tuesday", {"files": ["other.csv"], "acknowledge": ["endpoint"]}, other=b"size,price\n3,4\n")
    assert live.register(SECOND, "tuesday")["status"] == "registered"
    assert live.outside.releases.get(SECOND).section("manifest")["acknowledge"] == ["endpoint"]


def test_what_is_changed_after_the_yes_voids_it(live: Story) -> None:
    live.decide(live.until_asked(SECOND, "tuesday", champion=4.0))
    live.outside.endpoints.endpoints.clear()
    check(live)
    answer = live.take_lock(SECOND)
    assert answer["status"] == "stale"
    assert "production was changed by hand" in answer["reason"]


def test_a_missing_watch_holds_up_nobody(live: Story) -> None:
    live.outside.endpoints.schedules.clear()
    check(live)
    live.drop("tuesday", other=b"size,price\n3,4\n")
    assert live.register(SECOND, "tuesday")["status"] == "registered"


@pytest.mark.parametrize("given", ["alias-moved", [], [1], ["Alias moved"]])
def test_what_is_acknowledged_are_ids(live: Story, given: Any) -> None:
    live.drop("tuesday", {"files": ["other.csv"], "acknowledge": given}, other=b"size,price\n3,4\n")
    answer = live.register(SECOND, "tuesday")
    assert answer["status"] == "refused"
    assert "acknowledge" in answer["reason"]


def test_the_approver_sees_what_a_release_builds_on(live: Story) -> None:
    live.drop("tuesday", {"files": ["other.csv"], "acknowledge": ["endpoint"]}, other=b"size,price\n3,4\n")
    live.register(SECOND, "tuesday")
    live.run_jobs(SECOND, champion=4.0)
    live.check_gates(SECOND)
    live.test_endpoint(SECOND)
    link = live.ask(SECOND)
    assert "CHANGED BY HAND" in live.outside.topic.sent[-1][1]
    assert "Changed by hand" in live.show(link)["body"]
