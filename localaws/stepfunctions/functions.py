"""The JSONata functions that Step Functions adds to the language. Called by `expressions`.

`UNDEFINED` is an argument that is missing or nothing, and an answer of nothing; None is JSON null.
"""

from __future__ import annotations

import hashlib
import json
import random
import uuid
from collections.abc import Callable, Mapping
from typing import Any, Final

UNDEFINED: Final = object()
"""What an expression yields when it yields nothing."""

_ALGORITHMS: Mapping[str, Callable[[bytes], Any]] = {
    "MD5": lambda data: hashlib.md5(data, usedforsecurity=False),
    "SHA-1": lambda data: hashlib.sha1(data, usedforsecurity=False),
    "SHA-256": hashlib.sha256,
    "SHA-384": hashlib.sha384,
    "SHA-512": hashlib.sha512,
}
_MOST_ELEMENTS = 360_145
"""AWS refuses a `$range` that is longer."""


def partition(array: Any = UNDEFINED, size: Any = UNDEFINED) -> Any:
    """`array` in chunks of `size`; nothing for an empty array or a size of zero."""
    if array is UNDEFINED or size is UNDEFINED:
        return UNDEFINED
    items = array if isinstance(array, list) else [array]
    step = int(size)
    if step < 0:
        raise ValueError(f"$partition needs a positive size, not {size}")
    if step == 0 or not items:
        return UNDEFINED
    return [items[start : start + step] for start in range(0, len(items), step)]


def range_(start: Any = UNDEFINED, end: Any = UNDEFINED, step: Any = UNDEFINED) -> Any:
    """The whole numbers from `start` to `end`, both included; a range of one element is that number."""
    if UNDEFINED in (start, end, step) or int(step) == 0:
        return UNDEFINED
    stride = int(step)
    numbers = range(int(start), int(end) + (1 if stride > 0 else -1), stride)
    if len(numbers) > _MOST_ELEMENTS:
        raise ValueError("Expression evaluation memory limit exceeded")
    values = list(numbers)
    return UNDEFINED if not values else values[0] if len(values) == 1 else values


def hash_(data: Any = UNDEFINED, algorithm: Any = UNDEFINED) -> Any:
    """The hexadecimal digest of a string (of the JSON text of anything else)."""
    if data is UNDEFINED or algorithm is UNDEFINED:
        return UNDEFINED
    if algorithm not in _ALGORITHMS:
        raise ValueError(f"$hash knows {', '.join(_ALGORITHMS)}, not {algorithm!r}")
    text = data if isinstance(data, str) else json.dumps(data, separators=(",", ":"))
    return _ALGORITHMS[algorithm](text.encode()).hexdigest()


def random_(seed: Any = UNDEFINED) -> float:
    """A number in [0, 1), the same one each time for the same seed."""
    source = random if seed is UNDEFINED else random.Random(int(seed))  # noqa: S311 (not for secrets)
    return source.random()


def uuid_() -> str:
    """A version 4 UUID."""
    return str(uuid.uuid4())


def parse(text: Any = UNDEFINED) -> Any:
    """The value that a JSON text stands for. AWS's stand-in for `$eval`."""
    return UNDEFINED if text is UNDEFINED else json.loads(text)


STEP_FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "partition": partition,
    "range": range_,
    "hash": hash_,
    "random": random_,
    "uuid": uuid_,
    "parse": parse,
}
