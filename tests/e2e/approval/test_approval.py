"""An approval on the local AWS: personal links, scanners over HTTP, a decision under IAM, and no secret anywhere.

The tests tell one story and run in their order.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import time
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.exceptions import ClientError

from cli.__main__ import main
from demo.release import Execution, mails, open_page
from tests.approval.scanner import scan
from tests.e2e.conftest import PATIENT, App, Deploy, MakeSource
from tests.e2e.iam import denied

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

MODEL = "parcels-asks"
ADA, BOB = "ada@example.com", "bob@example.com"
SCANNER = "127.0.0.2"


@dataclass
class Asked:
    """A release that waits for its approvers."""

    app: App
    execution: Execution
    release_id: str
    links: dict[str, str]


@pytest.fixture(scope="module")
def asked(deploy: Deploy, toy_source: MakeSource) -> Asked:
    """A release of the toy model, whose approvers got personal links."""
    source = toy_source(**PATIENT)
    app = deploy(source, MODEL, MODEL, f"ApproverEmails={ADA},{BOB}", "SenderEmail=releases@example.com")
    app.stack.aws.client("sesv2").create_email_identity(EmailIdentity="releases@example.com")  # as operators have to
    sample = next(iter(sorted((source / "model" / "samples").glob("*.csv*"))))
    execution = app.drop("first", {sample.name: sample.read_bytes()})
    app.asked(execution)
    release_id = str(app.release_of(execution)["releaseId"])
    deadline = time.monotonic() + 60
    while not {ADA, BOB} <= set(links := personal_links(app, release_id)):
        assert time.monotonic() < deadline, f"mails with links came to {list(links)} alone"
        time.sleep(0.2)
    return Asked(app, execution, release_id, links)


def personal_links(app: App, release_id: str) -> dict[str, str]:
    """Who was mailed which link."""
    found = {}
    for mail in mails(app.stack.aws):
        text = str(mail.get("body") or mail.get("text") or "")
        if release_id in text and "/approvals/" in text:
            link = next(word for word in text.split() if "/approvals/" in word)
            for to in mail["to"]:
                found[to] = link
    return found


def over_http(method: str, url: str, form: dict[str, str] | None, address: str, agent: str) -> tuple[int, str]:
    """A browser as scanners have one, at an address of its own; what lies outside the app it can't reach."""
    parts = urllib.parse.urlsplit(url)
    if parts.scheme != "http" or parts.hostname != "localhost":
        return 0, ""
    connection = http.client.HTTPConnection(parts.netloc, timeout=60, source_address=(address, 0))
    headers = {"User-Agent": agent}
    if form is not None:
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    with contextlib.closing(connection):
        path = urllib.parse.urlunsplit(("", "", parts.path or "/", parts.query, ""))
        connection.request(method, path, urllib.parse.urlencode(form or {}) if form is not None else None, headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()


def test_each_approver_has_a_link_and_the_topic_none(asked: Asked) -> None:
    assert set(asked.links) == {ADA, BOB}
    assert len(set(asked.links.values())) == 2


def test_a_reminder_is_scheduled_before_the_time_is_up(asked: Asked) -> None:
    scheduler = asked.app.stack.aws.client("scheduler")
    names = [schedule["Name"] for schedule in scheduler.list_schedules()["Schedules"]]
    assert f"{MODEL}-{asked.release_id}-reminder" in names


def test_scanners_decide_nothing(asked: Asked) -> None:
    """One scanner, so that the limit of visits isn't reached; many of them are tried elsewhere, without a world."""
    assert {200, 422} <= set(scan(over_http, asked.links[ADA], (SCANNER,)))
    assert asked.app.release_of(asked.execution)["state"] == "AwaitingApproval"
    status, page, headers = open_page(asked.links[ADA])
    assert (status, headers["cache-control"]) == (200, "no-store")
    assert 'name="modelName"' in page


def test_from_the_terminal_the_callers_own_identity_decides(
    asked: Asked, terminal: None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--stack", MODEL, "approve", asked.release_id, "--reason", "fine", "--yes"]) == 0
    told = capsys.readouterr()
    assert f"Release {asked.release_id} of {MODEL} has kept every gate and passed its dev tests." in told.err
    assert "/approvals/" not in told.err
    assert f"Release {asked.release_id} is approved, by arn:aws:iam::" in told.out
    asked.app.succeeded(asked.execution)
    assert main(["--stack", MODEL, "audit", asked.release_id]) == 0
    trail = capsys.readouterr().out
    for words in (
        "Asked for approval  by ask_for_approval",
        f"Viewed  by {ADA}",
        "Refused: a form that was filled in wrongly",
        "Decision: approved  by arn:aws:iam::",
        "via=IAM",
    ):
        assert words in trail
    assert main(["--stack", MODEL, "costs"]) == 0
    assert f"{MODEL}-{asked.release_id}-prod" in capsys.readouterr().out
    spent, page, _ = open_page(asked.links[BOB])
    assert spent == 200
    assert "<form" not in page
    assert "approved release" in page


@pytest.fixture
def terminal(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of a terminal that speaks to the local AWS."""
    for name, value in asked.app.stack.aws.environment().items():
        monkeypatch.setenv(name, value)


def test_the_reminder_is_gone_with_the_dev_endpoint(asked: Asked) -> None:
    scheduler = asked.app.stack.aws.client("scheduler")
    names = [schedule["Name"] for schedule in scheduler.list_schedules()["Schedules"]]
    assert f"{MODEL}-{asked.release_id}-reminder" not in names


def test_neither_the_task_token_nor_a_links_secret_is_anywhere(asked: Asked) -> None:
    """GIVEN a whole run WHEN all that it left is searched THEN a link's secret is in its mail alone, the token nowhere.

    The token's only trace is sealed: it opens with the app's key and the release that it is bound to, and is spent.
    """
    token = task_token(asked)
    with pytest.raises(ClientError, match="TaskTimedOut"):
        asked.app.stack.aws.client("stepfunctions").send_task_success(taskToken=token, output="{}")
    places = dict(everything(asked.app, history(asked.app, asked.execution)))
    assert {kind.partition(":")[0] for kind in places} >= {"table", "log", "history", "object", "metrics", "settings"}
    secrets = [link.partition("?key=")[2] for link in asked.links.values()]
    for secret in (token, *secrets):
        assert len(secret) > 40
        assert [place for place, text in places.items() if secret in text] == []
    for to, link in asked.links.items():
        carrying = [mail for mail in mails(asked.app.stack.aws) if link.partition("?key=")[2] in json.dumps(mail)]
        assert [mail["to"] for mail in carrying] == [[to]]
    assert token not in json.dumps(mails(asked.app.stack.aws))


def task_token(asked: Asked) -> str:
    """The token of the task that waited, unsealed."""
    aws, outputs = asked.app.stack.aws, asked.app.stack.outputs
    key = {"pk": {"S": "TASK_TOKEN"}, "sk": {"S": f"{asked.release_id}/1"}}
    item = aws.client("dynamodb").get_item(TableName=outputs["TableName"], Key=key)["Item"]
    context = {"modelName": MODEL, "releaseId": asked.release_id, "turn": "1"}
    sealed = bytes(item["sealed"]["B"])
    return str(aws.client("kms").decrypt(CiphertextBlob=sealed, EncryptionContext=context)["Plaintext"].decode())


def test_every_call_was_permitted_by_its_role(asked: Asked) -> None:
    assert denied(asked.app.stack.aws) == []


def history(app: App, execution: Execution) -> list[dict[str, Any]]:
    """Every event of an execution, data included."""
    pages = (
        app.stack.aws.client("stepfunctions")
        .get_paginator("get_execution_history")
        .paginate(executionArn=execution.arn, includeExecutionData=True)
    )
    return [event for page in pages for event in page["events"]]


def everything(app: App, events: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    """(place, text) of all that a run leaves."""
    aws, outputs = app.stack.aws, app.stack.outputs
    for name in ("TableName", "AuditTableName"):
        for page in aws.client("dynamodb").get_paginator("scan").paginate(TableName=outputs[name]):
            yield f"table:{name}", repr(page["Items"])
    logs = aws.client("logs")
    for group in logs.describe_log_groups()["logGroups"]:
        for page in logs.get_paginator("filter_log_events").paginate(logGroupName=group["logGroupName"]):
            yield f"log:{group['logGroupName']}", repr(page["events"])
    yield "history:release", repr(events)
    described = aws.client("stepfunctions").describe_execution
    yield "history:ends", repr([described(executionArn=arn) for arn in app.executions()])
    s3 = aws.client("s3")
    for name in ("DropBucketName", "ArtifactBucketName"):
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=outputs[name]):
            for found in page.get("Contents", []):
                body = s3.get_object(Bucket=outputs[name], Key=found["Key"])["Body"].read()
                yield f"object:{found['Key']}", found["Key"] + body.decode("latin-1")
    for page in aws.client("cloudwatch").get_paginator("list_metrics").paginate():
        yield "metrics:names", repr(page["Metrics"])
    for page in aws.client("lambda").get_paginator("list_functions").paginate():
        yield "settings:functions", repr(page["Functions"])
