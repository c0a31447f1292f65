"""Amazon SES: mail to one person each. Used by ask_for_approval and remind_approvers."""

from __future__ import annotations

from safe_deploy.gateways.clients import client, translating


class SesMailbox:
    """Mails from one verified sender."""

    def __init__(self, sender: str) -> None:
        self.sender = sender

    def send(self, to: str, subject: str, text: str, html: str) -> None:
        """Send a mail as text and as HTML."""
        body = {"Text": {"Data": text, "Charset": "UTF-8"}, "Html": {"Data": html, "Charset": "UTF-8"}}
        content = {"Simple": {"Subject": {"Data": subject, "Charset": "UTF-8"}, "Body": body}}
        with translating("mail an approver"):
            client("sesv2").send_email(FromEmailAddress=self.sender, Destination={"ToAddresses": [to]}, Content=content)
