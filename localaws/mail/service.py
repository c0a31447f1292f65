"""Mail: what SNS publishes to e-mail subscriptions, and what SES sends, arrives in the inbox. Observes moto.

A subscription by e-mail waits until its person confirms it: by the link in the confirmation mail, or by
`confirm_all()` where the person has asked for that. Until then no mail comes, as on AWS.
"""

from __future__ import annotations

import email
import email.policy
import json
import re
from email.message import EmailMessage
from typing import TYPE_CHECKING, Any, ClassVar

from localaws.errors import AwsError, NotModelledError
from localaws.front_door.protocol import Reply
from localaws.mail.inbox import Inbox, Message
from localaws.mail.subscriptions import Subscription, Subscriptions
from localaws.service import Call, Service

if TYPE_CHECKING:
    from localaws.world import World

SENDER = "AWS Notifications <no-reply@sns.amazonaws.com>"
DEFAULT_SUBJECT = "AWS Notification Message"
ARN_ELEMENT = re.compile(r"<SubscriptionArn>([^<]+)</SubscriptionArn>")
REFUSED_ATTRIBUTES = ("FilterPolicy", "FilterPolicyScope", "RedrivePolicy", "SubscriptionRoleArn")
TEMPLATED = ("SendTemplatedEmail", "SendBulkTemplatedEmail", "SendBulkEmail")


class Mail(Service):
    """The post office: `inbox` holds what has arrived."""

    name: ClassVar[str] = "mail"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.inbox = Inbox()
        self.subscriptions = Subscriptions()

    def start(self) -> None:
        after = self.world.delegated.after
        after("sns", "Subscribe", self._subscribed)
        after("sns", "Unsubscribe", self._unsubscribed)
        after("sns", "DeleteTopic", self._topic_deleted)
        after("sns", "Publish", self._published)
        after("sns", "PublishBatch", self._published_batch)
        after("sns", "GetSubscriptionAttributes", self._mark_pending_attributes)
        for operation in ("ListSubscriptions", "ListSubscriptionsByTopic"):
            after("sns", operation, self._mark_pending)
        after("ses", "SendEmail", self._sent)
        after("ses", "SendRawEmail", self._sent_raw)
        after("sesv2", "SendEmail", self._sent_v2)
        self.world.front_door.intercept(self._check)

    def confirm(self, token: str) -> Subscription:
        """Do what a confirmation mail's link does. Raises `AwsError` for a token that nobody was sent."""
        found = self.subscriptions.by_token(token)
        if found is None:
            raise AwsError("InvalidParameter", "Invalid parameter: Token")
        found.confirmed = True
        return found

    def confirm_all(self) -> list[str]:
        """Confirm, on the persons' behalf, every subscription that waits for it; their addresses."""
        waiting = [held for held in self.subscriptions.all() if not held.confirmed]
        return [self.confirm(held.token).address for held in waiting]

    def _check(self, call: Call) -> dict[str, Any] | None:
        if call.service in ("ses", "sesv2"):
            if call.operation in TEMPLATED or call.params.get("Content", {}).get("Template"):
                raise NotModelledError(f"{call.operation} with a template of SES")
            return None
        if call.service != "sns":
            return None
        if call.operation == "Subscribe":
            if call.params["Protocol"] != "email":
                raise NotModelledError(f"SNS subscriptions of protocol {call.params['Protocol']!r}")
            _refuse_attributes(call.params.get("Attributes") or {})
        elif call.operation == "SetSubscriptionAttributes":
            _refuse_attributes({call.params["AttributeName"]: call.params.get("AttributeValue")})
        elif call.operation == "ConfirmSubscription":
            return {"SubscriptionArn": self.confirm(call.params["Token"]).arn}
        return None

    def _subscribed(self, call: Call, reply: Reply) -> Reply | None:
        body = reply.body.decode()
        found = ARN_ELEMENT.search(body)
        assert found is not None, body
        held = self.subscriptions.add(found.group(1), call.params["TopicArn"], call.params["Endpoint"])
        if held.confirmed:
            return None
        self._mail(
            held.address,
            "AWS Notification - Subscription Confirmation",
            f"You have chosen to subscribe to the topic:\n{held.topic}\n\n"
            f"To confirm, follow this link (if this was a mistake, do nothing):\n{self._link(held)}\n",
            held.topic,
        )
        if call.params.get("ReturnSubscriptionArn"):
            return None
        return _with_body(reply, body.replace(found.group(1), "pending confirmation"))

    def _unsubscribed(self, call: Call, _reply: Reply) -> None:
        self.subscriptions.remove(arn=call.params["SubscriptionArn"])

    def _topic_deleted(self, call: Call, _reply: Reply) -> None:
        self.subscriptions.remove(topic=call.params["TopicArn"])

    def _mark_pending(self, _call: Call, reply: Reply) -> Reply:
        body = reply.body.decode()
        for held in self.subscriptions.all():
            if not held.confirmed:
                element = f"<SubscriptionArn>{held.arn}</SubscriptionArn>"
                body = body.replace(element, "<SubscriptionArn>PendingConfirmation</SubscriptionArn>")
        return _with_body(reply, body)

    def _mark_pending_attributes(self, call: Call, reply: Reply) -> Reply | None:
        arn = call.params["SubscriptionArn"]
        if not any(held.arn == arn and not held.confirmed for held in self.subscriptions.all()):
            return None
        pattern = r"(<key>PendingConfirmation</key>\s*<value>)[^<]*"
        return _with_body(reply, re.sub(pattern, r"\g<1>true", reply.body.decode()))

    def _published(self, call: Call, _reply: Reply) -> None:
        topic = call.params.get("TopicArn") or call.params.get("TargetArn") or ""
        self._to_subscribers(topic, call.params)

    def _published_batch(self, call: Call, _reply: Reply) -> None:
        for entry in call.params["PublishBatchRequestEntries"]:
            self._to_subscribers(call.params["TopicArn"], entry)

    def _to_subscribers(self, topic: str, published: dict[str, Any]) -> None:
        text = published["Message"]
        if published.get("MessageStructure") == "json":
            by_protocol = json.loads(text)
            text = by_protocol.get("email", by_protocol["default"])
        for held in self.subscriptions.of(topic):
            footer = (
                "\n\n--\nTo receive no more notifications from this topic, unsubscribe here:\n"
                f"{self._link(held)}\n\nPlease do not reply to this e-mail.\n"
            )
            self._mail(held.address, published.get("Subject") or DEFAULT_SUBJECT, text + footer, topic)

    def _mail(self, to: str, subject: str, text: str, topic: str) -> None:
        self.inbox.add(Message(self.world.clock.now(), SENDER, (to,), subject, text, topic=topic))

    def _link(self, held: Subscription) -> str:
        return f"{self.world.endpoint}/_localaws/subscriptions/{held.token}"

    def _sent(self, call: Call, _reply: Reply) -> None:
        message = call.params["Message"]
        self._arrive(call.params["Source"], call.params["Destination"], message["Subject"], message["Body"])

    def _sent_v2(self, call: Call, _reply: Reply) -> None:
        content = call.params["Content"]
        sender = call.params.get("FromEmailAddress", "")
        destination = call.params.get("Destination") or {}
        if "Raw" in content:
            self._arrive_raw(content["Raw"]["Data"], sender, _addresses(destination))
        else:
            simple = content["Simple"]
            self._arrive(sender, destination, simple["Subject"], simple["Body"])

    def _sent_raw(self, call: Call, _reply: Reply) -> None:
        recipients = tuple(call.params.get("Destinations") or ())
        self._arrive_raw(call.params["RawMessage"]["Data"], call.params.get("Source", ""), recipients)

    def _arrive(self, sender: str, destination: dict[str, Any], subject: dict[str, Any], body: dict[str, Any]) -> None:
        text, html = (body.get(kind, {}).get("Data", "") for kind in ("Text", "Html"))
        now = self.world.clock.now()
        self.inbox.add(Message(now, sender, _addresses(destination), subject["Data"], text, html))

    def _arrive_raw(self, data: bytes, sender: str, recipients: tuple[str, ...]) -> None:
        parsed = email.message_from_bytes(data, policy=email.policy.default)
        assert isinstance(parsed, EmailMessage)
        headers = tuple(address for name in ("To", "Cc") for address in str(parsed[name] or "").split(", "))
        parts = {kind: parsed.get_body((kind,)) for kind in ("plain", "html")}
        text, html = (str(part.get_content()) if part else "" for part in parts.values())
        to = recipients or tuple(filter(None, headers))
        sender = sender or str(parsed["From"] or "")
        self.inbox.add(Message(self.world.clock.now(), sender, to, str(parsed["Subject"] or ""), text, html))


def _addresses(destination: dict[str, Any]) -> tuple[str, ...]:
    kinds = ("ToAddresses", "CcAddresses", "BccAddresses")
    return tuple(address for kind in kinds for address in destination.get(kind) or ())


def _refuse_attributes(attributes: dict[str, Any]) -> None:
    for name in REFUSED_ATTRIBUTES:
        if attributes.get(name):
            raise NotModelledError(f"{name} of an SNS subscription")


def _with_body(reply: Reply, body: str) -> Reply:
    headers = {name: value for name, value in reply.headers.items() if name.lower() != "content-length"}
    return Reply(reply.status, headers, body.encode())
