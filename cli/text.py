"""What comes from elsewhere, for a terminal."""

from __future__ import annotations

import json
import unicodedata
from typing import Any


def on_one_line(value: Any) -> str:
    """Return a value so that it can neither look like another line nor steer the terminal."""
    text = value if isinstance(value, str) else json.dumps(value)
    return text if text.isprintable() else json.dumps(text)


def in_lines(text: str) -> str:
    """Return a text of several lines so that nothing in it steers the terminal."""
    return "\n".join("".join(map(_printable, line)) for line in text.split("\n"))


def _printable(character: str) -> str:
    if character.isprintable():
        return character
    return " " if unicodedata.category(character) == "Zs" else json.dumps(character)[1:-1]
