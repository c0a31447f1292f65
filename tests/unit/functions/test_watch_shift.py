"""watch_shift, look by look: what it counts, when it stops, what it records."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from safe_deploy.domain.ports import DeploymentProgress, Invocation, LifecycleEvent
from safe_deploy.errors import ConditionFailedError, InvalidRequestError, TransientError

from tests.fakes.shifting import DEPLOYMENT, Shift, prepared
from tests.fakes.story import ARTIFACTS, FIRST, SECOND, Story


def test_a_good_candidate_passes_on_live_traffic_and_is_watched_to_its_end(shift: Shift) -> None:
    assert shift.look()["status"] == "wait", "the hook is at work"
    shift.share(0.5)
    verdicts = []
    for _ in range(12):
        verdicts.append(shift.look()["verdict"])
        shift.live(300)
    assert verdicts[0] == "insufficient evidence"
    assert verdicts[-1] == "pass"
    assert shift.record["passed"]["look"] == verdicts.index("pass") + 2
    assert shift.decide()["status"] == "proven"
    assert shift.audited() == ["Shift: insufficient evidence", "Shift: pass", "Shift decided: proven"]
    shift.share(0)
    assert shift.look()["status"] == "wait"
    shift.end("Succeeded")
    assert shift.look()["status"] == "shifted"


@pytest.mark.parametrize(
    ("worse", "metric"),
    [({"errors": 1.0}, "errors"), ({"latency": 3.0}, "latency"), ({"prediction": 5.0}, "predictions")],
    ids=str,
)
def test_a_worse_candidate_is_stopped_with_metric_figures_and_requests(
    shift: Shift, worse: dict[str, float], metric: str
) -> None:
    shift.worse = worse
    shift.look()
    shift.share(0.1)
    answer: dict[str, Any] = {}
    for _ in range(20):
        answer = shift.look()
        if answer["status"] != "wait":
            break
        shift.live(200)
    assert answer["status"] == "stop"
    assert f"The candidate is worse in {metric}:" in answer["reason"]
    assert "requests of the candidate and" in answer["reason"]
    assert (shift.record["status"], shift.record["metric"]) == ("fail", metric)
    assert shift.decide() == {"status": "stop", "reason": answer["reason"]}
    assert "Shift: fail" in shift.audited()


def gone_bad(shift: Shift) -> dict[str, Any]:
    """Let a candidate pass on live traffic, then be a little too slow, until its proof is lost; return the answer."""
    shift.look()
    shift.share(0.5)
    while shift.look()["verdict"] != "pass":
        shift.live(300)
    shift.worse = {"latency": 1.35}
    answer = shift.look()
    for _ in range(40):
        shift.live(60)
        answer = shift.look()
        if answer["verdict"] != "pass":
            break
    assert (answer["status"], answer["verdict"]) == ("wait", "insufficient evidence"), "it isn't provably worse yet"
    return answer


def test_a_candidate_that_goes_bad_after_its_pass_is_no_longer_proven_and_stops(shift: Shift) -> None:
    gone_bad(shift)
    passed = shift.record["passed"]
    decided = shift.decide()
    assert decided["status"] == "stop"
    assert f"It passed at {passed['at']}, but that is lost since. Not enough evidence" in decided["reason"]
    assert "no proof yet that latency stay within the margin" in decided["reason"]
    assert shift.audited()[-3:] == ["Shift: pass", "Shift: insufficient evidence", "Shift decided: stop"]


def test_a_candidate_that_goes_bad_after_its_pass_gets_another_window_where_the_policy_holds(story: Story) -> None:
    shift = prepared(story, onInsufficientEvidence="hold", windows=1)
    gone_bad(shift)
    assert shift.decide()["status"] == "hold"


def test_what_is_lost_after_the_decision_does_not_get_past_the_last_hook(shift: Shift) -> None:
    gone_bad(shift)
    shift.outside.functions.alias = "3"
    reported = shift.story.hook("check_traffic", "3")
    assert reported["status"] == "Failed"
    assert "but that is lost since" in reported["failures"][0]


def test_the_mail_says_when_a_pass_was_lost(shift: Shift) -> None:
    gone_bad(shift)
    error = {"Error": "ShiftUnproven", "Cause": shift.decide()["reason"]}
    shift.story.close("rolledBack", SECOND, state="Follow Shift", error=error)
    assert ": insufficient evidence. It passed at " in shift.outside.topic.sent[-1][1]


def test_a_proof_that_is_won_again_counts(shift: Shift) -> None:
    gone_bad(shift)
    shift.worse = {}
    for _ in range(12):
        shift.live(300)
        shift.look()
    assert shift.decide()["status"] == "proven"


def test_silence_is_never_a_pass_and_stops_at_the_deadline(shift: Shift) -> None:
    shift.look()
    shift.share(0.1)
    for _ in range(5):
        assert shift.look()["verdict"] == "insufficient evidence"
        shift.outside.clock.advance(10)
    decided = shift.decide()
    assert decided["status"] == "stop"
    assert "Not proven in time" in decided["reason"]
    assert "0 of at least 100 requests" in decided["reason"]


def test_a_deadline_before_any_look_stops(shift: Shift) -> None:
    assert shift.decide()["status"] == "stop"


def test_a_retried_look_answers_the_same_and_counts_nothing_twice(shift: Shift) -> None:
    shift.look()
    shift.share(0.5)
    shift.look()
    shift.live(200)
    first = shift.look(3)
    counted = shift.record["live"]
    shift.live(200)
    assert shift.look(3) == first
    assert shift.record["live"] == counted
    shift.look(4)
    assert sum(shift.record["live"].values()) > sum(counted.values())


@pytest.mark.parametrize("broken", ["update", "audit"])
@pytest.mark.parametrize("comes_through", [False, True], ids=["not written", "written, answer lost"])
def test_a_look_that_dies_while_it_records_is_recorded_by_its_retry_once(
    shift: Shift, monkeypatch: pytest.MonkeyPatch, broken: str, comes_through: bool
) -> None:
    """GIVEN a look that saved its state and then failed WHEN it is retried THEN record, trail and mail have it."""
    shift.look()
    shift.share(0.5)
    shift.look()
    shift.worse = {"errors": 1.0}
    shift.live(100)
    releases = shift.outside.releases
    write = getattr(releases, broken)

    def fail(*args: Any) -> None:
        if comes_through:
            write(*args)
        raise TransientError("DynamoDB is away")

    with monkeypatch.context() as patch:
        patch.setattr(releases, broken, fail)
        with pytest.raises(TransientError):
            shift.look(3)
    shift.outside.clock.advance(2.5)
    answer = shift.look(3)
    assert answer["status"] == "stop"
    assert (shift.record["status"], shift.record["looks"]) == ("fail", 3)
    assert shift.record["reason"] == answer["reason"]
    assert shift.audited() == ["Shift: insufficient evidence", "Shift: fail"]
    assert shift.decide() == {"status": "stop", "reason": answer["reason"]}
    shift.story.close("rolledBack", SECOND, state="Follow Shift", error={"Error": "ShiftFailed", "Cause": "worse"})
    assert "minutes, then all): fail. The candidate is worse in errors" in shift.outside.topic.sent[-1][1]


def test_of_two_attempts_of_one_look_one_counts_and_both_say_the_same(replaying: Shift) -> None:
    """GIVEN an attempt that is still at work WHEN it is retried, and the retry ends first THEN that is what counts."""
    replaying.look()
    replaying.share(0.1)
    answer, asked, answers = replaying.outside.functions.answer, itertools.count(), list[dict[str, Any]]()

    def overtaken(version: str, event: Mapping[str, Any]) -> Invocation:
        if next(asked) == 0:
            answers.append(replaying.look(2))
        return answer(version, event)

    replaying.outside.functions.answer = overtaken
    assert replaying.look(2) == answers[0]
    assert (replaying.record["looks"], replaying.record["replayed"]) == (2, 200), (
        "the first is reckoned to have sent all"
    )
    assert replaying.record["candidateRequests"] + replaying.record["championRequests"] == 100
    replaying.outside.clock.advance(100)
    replaying.look(3)
    assert sum(replaying.record["live"].values()) == 0


def test_an_attempt_that_comes_second_waits_for_the_first_but_not_for_ever(
    shift: Shift, monkeypatch: pytest.MonkeyPatch
) -> None:
    shift.look()

    def refused(*args: Any, **more: Any) -> str:
        raise ConditionFailedError("somebody else has written it")

    monkeypatch.setattr(shift.outside.objects, "replace", refused)
    began = shift.outside.clock.seconds()
    with pytest.raises(TransientError, match="another attempt of look 2"):
        shift.look()
    assert 60 < shift.outside.clock.seconds() - began < 85


def test_the_estimate_of_errors_knows_who_was_asked_how_often(shift: Shift) -> None:
    """GIVEN few failures, all of the candidate WHEN its share stayed as asked THEN they bound the difference."""
    shift.worse = {"errors": 1.0}
    shift.look()
    shift.share(0.1)
    shift.look()
    while shift.record["candidateRequests"] < 3:
        shift.live(10, seconds=2)
        shift.look()
    errors = shift.record["findings"][0]
    assert (errors["metric"], errors["candidateRequests"]) == ("errors", 3)
    assert errors["estimate"]["low"] > 0


def test_the_last_look_before_the_deadline_comes_shortly_before_it(story: Story) -> None:
    strategy = {"type": "canary", "percent": 10, "minutes": 2880}
    shift = prepared(story, strategy=strategy, onInsufficientEvidence="hold", windows=10)
    began = shift.outside.clock.seconds()
    deadline, before = 2880 * 60 - 60, 0.0
    waits = []
    for _ in range(145):
        at = shift.outside.clock.seconds() - began
        if at < deadline:
            before = deadline - at
        waits.append(shift.look()["seconds"])
        shift.outside.clock.advance(waits[-1])
    assert waits[0] == waits[-1] == 1268
    assert 25 <= before <= 30


@pytest.mark.parametrize(("hook", "lives"), [("BeforeAllowTraffic", 120), ("AfterAllowTraffic", 300)])
def test_a_hook_that_lives_longer_than_its_function_can_is_stopped_by_name(shift: Shift, hook: str, lives: int) -> None:
    shift.stage(hook, ago=lives)
    assert shift.look()["status"] == "wait"
    shift.stage(hook, ago=lives + 31)
    answer = shift.look()
    assert answer["status"] == "stop"
    assert hook in answer["reason"]


def test_a_hook_of_the_first_release_does_not_hang_either(story: Story) -> None:
    story.decide(story.until_asked())
    story.take_lock()
    story.publish()
    started = story.outside.clock.now() - timedelta(seconds=200)
    story.outside.deployments.stages["d-2"] = DeploymentProgress(
        "InProgress", "", (LifecycleEvent("BeforeAllowTraffic", "InProgress", started),)
    )
    event = {"releaseId": FIRST, "deploymentId": "d-2", "look": 1, "version": "2", "previousVersion": "1"}
    answer = story.call("watch_shift", event)
    assert (answer["status"], answer["verdict"]) == ("stop", "not judged")
    assert "shift" not in story.outside.releases.get(FIRST).item


@pytest.mark.parametrize("status", ["Failed", "Stopped"])
def test_a_deployment_that_codedeploy_ended_is_told_with_its_reason(shift: Shift, status: str) -> None:
    shift.look()
    shift.end(status, "alarm fired")
    answer = shift.look()
    assert answer["status"] == "ended"
    assert "alarm fired" in answer["reason"]


def test_a_deployment_that_never_ends_is_stopped(shift: Shift) -> None:
    answer = shift.look(2000)
    assert answer["status"] == "stop"
    assert "2000 looks" in answer["reason"]


def test_an_unproven_candidate_does_not_get_past_the_last_hook(shift: Shift) -> None:
    shift.look()
    shift.outside.functions.alias = "3"
    reported = shift.story.hook("check_traffic", "3")
    assert reported["status"] == "Failed"
    assert "the analysis does not pass the candidate" in reported["failures"][0]


def test_a_policy_that_holds_shifts_again_with_what_is_known_and_then_rolls_back(story: Story) -> None:
    shift = prepared(story, onInsufficientEvidence="hold", windows=1)
    shift.look()
    shift.share(0.1)
    shift.look()
    shift.live(100)
    shift.look()
    shift.outside.clock.advance(10)
    shift.look()
    assert shift.decide()["status"] == "hold"
    known = shift.record["candidateRequests"]
    assert known > 0

    story.outside.deployments.deployments["d-4"] = replace(story.outside.deployments.deployments["d-3"])
    shift.deployment, shift.looks = "d-4", itertools.count(1)
    shift.stage("BeforeAllowTraffic")
    shift.look()
    assert shift.record["deployments"] == ["d-3", "d-4"]
    assert shift.record["candidateRequests"] == known, "the analysis goes on"
    decided = shift.decide()
    assert decided["status"] == "stop"
    assert "in 2 windows" in decided["reason"]


def test_what_the_approver_saw_of_the_predictions_is_granted(story: Story) -> None:
    shift = prepared(story)
    seen = shift.outside.releases.get(SECOND).item["devTest"]
    now = shift.outside.clock.now()
    replay = {**seen["replay"], "largestShift": 0.5}
    shift.outside.releases.update(SECOND, {"devTest": {**seen, "replay": replay}}, now)
    shift.look()
    uri = f"s3://{ARTIFACTS}/releases/{SECOND}/shift/{DEPLOYMENT}.json"
    state = json.loads(shift.outside.objects.content[uri])
    assert state["analysis"]["policy"]["prediction_tolerance"] == 0.75


def test_a_state_of_another_format_is_refused(shift: Shift) -> None:
    uri = f"s3://{ARTIFACTS}/releases/{SECOND}/shift/{DEPLOYMENT}.json"
    shift.outside.objects.put(uri, {"version": 99})
    with pytest.raises(InvalidRequestError, match="version"):
        shift.look()


@pytest.mark.parametrize("key", ["releaseId", "deploymentId", "look", "version", "previousVersion"])
def test_a_request_without_a_field_names_it(shift: Shift, key: str) -> None:
    event = shift.event(1)
    del event[key]
    with pytest.raises(InvalidRequestError, match=key):
        shift.story.call("watch_shift", event)


def test_the_mail_tells_what_the_analysis_saw(shift: Shift) -> None:
    shift.worse = {"latency": 4.0}
    shift.look()
    shift.share(0.3)
    reason = ""
    while not reason:
        shift.live(200)
        reason = shift.look()["reason"]
    error = {"Error": "ShiftFailed", "Cause": reason}
    shift.story.close("rolledBack", SECOND, state="Follow Shift", error=error)
    _, text = shift.outside.topic.sent[-1]
    assert f"Reason: {reason}" in text
    assert "Traffic shift (10 % for 10 minutes, then all): fail." in text
    assert "live requests of the candidate" in text
    assert "- latency: not proven;" in text


def test_all_at_once_is_told_with_its_reason_to_the_approver_and_at_the_end(story: Story) -> None:
    story.until_live(FIRST, "monday", "2")
    reason = "the champion answers nonsense"
    overrides = {"canary": {"strategy": {"type": "allAtOnce", "reason": reason}}}
    story.drop("tuesday", {"files": ["later.csv"], "overrides": overrides}, later=b"size,price\n1,3\n")
    answer = story.register(SECOND, "tuesday")
    assert answer["shift"] == {
        "deploymentConfig": "CodeDeployDefault.LambdaAllAtOnce",
        "routing": None,
        "decideSeconds": 0,
    }
    story.run_jobs(SECOND, champion=4.1)
    story.check_gates(SECOND)
    story.test_endpoint(SECOND)
    link = story.ask(SECOND)
    assert f"Traffic: all at once: {reason}; nothing is compared" in story.outside.topic.sent[-1][1]
    assert reason in story.show(link)["body"]
    story.decide(link)
    story.take_lock(SECOND)
    story.publish(SECOND, "3")
    assert story.hook("check_version", "3")["status"] == "Succeeded"
    story.outside.functions.alias = "3"
    assert story.hook("check_traffic", "3")["status"] == "Succeeded", "there was nothing to prove"
    story.close("live", SECOND, version="3")
    assert f"as asked, without a comparison: {reason}" in story.outside.topic.sent[-1][1]
