"""A live model that fails: the alarm tells, a release is stopped by name, and one that breaks the glass mends it."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from demo.release import open_page
from demo.stack import LocalAws
from demo.traffic import SignedClient
from tests.e2e.conftest import PATIENT, App, Deploy, MakeSource, local_aws

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

ROW = "2.5,3.0,1,0"
CALLERS = 5
"""Together they fail often enough in every three seconds, which are a minute here, to keep the alarm up."""


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAws]:
    """A slower one: within a second a busy machine may see no request at all, and the alarm would be down."""
    with local_aws(tmp_path_factory.mktemp("localaws"), time_scale=20.0) as running:
        yield running


@contextmanager
def traffic(app: App) -> Iterator[list[int]]:
    """Callers who ask all the time; the statuses so far."""
    over, seen = threading.Event(), []

    def ask() -> None:
        client = SignedClient(app.stack.outputs["ApiUrl"])
        while not over.wait(0.02):
            seen.append(client.predict(ROW).status)

    callers = [threading.Thread(target=ask) for _ in range(CALLERS)]
    for caller in callers:
        caller.start()
    try:
        yield seen
    finally:
        over.set()
        for caller in callers:
            caller.join()


def state(app: App) -> str:
    """The composite alarm's state."""
    asked: Any = {"AlarmNamePrefix": "guarded-PredictionsAlarm", "AlarmTypes": ["CompositeAlarm"]}
    (found,) = app.stack.aws.client("cloudwatch").describe_alarms(**asked)["CompositeAlarms"]
    return str(found["StateValue"])


def wait_for(app: App, wanted: str) -> None:
    deadline = time.monotonic() + 120
    while state(app) != wanted:
        assert time.monotonic() < deadline, f"the alarm is {state(app)}, not {wanted}"
        time.sleep(0.5)


def candidates_alarms(app: App) -> set[str]:
    """The alarms that releases have made for their versions."""
    found = app.stack.aws.client("cloudwatch").describe_alarms(AlarmNamePrefix="guarded-2")["MetricAlarms"]
    return {alarm["AlarmName"] for alarm in found}


def audit(app: App, release: str) -> list[dict[str, Any]]:
    """The audit trail of a release."""
    found = app.stack.aws.client("dynamodb").query(
        TableName=app.stack.outputs["AuditTableName"],
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": {"S": f"AUDIT#{release}"}},
    )
    return [dict(item) for item in found["Items"]]


def test_a_release_is_stopped_by_an_alarm_that_fires_and_goes_on_when_the_glass_is_broken(
    deploy: Deploy, toy_source: MakeSource
) -> None:
    source = toy_source(production={"graceMinutes": 1}, **PATIENT)
    app = deploy(source, "guarded", "guarded")
    (sample,) = sorted((source / "model" / "samples").glob("parcels*"))
    files = {sample.name: sample.read_bytes()}
    first = app.drop("first", files)
    app.approve(app.asked(first))
    live = json.loads(app.succeeded(first)["output"])["releaseId"]
    assert candidates_alarms(app) == {f"guarded-{live}-errors", f"guarded-{live}-latency"}

    app.stack.aws.inject("answer", {"kind": "status", "status": 500}, {"endpoint": f"guarded-{live}-prod"})
    with traffic(app) as statuses:
        wait_for(app, "ALARM")

        second = app.drop("second", files, {"files": [sample.name], "description": "no word of alarms"})
        app.approve(app.asked(second))
        ended = app.ended(second)
        assert (ended["status"], ended["error"]) == ("FAILED", "ReleaseFailed"), ended
        assert "traffic can't begin to shift: the alarm guarded-ErrorAlarm" in ended["cause"]
        stopped = app.release_of(second)["releaseId"]
        assert "Threshold Crossed" in json.dumps(app.mails_about(stopped))
        assert app.alias()["FunctionVersion"] == "2"
        assert app.sagemaker_resources() == {f"guarded-{live}", f"guarded-{live}-prod"}
        assert candidates_alarms(app) == {f"guarded-{live}-errors", f"guarded-{live}-latency"}

        manifest = {
            "files": [sample.name],
            "requestedBy": "Grace",
            "breakGlass": {"reason": "the live model answers nothing but errors"},
            "overrides": {"canary": {"strategy": {"type": "allAtOnce", "reason": "nothing to compare with"}}},
        }
        third = app.drop("third", files, manifest)
        link = app.asked(third)
        assert "the live model answers nothing but errors" in open_page(link)[1]
        app.approve(link)
        mended = json.loads(app.succeeded(third)["output"])["releaseId"]
        assert app.alias()["FunctionVersion"] == "4"
        wait_for(app, "OK")
        before = len(statuses)
        while len(statuses) < before + 20:
            time.sleep(0.1)
        assert set(statuses[before:]) == {200}
    (entry,) = [item for item in audit(app, mended) if item["event"]["S"] == "Break glass"]
    assert entry["actor"] == {"S": "Grace"}
    assert "guarded-ErrorAlarm" in json.dumps(entry["detail"])
    assert "Asked for by Grace" in json.dumps(app.mails_about(mended))
