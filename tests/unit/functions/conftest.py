"""Fixtures of the release's functions: their settings, and a story told over fakes."""

from __future__ import annotations

import boto3  # its import looks for sockets, so it comes before they are turned off
import pytest

from tests.fakes.shifting import Shift, answering, capture, prepared
from tests.fakes.story import ENVIRONMENT, Story


@pytest.fixture
def story(monkeypatch: pytest.MonkeyPatch, socket_disabled: None) -> Story:
    """Return an app with nothing in it yet; no function can reach the network."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    assert boto3
    return Story()


@pytest.fixture
def shift(story: Story) -> Shift:
    """A shift that relies on live traffic."""
    return prepared(story)


@pytest.fixture
def replaying(story: Story) -> Shift:
    """A shift without live traffic, whose champion was asked something before."""
    shift = prepared(story, replayRequests=2000)
    capture(shift, 20)
    answering(shift)
    return shift
