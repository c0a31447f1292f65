"""Evidence to make pages of: a real one, gathered by the handlers over fakes from the samples' real figures."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from tests.browser.site import taxi_release
from tests.fakes.story import ARTIFACTS, ENVIRONMENT, SECOND, Story


@pytest.fixture(scope="session")
def gathered() -> dict[str, Any]:
    """Gather it once."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in ENVIRONMENT.items():
            patch.setenv(name, value)
        story = Story()
        taxi_release(story)
        found: dict[str, Any] = story.outside.objects.read_json(f"s3://{ARTIFACTS}/releases/{SECOND}/evidence.json")
        return found


@pytest.fixture
def evidence(gathered: dict[str, Any]) -> dict[str, Any]:
    """Return a copy that a test may change."""
    return copy.deepcopy(gathered)
