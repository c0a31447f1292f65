"""The command line over moto: what it lists, what it verifies, what it sends; the app's own gateways write."""

from __future__ import annotations

import io
import json
import re
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from email.message import Message
from hashlib import sha256
from http.client import IncompleteRead
from typing import Any
from urllib.error import HTTPError, URLError

import boto3
import pytest
from botocore.exceptions import ClientError
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
from cli.text import in_lines
from tests.fakes.memory import make_tables, services_in_memory
from tests.fakes.story import FIRST, SECOND

EVIDENCE = b'{"candidate": {"metrics": {"rmse": 4.0}}}'
DIGEST = sha256(EVIDENCE).hexdigest()
QUESTION = "Better than the champion.\n\nrmse: 4 (champion 5, −20.0\u00a0%)\nBREAK GLASS: mend\x1b[2J it\u202e\u2028now"
NOW = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
STACK = "taxi-fare"
KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
BACK = "arn:aws:states:eu-west-1:123456789012:stateMachine:back"
OUTPUTS = {
    "RollbackStateMachineArn": BACK,
    "PredictFunctionName": "predict",
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
    monkeypatch.setenv("SAFE_DEPLOY_STACK", STACK)
    clients.client.cache_clear()
    with services_in_memory("cloudformation", "dynamodb", "s3", "stepfunctions"):
        template = {
            "Resources": {"Nothing": {"Type": "AWS::CloudFormation::WaitConditionHandle"}},
            "Outputs": {name: {"Value": value} for name, value in OUTPUTS.items()},
        }
        cloudformation = boto3.client("cloudformation")
        cloudformation.create_stack(StackName=STACK, TemplateBody=json.dumps(template))
        cloudformation.create_stack(StackName="foreign", TemplateBody=json.dumps({**template, "Outputs": {}}))
        make_tables("records", "audit")
        s3: Any = boto3.client("s3")
        s3.create_bucket(Bucket="files", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        s3.put_object(Bucket="files", Key=f"releases/{FIRST}/evidence.json", Body=EVIDENCE)
        role = "arn:aws:iam::123456789012:role/back"
        definition = json.dumps({"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}})
        boto3.client("stepfunctions").create_state_machine(name="back", roleArn=role, definition=definition)
        records = TableReleases(Table("records"), lambda: TableAudit(Table("audit")))
        records.create(FIRST, State.AWAITING_APPROVAL, {"evidenceDigest": DIGEST, "question": QUESTION}, NOW)
        yield records
    clients.client.cache_clear()


class Api:
    """The app's API: what it was sent, and what it answers."""

    def __init__(self) -> None:
        self.requests: list[urllib.request.Request] = []
        self.status, self.answer = 200, dict[str, Any]()
        self.failure: Exception | None = None

    def __call__(self, request: urllib.request.Request, timeout: float) -> io.BytesIO:
        self.requests.append(request)
        if self.failure is not None:
            raise self.failure
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


def test_a_stack_of_another_app_is_told_from_ours(app: TableReleases, capsys: pytest.CaptureFixture[str]) -> None:
    for command in (["releases"], ["audit", FIRST], ["approve", FIRST, "--yes"], ["rollback", "--reason", "bad"]):
        assert main([*command, "--stack", "foreign"]) == 1
        assert "the stack foreign has no output " in capsys.readouterr().err


def test_the_stack_is_named_before_or_after_the_command_or_by_the_environment(
    app: TableReleases, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["status", FIRST]) == 0
    monkeypatch.delenv("SAFE_DEPLOY_STACK")
    assert main(["status", FIRST, "--stack", STACK]) == main(["--stack", STACK, "status", FIRST]) == 0
    with pytest.raises(SystemExit):
        main(["status", FIRST])
    assert "SAFE_DEPLOY_STACK" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["releases", "--count", "0"], "0 is below 1"),
        (["releases", "--count", "-1"], "-1 is below 1"),
        (["status", ""], "is empty"),
        (["rollback", " ", "--reason", "bad"], "is empty"),
    ],
)
def test_what_can_not_be_meant_is_refused(
    app: TableReleases, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    with pytest.raises(SystemExit):
        main(arguments)
    assert words in capsys.readouterr().err


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
    app.audit(FIRST, "Break glass", "Bob", {"why": "it fails", "firing": ["errors"], "until": "", "sentTo": []}, NOW)
    assert main(["audit", FIRST]) == 0
    out = capsys.readouterr().out
    assert 'Break glass  by Bob\n    why=it fails\n    firing=["errors"]\n' in f"{out}\n"
    assert re.search(r"2026-01-31T12:00:00(\.\d+)?Z  Viewed  by somebody\n    sourceIp=192\.0\.2\.10\n", out)
    assert "CHANGED" not in out
    assert main(["audit", FIRST, "--json"]) == 0
    assert {entry["event"] for entry in json.loads(capsys.readouterr().out)} == {
        "Viewed",
        "Decision: approved",
        "Break glass",
    }


def test_an_entry_that_was_overwritten_is_found_out(app: TableReleases, capsys: pytest.CaptureFixture[str]) -> None:
    app.audit(FIRST, "Decision: approved", "Ada", {}, NOW)
    dynamodb = boto3.client("dynamodb")
    (item,) = dynamodb.scan(TableName="audit")["Items"]
    dynamodb.put_item(TableName="audit", Item={**item, "actor": {"S": "Eve"}})
    assert main(["audit", FIRST]) == 1
    told = capsys.readouterr()
    assert "Decision: approved  by Eve  !! CHANGED" in told.out
    assert "at least one entry is not what was written" in told.err
    assert main(["audit", FIRST, "--json"]) == 1
    assert json.loads(capsys.readouterr().out)[0]["is_genuine"] is False


@given(st.text())
def test_no_text_steers_the_terminal(text: str) -> None:
    assert all(line.isprintable() for line in in_lines(text).split("\n"))
    assert in_lines(text).count("\n") == text.count("\n")


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
    assert "rmse: 4 (champion 5, −20.0 %)\nBREAK GLASS: mend\\u001b[2J it\\u202e\\u2028now\n" in told.err
    assert f"s3://files/releases/{FIRST}/evidence.json" in told.err
    assert DIGEST in told.err
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
        (200, {"state": "rejected", "by": "Eve\x1b[2J", "delivery": "delivered"}, r'was rejected by "Eve\u001b[2J"'),
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


@pytest.mark.parametrize("failure", [URLError("no route"), TimeoutError("timed out"), IncompleteRead(b"{")])
def test_that_the_app_did_not_answer_is_told(
    app: TableReleases, api: Api, capsys: pytest.CaptureFixture[str], failure: Exception
) -> None:
    api.failure = failure
    assert main(["approve", FIRST, "--yes"]) == 1
    assert "no answer that can be read came from https://api.test/" in capsys.readouterr().err


def test_a_yes_that_needs_another_is_told_so(app: TableReleases, api: Api, capsys: pytest.CaptureFixture[str]) -> None:
    api.answer = {"state": "pending", "by": "arn:me", "delivery": ""}
    assert main(["approve", FIRST, "--yes"]) == 0
    assert "others have to agree" in capsys.readouterr().out


def test_nobody_is_asked_yet(app: TableReleases, api: Api, capsys: pytest.CaptureFixture[str]) -> None:
    app.create(SECOND, State.REGISTERED, {}, NOW)
    assert main(["approve", SECOND, "--yes"]) == 1
    assert "nobody is asked" in capsys.readouterr().err


@pytest.fixture
def live(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What Lambda says of the live version; an `error` that it answers instead."""
    answer: dict[str, Any] = {"Version": "7", "Environment": {"Variables": {"RELEASE_ID": SECOND}}}

    class Lambda:
        def get_function_configuration(self, **values: Any) -> dict[str, Any]:
            assert values == {"FunctionName": "predict", "Qualifier": "live"}
            if "error" in answer:
                raise ClientError({"Error": {"Code": "AccessDenied", "Message": answer["error"]}}, "Get")
            return answer

    real = Stack.client
    monkeypatch.setattr(Stack, "client", lambda stack, name: Lambda() if name == "lambda" else real(stack, name))
    return answer


def executions() -> list[str]:
    """The executions of the machine that goes back."""
    found = boto3.client("stepfunctions").list_executions(stateMachineArn=BACK)["executions"]
    return [execution["executionArn"] for execution in found]


@pytest.mark.parametrize(
    ("arguments", "confirmed", "to", "extra"),
    [
        ([], STACK, "its predecessor", {}),
        ([FIRST], FIRST, f"release {FIRST}, recorded as AwaitingApproval", {"releaseId": FIRST}),
    ],
)
def test_going_back_is_confirmed_and_asked_for_in_the_callers_name(
    app: TableReleases,
    live: dict[str, Any],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    confirmed: str,
    to: str,
    extra: dict[str, str],
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{confirmed}\n"))
    assert main(["rollback", *arguments, "--reason", "too low"]) == 0
    told = capsys.readouterr()
    assert f"Stack {STACK}: production goes back from release {SECOND}, live as version 7, to {to}." in told.err
    (execution,) = executions()
    assert told.out.strip().endswith(execution)
    sent = json.loads(boto3.client("stepfunctions").describe_execution(executionArn=execution)["input"])
    assert sent == {"reason": "too low", "by": boto3.client("sts").get_caller_identity()["Arn"], **extra}


@pytest.mark.parametrize(
    ("arguments", "typed", "words"),
    [
        ([SECOND, "--reason", "too low", "--yes"], "", f"there is no release {SECOND}"),
        (["--reason", " ", "--yes"], "", "--reason must say why"),
        (["--reason", "too low"], f"{FIRST}\n", "nothing was started"),
        ([FIRST, "--reason", "too low"], "", "nothing was started"),
    ],
)
def test_nobody_goes_back_by_mistake(
    app: TableReleases,
    live: dict[str, Any],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    typed: str,
    words: str,
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(typed))
    assert main(["rollback", *arguments]) == 1
    assert words in capsys.readouterr().err
    assert executions() == []


def test_who_may_not_see_what_is_live_goes_back_all_the_same(
    app: TableReleases, live: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    live["error"] = "not allowed"
    assert main(["rollback", "--reason", "too low", "--yes"]) == 0
    assert "from what is live (which can't be read: not allowed) to its predecessor" in capsys.readouterr().err
    live.clear()
    live["Version"] = "1"
    assert main(["rollback", "--reason", "too low", "--yes"]) == 0
    assert "from no release at all to" in capsys.readouterr().err
    assert len(executions()) == 2


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
