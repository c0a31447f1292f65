"""An app with a mailed link, and a browser that reaches its handlers."""

from __future__ import annotations

from collections.abc import Callable

import boto3  # its import looks for sockets, so it comes before they are turned off
import pytest

from tests.fakes.story import ENVIRONMENT, Story, visit


@pytest.fixture
def story(monkeypatch: pytest.MonkeyPatch, socket_disabled: None) -> Story:
    """An app with nothing in it yet; no function can reach the network."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    assert boto3
    return Story()


@pytest.fixture
def link(story: Story) -> str:
    """A link out of a mail."""
    return story.until_asked()


Fetch = Callable[[str, str, "dict[str, str] | None", str, str], "tuple[int, str]"]


@pytest.fixture
def browser(story: Story) -> Fetch:
    """A browser: HEAD and GET show, POST decides."""

    def fetch(method: str, url: str, form: dict[str, str] | None, address: str, agent: str) -> tuple[int, str]:
        event = visit(method, url, form=form)
        event["requestContext"]["http"] |= {"sourceIp": address, "userAgent": agent}
        answer = story.call("decide_approval" if method == "POST" else "show_approval", event)
        return answer["statusCode"], answer["body"]

    return fetch
