"""Every event in events/ is one that its function takes, and every function has one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import boto3  # its import looks for sockets, so it comes before they are turned off
import pytest
from safe_deploy.domain.ports import Deployment

from tests.fakes.story import ENVIRONMENT, FIRST, ROOT, SECOND, Story

EVENTS = sorted(path for path in (ROOT / "events").glob("*/*.json") if path.parent.name != "predict")
FUNCTIONS = sorted(path.parent.name for path in (ROOT / "functions").glob("*/app.py"))
DEPLOYMENT = "d-1A2B3C4D5"
STATUS = {"link_opened": 404, "link_looked_at": 404, "form_sent": 404, "signed": 409}


@pytest.fixture
def story(monkeypatch: pytest.MonkeyPatch, socket_disabled: None) -> Story:
    """An app before the event: as far as a release gets without it."""
    assert boto3
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    return Story()


def prepare(story: Story, event: Path) -> None:
    """Tell the story up to where the event comes."""
    function, name = event.parent.name, event.stem
    if function == "register_drop" or name == "refused":
        story.drop()
        return
    if function == "clean_up_release":
        return
    if function == "abandon_release":
        story.outside.executions.statuses[json.loads(event.read_text())["executionArn"]] = "ABORTED"
        return
    if function in ("check_gates", "test_endpoint", "ask_for_approval"):
        story.drop()
        story.register()
        story.run_jobs()
        if function != "check_gates":
            story.check_gates()
        if function == "ask_for_approval":
            story.test_endpoint()
        return
    if "rollback" in function:
        story.until_live()
        story.until_live(SECOND, "tuesday", "3", champion=4.5)
        story.outside.executions.statuses["arn:aws:states:eu-west-1:111122223333:execution:rollback:1"] = "ABORTED"
        return
    story.decide(story.until_asked())
    if (
        function in ("check_version", "watch_shift", "check_traffic", "plan_monitoring", "report_drift")
        or name == "live"
    ):
        story.take_lock()
        story.publish()
        story.outside.deployments.deployments[DEPLOYMENT] = Deployment(DEPLOYMENT, "2", story.outside.clock.now())
    if function in ("check_traffic", "plan_monitoring"):
        story.outside.functions.alias = "2"
        story.capture(f"taxi-fare-{FIRST}-prod", "1,1\n", "2.0\n")
    if function == "report_drift":
        output = f"s3://artifacts-bucket/monitoring/{FIRST}/20260131130500"
        report = {"outcome": "Completed", "rows": 1, "unreadable": {}, "metrics": {}}
        story.outside.objects.put(f"{output}/report.json", report)
        story.outside.objects.put(f"{output}/constraint_violations.json", {"violations": []})


@pytest.mark.parametrize("event", EVENTS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_an_event_is_taken_twice_with_the_same_answer(story: Story, event: Path) -> None:
    prepare(story, event)
    document: dict[str, Any] = json.loads(event.read_text())
    first = story.call(event.parent.name, json.loads(json.dumps(document)))
    assert story.call(event.parent.name, document) == first
    assert json.loads(json.dumps(first)) == first
    expected = STATUS.get(event.stem)
    assert expected is None or first["statusCode"] == expected


def test_every_function_has_an_event() -> None:
    assert {path.parent.name for path in (ROOT / "events").glob("*/*.json")} == set(FUNCTIONS)
