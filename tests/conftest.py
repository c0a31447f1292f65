"""How tests share a machine: a file's tests stay together."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    settings.get_current_profile_name(), deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
"""Whichever profile is in use: an example on a busy machine may take long, and so may its making."""
settings.register_profile("fast", max_examples=10)
"""For `make test-fast`; `make test` tries the usual hundred."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Name the group that one worker takes, the longest groups first; xdist reads the names right after us."""
    for item in items:
        item.add_marker(pytest.mark.xdist_group(item.nodeid.split("::", 1)[0]))
    items.sort(key=_turn)


def _turn(item: pytest.Item) -> int:
    """The whole app first, since it takes longest; the demo when that is over, for it wants a core of its own."""
    if item.nodeid.startswith("tests/e2e/test_demo.py"):
        return 2
    if item.nodeid.startswith("tests/e2e"):
        return 0
    return 1 if item.nodeid.startswith("tests/localaws") else 3
