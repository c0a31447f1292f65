"""Going back: what is refused, who gets the lock, what is done, what is read back, recorded and told."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from safe_deploy.domain.deployment import SERVING
from safe_deploy.domain.live import LiveVersion, Shift
from safe_deploy.domain.lock import Lock
from safe_deploy.domain.names import release_id_of
from safe_deploy.domain.ports import ModelPackage
from safe_deploy.domain.release import State
from safe_deploy.errors import ConditionFailedError, InvalidRequestError, TransientError

from tests.fakes.aws import START
from tests.fakes.story import ARTIFACTS, FIRST, MODEL, SECOND, Story, execution

THIRD = "20260202-080000-0d3e"
ROLLBACK = "rollback-20260202-100000-0e3f"
EXECUTION = "arn:aws:states:eu-west-1:111122223333:execution:rollback:1"
PACKAGE = "arn:aws:sagemaker:eu-west-1:111122223333:model-package/taxi-fare/1"
ASKED = {"reason": "fares look too low", "by": "Ada"}
ENDPOINT = f"{MODEL}-{FIRST}-prod"
MODEL_DATA = f"s3://{ARTIFACTS}/releases/{FIRST}/model/{MODEL}-{FIRST}-train/output/model.tar.gz"


@pytest.fixture
def two(story: Story) -> Story:
    """A second release is live; the first is its predecessor and still warm. Both are watched and scale."""
    story.until_live()
    story.until_live(SECOND, "tuesday", "3", champion=4.5)
    for release_id in (FIRST, SECOND):
        story.outside.memory.releases[release_id]["modelPackageArn"] = PACKAGE
        story.outside.endpoints.scaling.add(f"{MODEL}-{release_id}-prod")
        story.outside.endpoints.schedules.add(f"{MODEL}-{release_id}-monitor")
    story.outside.packages.packages[PACKAGE] = ModelPackage("Approved", "image", MODEL_DATA)
    story.outside.executions.statuses[EXECUTION] = "RUNNING"
    story.outside.topic.sent.clear()
    return story


def plan(story: Story, asked: Any = None, to: str | None = None, stopped: str | None = None) -> dict[str, Any]:
    event = {
        "rollbackId": ROLLBACK,
        "executionArn": EXECUTION,
        "asked": ASKED if asked is None else asked,
        "toReleaseId": to,
        "stopped": stopped,
    }
    answer: dict[str, Any] = story.call("plan_rollback", event)
    return answer


def refused(story: Story, words: str, asked: Any = None) -> None:
    """Check that nothing is done, for this reason."""
    before = story.outside.memory.lock
    answer = plan(story, asked)
    assert (answer["status"], words in answer["reason"]) == ("refused", True), answer
    assert story.outside.memory.lock == before, "nothing is taken for what can't be"


def forget(story: Story, release_id: str = FIRST) -> bool:
    """Let a release be retired, endpoint and all."""
    endpoints, base = story.outside.endpoints, f"{MODEL}-{release_id}"
    del endpoints.endpoints[f"{base}-prod"]
    endpoints.scaling.discard(f"{base}-prod")
    endpoints.schedules.discard(f"{base}-monitor")
    story.outside.memory.releases[release_id] |= {"state": "Retired", "retiredAt": "2026-02-01T10:00:00Z"}
    return True


# ---- the plan ----


def test_the_default_is_the_predecessor_and_a_warm_endpoint_needs_no_making(two: Story) -> None:
    answer = plan(two)
    assert answer["status"] == "shift"
    assert answer["currentVersion"] == "3"
    assert answer["from"] == {"releaseId": SECOND, "schedule": f"{MODEL}-{SECOND}-monitor", "graceSeconds": 3600}
    assert answer["to"] == {
        "releaseId": FIRST,
        "version": "2",
        "endpointName": ENDPOINT,
        "model": f"{MODEL}-{FIRST}",
        "schedule": f"{MODEL}-{FIRST}-monitor",
        "capture": f"s3://{ARTIFACTS}/capture",
        "image": None,
        "modelDataUrl": None,
    }
    assert answer["note"] == ""
    assert plan(two) == answer, "asked again, it is the same"


def test_the_target_is_kept_from_being_retired_by_who_kept_it_so_far(two: Story) -> None:
    plan(two)
    assert two.outside.releases.get(FIRST).keeper == EXECUTION
    event = {"releaseId": FIRST, "scope": "all", "retire": True, "executionArn": execution(SECOND)}
    assert two.call("clean_up_release", event)["keptBy"] == EXECUTION
    assert two.outside.endpoints.log == []


def test_a_retired_release_is_made_anew_from_its_registered_model(two: Story) -> None:
    forget(two)
    answer = plan(two)
    assert answer["status"] == "create"
    assert (answer["to"]["image"], answer["to"]["modelDataUrl"]) == ("image", MODEL_DATA)
    assert answer["liveEndpoint"] == f"{MODEL}-{SECOND}-prod", "the new one comes up as large as this one"


def test_an_endpoint_that_is_just_being_retired_is_made_anew(two: Story) -> None:
    """Who retires notes it before anything goes: from then on the endpoint doesn't count as living."""
    two.outside.releases.retire(FIRST, execution(SECOND), two.outside.clock.now())
    assert two.outside.endpoints.endpoints[ENDPOINT].status == "InService"
    assert plan(two)["status"] == "create"


@pytest.mark.parametrize(
    ("status", "capture"),
    [("Failed", 100), ("Deleting", 100), ("OutOfService", 100), ("InService", 0), ("Updating", 0)],
)
def test_an_endpoint_that_can_not_be_trusted_is_made_anew(two: Story, status: str, capture: int) -> None:
    two.outside.endpoints.add(ENDPOINT, status, capture)
    assert plan(two)["status"] == "create"


@pytest.mark.parametrize("status", SERVING)
def test_a_warm_endpoint_that_scales_or_is_maintained_is_shifted_to_as_it_is(two: Story, status: str) -> None:
    """It serves: to make it anew would mean to delete it first."""
    two.outside.endpoints.add(ENDPOINT, status)
    assert plan(two)["status"] == "shift"
    assert two.hook("check_version", "2")["status"] == "Succeeded"


def test_a_predecessor_that_was_rolled_back_itself_is_passed_over(two: Story) -> None:
    two.until_live(THIRD, "wednesday", "4", champion=4.5)
    two.outside.releases.update(SECOND, {"rollback": {"by": "Ada"}}, START, state=State.ROLLED_BACK)
    assert plan(two)["to"]["releaseId"] == FIRST
    assert plan(two, {**ASKED, "releaseId": SECOND})["to"]["releaseId"] == SECOND, "unless one says so"


def test_where_all_predecessors_were_rolled_back_one_must_say_where_to(two: Story) -> None:
    two.outside.releases.update(FIRST, {"rollback": {"by": "Ada"}}, START, state=State.ROLLED_BACK)
    refused(two, "has no predecessor that was not rolled back itself")


def test_a_predecessor_that_could_not_be_announced_is_one_all_the_same(two: Story) -> None:
    two.outside.memory.releases[FIRST]["state"] = "Promoting"
    assert plan(two)["status"] == "shift"
    assert two.outside.releases.get(FIRST).state is State.LIVE, "else check_version would ask it for a lock"


def strip(story: Story, **changes: Any) -> bool:
    story.outside.memory.releases[FIRST] |= changes
    return True


REFUSALS: list[tuple[Callable[[Story], Any], str]] = [
    (lambda s: s.outside.memory.releases.pop(FIRST), f"there is no release {FIRST} on record here"),
    (lambda s: strip(s, names={"base": f"villas-{FIRST}"}), "is of another model"),
    (lambda s: strip(s, decision={"decision": "reject"}), "was never approved"),
    (lambda s: strip(s, decision=None), "was never approved"),
    (lambda s: s.outside.functions.versions.pop("2"), "the Lambda version of release"),
    (lambda s: (forget(s), s.outside.packages.packages.popitem()), "has no model package"),
    (lambda s: (forget(s), strip(s, modelPackageArn=None)), "has no model package"),
    (
        lambda s: (forget(s), s.outside.packages.packages.update({PACKAGE: ModelPackage("Rejected", "i", "u")})),
        f"its model package {PACKAGE} is Rejected",
    ),
    (lambda s: (forget(s), s.outside.objects.content.pop(MODEL_DATA)), f"and so is its model: {MODEL_DATA}"),
    (lambda s: s.outside.functions.weights.update({"2": 0.1}), "split the traffic by hand"),
    (lambda s: setattr(s.outside.functions, "alias", "77"), "the alias live, or the version it points to, is gone"),
]


@pytest.mark.parametrize(("change", "words"), REFUSALS, ids=[words for _, words in REFUSALS])
def test_what_can_not_be_is_refused_in_words(two: Story, change: Callable[[Story], Any], words: str) -> None:
    change(two)
    refused(two, words, {**ASKED, "releaseId": FIRST})


def test_traffic_that_is_still_shared_after_its_stop_is_on_its_way_back(two: Story) -> None:
    two.outside.functions.weights["2"] = 0.1
    answer = plan(two, to=FIRST, stopped=SECOND)
    assert (answer["status"], answer["reason"]) == ("waiting", "CodeDeploy is shifting traffic back already")


def test_while_a_shift_is_being_undone_what_it_came_from_is_not_left_for_what_was_before(two: Story) -> None:
    two.outside.deployments.shift = Shift("d-UNDOES", "", "", undoes=True)
    refused(two, f"sending traffic back already, by the deployment d-UNDOES, to release {SECOND}")
    answer = plan(two, {**ASKED, "releaseId": FIRST})
    assert answer["status"] == "waiting", "who names a release means it"


def test_what_is_live_already_is_refused(two: Story) -> None:
    refused(two, f"release {SECOND} is live already, as version 3", {**ASKED, "releaseId": SECOND})


def test_the_first_release_has_nothing_to_go_back_to(story: Story) -> None:
    story.until_live()
    refused(story, "has no predecessor")


def test_a_release_that_never_was_live_is_no_place_to_go_back_to(two: Story) -> None:
    two.decide(two.until_asked(THIRD, "wednesday", champion=4.5))
    refused(two, "has never been live; it is Approved", {**ASKED, "releaseId": THIRD})
    two.outside.releases.update(THIRD, {}, START, state=State.ROLLED_BACK)
    refused(two, "has never been live; it is RolledBack", {**ASKED, "releaseId": THIRD})


def test_that_somebody_went_back_from_a_release_is_no_proof_that_it_was_live(two: Story) -> None:
    two.decide(two.until_asked(THIRD, "wednesday", champion=4.5))
    two.outside.releases.update(THIRD, {"rollback": {"by": "Ada"}, "trafficCheck": {"passed": False}}, START)
    two.close("rolledBack", THIRD, error={"Error": "RolledBack", "Cause": "deployment d-4 is Stopped"})
    refused(two, "has never been live; it is RolledBack", {**ASKED, "releaseId": THIRD})


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"noticedAs": "Live"}, "shift"),
        ({"noticedAs": "RolledBack", "restored": {"by": "Ada"}}, "shift"),
        ({"noticedAs": None, "trafficCheck": {"passed": True}}, "shift"),
        ({"noticedAs": "RolledBack", "trafficCheck": {"passed": True}}, "refused"),
        ({"noticedAs": None, "trafficCheck": None}, "refused"),
    ],
)
def test_what_was_written_when_a_release_had_all_traffic_says_that_it_was_live(
    two: Story, changes: dict[str, Any], status: str
) -> None:
    two.until_live(THIRD, "wednesday", "4", champion=4.5)
    two.outside.functions.alias = "2"
    two.outside.memory.releases[THIRD] |= {"state": "RolledBack", "rollback": {"by": "Ada"}, **changes}
    assert plan(two, {**ASKED, "releaseId": THIRD})["status"] == status


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"by": "Ada"}, "the input: reason is missing"),
        ({"reason": " ", "by": "Ada"}, "reason must be a string that is not empty"),
        ({"reason": "x"}, "by is missing"),
        ({"reason": "x", "by": "Ada", "releaseId": "latest"}, "releaseId must be like"),
        ({"reason": "x", "by": "Ada", "release": FIRST}, "release is not a key that is known here"),
        ([], "the input must be a JSON object"),
        ("back!", "the input must be a JSON object"),
    ],
)
def test_an_input_that_makes_no_sense_is_refused_in_words(two: Story, asked: Any, words: str) -> None:
    refused(two, words, asked)


def test_an_alias_that_was_moved_by_hand_is_said_so(two: Story) -> None:
    forget(two)
    two.outside.functions.alias = "2"
    answer = plan(two, {**ASKED, "releaseId": SECOND})
    assert answer["status"] == "shift"
    assert "The alias was moved by hand: it points to version 2" in answer["note"]
    assert "which is Retired" in answer["note"]


def test_an_alias_at_the_first_version_needs_a_release_to_go_to(two: Story) -> None:
    two.outside.functions.alias = "1"
    refused(two, "production serves no release: the alias points to version 1")
    answer = plan(two, {**ASKED, "releaseId": SECOND})
    assert (answer["status"], answer["from"], answer["currentVersion"]) == ("shift", None, "1")
    assert answer["liveEndpoint"] is None
    assert "its version 1 serves no release" in answer["note"]


# ---- a shift under way ----


@pytest.fixture
def shifting(two: Story) -> Story:
    """A third release holds the lock and is being shifted to."""
    two.decide(two.until_asked(THIRD, "wednesday", champion=4.5))
    assert two.take_lock(THIRD)["status"] == "taken"
    two.publish(THIRD, "4")
    two.outside.functions.weights = {"4": 0.1}
    two.outside.deployments.shift = Shift("d-4", "3", "4")
    return two


def test_a_shift_under_way_is_stopped_first_and_its_release_knows_by_whom(shifting: Story) -> None:
    answer = plan(shifting)
    assert (answer["status"], answer["deploymentId"]) == ("stop", "d-4")
    assert (answer["from"]["releaseId"], answer["to"]["releaseId"]) == (THIRD, SECOND)
    assert shifting.outside.releases.get(THIRD).item["stoppedBy"]["by"] == "Ada"
    shifting.close("rolledBack", THIRD, error={"Error": "RolledBack", "Cause": "deployment d-4 is Stopped"})
    assert "Ada went back to what served before: fares look too low" in shifting.outside.topic.sent[-1][1]


def test_after_the_stop_production_is_where_one_wanted_it(shifting: Story) -> None:
    plan(shifting)
    shifting.outside.deployments.shift = Shift("d-5", "", "", undoes=True)
    assert plan(shifting, to=SECOND, stopped=THIRD)["status"] == "waiting"
    shifting.outside.deployments.shift = None
    shifting.outside.functions.weights = {}
    answer = plan(shifting, to=SECOND, stopped=THIRD)
    assert (answer["status"], answer["from"]["releaseId"]) == ("back", THIRD)
    assert answer["to"]["version"] == "3"


def test_a_stop_that_came_too_late_becomes_a_shift_back(shifting: Story) -> None:
    plan(shifting)
    shifting.outside.deployments.shift, shifting.outside.functions.weights = None, {}
    shifting.outside.functions.alias = "4"
    answer = plan(shifting, to=SECOND, stopped=THIRD)
    assert (answer["status"], answer["currentVersion"], answer["to"]["version"]) == ("shift", "4", "3")


def test_another_release_than_the_one_before_is_gone_to_after_the_stop(shifting: Story) -> None:
    answer = plan(shifting, {**ASKED, "releaseId": FIRST})
    assert (answer["status"], answer["to"]["releaseId"]) == ("stop", FIRST)


def test_a_release_named_during_a_shift_is_gone_to_from_what_served_and_not_from_what_was_tried(
    shifting: Story,
) -> None:
    """The second is live, the third is tried, and one goes back to the first: then production left the second."""
    asked, outside = {**ASKED, "releaseId": FIRST}, shifting.outside
    first = plan(shifting, asked)
    assert (first["status"], first["from"]["releaseId"], first["to"]["releaseId"]) == ("stop", THIRD, FIRST)
    outside.deployments.shift, outside.functions.weights = None, {}
    shifting.close("rolledBack", THIRD, error={"Error": "RolledBack", "Cause": "deployment d-4 is Stopped"})

    answer = plan(shifting, asked, to=FIRST, stopped=THIRD)
    assert (answer["status"], answer["from"]["releaseId"], answer["currentVersion"]) == ("shift", SECOND, "3")
    assert answer["note"] == f"On the way, the shift to release {THIRD} was stopped."
    assert shifting.hook("check_version", "2")["status"] == "Succeeded"
    outside.functions.alias = "2"
    outside.endpoints.schedules.remove(answer["from"]["schedule"])
    assert verify(shifting, left=answer["from"]["releaseId"])["passed"]
    outside.topic.sent.clear()
    told: dict[str, Any] = {name: answer[name] for name in ("from", "to", "note")}
    close(shifting, **told)

    late = verify(shifting, "3", THIRD)
    assert late["passed"], "the third's own execution may look only now, and expects the second still"

    left, tried = outside.releases.get(SECOND), outside.releases.get(THIRD)
    assert (left.state, left.keeper, left.item["rollback"]["toReleaseId"]) == (State.ROLLED_BACK, EXECUTION, FIRST)
    assert (tried.state, tried.keeper, "rollback" in tried.item) == (State.ROLLED_BACK, "", False)
    assert outside.releases.get(FIRST).item["restored"]["fromReleaseId"] == SECOND
    ((_, text),) = outside.topic.sent
    assert f"went from release {SECOND} to release {FIRST}" in text
    assert answer["note"] in text
    outside.executions.statuses[execution(SECOND)] = "SUCCEEDED"
    outside.inventory.add("endpoint", f"{MODEL}-{SECOND}-prod", {"safe-deploy:model": MODEL})
    assert shifting.call("reap_leases", {})["stays"][SECOND] == "it is RolledBack, and an execution keeps it warm"
    refused(shifting, "has never been live; it is RolledBack", {**ASKED, "releaseId": THIRD})


def test_a_shift_that_is_stopped_and_not_on_record_is_not_taken_for_what_serves_on(shifting: Story) -> None:
    del shifting.outside.memory.releases[THIRD]
    assert (plan(shifting)["status"], plan(shifting)["from"]) == ("stop", None)
    shifting.outside.deployments.shift, shifting.outside.functions.weights = None, {}
    answer = plan(shifting, to=SECOND, stopped=None)
    assert (answer["status"], answer["from"], answer["to"]["releaseId"]) == ("back", None, SECOND)
    told: dict[str, Any] = {"from": None, "to": answer["to"], "deploymentId": None}
    close(shifting, "stopped", **told)
    ((subject, text),) = shifting.outside.topic.sent[-1:]
    assert subject == f"{MODEL}: the shift was stopped"
    assert f"The shift of {MODEL} was stopped; release {SECOND} serves on." in text


def test_what_is_being_shifted_to_can_not_be_gone_back_to(shifting: Story) -> None:
    shifting.outside.memory.releases[THIRD]["state"] = "Live"
    refused(shifting, f"traffic is being shifted to release {THIRD} already", {**ASKED, "releaseId": THIRD})


def test_the_shift_of_the_first_release_has_nothing_to_go_back_to(story: Story) -> None:
    story.decide(story.until_asked())
    story.take_lock()
    story.publish()
    story.outside.deployments.shift = Shift("d-2", "1", "2")
    refused(story, f"nothing was live before release {FIRST}")


# ---- the lock ----


def hold(story: Story, holder: str, status: str | None = "RUNNING") -> None:
    story.outside.memory.lock = Lock(holder, "arn:holder", 7, START + timedelta(hours=1))
    if status:
        story.outside.executions.statuses["arn:holder"] = status


def test_a_rollback_takes_the_lock_from_a_release_whose_version_is_then_refused(shifting: Story) -> None:
    plan(shifting)
    lock = shifting.outside.memory.lock
    assert lock is not None
    assert (lock.holder, lock.execution_arn, lock.fencing_token) == (ROLLBACK, EXECUTION, 4)
    lost = [entry for entry in shifting.outside.memory.audit if entry["event"] == "Lock lost"]
    assert [(entry["release"], entry["actor"]) for entry in lost] == [(THIRD, "Ada")]
    assert "doesn't hold the production lock" in str(shifting.hook("check_version", "4")["failures"])


def test_a_release_that_waits_sees_that_a_rollback_is_at_it(two: Story) -> None:
    two.decide(two.until_asked(THIRD, "wednesday", champion=4.5))
    plan(two)
    assert two.take_lock(THIRD)["reason"] == f"the rollback {ROLLBACK} is moving production"


def test_going_back_needs_no_lock_of_the_targets(two: Story) -> None:
    plan(two)
    assert two.hook("check_version", "2")["status"] == "Succeeded"


def test_another_rollback_is_waited_for(two: Story) -> None:
    hold(two, "rollback-20260202-095900-ffff")
    answer = plan(two)
    assert (answer["status"], "rollback-20260202-095900-ffff" in answer["reason"]) == ("waiting", True)


@pytest.mark.parametrize("status", ["FAILED", "ABORTED"])
def test_another_rollback_that_has_ended_is_not(two: Story, status: str) -> None:
    hold(two, "rollback-20260202-095900-ffff", status)
    assert plan(two)["status"] == "shift"


def test_who_was_faster_is_waited_for(two: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    def faster(*_: object, **__: object) -> None:
        raise ConditionFailedError("the lock has changed")

    monkeypatch.setattr(two.outside.locks, "write", faster)
    assert plan(two)["status"] == "waiting"


# ---- reading back ----


def verify(story: Story, version: str = "2", left: str | None = SECOND) -> dict[str, Any]:
    answer: dict[str, Any] = story.call("verify_rollback", {"version": version, "leftReleaseId": left})
    return answer


@pytest.fixture
def back(two: Story) -> Story:
    """Production is back on the first release."""
    plan(two)
    two.outside.functions.alias = "2"
    two.outside.endpoints.schedules.discard(f"{MODEL}-{SECOND}-monitor")
    return two


def test_production_that_is_as_it_should_be_passes_and_that_is_on_record(back: Story) -> None:
    answer = verify(back)
    assert answer == {
        "passed": True,
        "differences": [],
        "serving": f"Production serves from release {FIRST} (version 2).",
    }
    assert back.outside.releases.get(SECOND).item["productionCheck"]["passed"] is True
    assert verify(back, left=None)["passed"]


DIFFERENCES: list[tuple[Callable[[Story], Any], str]] = [
    (lambda s: setattr(s.outside.functions, "alias", "3"), "sends 0% of the traffic to version 2"),
    (lambda s: s.outside.functions.weights.update({"3": 0.1}), "sends 90% of the traffic to version 2"),
    (lambda s: s.outside.functions.weights.update({"3": 0.1}), "still has weights for other versions"),
    (lambda s: s.outside.endpoints.endpoints.clear(), f"the endpoint {ENDPOINT} doesn't exist"),
    (lambda s: s.outside.endpoints.add(ENDPOINT, "Deleting"), "is Deleting, so it doesn't serve"),
    (lambda s: s.outside.endpoints.add(ENDPOINT, capture=50), "captures 50 %"),
    (lambda s: s.outside.endpoints.scaling.clear(), "doesn't scale with traffic"),
    (lambda s: s.outside.endpoints.schedules.clear(), f"there is no schedule {MODEL}-{FIRST}-monitor"),
    (
        lambda s: s.outside.endpoints.schedules.add(f"{MODEL}-{SECOND}-monitor"),
        f"the schedule {MODEL}-{SECOND}-monitor still monitors",
    ),
    (
        lambda s: s.outside.functions.versions.update({"2": LiveVersion("2", FIRST, "another")}),
        "names the endpoint another",
    ),
]


@pytest.mark.parametrize("status", SERVING)
def test_an_endpoint_that_scales_is_no_difference(back: Story, status: str) -> None:
    back.outside.endpoints.add(ENDPOINT, status)
    assert verify(back)["passed"]


@pytest.mark.parametrize(("change", "words"), DIFFERENCES, ids=[words for _, words in DIFFERENCES])
def test_every_difference_is_a_sentence(back: Story, change: Callable[[Story], Any], words: str) -> None:
    change(back)
    answer = verify(back)
    assert not answer["passed"]
    assert words in "; ".join(answer["differences"])
    assert back.outside.releases.get(SECOND).item["productionCheck"]["differences"] == answer["differences"]


def test_what_an_earlier_way_back_had_restored_is_not_what_this_one_went_to(back: Story) -> None:
    """GIVEN one came back to the first once WHEN a later way forward did not arrive THEN that is a difference."""
    close(back)
    back.outside.releases.update(SECOND, {"stoppedBy": {"rollbackId": "rollback-2"}}, START)
    assert "sends 0% of the traffic to version 3" in "; ".join(verify(back, "3", SECOND)["differences"])
    assert "sends 0% of the traffic to version 3" in "; ".join(verify(back, "3", FIRST)["differences"])


def test_where_nothing_was_live_before_only_the_alias_counts(story: Story) -> None:
    assert verify(story, "1", None) == {
        "passed": True,
        "differences": [],
        "serving": "Production serves from no release (version 1).",
    }


def test_the_mail_about_an_automatic_rollback_says_what_was_read_back(shifting: Story) -> None:
    shifting.outside.functions.weights = {}
    verify(shifting, "3", THIRD)
    shifting.close("rolledBack", THIRD, error={"Error": "RolledBack", "Cause": "an alarm fired"})
    text = shifting.outside.topic.sent[-1][1]
    assert f"Read back afterwards: Production serves from release {SECOND} (version 3)." in text
    assert "Not as it should be" not in text


def test_the_mail_about_an_automatic_rollback_says_what_is_not_as_it_should_be(shifting: Story) -> None:
    verify(shifting, "3", THIRD)
    shifting.close("rolledBack", THIRD, error={"Error": "RolledBack", "Cause": "an alarm fired"})
    assert "Not as it should be: the alias still has weights" in shifting.outside.topic.sent[-1][1]


# ---- recording and telling ----


def close(story: Story, outcome: str = "restored", **changes: Any) -> Any:
    event = {
        "outcome": outcome,
        "rollbackId": ROLLBACK,
        "executionArn": EXECUTION,
        "asked": ASKED,
        "from": {"releaseId": SECOND},
        "to": {"releaseId": FIRST},
        "note": "",
        "deploymentId": "d-9",
        "differences": [],
        **changes,
    }
    return story.call("close_rollback", event)


def test_going_back_is_recorded_with_both_releases_the_lock_is_free_and_a_person_told(back: Story) -> None:
    assert close(back) == {"outcome": "restored"}
    bad, good = back.outside.releases.get(SECOND), back.outside.releases.get(FIRST)
    assert (good.state, good.item["restored"]["by"]) == (State.LIVE, "Ada")
    assert (bad.state, bad.keeper) == (State.ROLLED_BACK, EXECUTION)
    assert bad.item["reason"] == f"Ada went back to release {FIRST}: fares look too low"
    assert bad.item["rollback"]["toReleaseId"] == FIRST
    events = {(entry["release"], entry["event"], entry["actor"]) for entry in back.outside.memory.audit}
    assert {(FIRST, "Restored", "Ada"), (SECOND, "RolledBack", "Ada")} <= events
    assert back.outside.memory.lock is not None
    assert back.outside.memory.lock.holder == ""
    ((subject, text),) = back.outside.topic.sent
    assert subject == f"{MODEL}: is back on release {FIRST}"
    for words in (SECOND, "all is as it should be", "Asked for by Ada: fares look too low", "(version 2)"):
        assert words in text
    record = back.outside.memory.rollbacks[ROLLBACK]
    assert (record["outcome"], record["fromReleaseId"], record["toReleaseId"]) == ("restored", SECOND, FIRST)


def test_a_second_call_changes_nothing_and_tells_nobody(back: Story) -> None:
    close(back)
    state = (back.outside.releases.get(FIRST).state, back.outside.releases.get(SECOND).state)
    close(back)
    assert len(back.outside.topic.sent) == 1
    assert (back.outside.releases.get(FIRST).state, back.outside.releases.get(SECOND).state) == state


def test_a_mail_that_could_not_be_sent_is_sent_by_the_next_call(back: Story) -> None:
    back.outside.topic.failures = 1
    with pytest.raises(TransientError):
        close(back)
    close(back)
    assert len(back.outside.topic.sent) == 1


def test_differences_are_in_the_subject_and_the_text(back: Story) -> None:
    close(back, differences=["it captures 0 %"], error={"Error": "NotAsPlanned", "Cause": "it captures 0 %"})
    ((subject, text),) = back.outside.topic.sent
    assert subject == f"{MODEL}: is back on release {FIRST}, but not as it should be"
    assert "- it captures 0 %" in text
    assert "all is as it should be" not in text
    assert back.outside.releases.get(SECOND).item["rollback"]["differences"] == ["it captures 0 %"]


def test_what_could_not_be_read_back_is_not_called_whole(back: Story) -> None:
    close(back, error={"Error": "TransientError", "Cause": "SageMaker is away"})
    ((subject, text),) = back.outside.topic.sent
    assert "but not as it should be" in subject
    assert "SageMaker is away" in text
    assert "all is as it should be" not in text


def test_one_goes_forward_again_by_the_same_way(back: Story) -> None:
    """Back to the first release, then forward to the second: the first is the predecessor again, not rolled back."""
    close(back)
    forward = plan(back, {**ASKED, "releaseId": SECOND})
    assert (forward["status"], forward["from"]["releaseId"]) == ("shift", FIRST)
    back.outside.functions.alias = "3"
    ends: dict[str, Any] = {"from": {"releaseId": FIRST}, "to": {"releaseId": SECOND}, "rollbackId": "rollback-2"}
    close(back, **ends)
    assert back.outside.releases.get(SECOND).state is State.LIVE
    assert (back.outside.releases.get(FIRST).state, back.outside.releases.get(FIRST).keeper) == (State.LIVE, EXECUTION)
    assert back.outside.memory.lock is not None
    back.outside.memory.lock = None
    assert plan(back)["to"]["releaseId"] == FIRST, "and back once more"


def test_a_retired_release_that_is_made_anew_is_live_and_not_retired(back: Story) -> None:
    back.outside.memory.releases[FIRST] |= {"state": "Retired", "retiredAt": "2026-02-01T10:00:00Z"}
    close(back)
    assert back.outside.releases.get(FIRST).state is State.LIVE
    assert not back.outside.releases.get(FIRST).item["retiredAt"]


def test_where_nothing_was_live_only_the_target_is_recorded(back: Story) -> None:
    nothing: dict[str, Any] = {"from": None}
    close(back, **nothing)
    assert back.outside.releases.get(FIRST).state is State.LIVE
    assert back.outside.releases.get(SECOND).state is State.LIVE
    assert "went from no release to" in back.outside.topic.sent[0][1]


def test_a_release_that_was_served_by_hand_keeps_how_it_ended(back: Story) -> None:
    back.outside.memory.releases[SECOND]["state"] = "Failed"
    close(back)
    assert back.outside.releases.get(SECOND).state is State.FAILED


@pytest.mark.parametrize(
    ("outcome", "subject"),
    [
        ("refused", "going back was refused"),
        ("failed", "going back failed"),
        ("stopped", f"the shift to release {SECOND} was stopped"),
    ],
)
def test_an_end_without_a_shift_moves_no_record_and_says_what_serves(two: Story, outcome: str, subject: str) -> None:
    plan(two)
    error = {} if outcome == "stopped" else {"error": {"Error": "E", "Cause": "because"}}
    assert close(two, outcome, deploymentId=None, **error) == {"outcome": outcome}
    assert two.outside.releases.get(SECOND).state is State.LIVE
    ((told, text),) = two.outside.topic.sent
    assert told == f"{MODEL}: {subject}"
    assert f"Production serves from release {SECOND} (version 3)." in text
    assert ("Why not: because" in text) == bool(error)
    assert two.outside.memory.lock is not None
    assert two.outside.memory.lock.holder == "", "the lock is given back"


def test_why_a_shift_failed_is_what_the_hook_found(two: Story) -> None:
    plan(two)
    check = {"failures": ["the endpoint is slow"], "deploymentId": "d-9"}
    two.outside.memory.releases[FIRST]["versionCheck"] = check
    close(two, "failed", error={"Error": "ShiftFailed", "Cause": "deployment d-9 is Failed"}, state="Shift Back")
    assert "Why not: the endpoint is slow; deployment d-9 is Failed" in two.outside.topic.sent[0][1]


def test_what_check_version_noted_of_the_target_is_told(back: Story) -> None:
    notes = ["the endpoint is slow", "its golden rows are gone"]
    back.outside.memory.releases[FIRST]["versionCheck"] = {"notes": notes, "deploymentId": "d-9"}
    close(back)
    ((subject, text),) = back.outside.topic.sent
    assert subject == f"{MODEL}: is back on release {FIRST}"
    assert "the endpoint is slow\nits golden rows are gone" in text


def test_what_check_version_noted_another_time_is_not_told(back: Story) -> None:
    back.outside.memory.releases[FIRST]["versionCheck"] = {"notes": ["it is slow"], "deploymentId": "d-8"}
    close(back)
    assert "it is slow" not in back.outside.topic.sent[0][1]


def test_a_shift_that_arrived_although_it_could_not_be_watched_is_recorded_as_that(back: Story) -> None:
    answer = close(back, "failed", error={"Error": "E", "Cause": "CodeDeploy is away"}, state="Read Deployment")
    assert answer == {"outcome": "restored"}
    assert back.outside.releases.get(SECOND).state is State.ROLLED_BACK
    assert "but not as it should be" in back.outside.topic.sent[0][0]


def test_a_stop_that_failed_is_not_taken_for_a_way_back(shifting: Story) -> None:
    """The alias's main version is the champion's all through a shift."""
    to: dict[str, Any] = {"from": {"releaseId": THIRD}, "to": {"releaseId": SECOND}, "deploymentId": None}
    assert close(shifting, "failed", error={"Error": "E", "Cause": "no"}, **to) == {"outcome": "failed"}
    assert shifting.outside.releases.get(THIRD).state is State.PROMOTING


def test_a_clean_up_that_failed_and_a_moved_alias_are_told(two: Story) -> None:
    close(two, "failed", cleanUp={"Error": "E", "Cause": "it is busy"}, note="The alias was moved by hand: so.")
    text = two.outside.topic.sent[0][1]
    assert "Not everything could be removed, so look for leftovers: it is busy" in text
    assert "The alias was moved by hand: so." in text


def test_what_serves_may_be_unreadable(two: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    def away() -> None:
        raise TransientError("Lambda is away")

    monkeypatch.setattr(two.outside.functions, "live", away)
    assert close(two, "failed", error={"Error": "E", "Cause": "no"}) == {"outcome": "failed"}
    assert "What production serves from could not be read: Lambda is away" in two.outside.topic.sent[0][1]


def test_a_refused_input_is_told_whatever_it_was(two: Story) -> None:
    ends: dict[str, Any] = {"from": None, "to": None}
    close(two, "refused", asked="back!", error={"Error": "E", "Cause": "no"}, **ends)
    assert "somebody who gave no name: no reason was given" in two.outside.topic.sent[0][1]


def test_a_lock_that_somebody_else_has_stays(back: Story) -> None:
    hold(back, THIRD)
    close(back)
    assert back.outside.memory.lock is not None
    assert back.outside.memory.lock.holder == THIRD


def test_a_release_that_was_gone_back_from_is_not_announced_as_live(back: Story) -> None:
    back.outside.memory.releases[SECOND] |= {"state": "Promoting", "noticedAs": ""}
    close(back)
    back.outside.topic.sent.clear()
    back.close("live", SECOND, version="3")
    assert back.outside.releases.get(SECOND).state is State.ROLLED_BACK
    assert back.outside.topic.sent == []


# ---- an execution that was stopped ----


def stopped(story: Story, status: str = "ABORTED") -> dict[str, Any]:
    """Let EventBridge tell that the execution ended so."""
    story.outside.executions.statuses[EXECUTION] = status
    story.outside.executions.reasons[EXECUTION] = ("Stopped", "wrong release")
    answer: dict[str, Any] = story.call("close_rollback", {"stoppedExecutionArn": EXECUTION})
    return answer


def planned(story: Story, asked: Any = None) -> None:
    """Plan under the name that the machine derives from its execution."""
    name = f"rollback-{release_id_of(EXECUTION, START)}"
    event = {
        "rollbackId": name,
        "executionArn": EXECUTION,
        "asked": asked or ASKED,
        "toReleaseId": None,
        "stopped": None,
    }
    story.call("plan_rollback", event)


@pytest.mark.parametrize("status", ["ABORTED", "TIMED_OUT", "FAILED"])
def test_one_that_was_stopped_before_traffic_moved_gives_the_lock_back_and_tells(two: Story, status: str) -> None:
    planned(two)
    assert stopped(two, status) == {"outcome": "failed"}
    assert two.outside.memory.lock is not None
    assert two.outside.memory.lock.holder == ""
    ((subject, text),) = two.outside.topic.sent
    assert subject == f"{MODEL}: going back failed"
    assert f"its execution ended as {status} (Stopped: wrong release)" in text
    assert "is removed within the hour" in text
    assert f"Production serves from release {SECOND}" in text
    assert two.outside.releases.get(SECOND).state is State.LIVE


def test_one_that_was_stopped_after_traffic_moved_is_recorded_as_what_it_is(two: Story) -> None:
    planned(two)
    two.outside.functions.alias = "2"
    assert stopped(two) == {"outcome": "restored"}
    assert two.outside.releases.get(SECOND).state is State.ROLLED_BACK
    assert two.outside.releases.get(FIRST).item["restored"]["by"] == "Ada"
    assert "but not as it should be" in two.outside.topic.sent[0][0]


def test_a_shift_that_a_stopped_one_left_is_stopped_first(two: Story) -> None:
    planned(two)
    two.outside.deployments.shift = Shift("d-9", "3", "2")
    with pytest.raises(TransientError, match="d-9"):
        stopped(two)
    assert two.outside.deployments.stopped == ["d-9"]
    assert two.outside.topic.sent == []
    two.outside.deployments.shift = None
    assert stopped(two) == {"outcome": "failed"}


def test_one_that_recorded_its_end_is_not_closed_again(back: Story) -> None:
    close(back, rollbackId=f"rollback-{release_id_of(EXECUTION, START)}")
    assert stopped(back) == {"outcome": "restored"}
    assert len(back.outside.topic.sent) == 1


def test_one_that_never_came_to_a_plan_is_told_too(two: Story) -> None:
    assert stopped(two) == {"outcome": "failed"}
    assert "could not be brought back." in two.outside.topic.sent[0][1]


@pytest.mark.parametrize("change", [{"outcome": "perhaps"}, {"rollbackId": ""}, {"to": {"releaseId": "latest"}}])
def test_a_wrong_request_is_the_machines_mistake(two: Story, change: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequestError):
        close(two, **change)
