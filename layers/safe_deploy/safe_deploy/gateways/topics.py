"""Amazon SNS: notices to people. Used by the functions that tell people something."""

from __future__ import annotations

from safe_deploy.gateways.clients import client, translating


class SnsTopic:
    """The app's topic."""

    def __init__(self, arn: str) -> None:
        self.arn = arn

    def publish(self, subject: str, text: str) -> None:
        """Send a notice to everybody who subscribed."""
        with translating("publish a notice"):
            client("sns").publish(TopicArn=self.arn, Subject=subject, Message=text)
