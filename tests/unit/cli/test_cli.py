"""The command line over moto: what it lists, what it verifies, what it sends; the app's own gateways write."""

from __future__ import annotations

import io
import json
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from email.message import Message
from hashlib import sha256
from typing import Any
from urllib.error import HTTPError

import boto3
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safe_deploy.domain import canonical
from safe_deploy.domain.release import State
from safe_deploy.gateways import clients
from safe_deploy.gateways.audit import TableAudit
from safe_deploy.gateways.releases import TableReleases
from safe_deploy.gateways.table import Table

from cli.__main__ import main
from cli.audit import digest
from cli.stack import Stack
from tests.fakes.memory import make_tables, services_in_memory
from tests.fakes.story import FIRST, SECOND

EVIDENCE = json.dumps({"candidate": {"metrics": {"rmse": 4.0}}, "champion": {"metrics": {"rmse": 5.0}}}).encode()
DIGEST = sha256(EVIDENCE).hexdigest()
NOW = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
BACK = "arn:aws:states:eu-west-1:123456789012:stateMachine:back"
OUTPUTS = {
    "RollbackStateMachineArn": BACK,
    "TableName": "records",
    "AuditTableName": "audit",
    "ArtifactBucketName": "files",
    "ApiUrl": "https://api.test",
}


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch, socket_disabled: None) -> Iterator[TableReleases]:
    """A stack with outputs, tables and a bucket."""
    for name in KEYS:
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    clients.client.cache_clear()
    with services_in_memory("cloudformation", "dynamodb", "s3", "stepfunctions"):
        template = {
            "Resources": {"Nothing": {"Type": "AWS::CloudFormation::WaitConditionHandle"}},
            "Outputs": {name: {"Value": value} for name, value in OUTPUTS.items()},
        }
        boto3.client("cloudformation").create_stack(StackName="taxi-fare", TemplateBody=json.dumps(template))
        make_tables("records", "audit")
        s3: Any = boto3.client("s3")
        s3.create_bucket(Bucket="files", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        s3.put_object(Bucket="files", Key=f"releases/{FIRST}/evidence.json", Body=EVIDENCE)
        role = "arn:aws:iam::123456789012:role/back"
        definition = json.dumps({"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}})
        boto3.client("stepfunctions").create_state_machine(name="back", roleArn=role, definition=definition)
        records = TableReleases(Table("records"), lambda: TableAudit(Table("audit")))
        records.create(FIRST, State.AWAITING_APPROVAL, {"evidenceDigest": DIGEST}, NOW)
        yield records
    clients.client.cache_clear()


class Api:
    """The app's API: what it was sent, and what it answers."""

    def __init__(self) -> None:
        self.requests: list[urllib.request.Request] = []
        self.status, self.answer = 200, dict[str, Any]()

    def __call__(self, request: urllib.request.Request, timeout: float) -> io.BytesIO:
        self.requests.append(request)
        content = io.BytesIO(json.dumps(self.answer).encode())
        if self.status != 200:
            raise HTTPError(request.full_url, self.status, "", Message(), content)
        return content


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Api:
    """The app's API."""
    made = Api()
    monkeypatch.setattr(urllib.request, "urlopen", made)
    return made


def test_releases_are_listed_newest_first(app: TableReleases, capsys: pytest.CaptureFixture[str]) -> None:
    app.create(SECOND, State.FAILED, {"reason": "no luck"}, NOW)
    assert main(["releases"]) == 0
    assert capsys.readouterr().out == f"{SECOND}  Failed            no luck\n{FIRST}  AwaitingApproval\n"


def test_status_shows_what_is_on_record(app: TableReleases, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", FIRST]) == 0
    assert "state: AwaitingApproval" in capsys.readouterr().out
    assert main(["status", SECOND]) == 1
    assert f"there is no release {SECOND}" in capsys.readouterr().err


def test_a_stack_that_is_not_there_is_named(app: TableReleases, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--stack", "elsewhere", "releases"]) == 1
    assert "elsewhere" in capsys.readouterr().err


def test_nothing_that_people_wrote_looks_like_another_entry(
    app: TableReleases, capsys: pytest.CaptureFixture[str]
) -> None:
    forged = "ok\n2026-02-01T09:00:00Z  Decision: approved  by Bob"
    app.audit(FIRST, "Decision: rejected", "Eve\x1b[2J", {"reason": forged, "userAgent": "a\u2028b"}, NOW)
    assert main(["audit", FIRST]) == 0
    printed = capsys.readouterr().out
    assert len(printed.splitlines()) == 3
    assert "\x1b" not in printed
    app.create(FIRST, State.REJECTED, {"reason": forged}, NOW)
    assert main(["releases"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1


def test_the_audit_trail_is_printed_and_proven(app: TableReleases, capsys: pytest.CaptureFixture[str]) -> None:
    app.audit(FIRST, "Viewed", "somebody", {"sourceIp": "192.0.2.10", "share": 0.5, "rows": 5.0, "big": 10**20}, NOW)
    app.audit(FIRST, "Decision: approved", "Ada", {"reason": "é"}, NOW)
    assert main(["audit", FIRST]) == 0
    out = capsys.readouterr().out
    assert "2026-01-31T12:00:00Z  Viewed  by somebody\n    sourceIp=192.0.2.10" in out
    assert "CHANGED" not in out
    assert main(["audit", FIRST, "--json"]) == 0
    assert {entry["event"] for entry in json.loads(capsys.readouterr().out)} == {"Viewed", "Decision: approved"}


def test_an_entry_that_was_overwritten_is_found_out(app: TableReleases, capsys: pytest.CaptureFixture[str]) -> None:
    app.audit(FIRST, "Decision: approved", "Ada", {}, NOW)
    dynamodb = boto3.client("dynamodb")
    (item,) = dynamodb.scan(TableName="audit")["Items"]
    dynamodb.put_item(TableName="audit", Item={**item, "actor": {"S": "Eve"}})
    assert main(["audit", FIRST]) == 1
    assert "Decision: approved  by Eve  !! CHANGED" in capsys.readouterr().err


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@given(JSON)
def test_app_and_command_line_spell_values_alike(value: Any) -> None:
    assert digest(value) == canonical.digest(value)


def test_a_decision_is_signed_and_about_the_evidence_that_was_shown(
    app: TableReleases, api: Api, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    api.answer = {"release": FIRST, "state": "approved", "by": "arn:me", "delivery": "delivered"}
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{FIRST}\n"))
    assert main(["approve", FIRST, "--reason", "fine"]) == 0
    told = capsys.readouterr()
    assert "rmse: 4 (champion 5)" in told.err
    assert f"Release {FIRST} is approved, by arn:me (delivered)." in told.out
    (request,) = api.requests
    assert request.full_url == f"https://api.test/releases/{FIRST}/decision"
    assert "/eu-west-1/execute-api/aws4_request" in request.headers["Authorization"]
    assert isinstance(request.data, bytes)
    assert json.loads(request.data) == {"decision": "approve", "evidenceDigest": DIGEST, "reason": "fine"}


def test_evidence_that_was_changed_is_not_shown_for_a_yes(
    app: TableReleases, api: Api, capsys: pytest.CaptureFixture[str]
) -> None:
    s3: Any = boto3.client("s3")
    s3.put_object(Bucket="files", Key=f"releases/{FIRST}/evidence.json", Body=EVIDENCE.replace(b"4.0", b"1.0"))
    assert main(["approve", FIRST, "--yes"]) == 1
    told = capsys.readouterr().err
    assert "evidence.json was changed" in told
    assert "rmse" not in told
    assert api.requests == []


def test_without_the_typed_id_nothing_is_sent(
    app: TableReleases, api: Api, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("yes\n"))
    assert main(["approve", FIRST]) == 1
    assert "nothing was decided" in capsys.readouterr().err
    assert api.requests == []


def test_a_rejection_needs_a_reason(app: TableReleases, api: Api) -> None:
    with pytest.raises(SystemExit):
        main(["reject", FIRST])
    assert api.requests == []


@pytest.mark.parametrize(
    ("status", "answer", "words"),
    [
        (200, {"state": "rejected", "by": "Eve", "delivery": "delivered"}, "too late: release"),
        (409, {"message": "the evidence is another"}, "409: the evidence is another"),
        (403, {"message": "Forbidden"}, "403: Forbidden"),
    ],
)
def test_what_the_app_refuses_is_told(
    app: TableReleases, api: Api, capsys: pytest.CaptureFixture[str], status: int, answer: dict[str, str], words: str
) -> None:
    api.status, api.answer = status, answer
    assert main(["approve", FIRST, "--yes"]) == 1
    assert words in capsys.readouterr().err


def test_a_yes_that_needs_another_is_told_so(app: TableReleases, api: Api, capsys: pytest.CaptureFixture[str]) -> None:
    api.answer = {"state": "pending", "by": "arn:me", "delivery": ""}
    assert main(["approve", FIRST, "--yes"]) == 0
    assert "others have to agree" in capsys.readouterr().out


def test_nobody_is_asked_yet(app: TableReleases, api: Api, capsys: pytest.CaptureFixture[str]) -> None:
    app.create(SECOND, State.REGISTERED, {}, NOW)
    assert main(["approve", SECOND, "--yes"]) == 1
    assert "nobody is asked" in capsys.readouterr().err


@pytest.mark.parametrize(("arguments", "extra"), [([], {}), ([FIRST], {"releaseId": FIRST})])
def test_going_back_is_asked_for_in_the_callers_name(
    app: TableReleases, capsys: pytest.CaptureFixture[str], arguments: list[str], extra: dict[str, str]
) -> None:
    assert main(["rollback", *arguments, "--reason", "too low"]) == 0
    told = capsys.readouterr().out.strip()
    stepfunctions = boto3.client("stepfunctions")
    (execution,) = stepfunctions.list_executions(stateMachineArn=BACK)["executions"]
    assert told.endswith(execution["executionArn"])
    sent = json.loads(stepfunctions.describe_execution(executionArn=execution["executionArn"])["input"])
    assert sent == {"reason": "too low", "by": boto3.client("sts").get_caller_identity()["Arn"], **extra}


def test_what_costs_is_asked_of_the_app(
    app: TableReleases, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[dict[str, Any]] = []

    class Lambda:
        error = ""

        def invoke(self, **values: Any) -> dict[str, Any]:
            calls.append(values)
            if self.error:
                return {"FunctionError": "Unhandled", "Payload": io.BytesIO(b'{"errorMessage": "no luck"}')}
            return {"Payload": io.BytesIO(b'{"endpoints": []}')}

    real, fake = Stack.client, Lambda()
    monkeypatch.setattr(Stack, "client", lambda stack, name: fake if name == "lambda" else real(stack, name))
    monkeypatch.setattr(Stack, "resource", lambda stack, logical_id: f"taxi-fare-{logical_id}")
    assert main(["costs"]) == 0
    assert json.loads(capsys.readouterr().out) == {"endpoints": []}
    assert calls == [{"FunctionName": "taxi-fare-ReapLeasesFunction", "Payload": b'{"dryRun": true}'}]
    fake.error = "x"
    assert main(["costs"]) == 1
    assert "no luck" in capsys.readouterr().err
