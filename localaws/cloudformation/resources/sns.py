"""AWS::SNS::*: topics, subscriptions, topic policies."""

from __future__ import annotations

import json
from typing import Any

from localaws.cloudformation.handler import Context, Made, Properties, ResourceType
from localaws.cloudformation.intrinsics import as_text
from localaws.cloudformation.shapes import FREE, as_json
from localaws.cloudformation.tags import create_member, retag

_TOPIC = ("DisplayName", "KmsMasterKeyId", "SignatureVersion")
_SUBSCRIPTION = ("DeliveryPolicy", "FilterPolicy", "FilterPolicyScope", "RawMessageDelivery", "RedrivePolicy")
_GONE = frozenset({"NotFound", "NotFoundException"})


class Topic(ResourceType):
    """A topic with the subscriptions that the template lists in it. `Ref` is its ARN."""

    type = "AWS::SNS::Topic"
    properties = {
        **dict.fromkeys((*_TOPIC, "TopicName", "Tags"), FREE),
        "Subscription": [{"Endpoint": FREE, "Protocol": FREE}],
    }
    create_only = frozenset({"TopicName"})
    attributes = frozenset({"TopicArn", "TopicName"})
    name_property = "TopicName"
    gone = _GONE

    def create(self, at: Context, wanted: Properties) -> Made:
        name = str(wanted.get("TopicName") or at.generated_name(256))
        tags = create_member("sns", "CreateTopic", at.all_tags(wanted.get("Tags")))
        arn = at.client("sns").create_topic(Name=name, Attributes=_attributes(wanted, _TOPIC), **tags)["TopicArn"]
        at.made(arn)
        self._subscribe(at, arn, {}, wanted)
        return self._made(arn)

    def update(self, at: Context, physical_id: str, old: Properties, wanted: Properties) -> Made:
        for name in _TOPIC:
            if old.get(name) != wanted.get(name):
                at.client("sns").set_topic_attributes(
                    TopicArn=physical_id, AttributeName=name, AttributeValue=_text(wanted.get(name, ""))
                )
        self._subscribe(at, physical_id, old, wanted)
        retag(at, "sns", physical_id, old.get("Tags"), wanted.get("Tags"))
        return self._made(physical_id)

    def delete(self, at: Context, physical_id: str, properties: Properties) -> None:
        at.client("sns").delete_topic(TopicArn=physical_id)

    def _made(self, arn: str) -> Made:
        return Made(arn, {"TopicArn": arn, "TopicName": arn.rsplit(":", 1)[1]})

    def _subscribe(self, at: Context, arn: str, old: Properties, wanted: Properties) -> None:
        client = at.client("sns")
        before = {(entry["Protocol"], entry["Endpoint"]) for entry in old.get("Subscription", [])}
        after = {(entry["Protocol"], entry["Endpoint"]) for entry in wanted.get("Subscription", [])}
        if before - after:
            for page in client.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=arn):
                for entry in page["Subscriptions"]:
                    if (entry["Protocol"], entry["Endpoint"]) in before - after:
                        client.unsubscribe(SubscriptionArn=entry["SubscriptionArn"])
        for protocol, endpoint in sorted(after - before):
            client.subscribe(TopicArn=arn, Protocol=protocol, Endpoint=endpoint)


class Subscription(ResourceType):
    """A subscription to a topic. `Ref` is its ARN."""

    type = "AWS::SNS::Subscription"
    properties = dict.fromkeys((*_SUBSCRIPTION, "Endpoint", "Protocol", "TopicArn"), FREE)
    required = frozenset({"Endpoint", "Protocol", "TopicArn"})
    create_only = frozenset({"Endpoint", "Protocol", "TopicArn"})
    attributes = frozenset({"Arn"})
    gone = _GONE

    def create(self, at: Context, wanted: Properties) -> Made:
        arn = at.client("sns").subscribe(
            TopicArn=wanted["TopicArn"],
            Protocol=wanted["Protocol"],
            Endpoint=wanted["Endpoint"],
            Attributes=_attributes(wanted, _SUBSCRIPTION),
            ReturnSubscriptionArn=True,
        )["SubscriptionArn"]
        return Made(arn, {"Arn": arn})

    def update(self, at: Context, physical_id: str, old: Properties, wanted: Properties) -> Made:
        for name in _SUBSCRIPTION:
            if old.get(name) != wanted.get(name):
                value = _text(wanted.get(name, _SUBSCRIPTION_DEFAULTS[name]))
                at.client("sns").set_subscription_attributes(
                    SubscriptionArn=physical_id, AttributeName=name, AttributeValue=value
                )
        return Made(physical_id, {"Arn": physical_id})

    def delete(self, at: Context, physical_id: str, properties: Properties) -> None:
        at.client("sns").unsubscribe(SubscriptionArn=physical_id)


_SUBSCRIPTION_DEFAULTS = {
    "DeliveryPolicy": "{}",
    "FilterPolicy": "{}",
    "FilterPolicyScope": "MessageAttributes",
    "RawMessageDelivery": "false",
    "RedrivePolicy": "{}",
}


class TopicPolicy(ResourceType):
    """The policy of topics. Taken away, the topics have the one they were born with."""

    type = "AWS::SNS::TopicPolicy"
    properties = {"PolicyDocument": FREE, "Topics": FREE}
    required = frozenset({"PolicyDocument", "Topics"})
    attributes = frozenset({"Id"})
    gone = _GONE

    def create(self, at: Context, wanted: Properties) -> Made:
        physical_id = at.generated_name(64)
        at.made(physical_id)
        return self.update(at, physical_id, {}, wanted)

    def update(self, at: Context, physical_id: str, old: Properties, wanted: Properties) -> Made:
        for topic in wanted["Topics"]:
            self._set(at, topic, as_json(wanted["PolicyDocument"]))
        for topic in set(old.get("Topics", [])) - set(wanted["Topics"]):
            self._set(at, topic, _default_policy(topic, at.account))
        return Made(physical_id, {"Id": physical_id})

    def delete(self, at: Context, physical_id: str, properties: Properties) -> None:
        for topic in properties["Topics"]:
            self._set(at, topic, _default_policy(topic, at.account))

    def _set(self, at: Context, topic: str, policy: str) -> None:
        at.client("sns").set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=policy)


def _default_policy(topic: str, account: str) -> str:
    actions = ("GetTopicAttributes", "SetTopicAttributes", "AddPermission", "RemovePermission", "DeleteTopic",
               "Subscribe", "ListSubscriptionsByTopic", "Publish")  # fmt: skip
    statement = {
        "Sid": "__default_statement_ID",
        "Effect": "Allow",
        "Principal": {"AWS": "*"},
        "Action": [f"SNS:{action}" for action in actions],
        "Resource": topic,
        "Condition": {"StringEquals": {"AWS:SourceOwner": account}},
    }
    return json.dumps({"Version": "2008-10-17", "Id": "__default_policy_ID", "Statement": [statement]})


def _attributes(wanted: Properties, names: tuple[str, ...]) -> dict[str, str]:
    return {name: _text(wanted[name]) for name in names if name in wanted}


def _text(value: Any) -> str:
    return as_json(value) if isinstance(value, dict) else as_text(value)
