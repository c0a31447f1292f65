"""What nobody needs goes, in AWS's order; what is live, owned or kept warm stays, and says until when."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from safe_deploy.domain.leases import EXPIRES, OWNER, release_of
from safe_deploy.domain.lock import Lock
from safe_deploy.domain.ports import Held
from safe_deploy.domain.release import State
from safe_deploy.errors import AccessDeniedError, InvalidRequestError

from tests.fakes.aws import START
from tests.fakes.story import FIRST, MODEL, SECOND, Story, execution

ORPHAN = "20250101-000000-ffff"
PAST, FUTURE = "2026-01-31T11:59:59Z", "2026-03-01T00:00:00Z"


def give(story: Story, release_id: str, expires: str | None = None, stage: str = "prod") -> None:
    """Let a release have an endpoint, its config, a model and a schedule, in the account and in the list of it."""
    base, endpoints, inventory = f"{MODEL}-{release_id}", story.outside.endpoints, story.outside.inventory
    tags = {OWNER: MODEL} | ({EXPIRES: expires} if expires else {})
    endpoints.add(f"{base}-{stage}")
    endpoints.scaling.add(f"{base}-{stage}")
    endpoints.models.add(base)
    endpoints.schedules.add(f"{base}-monitor")
    machine = {"status": "InService", "instance_type": "ml.m5.large", "instances": 2}
    inventory.add("endpoint", f"{base}-{stage}", tags, **machine)
    inventory.add("endpoint config", f"{base}-{stage}", tags)
    inventory.add("model", base, tags)
    inventory.add("schedule", f"{base}-monitor")


def reap(story: Story, **event: Any) -> dict[str, Any]:
    answer: dict[str, Any] = story.call("reap_leases", event)
    return answer


def leases(story: Story, release_id: str) -> dict[str, str | None]:
    return {h.kind: h.tags.get(EXPIRES) for h in story.outside.inventory.things if release_id in h.name and h.tags}


def told(story: Story) -> list[str]:
    return [text for subject, text in story.outside.topic.sent if "leftovers" in subject]


@pytest.fixture
def succeeded(story: Story) -> Story:
    """FIRST was live; SECOND is, and was announced at the start of the story's time; nobody runs any more."""
    story.until_live()
    story.until_live(SECOND, "tuesday", "3", champion=4.0)
    for release_id in (FIRST, SECOND):
        story.outside.executions.statuses[execution(release_id)] = "SUCCEEDED"
        give(story, release_id, FUTURE)
    return story


def test_an_orphan_goes_in_awss_order_and_is_told_once(story: Story) -> None:
    give(story, ORPHAN, PAST)
    answer = reap(story)
    assert answer["goes"] == {ORPHAN: "there is no such release, and no lease"}
    base = f"{MODEL}-{ORPHAN}"
    assert story.outside.endpoints.log == [f"schedule {base}-monitor", f"scaling {base}-prod", f"endpoint {base}-prod"]
    assert answer["waitingFor"] == [f"endpoint {base}-prod to be deleted"]
    (text,) = told(story)
    assert f"endpoint {base}-prod" in text
    assert [entry["event"] for entry in story.outside.memory.audit] == ["Reaped"]
    assert reap(story)["removed"] == []
    assert len(told(story)) == 1, "while SageMaker deletes there is nothing new to tell"
    story.outside.endpoints.finish_deleting()
    assert reap(story)["removed"] == [f"endpoint config {base}-prod", f"model {base}"]


def test_a_dry_run_changes_nothing_and_says_what_costs_money(succeeded: Story) -> None:
    give(succeeded, ORPHAN, PAST)
    succeeded.outside.clock.advance(7200)
    before, log = list(succeeded.outside.inventory.things), list(succeeded.outside.endpoints.log)
    answer = reap(succeeded, dryRun=True)
    assert answer["dryRun"]
    assert set(answer["goes"]) == {ORPHAN, FIRST}
    assert (succeeded.outside.inventory.things, succeeded.outside.endpoints.log) == (before, log)
    assert told(succeeded) == []
    assert answer["removed"] == []
    cost = next(entry for entry in answer["endpoints"] if SECOND in entry["endpoint"])
    assert cost == {
        "endpoint": f"{MODEL}-{SECOND}-prod",
        "status": "InService",
        "instanceType": "ml.m5.large",
        "instances": 2,
        "since": "2026-01-31T12:00:00Z",
        "instanceHours": 4.0,
        "expires": FUTURE,
        "why": "it is live",
    }


def test_the_endpoint_that_serves_stays_whoever_says_it_is_his(succeeded: Story) -> None:
    served = succeeded.outside.functions.versions["3"]
    succeeded.outside.functions.versions["3"] = replace(served, release_id="somebody")
    assert reap(succeeded)["stays"][SECOND] == "it is live"


def test_what_is_live_stays_for_ever_and_has_no_expiry(succeeded: Story) -> None:
    succeeded.outside.clock.advance(10**8)
    assert reap(succeeded)["stays"] == {SECOND: "it is live"}
    assert leases(succeeded, SECOND) == {"endpoint": None, "endpoint config": None, "model": None}
    assert succeeded.outside.endpoints.endpoints[f"{MODEL}-{SECOND}-prod"].status == "InService"


def test_the_one_to_go_back_to_stays_for_its_grace_time(succeeded: Story) -> None:
    succeeded.outside.clock.advance(3599)
    assert reap(succeeded)["stays"][FIRST] == "production may go back to it until 2026-01-31T13:00:00Z"
    assert set(leases(succeeded, FIRST).values()) == {"2026-01-31T13:00:00Z"}
    succeeded.outside.clock.advance(1)
    assert reap(succeeded)["goes"] == {FIRST: "its grace time ended at 2026-01-31T13:00:00Z"}
    assert succeeded.outside.releases.get(FIRST).state is State.RETIRED


def test_after_a_rollback_the_one_it_came_from_is_kept_warm(succeeded: Story) -> None:
    releases, now = succeeded.outside.releases, succeeded.outside.clock
    now.advance(36_000)
    succeeded.outside.functions.alias = "2"
    releases.restore(FIRST, {"restored": {"fromReleaseId": SECOND, "at": "2026-01-31T22:00:00Z"}}, now.now())
    now.advance(3599)
    assert set(reap(succeeded)["stays"]) == {FIRST, SECOND}
    now.advance(2)
    assert set(reap(succeeded)["goes"]) == {SECOND}


def test_while_the_live_one_is_not_announced_its_predecessor_stays(succeeded: Story) -> None:
    del succeeded.outside.memory.releases[SECOND]["closedAt"]
    succeeded.outside.clock.advance(10**6)
    assert "until the live release is announced" in reap(succeeded)["stays"][FIRST]


def test_what_a_running_execution_owns_stays_whatever_its_tags_say(story: Story) -> None:
    story.until_asked()
    give(story, FIRST, PAST, "dev")
    assert reap(story)["stays"] == {FIRST: "it is AwaitingApproval, and its execution runs"}
    story.outside.executions.statuses[execution(FIRST)] = "ABORTED"
    assert reap(story)["goes"] == {FIRST: "it is AwaitingApproval, and nobody runs or keeps it"}


def test_who_tidies_up_after_a_stopped_execution_gets_an_hour(story: Story) -> None:
    story.until_asked()
    give(story, FIRST, PAST, "dev")
    executions, clock = story.outside.executions, story.outside.clock
    executions.statuses[execution(FIRST)], executions.stopped[execution(FIRST)] = "ABORTED", clock.now()
    assert "is being tidied up after" in reap(story)["stays"][FIRST]
    assert told(story) == []
    clock.advance(3600)
    assert FIRST in reap(story)["goes"]


def test_what_an_execution_keeps_warm_is_left_to_it(succeeded: Story) -> None:
    succeeded.outside.clock.advance(10**6)
    succeeded.outside.executions.statuses[execution(SECOND)] = "RUNNING"
    assert "an execution keeps it warm" in reap(succeeded)["stays"][FIRST]


def test_what_gets_a_share_of_traffic_stays(story: Story) -> None:
    story.publish(ORPHAN, "9")
    story.outside.functions.weights = {"9": 0.1}
    give(story, ORPHAN, PAST)
    assert reap(story)["stays"] == {ORPHAN: "it gets a share of the traffic"}


@pytest.mark.parametrize(("status", "stays"), [("RUNNING", True), ("FAILED", False)])
def test_while_a_rollback_moves_production_nothing_goes(story: Story, status: str, stays: bool) -> None:
    give(story, ORPHAN, PAST)
    story.outside.memory.lock = Lock("rollback-1", "arn:rollback-1", 1, START)
    story.outside.executions.statuses["arn:rollback-1"] = status
    assert (ORPHAN in reap(story)["stays"]) is stays


def test_what_somebody_goes_back_to_while_others_are_removed_stays(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    later, endpoints = "20250102-000000-ffff", story.outside.endpoints
    give(story, ORPHAN, PAST)
    give(story, later, PAST)
    remove = endpoints.remove_endpoint

    def rollback_begins(name: str) -> bool:
        story.outside.memory.lock = Lock("rollback-1", "arn:rollback-1", 1, START)
        story.outside.executions.statuses["arn:rollback-1"] = "RUNNING"
        return remove(name)

    monkeypatch.setattr(endpoints, "remove_endpoint", rollback_begins)
    answer = reap(story)
    assert answer["stays"] == {later: "the rollback rollback-1 is moving production"}
    assert list(answer["goes"]) == [ORPHAN]
    assert endpoints.endpoints[f"{MODEL}-{later}-prod"].status == "InService"


def test_a_lease_without_a_release_runs_to_its_end(story: Story) -> None:
    give(story, ORPHAN, FUTURE)
    assert FUTURE in reap(story)["stays"][ORPHAN]


def test_a_lease_that_can_not_be_read_has_run_out(story: Story) -> None:
    give(story, ORPHAN, "next week")
    assert ORPHAN in reap(story)["goes"]


def test_what_is_not_ours_is_named_and_left_alone(story: Story) -> None:
    story.outside.inventory.add("endpoint", f"{MODEL}-{ORPHAN}-prod", {})
    story.outside.inventory.add("endpoint", f"{MODEL}-2-experiment", {OWNER: MODEL})
    answer = reap(story)
    assert answer["notOurs"] == [f"endpoint {MODEL}-{ORPHAN}-prod", f"endpoint {MODEL}-2-experiment"]
    assert (answer["goes"], answer["endpoints"]) == ({}, [])


@pytest.mark.parametrize(
    ("name", "tags", "expected"),
    [
        (f"m-{FIRST}", {OWNER: "m"}, FIRST),
        (f"m-{FIRST}-prod", {OWNER: "m"}, FIRST),
        (f"m-{FIRST}-prod", {OWNER: "m-2"}, None),
        (f"m-{FIRST}x", {OWNER: "m"}, None),
        (FIRST, {OWNER: "m"}, None),
        (f"other-{FIRST}", {OWNER: "m"}, None),
    ],
)
def test_a_resource_is_known_by_its_name_and_its_owner(name: str, tags: dict[str, str], expected: str | None) -> None:
    assert release_of(Held("endpoint", name, tags=tags), "m") == expected


def test_one_failure_does_not_stop_the_others_and_is_told(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    other = "20250101-000000-eeee"
    give(story, ORPHAN, PAST)
    give(story, other, PAST)
    real = story.outside.endpoints.remove_endpoint

    def refuse(name: str) -> bool:
        if other in name:
            raise AccessDeniedError("delete the endpoint: no")
        return real(name)

    monkeypatch.setattr(story.outside.endpoints, "remove_endpoint", refuse)
    answer = reap(story)
    assert answer["failures"] == [f"release {other}: delete the endpoint: no"]
    assert f"endpoint {MODEL}-{ORPHAN}-prod" in answer["removed"]
    assert "delete the endpoint: no" in told(story)[0]


def test_logs_that_stay_for_ever_are_told(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(name: str) -> None:
        raise AccessDeniedError(f"expire {name}: no")

    monkeypatch.setattr(story.outside.endpoints, "expire_logs", denied)
    give(story, ORPHAN, PAST)
    reap(story)
    story.outside.endpoints.finish_deleting()
    answer = reap(story)
    base = f"{MODEL}-{ORPHAN}"
    assert f"release {ORPHAN}: expire {base}-prod: no; they are kept for ever" in answer["failures"]
    assert f"model {base}" in answer["removed"]
    assert "kept for ever" in told(story)[-1]


def test_a_lease_that_can_not_be_written_is_told(succeeded: Story) -> None:
    succeeded.outside.inventory.failure = AccessDeniedError("tag: no")
    assert "tag: no" in reap(succeeded)["failures"]


def test_one_run_is_bounded(story: Story) -> None:
    for number in range(25):
        give(story, f"20250101-0000{number:02d}-ffff", PAST)
    answer = reap(story)
    assert len(answer["goes"]) == 25
    assert len(answer["waitingFor"]) == 20


def test_what_can_not_be_removed_starves_nobody(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    """GIVEN more releases than a run cleans up, all but the last denied WHEN hours pass THEN the last one goes, too."""
    last, real = "20250101-000044-ffff", story.outside.endpoints.remove_endpoint

    def refuse(name: str) -> bool:
        if last not in name:
            raise AccessDeniedError("delete the endpoint: no")
        return real(name)

    monkeypatch.setattr(story.outside.endpoints, "remove_endpoint", refuse)
    for number in range(45):
        give(story, f"20250101-0000{number:02d}-ffff", PAST)
    failed = []
    for _ in range(3):
        answer = reap(story)
        failed += answer["failures"]
        assert len(answer["failures"]) <= 20
        story.outside.clock.advance(3600)
    assert len(set(failed)) == 44, "everything gets its turn"
    assert story.outside.endpoints.endpoints[f"{MODEL}-{last}-prod"].status == "Deleting"


def test_an_alias_that_was_moved_to_no_release_costs_no_release_its_endpoint(succeeded: Story) -> None:
    succeeded.outside.functions.alias = "1"
    answer = reap(succeeded)
    assert answer["removed"] == []
    assert "moved by hand" in answer["stays"][SECOND]


def test_without_the_alias_nothing_goes(succeeded: Story) -> None:
    """GIVEN what may serve and what nobody needs WHEN nobody can tell which is which THEN all of it stays."""
    give(succeeded, ORPHAN, PAST)
    succeeded.outside.clock.advance(10**6)
    succeeded.outside.functions.alias = "no version"
    things = list(succeeded.outside.inventory.things)
    answer = reap(succeeded)
    assert set(answer["stays"]) == {ORPHAN, FIRST, SECOND}
    assert all(why.startswith("nobody knows what is live: ") for why in answer["stays"].values())
    assert (answer["goes"], answer["removed"], answer["failures"]) == ({}, [], [])
    assert len(answer["endpoints"]) == 3, "what costs money is still known"
    assert succeeded.outside.inventory.things == things, "no lease is touched"
    assert succeeded.outside.endpoints.log == []
    assert told(succeeded) == [], "check_production tells"


def test_an_alias_that_goes_while_one_removes_ends_the_removing(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    later, endpoints = "20250102-000000-ffff", story.outside.endpoints
    give(story, ORPHAN, PAST)
    give(story, later, PAST)
    remove = endpoints.remove_endpoint

    def alias_goes(name: str) -> bool:
        story.outside.functions.alias = "no version"
        return remove(name)

    monkeypatch.setattr(endpoints, "remove_endpoint", alias_goes)
    answer = reap(story)
    assert (len(answer["failures"]), len(answer["waitingFor"])) == (1, 1)
    assert sorted(found.status for found in endpoints.endpoints.values()) == ["Deleting", "InService"]


def test_a_wrong_request_is_the_callers_mistake(story: Story) -> None:
    with pytest.raises(InvalidRequestError, match="dryRun"):
        reap(story, dryRun="yes")
