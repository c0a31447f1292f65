"""The tests' own arrangement: stories are told in order, so their tests have to stay with one worker."""

from __future__ import annotations

import os

import pytest


@pytest.mark.skipif("PYTEST_XDIST_WORKER" not in os.environ, reason="tests run one after the other")
def test_a_files_tests_stay_with_one_worker(request: pytest.FixtureRequest) -> None:
    """pytest-xdist groups tests by what follows the @ in their ids; a pytest that it doesn't know leaves that out."""
    assert request.node.nodeid.endswith("@tests/unit/test_grouping.py")
