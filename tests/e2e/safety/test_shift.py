"""The analysis at work: a candidate that goes bad is rolled back under live traffic; silence is never a pass."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from demo.release import Execution
from demo.traffic import Traffic, rows_of
from tests.e2e.conftest import PATIENT, SAMPLES, App, Deploy, MakeSource

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]
LONG = {"type": "canary", "percent": 10, "minutes": 40}
"""On a busy machine a look may take some ten seconds, which are as many minutes here."""


@pytest.fixture(scope="module")
def champion(deploy: Deploy, taxi_source: MakeSource, trips: dict[int, bytes]) -> tuple[App, str]:
    """An app of its own, with a first release."""
    # Out of the analysis's way: the alarm on failures would stop a bad candidate, too; hooks, a busy machine's.
    app = deploy(taxi_source(**PATIENT), "shifts", "shifts", "ErrorPercentAlarm=100")
    first = app.drop("first", {"a.csv": trips[2018]})
    app.approve(app.asked(first))
    return app, str(json.loads(app.succeeded(first)["output"])["releaseId"])


@pytest.fixture
def traffic(champion: tuple[App, str]) -> Iterator[Traffic]:
    """People who ask for predictions, twenty times a second."""
    sent = Traffic(champion[0].stack.outputs["ApiUrl"], rows_of(SAMPLES / "traffic-2019.csv.gz"), rate=20.0)
    yield sent
    sent.stop()


def rolled_back(app: App, execution: Execution, first: str) -> str:
    """Wait for a rollback whose champion serves alone and nothing of the candidate is left; its cause."""
    ended = app.ended(execution)
    assert (ended["status"], ended["error"]) == ("FAILED", "RolledBack"), ended
    assert (app.alias()["FunctionVersion"], app.shares()) == ("2", {})
    assert app.sagemaker_resources() == {f"shifts-{first}", f"shifts-{first}-prod"}
    assert app.lock_holder() is None
    return str(ended["cause"])


def test_without_traffic_or_capture_nothing_is_promoted(champion: tuple[App, str], trips: dict[int, bytes]) -> None:
    """First, since the champion has been asked nothing yet but its own golden rows, which prove nothing."""
    app, first = champion
    execution = app.drop("silence", {"b.csv": trips[2019]})
    app.approve(app.asked(execution))
    cause = rolled_back(app, execution, first)
    assert "Not proven in time" in cause
    release = app.release_of(execution)["releaseId"]
    shift = app.record(release)["shift"]
    assert shift["status"] == "insufficient evidence"
    assert (shift["live"], shift["replayed"]) == ({"champion": 0, "candidate": 0}, 0)
    assert "Not proven in time" in json.dumps(app.mails_about(release))


def test_a_candidate_that_goes_bad_after_approval_is_rolled_back_by_the_analysis(
    champion: tuple[App, str], trips: dict[int, bytes], traffic: Traffic
) -> None:
    """GIVEN live traffic WHEN somebody deletes the candidate's endpoint during the shift THEN few requests fail."""
    app, first = champion
    traffic.start()
    manifest = {"files": ["c.csv"], "overrides": {"canary": {"strategy": LONG}}}
    execution = app.drop("goes-bad", {"c.csv": trips[2019] + b"\n"}, manifest)
    app.approve(app.asked(execution))
    release = str(app.release_of(execution)["releaseId"])
    app.shifting(execution)
    remove_endpoint(app, f"shifts-{release}-prod")
    cause = rolled_back(app, execution, first)
    traffic.stop()
    assert "The candidate is worse in errors" in cause
    assert "requests of the candidate" in cause
    assert app.record(release)["shift"]["status"] == "fail"
    assert "The candidate is worse in errors" in json.dumps(app.mails_about(release))
    failed = [answer for answer in traffic.answers if answer.status != 200]
    assert len(failed) < len(traffic.answers) * 0.05, f"{len(failed)} of {len(traffic.answers)} failed"


def remove_endpoint(app: App, name: str) -> None:
    """Delete an endpoint by hand, as nobody should."""
    app.stack.aws.client("application-autoscaling").deregister_scalable_target(
        ServiceNamespace="sagemaker",
        ResourceId=f"endpoint/{name}/variant/AllTraffic",
        ScalableDimension="sagemaker:variant:DesiredInstanceCount",
    )
    app.stack.aws.client("sagemaker").delete_endpoint(EndpointName=name)
