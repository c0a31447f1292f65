"""How tests share a machine: a file's tests stay together, and those of one deployed app do, too."""

from __future__ import annotations

import pytest

SHARES_ONE_APP = ("tests/e2e/test_bad_drops.py", "tests/e2e/test_releases.py", "tests/e2e/safety/test_stopped.py")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Name the group that one worker takes, the longest groups first; xdist reads the names right after us."""
    for item in items:
        file = item.nodeid.split("::", 1)[0]
        item.add_marker(pytest.mark.xdist_group("app" if file in SHARES_ONE_APP else file))
    items.sort(key=lambda item: not item.nodeid.startswith("tests/e2e"))
