"""Releases that get as far as production on the whole app: hooks, alarms, bad candidates, stops, two at once."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import Any

import pytest

from demo.release import Execution, decide
from tests.e2e.faults.rows import WHOLE, Row, keep, note
from tests.e2e.faults.whole import TRAFFIC, YES, Fault, Seen, Whole

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]


HOOK_REPORT = {"service": "codedeploy", "operation": "PutLifecycleEventHookExecutionStatus"}


def test_a_silent_hook_is_given_up_and_traffic_goes_back(whole: Whole) -> None:
    gone = {"kind": "error", "code": "AccessDeniedException", "status": 403}
    seen = whole.release("silent-hook", Fault("call", gone, HOOK_REPORT), code=True)
    keep(whole.judged(seen, "Shift Traffic", "a hook can't report", "Rolled Back"))


def test_a_hook_that_dies_is_given_up_and_traffic_goes_back(whole: Whole) -> None:
    crash = Fault("function", {"kind": "crash", "afterMilliseconds": 50}, {"function": "parcels-CheckVersion*"})
    seen = whole.release("dead-hook", crash, code=True)
    keep(whole.judged(seen, "Shift Traffic", "a hook's process is killed", "Rolled Back"))


CANDIDATE = {"endpoint": "*-{release}-prod"}


@pytest.mark.parametrize(
    ("effect", "words"),
    [
        ({"kind": "status", "status": 500}, "the candidate answers 500 before any traffic"),
        ({"kind": "scale", "factor": 3}, "the candidate answers wrongly before any traffic"),
        ({"kind": "text", "text": "nan"}, "the candidate answers NaN before any traffic"),
        ({"kind": "slow", "milliseconds": 1500}, "the candidate answers slowly before any traffic"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_candidate_that_is_bad_at_once_gets_no_traffic(whole: Whole, effect: dict[str, object], words: str) -> None:
    seen = whole.release(f"bad-{effect['kind']}", Fault("answer", effect, CANDIDATE, when=YES), code=True)
    row = whole.judged(seen, "Shift Traffic", words, "Rolled Back")
    keep(row)
    release = whole.release_id(seen)
    assert not [a for a in whole.users.since(seen.began) if a.release == release], "no user has seen it"


@pytest.mark.parametrize(
    ("effect", "words"),
    [
        ({"kind": "status", "status": 500}, "the candidate answers 500 under traffic"),
        ({"kind": "scale", "factor": 3}, "the candidate answers wrongly, 200, under traffic"),
        ({"kind": "text", "text": "nan"}, "the candidate answers NaN under traffic"),
        ({"kind": "slow", "milliseconds": 300}, "the candidate answers slowly under traffic"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_candidate_that_turns_bad_is_rolled_back(whole: Whole, effect: dict[str, Any], words: str) -> None:
    fault = Fault("answer", effect, CANDIDATE, when=TRAFFIC)
    seen = whole.release(f"turns-{effect['kind']}", fault, code=True)
    keep(whole.judged(seen, "Watch Shift", words, "Rolled Back"))


def test_a_firing_alarm_sends_traffic_back(whole: Whole) -> None:
    cloudwatch = whole.app.stack.aws.client("cloudwatch")
    fired: set[str] = set()

    def fire(seen: Seen) -> None:
        """Again and again while traffic shifts: an alarm's next evaluation ends what was set by hand."""
        if not whole.app.shares():
            return
        alarms = cloudwatch.describe_alarms(AlarmNamePrefix=f"parcels-{whole.release_id(seen)}-")
        for name in (alarm["AlarmName"] for alarm in alarms["MetricAlarms"]):
            with suppress(cloudwatch.exceptions.ResourceNotFound):  # the way back may have removed it just now
                cloudwatch.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="injected")
                fired.add(name)

    seen = whole.release("alarm", during=fire, code=True)
    assert fired
    keep(whole.judged(seen, "Watch Shift", "an alarm fires", "Rolled Back", strikes=False))


@pytest.mark.parametrize(
    ("state", "made"),
    [
        ("Take Release Lock", True),
        ("Create Production Endpoint", True),
        ("Shift Traffic", True),
        ("Watch Shift", False),
        ("Send Request", True),
    ],
)
def test_a_release_stopped_by_hand_is_tidied_up(whole: Whole, state: str, made: bool) -> None:
    seen = whole.stopped_in(f"stopped-{state.replace(' ', '-')}", state, made=made, code=True)
    words = f"execution stopped {'after' if made else 'before'} it is done"
    keep(whole.judged(seen, state, words, "Stopped, recorded as Stopped"))


def test_a_job_that_runs_when_its_release_is_stopped_is_stopped_too(whole: Whole) -> None:
    seen = whole.stopped_in("stopped-Train-Model", "Train Model", made=False)
    keep(whole.judged(seen, "Train Model", "execution stopped before it is done", "Stopped, recorded as Stopped"))


def test_the_same_event_twice_makes_one_release(whole: Whole) -> None:
    """S3 delivers at least once; both executions see the same object version."""
    stack = whole.app.stack
    seen = whole.begin("twice")
    states = stack.aws.client("stepfunctions")
    event = states.describe_execution(executionArn=seen.execution.arn)["input"]
    again = Execution(stack.aws, states.start_execution(stateMachineArn=whole.app.machine, input=event)["executionArn"])
    both = (seen.execution, again)  # whichever comes first is the release
    seen.execution.follow(lambda _: None, until=lambda: again.describe()["status"] != "RUNNING")
    statuses = [execution.describe()["status"] for execution in both]
    assert sorted(statuses) == ["RUNNING", "SUCCEEDED"]
    one, other = both if statuses[0] == "RUNNING" else (again, seen.execution)
    ends = other.entered()[-1]
    states.stop_execution(executionArn=one.arn, cause="only one was needed")
    assert ends == "Already Registered"
    note(Row("Register Drop", "the same event twice", ends, "0", "nothing", "nobody: nothing has happened", WHOLE))


def test_a_manifest_before_its_files_is_refused(whole: Whole) -> None:
    seen = Seen(whole.app.drop("early", {}, {"files": ["parcels.csv"]}), 0.0)
    seen.began = whole.users.answers[-1].at
    seen.ended = whole.app.ended(seen.execution)
    keep(whole.judged(seen, "Register Drop", "the manifest comes before its files", "Drop Refused", strikes=False))


def test_of_two_releases_at_once_one_goes_live(whole: Whole) -> None:
    """The newer one is approved while the older is on its way: production is not what it was compared with any more."""
    first, stale = whole.begin("two-a"), whole.begin("two-b")
    links = [whole.app.asked(seen.execution) for seen in (first, stale)]
    before = whole.app.executions()
    decide(links[0], decision="approve", model_name="parcels", name="Test Person")
    promoting = partial(whole.app.record, whole.release_id(first))
    first.execution.follow(lambda _: None, until=lambda: promoting()["state"] == "Promoting")
    decide(links[1], decision="approve", model_name="parcels", name="Test Person")
    for seen in (first, stale):
        seen.ended = whole.app.ended(seen.execution)
    assert (first.ended["status"], stale.ended.get("error")) == ("SUCCEEDED", "EvidenceStale")
    whole.app.refuse_afresh(stale.execution, "two-b", before)
    keep(
        whole.judged(stale, "Take Release Lock", "two releases at once: the other one", "Evidence Stale", strikes=False)
    )


def test_who_waits_gives_way_to_a_newer_one_which_a_killed_holder_does_not_block(whole: Whole) -> None:
    """Both wait, for all to see: the older one ends, the newer one goes on when the holder's execution is gone."""
    aws = whole.app.stack.aws
    holder = whole.begin("holder")
    # Releases that begin in the same second are older and newer by what else their ids hold.
    older, newer = sorted((whole.begin("one"), whole.begin("another")), key=whole.release_id)
    links = [whole.app.asked(seen.execution) for seen in (holder, older, newer)]
    aws.inject("task", {"kind": "hold", "made": False}, {"state": "Shift Traffic"}, times=1)
    whole.app.approve(links[0])
    holder.execution.follow(lambda _: None, until=lambda: any(fault["struck"] for fault in aws.faults()))
    for waiting, link in ((older, links[1]), (newer, links[2])):
        whole.app.approve(link)
        assert whole.release_id(holder) in whole.waits_because(waiting)
    older.ended = whole.app.ended(older.execution)
    assert whole.release_id(newer) in older.ended["cause"]
    aws.client("stepfunctions").stop_execution(executionArn=holder.execution.arn, cause="killed")
    aws.heal()
    newer.ended = whole.app.ended(newer.execution)
    for seen, fault, end in (
        (newer, "the lock's holder is killed", "Release Live"),
        (older, "a newer release comes to wait, too", "Superseded by Newer"),
    ):
        keep(whole.judged(seen, "Take Release Lock", fault, end, strikes=False))
    holder.ended = whole.app.ended(holder.execution)
    assert whole.app.record(whole.release_id(holder))["state"] == "Stopped"
