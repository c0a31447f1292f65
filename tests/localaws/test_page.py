"""The page: what it shows, what it escapes, and that reading changes nothing."""

from __future__ import annotations

import json
import re
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from urllib.parse import quote

import pytest

from localaws.cloudwatch.service import CloudWatch
from localaws.eventbridge.service import EventBridge
from localaws.mail.service import Mail
from localaws.page.service import Page
from localaws.scheduler.service import Scheduler
from localaws.stepfunctions.service import StepFunctions
from localaws.storage import Storage
from localaws.world import World

HOSTILE = "<script>alert(1)</script>"


class Browser:
    """Gets and posts, unsigned, as a browser would."""

    def __init__(self, world: World) -> None:
        self.world = world

    def get(self, path: str, **headers: str) -> tuple[int, str, dict[str, str]]:
        return self._open(urllib.request.Request(f"{self.world.endpoint}{path}", headers=headers))

    def post(self, path: str, body: str = "", **headers: str) -> tuple[int, str, dict[str, str]]:
        url = f"{self.world.endpoint}{path}"
        return self._open(urllib.request.Request(url, data=body.encode(), headers=headers, method="POST"))

    @staticmethod
    def _open(request: urllib.request.Request) -> tuple[int, str, dict[str, str]]:
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return answer.status, answer.read().decode(), dict(answer.headers)
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode(), dict(error.headers)


@pytest.fixture
def browser(world_of: Callable[..., World]) -> Browser:
    return Browser(world_of(StepFunctions, CloudWatch, EventBridge, Scheduler, Storage, Mail, Page))


@pytest.fixture
def topic(browser: Browser) -> str:
    sns = browser.world.client("sns")
    topic = str(sns.create_topic(Name="t")["TopicArn"])
    sns.subscribe(TopicArn=topic, Protocol="email", Endpoint="ada@example.com")
    return topic


def test_the_first_page_shows_what_there_is(browser: Browser) -> None:
    browser.world.client("cloudwatch").put_metric_alarm(
        AlarmName=HOSTILE, Namespace="N", MetricName="M", Statistic="Sum", Period=60, EvaluationPeriods=1,
        Threshold=1, ComparisonOperator="GreaterThanThreshold",
    )  # fmt: skip
    status, page, headers = browser.get("/")
    assert status == 200
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<script" not in page
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "unsafe-inline" not in headers["Content-Security-Policy"]
    assert " style=" not in page
    assert "refresh" in browser.get("/?refresh")[1].split("<title>")[0]
    style = re.search(r'href="([^"]+style\.css)"', page)
    assert style is not None
    assert browser.get(style.group(1))[2]["Content-Type"] == "text/css"


def test_an_execution_is_drawn_with_its_history(browser: Browser, make_role: Callable[..., str]) -> None:
    role = make_role(browser.world, "machine", "states.amazonaws.com")
    definition = {
        "QueryLanguage": "JSONata",
        "StartAt": "First",
        "States": {
            "First": {"Type": "Pass", "Next": "Last"},
            "Last": {"Type": "Fail", "Error": "E", "Cause": HOSTILE},
        },
    }
    client = browser.world.client("stepfunctions")
    machine = client.create_state_machine(name="m", definition=json.dumps(definition), roleArn=role)["stateMachineArn"]
    arn = client.start_execution(stateMachineArn=machine, name="x", input=json.dumps({"a": HOSTILE}))["executionArn"]
    for _ in range(200):
        if client.describe_execution(executionArn=arn)["status"] != "RUNNING":
            break
        time.sleep(0.05)
    status, page, _ = browser.get(f"/_localaws/executions/{quote(arn, safe='')}")
    assert (status, "<script" in page) == (200, False)
    assert 'class="done"' in page
    assert "First · " in page
    assert "PassStateEntered" in page
    assert "First → Last" in browser.get("/")[1]
    assert browser.get("/_localaws/executions/absent")[0] == 404
    [execution] = json.loads(browser.get("/_localaws/executions.json")[1])
    assert (execution["status"], execution["path"]) == ("FAILED", ["First", "Last"])


def test_mail_can_be_read_with_links_that_work(browser: Browser, topic: str) -> None:
    browser.world.service(Mail).confirm_all()
    link = "https://app.example/approvals/1?key=a&b=c"
    browser.world.client("sns").publish(TopicArn=topic, Subject="Decide", Message=f"{HOSTILE} Please: {link}.")
    messages = json.loads(browser.get("/_localaws/inbox.json")[1])
    assert [message["subject"] for message in messages] == [
        "AWS Notification - Subscription Confirmation",
        "Decide",
    ]
    assert link in messages[1]["text"]
    assert messages[1]["to"] == ["ada@example.com"]
    status, page, _ = browser.get(f"/_localaws/inbox/{messages[1]['id']}")
    assert status == 200
    assert '<a href="https://app.example/approvals/1?key=a&amp;b=c">' in page
    assert "<script" not in page
    assert "Decide" in browser.get("/_localaws/inbox")[1]


def test_mail_in_html_is_shown_in_a_sandbox(browser: Browser) -> None:
    ses = browser.world.client("sesv2")
    ses.create_email_identity(EmailIdentity="me@example.com")
    body = {"Html": {"Data": f"<p>rich</p>{HOSTILE}"}}
    simple = {"Subject": {"Data": "s"}, "Body": body}
    to = {"ToAddresses": ["a@b.c"]}
    ses.send_email(FromEmailAddress="me@example.com", Destination=to, Content={"Simple": simple})
    [message] = browser.world.service(Mail).inbox.messages()
    page = browser.get(f"/_localaws/inbox/{message.id}")[1]
    assert f'src="/_localaws/mail/{message.id}"' in page
    assert "<script" not in page
    _, _, headers = browser.get(f"/_localaws/mail/{message.id}")
    assert headers["Content-Security-Policy"].startswith("sandbox ")
    assert "script" not in headers["Content-Security-Policy"]


def test_following_the_link_confirms_nothing_the_button_does(browser: Browser, topic: str) -> None:
    mail = browser.world.service(Mail)
    [confirmation] = mail.inbox.messages()
    path = re.search(r"/_localaws/subscriptions/\w+", confirmation.text)
    assert path is not None
    status, page, _ = browser.get(path.group())
    assert (status, "Confirm the subscription" in page) == (200, True)
    assert mail.subscriptions.of(topic) == []
    assert browser.post(path.group(), "action=confirm", Origin="https://evil.example")[0] == 403
    assert browser.post(path.group(), "action=other")[0] == 400
    assert mail.subscriptions.of(topic) == []
    assert browser.post(path.group(), "action=confirm", Origin=browser.world.endpoint)[0] == 200
    assert len(mail.subscriptions.of(topic)) == 1
    assert browser.post(path.group(), "action=leave")[0] == 200
    assert browser.world.client("sns").list_subscriptions()["Subscriptions"] == []


def test_all_that_wait_can_be_confirmed_at_once(browser: Browser, topic: str) -> None:
    assert "1 subscription by e-mail waits" in browser.get("/_localaws/inbox")[1]
    assert "ada@example.com" in browser.post("/_localaws/confirm-subscriptions")[1]
    assert len(browser.world.service(Mail).subscriptions.of(topic)) == 1


def test_permissions_can_be_filtered_and_do_not_name_the_page_itself(browser: Browser) -> None:
    role = "arn:aws:iam::123456789012:role/reader"
    browser.world.client("sts", role=role)
    browser.world.client("ssm", role=role).describe_parameters()
    browser.get("/")
    found = json.loads(browser.get("/_localaws/permissions.json?filter=ssm")[1])
    assert [(f["principal"], f["action"], f["count"]) for f in found] == [(role, "ssm:DescribeParameters", 1)]
    page = browser.get("/_localaws/permissions?filter=reader")[1]
    assert "ssm:DescribeParameters" in page
    assert "aws-service-role/localaws/" not in browser.get("/_localaws/permissions")[1]


def test_failed_deliveries_are_seen(browser: Browser) -> None:
    events = browser.world.client("events")
    events.put_rule(Name="r", EventPattern='{"source": ["app"]}')
    function = "arn:aws:lambda:us-east-1:123456789012:function:absent"
    events.put_targets(Rule="r", Targets=[{"Id": "1", "Arn": function}])
    events.put_events(Entries=[{"Source": "app", "DetailType": "d", "Detail": "{}"}])
    browser.world.service(EventBridge).deliveries.record.wait_for(lambda d: d.status == "failed", 20)
    page = browser.get("/_localaws/deliveries")[1]
    assert "this world has no Lambda" in page
    [delivery] = json.loads(browser.get("/_localaws/deliveries.json")[1])
    assert (delivery["status"], delivery["target"]) == ("failed", function)


def test_what_is_not_there_and_who_is_not_here_is_told_so(browser: Browser) -> None:
    assert browser.get("/bucket/key")[0] == 404
    assert browser.get("/_localaws/absent.json")[0] == 404
    assert browser.get("/", Host="evil.example")[0] == 403
