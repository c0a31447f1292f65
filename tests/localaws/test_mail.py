"""Mail by SNS and SES: who gets it, when, and what it says."""

from __future__ import annotations

import json
from collections.abc import Callable
from email.message import EmailMessage

import pytest
from botocore.exceptions import ClientError

from localaws.mail.service import Mail
from localaws.world import World

ADDRESS = "ada@example.com"


@pytest.fixture
def world(world_of: Callable[..., World]) -> World:
    return world_of(Mail)


@pytest.fixture
def topic(world: World) -> str:
    return str(world.client("sns").create_topic(Name="releases")["TopicArn"])


def subscribe(world: World, topic: str) -> str:
    return str(world.client("sns").subscribe(TopicArn=topic, Protocol="email", Endpoint=ADDRESS)["SubscriptionArn"])


def test_a_subscription_waits_for_its_person(world: World, topic: str) -> None:
    sns, mail = world.client("sns"), world.service(Mail)
    assert subscribe(world, topic) == "pending confirmation"
    [confirmation] = mail.inbox.messages()
    assert confirmation.to == (ADDRESS,)
    assert topic in confirmation.text
    [listed] = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    assert listed["SubscriptionArn"] == "PendingConfirmation"
    sns.publish(TopicArn=topic, Subject="early", Message="nobody hears this")
    assert len(mail.inbox.messages()) == 1

    token = confirmation.text.split("/_localaws/subscriptions/")[1].split()[0]
    arn = sns.confirm_subscription(TopicArn=topic, Token=token)["SubscriptionArn"]
    assert arn.startswith(topic)
    [listed] = sns.list_subscriptions()["Subscriptions"]
    assert listed["SubscriptionArn"] == arn
    sns.publish(TopicArn=topic, Subject="now", Message="hello")
    arrived = mail.inbox.wait_for(lambda m: m.subject == "now", 5)
    assert arrived.text.startswith("hello\n\n--\n")
    assert (arrived.topic, arrived.to) == (topic, (ADDRESS,))


def test_the_state_of_a_subscription_can_be_asked(world: World, topic: str) -> None:
    sns = world.client("sns")
    subscribed = sns.subscribe(TopicArn=topic, Protocol="email", Endpoint=ADDRESS, ReturnSubscriptionArn=True)[
        "SubscriptionArn"
    ]

    def pending() -> str:
        return str(sns.get_subscription_attributes(SubscriptionArn=subscribed)["Attributes"]["PendingConfirmation"])

    assert pending() == "true"
    assert world.service(Mail).confirm_all() == [ADDRESS]
    assert pending() == "false"
    assert world.service(Mail).confirm_all() == []


def test_a_token_nobody_was_sent_confirms_nothing(world: World, topic: str) -> None:
    subscribe(world, topic)
    with pytest.raises(ClientError, match="Invalid parameter: Token"):
        world.client("sns").confirm_subscription(TopicArn=topic, Token="0" * 64)
    assert not world.service(Mail).subscriptions.of(topic)


def test_who_leaves_and_what_is_deleted_gets_no_mail(world: World, topic: str) -> None:
    sns, mail = world.client("sns"), world.service(Mail)
    subscribe(world, topic)
    mail.confirm_all()
    arn = sns.list_subscriptions()["Subscriptions"][0]["SubscriptionArn"]
    sns.unsubscribe(SubscriptionArn=arn)
    sns.publish(TopicArn=topic, Message="gone")
    assert [m.subject for m in mail.inbox.messages()] == ["AWS Notification - Subscription Confirmation"]


def test_messages_by_protocol_batches_and_default_subjects(world: World, topic: str) -> None:
    sns, mail = world.client("sns"), world.service(Mail)
    subscribe(world, topic)
    mail.confirm_all()
    structured = json.dumps({"default": "d", "email": "for mail"})
    sns.publish(TopicArn=topic, Message=structured, MessageStructure="json")
    entries = [{"Id": "1", "Message": "one", "Subject": "first"}, {"Id": "2", "Message": "two"}]
    sns.publish_batch(TopicArn=topic, PublishBatchRequestEntries=entries)
    found = [(m.subject, m.text.split("\n")[0]) for m in mail.inbox.messages()[1:]]
    default = "AWS Notification Message"
    assert found == [(default, "for mail"), ("first", "one"), (default, "two")]


def test_other_protocols_and_filters_are_refused_by_name(world: World, topic: str) -> None:
    sns = world.client("sns")
    for protocol, endpoint in [
        ("sqs", "arn:aws:sqs:us-east-1:1:q"),
        ("https", "https://x"),
        ("lambda", "arn:l"),
    ]:
        with pytest.raises(ClientError, match=f"protocol '{protocol}'"):
            sns.subscribe(TopicArn=topic, Protocol=protocol, Endpoint=endpoint)
    with pytest.raises(ClientError, match="FilterPolicy of an SNS subscription"):
        sns.subscribe(TopicArn=topic, Protocol="email", Endpoint="a@b.c", Attributes={"FilterPolicy": "{}"})
    assert world.service(Mail).inbox.messages() == []


def test_ses_sends_from_verified_addresses_only(world: World) -> None:
    ses, mail = world.client("sesv2"), world.service(Mail)
    content = {
        "Simple": {
            "Subject": {"Data": "Hi"},
            "Body": {"Text": {"Data": "plain"}, "Html": {"Data": "<b>rich</b>"}},
        }
    }
    letter = {
        "FromEmailAddress": "me@example.com",
        "Destination": {"ToAddresses": [ADDRESS]},
        "Content": content,
    }
    with pytest.raises(ClientError, match="not verified"):
        ses.send_email(**letter)
    ses.create_email_identity(EmailIdentity="me@example.com")
    ses.send_email(**letter)
    [arrived] = mail.inbox.messages(to=ADDRESS)
    assert (arrived.subject, arrived.text, arrived.html) == ("Hi", "plain", "<b>rich</b>")
    assert arrived.sender == "me@example.com"


def test_ses_version_1_and_raw_mail_arrive_too(world: World) -> None:
    ses, mail = world.client("ses"), world.service(Mail)
    ses.verify_email_identity(EmailAddress="me@example.com")
    ses.send_email(
        Source="me@example.com",
        Destination={"ToAddresses": [ADDRESS], "CcAddresses": ["c@example.com"]},
        Message={"Subject": {"Data": "v1"}, "Body": {"Text": {"Data": "text"}}},
    )
    raw = EmailMessage()
    raw["From"], raw["To"], raw["Subject"] = "me@example.com", ADDRESS, "raw"
    raw.set_content("in plain words")
    raw.add_alternative("<p>rich</p>", subtype="html")
    ses.send_raw_email(RawMessage={"Data": raw.as_bytes()})
    first, second = mail.inbox.messages()
    assert (first.subject, first.text, first.to) == ("v1", "text", (ADDRESS, "c@example.com"))
    assert (second.subject, second.text.strip(), second.html.strip()) == (
        "raw",
        "in plain words",
        "<p>rich</p>",
    )
    assert second.to == (ADDRESS,)


def test_templates_of_ses_are_refused_by_name(world: World) -> None:
    with pytest.raises(ClientError, match="SendTemplatedEmail with a template"):
        world.client("ses").send_templated_email(
            Source="me@example.com", Destination={"ToAddresses": [ADDRESS]}, Template="t", TemplateData="{}"
        )
