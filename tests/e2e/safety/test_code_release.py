"""Changed inference code goes live under traffic with the model that serves; a deploy after the yes voids it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from demo.release import Execution, decide, open_page
from demo.traffic import SignedClient, Traffic, rows_of
from tests.e2e.conftest import PATIENT, PROVABLE, App, Deploy, MakeSource
from tests.e2e.iam import denied

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

MODEL = "parcels-code"
CODE = {"release": "code", "description": "Say which code answers"}
HOLD = {"onInsufficientEvidence": "hold", "windows": 3, "replayRequests": 0, "predictionTolerance": 1.0}
"""Nothing is replayed, so that silence proves nothing; users' requests prove enough in a window, or in two."""


@dataclass
class Changed:
    """A stack of its own with a live model, whose inference code tests change and deploy."""

    app: App
    source: Path
    model_release: str
    rows: list[str]

    def deploy(self, remark: str) -> str:
        """Change predict in a way that no caller sees, and deploy it; its digest."""
        module = self.source / "functions" / "predict" / "service.py"
        module.write_text(f"{module.read_text()}\n# {remark}\n")
        self.app.stack.build()
        self.app.stack.deploy(f"ModelName={MODEL}", "ApproverEmail=approver@example.com")
        return self.digest("$LATEST")

    def digest(self, qualifier: str) -> str:
        """The digest of a version's code."""
        found = self.app.stack.aws.client("lambda").get_function_configuration(
            FunctionName=self.app.stack.outputs["PredictFunctionName"], Qualifier=qualifier
        )
        return str(found["CodeSha256"])

    def jobs(self) -> int:
        """How many jobs this model's releases have run."""
        client = self.app.stack.aws.client("sagemaker")
        training = client.list_training_jobs(NameContains=MODEL, MaxResults=100)["TrainingJobSummaries"]
        processing = client.list_processing_jobs(NameContains=MODEL, MaxResults=100)["ProcessingJobSummaries"]
        return len(training) + len([job for job in processing if "-m-" not in job["ProcessingJobName"]])

    def packages(self) -> list[tuple[str, str]]:
        """The registered models, with their approval."""
        found = self.app.stack.aws.client("sagemaker").list_model_packages(ModelPackageGroupName=MODEL)
        return [(p["ModelPackageArn"], p["ModelApprovalStatus"]) for p in found["ModelPackageSummaryList"]]

    def predictions(self) -> list[tuple[int, str]]:
        """What callers get for some rows."""
        client = SignedClient(self.app.stack.outputs["ApiUrl"])
        return [(answer.status, answer.body) for answer in map(client.predict, self.rows[:20])]

    def drop_code(self, name: str) -> Execution:
        """Ask for a release of the code that was deployed."""
        return self.app.drop(name, {}, CODE)

    def shifts(self, execution: Execution) -> int:
        """How many deployments of a release were watched."""
        return len(self.record(execution).get("shift", {}).get("deployments", ()))

    def record(self, execution: Execution) -> dict[str, Any]:
        """The record of an execution's release."""
        return self.app.release_of(execution)


@pytest.fixture(scope="module")
def changed(deploy: Deploy, toy_source: MakeSource) -> Changed:
    """The toy model, live; its code as it was first deployed."""
    source = toy_source(production={"graceMinutes": 2}, canary={**PROVABLE, **HOLD}, **PATIENT)
    app = deploy(source, MODEL, MODEL)
    samples = source / "model" / "samples"
    execution = app.drop("parcels", {"parcels.csv.gz": (samples / "parcels.csv.gz").read_bytes()})
    app.approve(app.asked(execution))
    release = str(json.loads(app.succeeded(execution)["output"])["releaseId"])
    return Changed(app, source, release, rows_of(samples / "traffic.csv.gz"))


@pytest.fixture
def traffic(changed: Changed) -> Iterator[Traffic]:
    """Signed requests, from when a test starts them to its end."""
    flow = Traffic(changed.app.stack.outputs["ApiUrl"], changed.rows)
    yield flow
    flow.stop()


def test_code_that_serves_already_is_refused(changed: Changed) -> None:
    ended = changed.app.ended(changed.drop_code("nothing-new"))
    assert (ended["status"], ended["error"]) == ("FAILED", "DropRefused"), ended
    assert "as it serves already" in ended["cause"]
    assert changed.model_release in ended["cause"]


def test_changed_code_is_held_while_nobody_asks_and_goes_live_with_no_failed_request(
    changed: Changed, traffic: Traffic
) -> None:
    """GIVEN a policy that holds WHEN the first shift meets silence and the next one users THEN that one is proven."""
    before, jobs, packages = changed.predictions(), changed.jobs(), changed.packages()
    live, latest = changed.digest("live"), changed.deploy("faster")
    assert latest != live
    assert changed.digest("live") == live, "a deploy moves no traffic"

    execution = changed.drop_code("faster")
    link = changed.app.asked(execution)
    _, page, _ = open_page(link)
    for words in ("changes the inference code alone", changed.model_release, latest[:12], live[:12], "identically"):
        assert words in page
    changed.app.approve(link)
    execution.follow(lambda _step: None, until=lambda: changed.shifts(execution) == 2)  # the first was silent
    traffic.start()
    release = str(json.loads(changed.app.succeeded(execution)["output"])["releaseId"])

    assert changed.shifts(execution) > 1, "held, then proven"
    assert changed.digest("live") == latest
    assert changed.predictions() == before
    assert (changed.jobs(), changed.packages()) == (jobs, packages), "nothing is trained or registered anew"
    assert changed.app.sagemaker_resources() == {f"{MODEL}-{release}", f"{MODEL}-{release}-prod"}
    assert changed.app.lock_holder() is None
    record = changed.record(execution)
    assert (record["kind"], record["trainedBy"], record["state"]) == ("code", changed.model_release, "Live")
    traffic.stop()
    failed = [answer for answer in traffic.answers if answer.status != 200]
    assert not failed, failed[:3]
    assert {answer.release for answer in traffic.answers} >= {changed.model_release, release}


def test_code_that_is_deployed_after_the_yes_makes_it_stale(changed: Changed) -> None:
    """GIVEN a code release that waits for its person WHEN other code is deployed first THEN the yes is void."""
    before, live = changed.app.alias()["FunctionVersion"], changed.digest("live")
    changed.deploy("better")
    execution = changed.drop_code("better")
    link = changed.app.asked(execution)
    changed.deploy("better still")
    before_stale = changed.app.executions()
    changed.app.approve(link)
    ended = changed.app.ended(execution)
    assert (ended["status"], ended["error"]) == ("FAILED", "EvidenceStale"), ended
    assert "deployed anew" in ended["cause"]
    assert (changed.app.alias()["FunctionVersion"], changed.digest("live")) == (before, live)
    assert changed.app.lock_holder() is None
    release = changed.record(execution)["releaseId"]
    assert not [name for name in changed.app.sagemaker_resources() if release in name]
    assert changed.app.mails_about(release), "a person is told"
    changed.app.refuse_afresh(execution, "better", before_stale)


def test_rejected_code_leaves_the_model_approved(changed: Changed) -> None:
    packages = changed.packages()
    execution = changed.drop_code("rejected")
    link = changed.app.asked(execution)
    status, _ = decide(link, decision="reject", model_name=MODEL, name="Test Person", reason="not today")
    assert status == 200
    ended = changed.app.ended(execution)
    assert (ended["status"], ended["error"]) == ("FAILED", "ReleaseRejected"), ended
    assert changed.packages() == packages
    assert {approval for _, approval in packages} == {"Approved"}


def test_every_call_was_permitted(changed: Changed) -> None:
    assert not denied(changed.app.stack.aws)
