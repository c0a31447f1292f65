"""Drops on the local AWS: bad ones, two at once, the same twice, another model; callers; permissions.

The tests tell one story of one app and run in their order.
"""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from demo.release import decide, open_page
from demo.stack import LocalAws
from demo.traffic import SignedClient
from tests.e2e.conftest import PATIENT, App, Deploy, MakeSource
from tests.e2e.iam import denied, used

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

ROW = "13.5,2.9,1,1,0.0"
HEADER = (
    "vendor_id,pickup_datetime,dropoff_datetime,passenger_count,trip_distance,rate_code_id,store_and_fwd_flag,"
    "pickup_location_id,dropoff_location_id,payment_type,fare_amount,extra,mta_tax,tip_amount,tolls_amount,"
    "improvement_surcharge,total_amount,congestion_surcharge"
)


def without(trips: bytes, column: str) -> bytes:
    """The same drop without one column."""
    rows = [line.split(",") for line in trips.decode().splitlines()]
    at = rows[0].index(column)
    return "\n".join(",".join(row[:at] + row[at + 1 :]) for row in rows).encode()


def with_nonsense(trips: bytes, share: float) -> bytes:
    """The same drop with a share of its rows made unparsable."""
    lines = trips.decode().splitlines()
    broken = int(len(lines) * share)
    return "\n".join([lines[0], *("not,a,trip" for _ in range(broken)), *lines[1 + broken :]]).encode()


def test_bad_drops_are_refused_in_words_and_leave_nothing(app: App, trips: dict[int, bytes]) -> None:
    """All at once, as a bad day would have it."""
    good = trips[2018]
    cases: dict[str, tuple[dict[str, bytes], dict[str, Any] | bytes | None, str, list[str]]] = {
        "not-json": ({"a.csv": good}, b"{files: [a.csv]}", "DropRefused", ["manifest.json", "JSON"]),
        "missing-file": ({"a.csv": good}, {"files": ["b.csv"]}, "DropRefused", ["b.csv"]),
        "no-files": ({}, {"files": []}, "DropRefused", ["files"]),
        "unknown-key": ({"a.csv": good}, {"files": ["a.csv"], "file": 1}, "DropRefused", ["file"]),
        "missing-column": ({"a.csv": without(good, "total_amount")}, None, "ReleaseFailed", ["total_amount"]),
        "nonsense": ({"a.csv": with_nonsense(good, 0.3)}, None, "ReleaseFailed", ["refused", "%"]),
        "empty": ({"a.csv": b""}, None, "DropRefused", ["a.csv", "empty"]),
        "header-only": ({"a.csv": f"{HEADER}\n".encode()}, None, "ReleaseFailed", ["a.csv"]),
    }
    running = {name: app.drop(name, files, manifest) for name, (files, manifest, _, _) in cases.items()}
    for name, (_, _, error, words) in cases.items():
        ended = app.ended(running[name])
        assert (ended["status"], ended["error"]) == ("FAILED", error), f"{name}: {ended}"
        release = app.release_of(running[name])
        told = json.dumps(app.mails_about(release["releaseId"]))
        missing = [word for word in words if word not in told]
        assert not missing, f"{name}: the mail doesn't say {missing}: {told}"
    assert app.sagemaker_resources() == set()
    assert app.lock_holder() is None
    assert app.alias()["FunctionVersion"] == "1", "the alias was never moved"


@pytest.fixture(scope="module")
def live(app: App, trips: dict[int, bytes]) -> str:
    """Two drops at once: one becomes the first release, the other's yes is void, and it is asked about afresh."""
    client = SignedClient(app.stack.outputs["ApiUrl"])
    before = client.predict(ROW)
    assert before.status == 503, "no release is live yet"

    first = app.drop("at-once-a", {"a.csv": trips[2018]})
    second = app.drop("at-once-b", {"b.csv": trips[2019]})
    links = {first.arn: app.asked(first), second.arn: app.asked(second)}
    app.approve(links[first.arn])
    ended = app.succeeded(first)
    release = str(json.loads(ended["output"])["releaseId"])

    before_stale = app.executions()
    app.approve(links[second.arn])
    stale = app.ended(second)
    assert (stale["status"], stale["error"]) == ("FAILED", "EvidenceStale"), stale
    app.refuse_afresh(second, "at-once-b", before_stale)
    told = json.dumps(app.mails_about(app.release_of(second)["releaseId"]))
    assert release in told, "the notice names the release that came between"
    assert app.sagemaker_resources() == {f"taxi-fare-{release}", f"taxi-fare-{release}-prod"}
    assert app.lock_holder() is None
    return release


def test_the_live_release_answers_csv_and_json(app: App, live: str) -> None:
    client = SignedClient(app.stack.outputs["ApiUrl"])
    one = client.predict(ROW)
    assert (one.status, one.release) == (200, live)
    assert 5 < float(one.body) < 40
    many = client.predict(f"{ROW}\n{ROW}\n", accept="application/json")
    answered = json.loads(many.body)
    assert answered["release"] == live
    assert len(answered["predictions"]) == 2
    named = {
        "duration_minutes": 13.5,
        "trip_distance": 2.9,
        "passenger_count": 1,
        "rate_code_id": 1,
        "congestion_surcharge": 0,
    }
    by_name = client.predict(json.dumps({"instances": [named]}), "application/json", "application/json")
    assert json.loads(by_name.body)["predictions"][0]["score"] == pytest.approx(float(one.body), rel=1e-5)


@pytest.mark.parametrize(
    ("body", "statuses", "word"),
    [
        ("13.5,2.9,1", {400, 422}, "5"),
        ("13.5,2.9,one,1,0.0", {400, 422}, "passenger_count"),
        ("13.5,2.9,1,1,0.0,9", {400, 422}, "6"),
        ("13.5,-2.9,1,1,0.0", {422}, "trip_distance"),
        ("", {400}, ""),
        ("13.5,2.9,1,1,0.0\n" * 450_000, {413}, ""),
    ],
    ids=["too few columns", "text for a number", "too many columns", "out of range", "empty", "7 MB"],
)
def test_a_bad_prediction_request_is_told_what_is_wrong(
    app: App, live: str, body: str, statuses: set[int], word: str
) -> None:
    answer = SignedClient(app.stack.outputs["ApiUrl"]).predict(body)
    assert answer.status in statuses, answer
    assert word in answer.body


def test_an_unsigned_or_wrongly_signed_request_is_refused(app: App, live: str) -> None:
    status, _, _ = open_page(f"{app.stack.outputs['ApiUrl']}/predict")
    assert status in (403, 404)
    assert SignedClient(app.stack.outputs["ApiUrl"], secret_key="not the secret").predict(ROW).status == 403


def test_the_same_drop_again_is_refused_and_names_the_release(app: App, live: str, trips: dict[int, bytes]) -> None:
    again = app.drop("at-once-a", {"a.csv": trips[2018]})
    ended = app.ended(again)
    assert (ended["status"], ended["error"]) == ("FAILED", "DropRefused"), ended
    assert live in ended["cause"]
    assert app.alias()["FunctionVersion"] == "2", "the champion is untouched"


def test_a_rejected_release_tells_the_reason_and_leaves_the_champion(
    app: App, live: str, trips: dict[int, bytes]
) -> None:
    execution = app.drop("rejected", {"c.csv": trips[2019]})
    link = app.asked(execution)
    status, _ = decide(link, decision="reject", model_name="taxi-fare", name="Test Person", reason="fares look too low")
    assert status == 200
    ended = app.ended(execution)
    assert (ended["status"], ended["error"]) == ("FAILED", "ReleaseRejected"), ended
    assert "fares look too low" in json.dumps(app.mails_about(app.release_of(execution)["releaseId"]))
    assert app.sagemaker_resources() == {f"taxi-fare-{live}", f"taxi-fare-{live}-prod"}
    spent, page, headers = open_page(link)
    assert spent == 200
    assert "<form" not in page
    assert headers["cache-control"] == "no-store"


def test_another_model_needs_only_another_model_folder(deploy: Deploy, toy_source: MakeSource) -> None:
    source = toy_source(**PATIENT)
    toy = deploy(source, "parcels", "parcels")
    samples = sorted((source / "model" / "samples").glob("*.csv*"))
    execution = toy.drop("parcels", {samples[0].name: samples[0].read_bytes()})
    toy.approve(toy.asked(execution))
    toy.succeeded(execution)
    answer = SignedClient(toy.stack.outputs["ApiUrl"]).predict("2.5,3.0,1,0")
    assert answer.status == 200, answer
    assert 0 <= float(answer.body) <= 1


def test_every_call_was_permitted_by_its_role(aws: LocalAws, app: App, live: str) -> None:
    """GIVEN every permission used so far WHEN held against the roles' policies THEN each is allowed there.

    The local AWS doesn't enforce identity policies yet; this shows that AWS would have let each call pass.
    """
    assert len({p["principal"] for p in used(aws)}) >= 15, "roles of functions, machines, jobs, endpoints, rules"
    assert not denied(aws)


def test_the_alarm_fires_and_mails_when_the_model_fails(app: App, live: str) -> None:
    """Last, because it breaks what the others use: somebody deletes the live endpoint by hand."""
    aws, endpoint = app.stack.aws, f"taxi-fare-{live}-prod"
    aws.client("application-autoscaling").deregister_scalable_target(
        ServiceNamespace="sagemaker",
        ResourceId=f"endpoint/{endpoint}/variant/AllTraffic",
        ScalableDimension="sagemaker:variant:DesiredInstanceCount",
    )
    aws.client("sagemaker").delete_endpoint(EndpointName=endpoint)
    aws.client("sagemaker").get_waiter("endpoint_deleted").wait(
        EndpointName=endpoint, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
    )
    client, alarms = SignedClient(app.stack.outputs["ApiUrl"]), aws.client("cloudwatch")
    deadline = time.monotonic() + 120
    fired: list[str] = []
    while not fired and time.monotonic() < deadline:
        assert client.predict(ROW).status == 500, "a model that fails is a failure, not an answer"
        named = {"AlarmNamePrefix": "taxi-fare-PredictionsAlarm", "AlarmTypes": ["CompositeAlarm"]}
        described = alarms.describe_alarms(**named)["CompositeAlarms"]
        fired = [alarm["AlarmName"] for alarm in described if alarm["StateValue"] == "ALARM"]
    assert fired, described
    deadline = time.monotonic() + 60
    told: list[object] = []
    while not told and time.monotonic() < deadline:
        told = [mail for mail in app.mails_about(fired[0]) if str(mail.get("subject", "")).startswith("ALARM")]
    assert told, app.mails_about(fired[0])
