"""watch_shift, look by look: what it counts, when it stops, when it replays, what it records."""

from __future__ import annotations

import itertools
import json
import random
import threading
import uuid
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from safe_deploy.domain.ports import DeploymentProgress, Invocation, LifecycleEvent, LogEvent
from safe_deploy.errors import ConditionFailedError, InvalidRequestError, TransientError

from tests.fakes.story import ARTIFACTS, FIRST, MODEL, SECOND, Story

DEPLOYMENT = "d-3"
CHAMPION_ENDPOINT = f"{MODEL}-{FIRST}-prod"
CHANCE = random.Random


class Shift:
    """A release with a champion, whose traffic is being shifted."""

    def __init__(self, story: Story, seed: int = 7) -> None:
        self.story, self.outside = story, story.outside
        self.chance = CHANCE(seed)
        self.looks = itertools.count(1)
        self.deployment = DEPLOYMENT
        self.worse: dict[str, Any] = {}
        """What the candidate does otherwise than the champion: errors (a share), latency, prediction."""
        self.stage("BeforeAllowTraffic")

    def stage(self, event: str, status: str = "InProgress", ago: float = 0.0) -> None:
        """Bring the deployment to one of its lifecycle events."""
        started: datetime = self.outside.clock.now() - timedelta(seconds=ago)
        self.outside.deployments.stages[self.deployment] = DeploymentProgress(
            "InProgress", "no reason given", (LifecycleEvent(event, status, started),)
        )

    def end(self, status: str, message: str = "no reason given") -> None:
        """End the deployment."""
        self.outside.deployments.stages[self.deployment] = DeploymentProgress(status, message)

    def share(self, weight: float) -> None:
        """Give the candidate a share of the traffic."""
        self.outside.functions.weights = {"3": weight} if weight else {}
        self.stage("AllowTraffic")

    def live(self, requests: int, seconds: float = 10.0, lag: int = 200) -> None:
        """Let people send requests, evenly over so many seconds, which pass."""
        weight = self.outside.functions.weights.get("3", 0.0)
        for _ in range(requests):
            self.outside.clock.advance(seconds / requests)
            version = "3" if self.chance.random() < weight else "2"
            self.log(self.line(version), version, lag)

    def line(self, version: str, **changes: Any) -> dict[str, Any]:
        """What functions/predict writes for one request."""
        worse = self.worse if version == "3" else {}
        failed = self.chance.random() < worse.get("errors", 0.0)
        return {
            "requestId": str(uuid.UUID(int=self.chance.getrandbits(128), version=4)),
            "version": version,
            "status": 500 if failed else 200,
            "coldStart": False,
            "Latency": self.chance.lognormvariate(2, 0.2) * worse.get("latency", 1.0),
            "prediction": None if failed else self.chance.gauss(10, 2) + worse.get("prediction", 0.0),
            **changes,
        }

    def log(self, line: dict[str, Any] | str, version: str, lag: int = 200) -> None:
        """Leave a line in the log."""
        at = int(self.outside.clock.now().timestamp() * 1000)
        text = line if isinstance(line, str) else json.dumps(line)
        self.outside.request_logs.events.append(LogEvent(at, at + lag, f"2026/02/01/predict[{version}]ab", text))

    def look(self, number: int | None = None) -> dict[str, Any]:
        """Let the state machine look."""
        answer: dict[str, Any] = self.story.call("watch_shift", self.event(number or next(self.looks)))
        return answer

    def decide(self) -> dict[str, Any]:
        """Let the state machine ask for the decision."""
        answer: dict[str, Any] = self.story.call("watch_shift", self.event(0))
        return answer

    def event(self, look: int) -> dict[str, Any]:
        return {
            "releaseId": SECOND,
            "deploymentId": self.deployment,
            "look": look,
            "version": "3",
            "previousVersion": "2",
        }

    @property
    def record(self) -> dict[str, Any]:
        """What stands in the release's record about its shift."""
        found: dict[str, Any] = self.outside.releases.get(SECOND).item["shift"]
        return found

    def audited(self) -> list[str]:
        """Return the events of the audit trail that are about the shift."""
        audit = self.outside.releases.memory.audit
        return [e["event"] for e in audit if e["release"] == SECOND and e["event"].startswith("Shift")]


def prepared(story: Story, **canary: Any) -> Shift:
    """A second release, as far as its deployment, with requests to the champion before it."""
    story.policy["canary"] |= {"replayRequests": 0, **canary}
    story.deploy_code()
    story.until_live(FIRST, "monday", "2")
    story.outside.clock.advance(24 * 3600)
    story.decide(story.until_asked(SECOND, "tuesday", champion=4.1))
    assert story.take_lock(SECOND)["status"] == "taken"
    story.publish(SECOND, "3")
    shift = Shift(story)
    shift.live(600, seconds=120)
    return shift


@pytest.fixture
def shift(story: Story) -> Shift:
    """A shift that relies on live traffic."""
    return prepared(story)


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


def test_a_late_line_is_counted_once_and_no_line_twice(shift: Shift) -> None:
    shift.look()
    shift.share(0.5)
    shift.look()
    shift.live(100)
    logs = shift.outside.request_logs
    late, logs.events = logs.events[-60:-50], logs.events[:-60] + logs.events[-50:]
    shift.look()
    logs.events += late
    shift.outside.clock.advance(10)
    shift.look()
    assert sum(shift.record["live"].values()) == 100
    shift.outside.clock.advance(10)
    shift.look()
    assert sum(shift.record["live"].values()) == 100


def test_what_was_served_while_the_share_changed_counts_under_neither(shift: Shift) -> None:
    shift.look()
    shift.share(0.1)
    shift.look()
    shift.live(50)
    shift.look()
    shift.live(10)
    shift.share(0.2)
    shift.live(10)
    shift.look()
    shift.live(50)
    shift.look()
    shift.outside.clock.advance(10)
    shift.look()
    assert sum(shift.record["live"].values()) == 100


def test_a_died_invocation_counts_as_an_error_of_its_version_once(shift: Shift) -> None:
    shift.look()
    shift.share(0.5)
    shift.look()
    shift.outside.clock.advance(1)
    identity = "0a1b2c3d-1111-4222-8333-444455556666"
    shift.log(f"{identity} Task timed out after 29.00 seconds", "3")
    shift.log(f"REPORT RequestId: {identity}\tDuration: 29000.00 ms\tStatus: timeout\t", "3")
    told = shift.line("3", status=500)
    shift.log(told, "3")
    shift.log(f"REPORT RequestId: {told['requestId']}\tStatus: error\tError Type: Exception\t", "3")
    shift.outside.clock.advance(10)
    shift.look()
    assert shift.record["live"] == {"champion": 0, "candidate": 2}


def test_a_version_that_has_no_part_in_the_shift_is_left_out(shift: Shift) -> None:
    shift.look()
    shift.share(0.5)
    shift.look()
    shift.outside.clock.advance(1)
    shift.log(shift.line("9"), "9")
    shift.log(shift.line("2"), "2")
    shift.outside.clock.advance(10)
    shift.look()
    assert shift.record["live"] == {"champion": 1, "candidate": 0}


def test_what_does_not_fit_into_one_look_is_read_by_the_next(shift: Shift) -> None:
    shift.look()
    shift.share(0.5)
    shift.look()
    shift.outside.request_logs.page = 2
    shift.live(100)
    seen = []
    for _ in range(3):
        shift.look()
        seen.append(sum(shift.record["live"].values()))
        shift.outside.clock.advance(10)
    assert seen[0] == 60, "30 pages of 2"
    assert seen[-1] == 100


def test_what_is_not_read_yet_is_not_proven(shift: Shift) -> None:
    """GIVEN a candidate that is proven by all that was read WHEN the log has more THEN that is no pass."""
    shift.look()
    shift.share(0.5)
    shift.look()
    for _ in range(10):
        shift.live(300)
        shift.look()
    assert shift.record["status"] == "pass"
    shift.outside.request_logs.page = 5
    shift.live(300)
    answer = shift.look()
    read = shift.outside.clock.now() - timedelta(seconds=6)
    assert answer["verdict"] == "insufficient evidence"
    assert f"the log is read only up to {read:%Y-%m-%dT%H:%M}" in shift.record["reason"]
    decided = shift.decide()
    assert decided["status"] == "stop"
    assert "It passed at" in decided["reason"]
    assert "read only up to" in decided["reason"]
    shift.outside.request_logs.page = 10_000
    shift.outside.clock.advance(2)
    assert shift.look()["verdict"] == "pass"
    assert shift.decide()["status"] == "proven"


def test_a_step_does_not_pass_over_what_is_not_read_yet(shift: Shift) -> None:
    """GIVEN more requests than a look can read WHEN the share changes THEN each still counts, under its share."""
    shift.look()
    shift.outside.request_logs.page = 2
    served = 0
    for weight in (0.1, 0.2, 0.3):
        shift.share(weight)
        shift.look()
        shift.live(100)
        served += 100
        assert shift.look()["verdict"] == "insufficient evidence"
    for _ in range(8):
        shift.outside.clock.advance(10)
        shift.look()
    assert sum(shift.record["live"].values()) == served
    uri = f"s3://{ARTIFACTS}/releases/{SECOND}/shift/{DEPLOYMENT}.json"
    state = json.loads(shift.outside.objects.content[uri])
    assert ([span["weight"] for span in state["spans"]], state["behind"]) == ([0.3], False)


def test_the_next_window_reads_what_the_one_before_left(story: Story) -> None:
    shift = prepared(story, onInsufficientEvidence="hold", windows=1)
    shift.look()
    shift.share(0.1)
    shift.look()
    shift.live(40)
    shift.look()
    story.outside.deployments.deployments["d-4"] = replace(story.outside.deployments.deployments["d-3"])
    shift.deployment, shift.looks = "d-4", itertools.count(1)
    shift.stage("BeforeAllowTraffic")
    shift.outside.clock.advance(20)
    shift.look()
    assert sum(shift.record["live"].values()) == 40


def test_empty_pages_are_not_taken_for_an_empty_log(shift: Shift, monkeypatch: pytest.MonkeyPatch) -> None:
    shift.look()
    shift.share(0.5)
    shift.look()
    shift.live(50)
    with monkeypatch.context() as patch:
        patch.setattr(shift.outside.request_logs, "read", lambda start, end, pages: ([], False))
        shift.look()
    shift.outside.clock.advance(60)
    shift.look()
    assert sum(shift.record["live"].values()) == 50


def test_what_is_served_before_the_share_was_read_does_not_count(shift: Shift, monkeypatch: pytest.MonkeyPatch) -> None:
    """GIVEN a look that takes a while until it knows the share THEN what was served meanwhile counts under neither."""
    shift.look()
    live = shift.outside.functions.live

    def slowly() -> Any:
        shift.outside.clock.advance(1)
        shift.log(shift.line("2"), "2")
        shift.share(0.5)
        shift.outside.clock.advance(1)
        return live()

    shift.share(0.0)
    with monkeypatch.context() as patch:
        patch.setattr(shift.outside.functions, "live", slowly)
        shift.look()
    shift.live(10)
    shift.look()
    shift.outside.clock.advance(10)
    shift.look()
    assert sum(shift.record["live"].values()) == 10


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


# ---- hooks and ends ----


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


# ---- replay ----


def capture(shift: Shift, rows: int) -> None:
    """Let the champion have been asked some rows lately."""
    for number in range(rows):
        shift.story.capture(CHAMPION_ENDPOINT, f"{number}.5,{number}\n", f"{number}.0\n")


def answering(shift: Shift) -> None:
    """Let versions answer as functions/predict does: the invocation's log tells of it, and the log group, too."""

    def answer(version: str, event: Mapping[str, Any]) -> Invocation:
        shift.outside.clock.advance(0.01)
        line = shift.line(version)
        shift.log(line, version)
        text = f"START RequestId: {line['requestId']}\n{json.dumps(line)}\nEND RequestId: {line['requestId']}\n"
        return Invocation(b"{}", "", line["requestId"], text)

    shift.outside.functions.answer = answer


@pytest.fixture
def replaying(story: Story) -> Shift:
    """A shift without live traffic, whose champion was asked something before."""
    shift = prepared(story, replayRequests=2000)
    capture(shift, 20)
    answering(shift)
    return shift


def test_without_live_traffic_captured_requests_prove_a_good_candidate(replaying: Shift) -> None:
    replaying.look()
    replaying.share(0.1)
    verdicts = []
    for _ in range(20):
        verdicts.append(replaying.look()["verdict"])
        replaying.outside.clock.advance(10)
    assert verdicts[-1] == "pass"
    record = replaying.record
    assert record["live"] == {"champion": 0, "candidate": 0}, "our own requests are not live ones"
    assert 0 < record["replayed"] <= 2000
    assert record["candidateRequests"] + record["championRequests"] == record["replayed"]
    sent = replaying.outside.functions.events[-1]
    assert sent["requestContext"]["http"]["userAgent"] == "watch-shift"


def test_replay_finds_a_bad_candidate_before_people_do(replaying: Shift) -> None:
    replaying.worse = {"errors": 1.0}
    replaying.look()
    replaying.share(0.1)
    answer = replaying.look()
    assert answer["status"] == "stop"
    assert "errors" in answer["reason"]


def test_no_more_is_replayed_than_the_policy_allows(story: Story) -> None:
    shift = prepared(story, replayRequests=150, minimumRequests=500)
    capture(shift, 20)
    answering(shift)
    shift.look()
    shift.share(0.1)
    for _ in range(4):
        shift.look()
        shift.outside.clock.advance(10)
    assert shift.record["replayed"] == 150
    assert shift.decide()["status"] == "stop"


def test_much_live_traffic_needs_no_replay(replaying: Shift) -> None:
    replaying.look()
    replaying.share(0.5)
    replaying.look()
    before = replaying.record["replayed"]
    replaying.live(300)
    replaying.look()
    assert replaying.record["replayed"] == before


def test_golden_rows_are_nobodys_requests(story: Story) -> None:
    """GIVEN a champion that only its own release has asked WHEN too little is proven THEN nothing is replayed."""
    shift = prepared(story, replayRequests=1000)
    answering(shift)
    for row in ("10.5,1", "20.25,2", "30.0,3"):
        shift.story.capture(CHAMPION_ENDPOINT, f"{row}\n", "1.0\n")
    shift.look()
    shift.share(0.1)
    shift.look()
    assert shift.record["replayed"] == 0


def test_a_champion_that_is_asked_only_after_the_shift_began_is_replayed_from_then_on(story: Story) -> None:
    shift = prepared(story, replayRequests=1000)
    answering(shift)
    shift.look()
    shift.share(0.1)
    shift.look()
    assert shift.record["replayed"] == 0, "there is nothing yet"
    capture(shift, 3)
    shift.look()
    assert shift.record["replayed"] == 100
    kept = json.loads(shift.outside.objects.content[f"s3://{ARTIFACTS}/releases/{SECOND}/shift/rows.json"])
    assert len(kept) == 3


def test_a_look_that_died_while_it_replayed_leaves_nothing_that_is_taken_for_live_traffic(replaying: Shift) -> None:
    """GIVEN a look that was killed WHEN it is retried THEN what it had sent, and what still runs, isn't people's."""
    replaying.look()
    replaying.share(0.1)
    answer = replaying.outside.functions.answer
    asked = itertools.count()

    def dying(version: str, event: Mapping[str, Any]) -> Invocation:
        if next(asked) == 30:
            raise MemoryError
        return answer(version, event)

    replaying.outside.functions.answer = dying
    with pytest.raises(MemoryError):
        replaying.look(2)
    replaying.outside.functions.answer = answer
    replaying.outside.clock.advance(1)  # the retry comes later than the last replayed request
    replaying.look(2)
    replaying.outside.clock.advance(30)
    replaying.log(replaying.line("3", status=500), "3")  # one that hung
    for _ in range(6):
        replaying.outside.clock.advance(10)
        replaying.look()
    assert replaying.record["live"] == {"champion": 0, "candidate": 0}
    replaying.share(0.5)  # and then people's count again
    replaying.look()
    replaying.live(100)
    replaying.look()
    replaying.outside.clock.advance(10)
    replaying.look()
    assert sum(replaying.record["live"].values()) == 100


def hanging(shift: Shift) -> None:
    """Let the candidate answer nothing until its time is up, which the end of its log says."""
    answer = shift.outside.functions.answer
    turn = threading.Lock()

    def hang(version: str, event: Mapping[str, Any]) -> Invocation:
        with turn:
            if version != "3":
                return answer(version, event)
            identity = str(uuid.UUID(int=shift.chance.getrandbits(128), version=4))
            shift.outside.clock.advance(29 / 4)  # four hang at once
            shift.log(f"{identity} Task timed out after 29.00 seconds", "3")
            text = f"START RequestId: {identity}\n2026-01-01T00:00:00Z {identity} Task timed out after 29.00 seconds\n"
            return Invocation(b'{"errorMessage": "timed out"}', "Unhandled", identity, text)

    shift.outside.functions.answer = hang


def test_a_candidate_that_hangs_is_stopped_soon_with_metric_and_figures(replaying: Shift) -> None:
    hanging(replaying)
    replaying.look()
    replaying.share(0.1)
    looks, answer = 0, {"status": "wait"}
    while answer["status"] == "wait" and looks < 6:
        began = replaying.outside.clock.seconds()
        answer = replaying.look()
        assert replaying.outside.clock.seconds() - began < 60, "the function has 90 s"
        looks += 1
        replaying.outside.clock.advance(10)
    assert answer["status"] == "stop"
    assert looks <= 3, "four requests hang in each"
    assert "The candidate is worse in errors: error rate 100% against the champion's 0%" in answer["reason"]
    assert replaying.record["metric"] == "errors"


def test_a_version_that_has_no_room_says_nothing_and_is_asked_no_more_in_this_look(replaying: Shift) -> None:
    replaying.look()
    replaying.share(0.1)
    replaying.outside.functions.is_full = True
    before = len(replaying.outside.functions.events)
    assert replaying.look()["status"] == "wait"
    assert len(replaying.outside.functions.events) - before <= 4, "those that were under way"
    assert (replaying.record["replayed"], replaying.record["candidateRequests"]) == (0, 0)
    replaying.outside.functions.is_full = False
    replaying.live(20)
    replaying.look()
    assert replaying.record["replayed"] == 100
    replaying.outside.clock.advance(10)
    replaying.look()
    assert sum(replaying.record["live"].values()) == 20, "nothing was sent that could be mistaken for these"


def test_a_replay_whose_answer_was_lost_is_no_evidence_and_not_taken_for_live_traffic(replaying: Shift) -> None:
    """GIVEN a replay that AWS gave no answer to WHEN it writes its line all the same THEN it isn't people's."""
    replaying.look()
    replaying.share(0.5)
    replaying.look()
    replaying.live(20)
    answer = replaying.outside.functions.answer
    asked, lost = itertools.count(), []

    def losing(version: str, event: Mapping[str, Any]) -> Invocation:
        if next(asked) == 10:
            lost.append(version)
            raise TransientError("the connection was closed")
        return answer(version, event)

    replaying.outside.functions.answer = losing
    before = replaying.record["replayed"]
    assert replaying.look()["status"] == "wait"
    sent = replaying.record["replayed"] - before
    assert 11 <= sent <= 14
    replaying.outside.functions.answer = answer
    replaying.outside.clock.advance(25)
    replaying.log(replaying.line(lost[0], status=500), lost[0])
    replaying.look()
    replaying.outside.clock.advance(21)
    replaying.look()
    replaying.live(20)
    replaying.look()
    replaying.outside.clock.advance(20)
    replaying.look()
    record = replaying.record
    assert sum(record["live"].values()) == 40
    assert record["candidateRequests"] + record["championRequests"] == 40 + record["replayed"] - len(lost)


def test_a_version_that_dies_without_a_word_is_an_error(replaying: Shift) -> None:
    answer = replaying.outside.functions.answer
    replaying.outside.functions.answer = lambda version, event: (
        Invocation(b"", "Unhandled", str(uuid.uuid4()), "") if version == "3" else answer(version, event)
    )
    replaying.look()
    replaying.share(0.1)
    answered = replaying.look()
    assert answered["status"] == "stop"
    assert "errors" in answered["reason"]


# ---- further windows ----


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


# ---- what it is told ----


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
