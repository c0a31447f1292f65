"""How the approval page looks: pictures are kept, and what makes one unreadable fails."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.browser.conftest import OpenPage
from tests.browser.site import Server, taxi_release
from tests.fakes.story import Story


@pytest.mark.parametrize("size", ["desktop", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_screenshots(story: Story, server: Server, open_page: OpenPage, shots: Path, size: str, scheme: str) -> None:
    page = open_page(server.at(taxi_release(story)), size, color_scheme=scheme)
    page.screenshot(path=shots / f"approval-{size}-{scheme}.png", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
