"""Follows a release as a person would: its states, the mail, the page. Used by the demo and e2e tests."""

from __future__ import annotations

import re
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Any

from demo.stack import DemoError, LocalAws, Stack


@dataclass(frozen=True, slots=True)
class Step:
    """A state that was left."""

    state: str
    seconds: float


class Execution:
    """One execution of a state machine, seen through Step Functions' API."""

    def __init__(self, aws: LocalAws, arn: str) -> None:
        self.arn = arn
        self._client = aws.client("stepfunctions")
        self._seen = 0
        self._entered: dict[str, float] = {}

    @classmethod
    def newest(cls, stack: Stack, machine: str, besides: set[str], patience: float = 60) -> Execution:
        """Wait for an execution of `machine` that isn't among `besides`."""
        client = stack.aws.client("stepfunctions")
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            for execution in client.list_executions(stateMachineArn=machine)["executions"]:
                if execution["executionArn"] not in besides:
                    return cls(stack.aws, execution["executionArn"])
            time.sleep(0.1)
        raise DemoError(f"no execution of {machine} began within {patience:.0f} s of the drop")

    def describe(self) -> dict[str, Any]:
        """Its status, output, error and cause."""
        described: dict[str, Any] = self._client.describe_execution(executionArn=self.arn)
        return described

    def steps(self) -> Iterator[Step]:
        """The states left since the last call, with the real time each took."""
        pages = self._client.get_paginator("get_execution_history").paginate(
            executionArn=self.arn, includeExecutionData=False
        )
        events = [event for page in pages for event in page["events"]]
        for event in events[self._seen :]:
            moment = event["timestamp"].timestamp()
            if "stateEnteredEventDetails" in event:
                self._entered[event["stateEnteredEventDetails"]["name"]] = moment
            elif "stateExitedEventDetails" in event:
                name = event["stateExitedEventDetails"]["name"]
                yield Step(name, moment - self._entered.get(name, moment))
        self._seen = len(events)

    def follow(
        self, told: Callable[[Step], None], until: Callable[[], bool] | None = None, patience: float = 240
    ) -> dict[str, Any]:
        """Tell each state until the execution ends or `until` says so."""
        deadline = time.monotonic() + patience
        while True:
            described = self.describe()
            for step in self.steps():
                told(step)
            if described["status"] != "RUNNING" or (until is not None and until()):
                return described
            if time.monotonic() > deadline:
                raise DemoError(f"{self.arn} is still running after {patience:.0f} s; last: {self._last()}")
            time.sleep(0.15)

    def is_in(self, state: str) -> bool:
        """Whether the state was entered, as far as `steps` has read."""
        return state in self._entered

    def entered(self) -> list[str]:
        """Every state entered so far, in order of first entry."""
        for _ in self.steps():
            pass
        return sorted(self._entered, key=lambda name: self._entered[name])

    def _last(self) -> str:
        return max(self._entered, key=lambda name: self._entered[name], default="nothing")


def mails(aws: LocalAws) -> list[dict[str, Any]]:
    """What is in the local inbox, oldest first."""
    found: list[dict[str, Any]] = aws.read("/_localaws/inbox.json")
    return found


def approval_link(aws: LocalAws, release_id: str) -> str | None:
    """The approval link mailed for a release, once it is there."""
    for mail in mails(aws):
        text = str(mail.get("body") or mail.get("text") or "")
        if release_id in f"{mail.get('subject', '')} {text}":
            found = re.search(r"https?://\S+/approvals/\S+", text)
            if found:
                return found.group(0).rstrip(".,)")
    return None


class _Form(HTMLParser):
    """The hidden fields of a page's form."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden: dict[str, str] = {}
        self.forms = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.forms += tag == "form"
        if tag == "input" and found.get("type") == "hidden" and found.get("name"):
            self.hidden[str(found["name"])] = found.get("value") or ""


def open_page(link: str) -> tuple[int, str, dict[str, str]]:
    """GET a page: status, text, headers in lower case."""
    try:
        with urllib.request.urlopen(link, timeout=60) as answer:  # noqa: S310
            return answer.status, answer.read().decode(), {k.lower(): v for k, v in answer.headers.items()}
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(), {k.lower(): v for k, v in error.headers.items()}


def decide(link: str, *, decision: str, model_name: str, name: str, reason: str = "") -> tuple[int, str]:
    """Do what a person does on the page: open it, fill the form in, send it."""
    status, page, _ = open_page(link)
    form = _Form()
    form.feed(page)
    if status != 200 or not form.forms:
        raise DemoError(f"the approval page shows no form (status {status}): {page[:400]}")
    fields = {
        **form.hidden,
        "decision": decision,
        "modelName": model_name,
        "decidedBy": name,
        "reason": reason,
    }
    address = link.split("?", 1)[0]
    origin = "{0.scheme}://{0.netloc}".format(urllib.parse.urlsplit(link))
    request = urllib.request.Request(  # noqa: S310
        address,
        data=urllib.parse.urlencode(fields).encode(),
        headers={"Content-Type": "application/x-www-form-urlencoded", "Origin": origin},
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
