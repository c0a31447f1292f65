"""Evidence to make pages of: a real one, gathered by the handlers over fakes from the samples' real figures."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from tests.browser.site import taxi_evidence


@pytest.fixture(scope="session")
def gathered() -> dict[str, Any]:
    """Gather it once."""
    return taxi_evidence()


@pytest.fixture
def evidence(gathered: dict[str, Any]) -> dict[str, Any]:
    """Return a copy that a test may change."""
    return copy.deepcopy(gathered)
