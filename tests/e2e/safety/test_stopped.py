"""Executions that somebody stops: while training, while a person is asked, in mid-shift. Nothing is left."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from demo.release import Execution, open_page
from demo.stack import LocalAws
from demo.traffic import SignedClient
from tests.e2e.conftest import App
from tests.e2e.iam import denied

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

ROW = "13.5,2.9,1,1,0.0"


@pytest.fixture(scope="module")
def champion(app: App, trips: dict[int, bytes]) -> str:
    """A release that serves."""
    execution = app.drop("champion", {"a.csv": shortened(trips[2019], 1)})
    app.approve(app.asked(execution))
    return str(json.loads(app.succeeded(execution)["output"])["releaseId"])


def shortened(trips: bytes, lines: int) -> bytes:
    """A drop of its own: the same without its last lines."""
    return b"\n".join(trips.splitlines()[:-lines])


def until(what: Callable[[], Any], patience: float = 90) -> Any:
    """Wait for something to be true."""
    deadline = time.monotonic() + patience
    while not (found := what()):
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.2)
    return found


def stop(app: App, execution: Execution, why: str) -> str:
    """Stop an execution, wait for the mail about it, see that nothing is left; the mail."""
    release = app.release_of(execution)["releaseId"]
    app.stack.aws.client("stepfunctions").stop_execution(executionArn=execution.arn, error="Stopped", cause=why)

    def told() -> list[str]:
        texts = [json.dumps(mail) for mail in app.mails_about(release)]
        return [text for text in texts if "was stopped" in text]

    (mail,) = until(told)
    assert why in mail
    assert app.release_of(execution)["state"] == "Stopped"
    assert not [name for name in app.sagemaker_resources() if release in name]
    assert app.lock_holder() is None
    jobs = app.stack.aws.client("sagemaker")
    assert not jobs.list_training_jobs(NameContains=release, StatusEquals="InProgress")["TrainingJobSummaries"]
    assert not jobs.list_processing_jobs(NameContains=release, StatusEquals="InProgress")["ProcessingJobSummaries"]
    return str(mail)


def test_stopped_while_training(app: App, champion: str, trips: dict[int, bytes]) -> None:
    execution = app.drop("stopped-training", {"t.csv": shortened(trips[2018], 2)})
    execution.follow(lambda _: None, until=lambda: "Train Model" in execution.entered())
    stop(app, execution, "wrong data")
    assert SignedClient(app.stack.outputs["ApiUrl"]).predict(ROW).release == champion


def test_stopped_while_a_person_is_asked(app: App, champion: str, trips: dict[int, bytes]) -> None:
    execution = app.drop("stopped-asking", {"t.csv": shortened(trips[2018], 3)})
    link = app.asked(execution)
    stop(app, execution, "no longer wanted")
    status, page, _ = open_page(link)
    assert (status, "<form" in page) == (410, False), "nobody can decide about it any more"
    assert "Nothing to decide any more" in page


def test_stopped_in_mid_shift(app: App, champion: str, trips: dict[int, bytes]) -> None:
    before = app.alias()["FunctionVersion"]
    client = SignedClient(app.stack.outputs["ApiUrl"])
    execution = app.drop("stopped-shifting", {"t.csv": shortened(trips[2018], 4)})
    app.approve(app.asked(execution))
    app.shifting(execution)
    stop(app, execution, "we saw something")
    assert (app.alias()["FunctionVersion"], app.shares()) == (before, {})
    assert {client.predict(ROW).release for _ in range(20)} == {champion}
    assert app.sagemaker_resources() == {f"taxi-fare-{champion}", f"taxi-fare-{champion}-prod"}


def test_an_orphan_is_reaped_and_what_is_live_stays(app: App, champion: str) -> None:
    """Somebody made an endpoint by hand with our tags, and forgot it."""
    sagemaker, orphan = app.stack.aws.client("sagemaker"), "taxi-fare-20250101-000000-ffff"
    described = sagemaker.describe_endpoint_config(EndpointConfigName=f"taxi-fare-{champion}-prod")
    tags = [
        {"Key": "safe-deploy:model", "Value": "taxi-fare"},
        {"Key": "safe-deploy:expires", "Value": "2026-01-01T00:00:00Z"},
    ]
    sagemaker.create_endpoint_config(
        EndpointConfigName=f"{orphan}-prod", ProductionVariants=described["ProductionVariants"], Tags=tags
    )
    sagemaker.create_endpoint(EndpointName=f"{orphan}-prod", EndpointConfigName=f"{orphan}-prod", Tags=tags)
    until(lambda: "Creating" not in sagemaker.describe_endpoint(EndpointName=f"{orphan}-prod")["EndpointStatus"])

    def gone() -> bool:
        invoke(app, "ReapLeasesFunction", {})
        return not [name for name in app.sagemaker_resources() if orphan in name]

    until(gone)
    (mail, *_) = until(lambda: app.mails_about(f"endpoint {orphan}-prod"))
    assert "there is no such release" in json.dumps(mail)
    report = invoke(app, "ReapLeasesFunction", {"dryRun": True})
    assert report["stays"] == {champion: "it is live"}
    (cost,) = report["endpoints"]
    assert (cost["endpoint"], cost["instances"]) == (f"taxi-fare-{champion}-prod", 1)
    tagged = {tag["Key"] for tag in sagemaker.list_tags(ResourceArn=arn_of(app, champion))["Tags"]}
    assert "safe-deploy:release" in tagged
    assert "safe-deploy:expires" not in tagged
    assert SignedClient(app.stack.outputs["ApiUrl"]).predict(ROW).release == champion


def test_an_edit_by_hand_is_found_told_and_not_built_upon(app: App, champion: str, trips: dict[int, bytes]) -> None:
    """Somebody moves the alias to a version that serves nothing, and back."""
    function, lambda_ = app.stack.outputs["PredictFunctionName"], app.stack.aws.client("lambda")
    served = app.alias()["FunctionVersion"]
    assert invoke(app, "CheckProductionFunction", {})["findings"] == []
    lambda_.update_alias(FunctionName=function, Name="live", FunctionVersion="1")
    found = invoke(app, "CheckProductionFunction", {})["findings"]
    assert [finding["id"] for finding in found] == ["alias-moved"]
    (mail, *_) = until(lambda: app.mails_about("which serves nothing"))
    assert "production was changed by hand" in json.dumps(mail)
    ended = app.ended(app.drop("by-hand", {"t.csv": shortened(trips[2018], 5)}))
    assert (ended["status"], ended["error"]) == ("FAILED", "DropRefused"), ended
    assert "alias-moved" in ended["cause"]
    lambda_.update_alias(FunctionName=function, Name="live", FunctionVersion=served)
    assert invoke(app, "CheckProductionFunction", {})["findings"] == []
    until(lambda: app.mails_about("production is as it should be again"))
    assert SignedClient(app.stack.outputs["ApiUrl"]).predict(ROW).release == champion


def invoke(app: App, logical_id: str, event: dict[str, Any]) -> Any:
    """Invoke a function of the stack, as a person may."""
    stack = app.stack.aws.client("cloudformation").describe_stack_resource(
        StackName=app.stack.name, LogicalResourceId=logical_id
    )
    name = stack["StackResourceDetail"]["PhysicalResourceId"]
    answer = app.stack.aws.client("lambda").invoke(FunctionName=name, Payload=json.dumps(event).encode())
    assert "FunctionError" not in answer, answer["Payload"].read()
    return json.load(answer["Payload"])


def arn_of(app: App, release_id: str) -> str:
    """The ARN of a release's production endpoint."""
    sagemaker = app.stack.aws.client("sagemaker")
    return str(sagemaker.describe_endpoint(EndpointName=f"taxi-fare-{release_id}-prod")["EndpointArn"])


def test_every_call_was_permitted_by_its_role(aws: LocalAws, champion: str) -> None:
    assert not denied(aws)
