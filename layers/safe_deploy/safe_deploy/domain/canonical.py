"""One spelling for each JSON value, and its SHA-256. Used wherever two values must be proven the same."""

from __future__ import annotations

import hashlib
import json
from typing import Any

EXACT_INTEGERS = 2**53


def canonical(value: Any) -> bytes:
    """Return JSON with sorted keys, no spaces and one spelling per number: 5.0 is 5, 10**20 is 1e+20.

    A value keeps its spelling when it goes through a store that doesn't tell 5.0 from 5.
    Raises ValueError for NaN and infinity.
    """
    text = json.dumps(_plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode()


def digest(value: Any) -> str:
    """Return the hexadecimal SHA-256 of a value's canonical JSON."""
    return hashlib.sha256(canonical(value)).hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer() and abs(value) < EXACT_INTEGERS:
        return int(value)
    if isinstance(value, int) and abs(value) >= EXACT_INTEGERS:
        return float(value)
    if isinstance(value, dict):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(entry) for entry in value]
    return value
