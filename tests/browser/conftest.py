"""A headless Chromium, and the approval pages for it to open. Skipped where there is no browser, unless CI is set."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.site import Server
from tests.fakes.story import ENVIRONMENT, MODEL, Story

SHOTS = Path(__file__).resolve().parents[2] / "build" / "screenshots"
NAMES = ("chromium", "chromium-browser", "google-chrome")
SIZES = {"desktop": (1200, 900), "phone": (360, 780)}


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium; scripts/get_browser.sh installs it."""
    path = next((found for name in NAMES if (found := shutil.which(name))), None)
    if path is None:
        message = "no Chromium here: run scripts/get_browser.sh"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield running
        running.close()


@pytest.fixture
def story(monkeypatch: pytest.MonkeyPatch) -> Story:
    """An app with nothing in it yet."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    return Story()


@pytest.fixture
def server(story: Story) -> Iterator[Server]:
    """The story's pages."""
    running = Server(story)
    yield running
    running.stop()


A_STATUS = "Failed to load resource: the server responded with a status of"
"""What Chromium says of every page that isn't 200, which ours needn't be."""
OpenPage = Callable[..., Page]


@pytest.fixture
def open_page(browser: Browser) -> Iterator[OpenPage]:
    """Open an address as on a desk or a phone; whatever the page complains about fails the test."""
    contexts, complaints = [], list[str]()

    def opened(address: str, size: str = "desktop", **options: Any) -> Page:
        width, height = SIZES[size]
        context = browser.new_context(viewport={"width": width, "height": height}, device_scale_factor=2, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda entry: complaints.append(entry.text) if A_STATUS not in entry.text else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(address)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert complaints == []


def approve(page: Page) -> None:
    """Say yes on an open page, as a person does."""
    page.get_by_label("Type the model's name").fill(MODEL)
    page.get_by_label("Your name").fill("Ada Lovelace")
    page.get_by_role("button", name="Approve").click()
    page.get_by_role("heading", name="This release was approved").wait_for()


@pytest.fixture
def shots() -> Path:
    """Where screenshots are kept as artefacts."""
    SHOTS.mkdir(parents=True, exist_ok=True)
    return SHOTS
