"""What comes from elsewhere, for a terminal."""

from __future__ import annotations

import json
from typing import Any


def on_one_line(value: Any) -> str:
    """Return a value so that it can neither look like another line nor steer the terminal."""
    text = value if isinstance(value, str) else json.dumps(value)
    return text if text.isprintable() else json.dumps(text)
