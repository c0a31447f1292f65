"""Going back on the local AWS, under traffic: to a warm release, forward again, to a retired one; refusals; a shift.

The tests tell one story and run in their order.
"""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from demo.release import Execution
from demo.stack import LocalAws
from demo.traffic import Traffic, rows_of
from tests.e2e.conftest import PATIENT, PROVABLE, App, Deploy, MakeSource
from tests.e2e.iam import denied

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

MODEL = "parcels-back"
GRACE_MINUTES = 60  # 60 s here: long enough for several changes within it, short enough to wait for its end
BY = "Ada Lovelace"


@dataclass
class Story:
    """Two releases of a model, one after the other, and traffic on them."""

    app: App
    traffic: Traffic
    first: str
    second: str

    def roll_back(self, **asked: str) -> Execution:
        """Run the command that the output names."""
        given = {"reason": "answers look too low", "by": BY, **asked}
        return self.start(given)

    def start(self, given: dict[str, str]) -> Execution:
        """Start the rollback machine."""
        machine = self.app.stack.outputs["RollbackStateMachineArn"]
        client = self.app.stack.aws.client("stepfunctions")
        arn = client.start_execution(stateMachineArn=machine, input=json.dumps(given))["executionArn"]
        return Execution(self.app.stack.aws, arn)

    def recorded(self, execution: Execution, patience: float = 120) -> None:
        """Wait until a rollback is recorded and told."""
        described = execution.follow(
            lambda _: None, until=lambda: "Keep Release Warm" in execution.entered(), patience=patience
        )
        assert described["status"] == "RUNNING", described

    def serving(self) -> str:
        """Which release the alias names, without weights."""
        alias = self.app.alias()
        assert not self.app.shares()
        function = self.app.stack.outputs["PredictFunctionName"]
        version = self.app.stack.aws.client("lambda").get_function_configuration(
            FunctionName=function, Qualifier=alias["FunctionVersion"]
        )
        return str(version["Environment"]["Variables"]["RELEASE_ID"])

    def answering(self) -> set[str]:
        """Which releases answer what is asked from now on."""
        now = time.monotonic()
        while len(answers := self.traffic.since(now)) < 20:
            assert time.monotonic() - now < 60, answers
            time.sleep(0.1)
        return {answer.release for answer in answers}

    def schedules(self) -> set[str]:
        """What is monitored."""
        scheduler = self.app.stack.aws.client("scheduler")
        return {s["Name"] for s in scheduler.list_schedules(GroupName=f"{self.app.stack.name}-monitor")["Schedules"]}

    def endpoints(self) -> set[str]:
        """Every endpoint of the model."""
        return {name for name in self.app.sagemaker_resources() if name.endswith(("-prod", "-dev"))}

    def mail(self, subject: str) -> str:
        """The newest mail with a subject."""
        found = [mail for mail in self.app.mails_about(MODEL) if mail.get("subject") == subject]
        assert found, f"no mail says {subject!r}"
        return json.dumps(found[-1])

    def no_request_failed(self, since: float) -> int:
        """How many were answered since then; none may have failed."""
        answers = self.traffic.since(since)
        assert [a for a in answers if a.status != 200] == []
        return len(answers)


def shortened(rows: bytes, lines: int) -> bytes:
    """A drop of its own: the same without its last lines."""
    return b"\n".join(rows.splitlines()[:-lines])


def announced(execution: Execution) -> None:
    """Wait until a release is live; its execution goes on and keeps the predecessor warm."""
    described = execution.follow(lambda _: None, until=lambda: "Is There a Predecessor?" in execution.entered())
    assert "Is There a Predecessor?" in execution.entered(), described


@pytest.fixture(scope="module")
def source(toy_source: MakeSource) -> Path:
    canary = {**PROVABLE, "shareMargin": 0.2}  # which few requests prove, too, while all is busy
    return toy_source(production={"graceMinutes": GRACE_MINUTES}, canary=canary, **PATIENT)


@pytest.fixture(scope="module")
def rows(source: Path) -> bytes:
    return gzip.decompress((source / "model/samples/parcels.csv.gz").read_bytes())


@pytest.fixture(scope="module")
def story(deploy: Deploy, source: Path, rows: bytes) -> Iterator[Story]:
    """Two releases have gone live; the first is still warm."""
    app = deploy(source, MODEL, MODEL)
    traffic = Traffic(app.stack.outputs["ApiUrl"], rows_of(source / "model/samples/traffic.csv.gz"), rate=20.0)
    releases = []
    for number in range(2):
        execution = app.drop(f"drop-{number}", {"parcels.csv": shortened(rows, 1 + number)})
        app.approve(app.asked(execution))
        release = app.release_of(execution)["releaseId"]
        announced(execution)
        releases.append(release)
        if number == 0:
            traffic.start()  # the analysis of the second wants to see some
    yield Story(app, traffic, *releases)
    traffic.stop()


def test_production_goes_back_to_the_warm_predecessor_whose_endpoint_stands(story: Story) -> None:
    began = time.monotonic()
    assert story.serving() == story.second
    execution = story.roll_back()
    story.recorded(execution)
    assert story.serving() == story.first
    assert story.answering() == {story.first}
    assert story.no_request_failed(began) > 20
    assert "Create Production Endpoint" not in execution.entered()
    bad, good = story.app.record(story.second), story.app.record(story.first)
    assert (bad["state"], good["state"]) == ("RolledBack", "Live")
    assert bad["reason"] == f"{BY} went back to release {story.first}: answers look too low"
    text = story.mail(f"{MODEL}: is back on release {story.first}")
    assert "all is as it should be" in text
    assert f"Production serves from release {story.first}" in text
    assert story.schedules() == {f"{MODEL}-{story.first}-monitor"}
    assert story.app.lock_holder() is None
    assert story.endpoints() == {f"{MODEL}-{r}-prod" for r in (story.first, story.second)}, "the bad one stays warm"


def test_production_goes_forward_again_by_the_same_command(story: Story) -> None:
    began = time.monotonic()
    story.recorded(story.roll_back(releaseId=story.second, reason="it was the data after all"))
    assert story.serving() == story.second
    story.no_request_failed(began)
    assert (story.app.record(story.first)["state"], story.app.record(story.second)["state"]) == ("Live", "Live")
    assert story.schedules() == {f"{MODEL}-{story.second}-monitor"}


def test_after_the_last_grace_time_the_predecessor_is_retired_once_and_what_serves_stays(story: Story) -> None:
    """Three executions waited: the second release's and two rollbacks'. The first's time must not be the last's."""
    began, kept = time.monotonic(), story.app.record(story.first)["keeper"]
    assert ":execution:" in kept
    assert "rollback" in kept, "the last who moved production away keeps it"
    retired = f"{MODEL}-{story.first}-prod"
    while retired in story.endpoints():
        assert time.monotonic() - began < 300
        time.sleep(0.5)
    client = story.app.stack.aws.client("stepfunctions")
    while (described := client.describe_execution(executionArn=kept))["status"] == "RUNNING":
        assert time.monotonic() - began < 300
        time.sleep(0.5)
    assert described["status"] == "SUCCEEDED"
    assert story.app.record(story.first)["state"] == "Retired"
    assert story.app.sagemaker_resources() == {f"{MODEL}-{story.second}", f"{MODEL}-{story.second}-prod"}
    story.no_request_failed(began)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"releaseId": "20200101-000000-0000"}, "there is no release 20200101-000000-0000 on record here"),
        ({"releaseId": "live"}, "releaseId must be like 20260131-120000-0a1b"),
        ({"reason": ""}, "reason must be a string that is not empty"),
        ({"release": "x"}, "release is not a key that is known here"),
        ({"releaseId": "SERVING"}, "is live already, as version"),
    ],
)
def test_what_can_not_be_is_refused_told_and_changes_nothing(story: Story, asked: dict[str, str], words: str) -> None:
    if asked.get("releaseId") == "SERVING":
        asked = {"releaseId": story.second}
    before = (story.app.alias(), story.app.sagemaker_resources())
    ended = story.app.ended(story.roll_back(**asked))
    assert (ended["status"], ended["error"]) == ("FAILED", "RollbackRefused")
    assert words in ended["cause"]
    text = story.mail(f"{MODEL}: going back was refused")
    assert f"Production serves from release {story.second}" in text
    assert (story.app.alias(), story.app.sagemaker_resources()) == before
    assert story.app.lock_holder() is None


def test_a_release_that_nobody_approved_is_no_place_to_go_back_to(story: Story, rows: bytes) -> None:
    execution = story.app.drop("never-approved", {"parcels.csv": shortened(rows, 4)})
    story.app.asked(execution)
    release = story.app.release_of(execution)["releaseId"]
    ended = story.app.ended(story.roll_back(releaseId=release))
    assert f"release {release} was never approved; it is AwaitingApproval" in ended["cause"]
    story.app.stack.aws.client("stepfunctions").stop_execution(executionArn=execution.arn, cause="it was for a test")


def test_a_shift_under_way_is_stopped_and_the_champion_serves_on(story: Story, rows: bytes) -> None:
    began = time.monotonic()
    execution = story.app.drop("third", {"parcels.csv": shortened(rows, 3)})
    story.app.approve(story.app.asked(execution))
    release = story.app.release_of(execution)["releaseId"]
    story.app.shifting(execution)
    ended = story.app.succeeded(story.roll_back(reason="not today"))
    assert json.loads(ended["output"])["status"] == "stopped"
    assert story.serving() == story.second
    theirs = story.app.ended(execution)
    assert (theirs["status"], theirs["error"]) == ("FAILED", "RolledBack")
    assert f"{BY} went back to what served before: not today" in story.mail(
        f"{MODEL}: release {release} was rolled back"
    )
    assert "all is as it should be" in story.mail(f"{MODEL}: the shift to release {release} was stopped")
    assert story.app.lock_holder() is None
    assert story.endpoints() == {f"{MODEL}-{story.second}-prod"}
    story.no_request_failed(began)


def test_a_retired_release_is_made_anew_while_the_bad_one_serves(story: Story) -> None:
    """And though CodeDeploy's answer is lost: the deployment is found by its description, and followed."""
    began, aws = time.monotonic(), story.app.stack.aws
    call = {"service": "codedeploy", "operation": "CreateDeployment"}
    aws.inject("call", {"kind": "lose-answer"}, call, times=1)
    execution = story.roll_back()
    story.recorded(execution)
    assert [fault["struck"] for fault in aws.faults()] == [1]
    aws.heal()
    assert {"Create Production Endpoint", "Read What Is Listed"} <= set(execution.entered())
    assert story.serving() == story.first
    assert story.answering() == {story.first}
    assert story.no_request_failed(began) > 30
    assert "all is as it should be" in story.mail(f"{MODEL}: is back on release {story.first}")
    described = story.app.stack.aws.client("sagemaker").describe_endpoint(EndpointName=f"{MODEL}-{story.first}-prod")
    assert (described["EndpointStatus"], described["DataCaptureConfig"]["EnableCapture"]) == ("InService", True)
    ended = story.app.succeeded(execution)
    assert json.loads(ended["output"])["releaseId"] == story.first
    assert story.app.sagemaker_resources() == {f"{MODEL}-{story.first}", f"{MODEL}-{story.first}-prod"}
    assert story.app.record(story.second)["state"] == "RolledBack"
    story.no_request_failed(began)


def test_every_call_was_permitted_by_its_role(aws: LocalAws, story: Story) -> None:
    assert not denied(aws)
