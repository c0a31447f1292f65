"""Alarms before a shift: what fires stops it in words, unless a person broke the glass; the candidate gets its own."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from safe_deploy.errors import InvalidRequestError, NotFoundError

from tests.fakes.story import FIRST, MODEL, Story

GLASS = {"files": ["sales.csv"], "requestedBy": "Grace", "breakGlass": {"reason": "the live model is broken"}}
OWN = [f"{MODEL}-{FIRST}-errors", f"{MODEL}-{FIRST}-latency"]


def published(story: Story, manifest: Any = None) -> Story:
    """Tell the story of one release up to its version."""
    story.drop(manifest=manifest)
    story.register()
    story.run_jobs()
    story.check_gates()
    story.test_endpoint()
    story.decide(story.ask())
    story.take_lock()
    story.publish()
    return story


def test_quiet_alarms_let_the_shift_begin_and_watch_it_beside_the_candidates_own(story: Story) -> None:
    answer = published(story).check_alarms()
    assert answer == {
        "status": "quiet",
        "reason": "",
        "firing": [],
        "watched": ["live-errors", "live-latency", *OWN],
    }
    assert story.outside.releases.get(FIRST).item["alarmCheck"] == answer


def test_the_candidates_alarm_is_the_alias_alarm_narrowed_to_its_version(story: Story) -> None:
    published(story).check_alarms(version="7")
    guard, own = (story.outside.alarms.alarms[name].settings for name in ("live-errors", OWN[0]))
    query = own["Metrics"][1]["MetricStat"]["Metric"]
    assert query["Dimensions"] == [
        *guard["Metrics"][1]["MetricStat"]["Metric"]["Dimensions"],
        {"Name": "ExecutedVersion", "Value": "7"},
    ]
    assert own["Metrics"][0] == guard["Metrics"][0], "the limit stands once"
    for key in ("EvaluationPeriods", "Threshold", "ComparisonOperator", "TreatMissingData"):
        assert own[key] == guard[key]
    assert not own["ActionsEnabled"]
    assert "AlarmActions" not in own, "the release's own mail tells of it"
    assert story.outside.alarms.tags[OWN[0]] == {
        "safe-deploy:model": MODEL,
        "safe-deploy:release": FIRST,
        "safe-deploy:stage": "prod",
    }


def test_a_firing_alarm_stops_the_shift_with_its_name_and_reason(story: Story) -> None:
    published(story).outside.alarms.add("live-latency", "ALARM", "Threshold Crossed: 3.2 > 0")
    answer = story.check_alarms()
    assert (answer["status"], answer["firing"], answer["watched"]) == ("firing", ["live-latency"], [])
    assert answer["reason"] == "the alarm live-latency fires: Threshold Crossed: 3.2 > 0"
    assert not set(OWN) & set(story.outside.alarms.alarms), "nothing is made for a shift that doesn't begin"


def test_an_alarm_that_knows_nothing_yet_stops_nothing(story: Story) -> None:
    published(story).outside.alarms.add("live-errors", "INSUFFICIENT_DATA", "Unchecked: Initial alarm creation")
    assert story.check_alarms()["status"] == "quiet"


def test_a_missing_alarm_fails_closed(story: Story) -> None:
    published(story).outside.alarms.remove("live-errors")
    with pytest.raises(InvalidRequestError, match="there is no alarm live-errors"):
        story.check_alarms()
    with pytest.raises(NotFoundError):
        story.outside.alarms.describe(["live-errors"])


def test_an_alarm_that_watches_no_metrics_of_the_alias_is_refused(story: Story) -> None:
    alarms = published(story).outside.alarms.alarms
    alarms["live-errors"] = replace(alarms["live-errors"], settings={"MetricName": "Errors"})
    with pytest.raises(InvalidRequestError, match="live-errors has no Metrics"):
        story.check_alarms()


def test_a_broken_glass_leaves_the_live_alarms_out_and_the_candidates_on_watch(story: Story) -> None:
    published(story, GLASS).outside.alarms.add("live-errors", "ALARM", "Threshold Crossed")
    answer = story.check_alarms()
    assert (answer["status"], answer["firing"], answer["watched"]) == ("overridden", ["live-errors"], OWN)
    (entry,) = [entry for entry in story.outside.memory.audit if entry["event"] == "Break glass"]
    assert (entry["actor"], entry["detail"]["why"]) == ("Grace", "the live model is broken")
    assert entry["detail"]["firing"] == ["live-errors"]
    assert "Threshold Crossed" in entry["detail"]["reason"]


def test_a_broken_glass_is_told_to_the_approver_and_to_everybody_in_the_end(story: Story) -> None:
    story.outside.alarms.add("live-errors", "ALARM", "Threshold Crossed")
    story.drop(manifest=GLASS)
    story.register()
    story.run_jobs()
    story.check_gates()
    story.test_endpoint()
    link = story.ask()
    asked = story.outside.topic.sent[-1][1]
    assert "BREAK GLASS: Grace wants" in asked
    assert "the live model is broken" in asked
    page = story.show(link)["body"]
    assert "Break glass" in page
    assert "the live model is broken" in page
    story.decide(link)
    story.take_lock()
    story.publish()
    story.check_alarms()
    story.close("live", version="2")
    told = story.outside.topic.sent[-1][1]
    assert "although live-errors fired. Asked for by Grace: the live model is broken" in told


def test_a_glass_that_needed_no_breaking_is_told_too(story: Story) -> None:
    published(story, GLASS).check_alarms()
    story.close("failed", error={"Error": "X", "Cause": "y"})
    assert "none fired. Asked for by Grace" in story.outside.topic.sent[-1][1]


def test_without_a_broken_glass_nobody_reads_of_one(story: Story) -> None:
    link = story.until_asked()
    assert "glass" not in story.outside.topic.sent[-1][1].lower()
    assert "glass" not in story.show(link)["body"].lower()


@pytest.mark.parametrize(
    ("glass", "words"),
    [
        ({}, "breakGlass.reason is missing"),
        ({"reason": " "}, "breakGlass.reason must be a string that is not empty"),
        ({"reason": "x", "until": "y"}, "breakGlass.until is not a key that is known here"),
        (True, "breakGlass must be a JSON object"),
    ],
)
def test_a_glass_is_broken_for_a_reason_only(story: Story, glass: Any, words: str) -> None:
    story.drop(manifest={**GLASS, "breakGlass": glass})
    answer = story.register()
    assert answer["status"] == "refused"
    assert words in answer["reason"]


def test_somebody_must_answer_for_a_broken_glass(story: Story) -> None:
    story.drop(manifest={"files": ["sales.csv"], "breakGlass": {"reason": "x"}})
    assert "breakGlass needs requestedBy" in story.register()["reason"]


def test_the_candidates_alarms_go_with_its_release(story: Story) -> None:
    published(story).check_alarms()
    answer = story.call("clean_up_release", {"releaseId": FIRST, "scope": "all"})
    assert {f"alarm {name}" for name in OWN} <= set(answer["removed"])
    assert set(story.outside.alarms.alarms) == {"live-errors", "live-latency"}
