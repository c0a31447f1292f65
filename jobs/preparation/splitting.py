"""Decide by a row's content whether it trains, validates or tests. Called by cleaning.py and job.py.

The same row gets the same split in every drop, whatever the file, the format, the order or the other columns.
So no champion was ever trained on a row that it is tested on beside a later candidate.
"""

from __future__ import annotations

import hashlib
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from jobs.parsing import Mask, Parsed

Hashes: TypeAlias = npt.NDArray[np.uint64]
SEED = np.uint64(0x5AFED0C5)
BLANK = np.uint64(0xB1A2C0DE)
TRAIN, VALIDATION, TEST = 0, 1, 2


def row_hashes(columns: list[tuple[Parsed, str]], inside: Mask) -> Hashes:
    """Return a 64-bit hash of each row that is `inside`, over the contract's columns in the contract's order.

    Values are hashed as parsed: `1`, `1.0` and a Parquet integer are one value; a blank is not its default.
    """
    hashes = np.full(int(np.count_nonzero(inside)), SEED, dtype=np.uint64)
    for parsed, kind in columns:
        words = _words(parsed.values[inside], kind)
        hashes = _mix(hashes ^ np.where(parsed.blank[inside], BLANK, words))
    return hashes


def assign(hashes: Hashes, validation_share: float, test_share: float) -> npt.NDArray[np.int8]:
    """Return TRAIN, VALIDATION or TEST for each hash; the shares hold within sampling error."""
    position = (hashes >> np.uint64(11)).astype(np.float64) / 2.0**53
    held_out = np.where(position < test_share, TEST, VALIDATION)
    return np.where(position < test_share + validation_share, held_out, TRAIN).astype(np.int8)


def _words(values: npt.NDArray[Any], kind: str) -> Hashes:
    if kind == "string":
        unique, places = np.unique(values.astype(str), return_inverse=True)
        digests = [hashlib.blake2b(str(text).encode(), digest_size=8).digest() for text in unique]
        return np.frombuffer(b"".join(digests), dtype="<u8").astype(np.uint64)[places]
    plain = np.int64 if kind == "datetime" else np.float64
    return np.ascontiguousarray(values.astype(plain)).view(np.uint64)


def _mix(words: Hashes) -> Hashes:
    """Mix the bits: the finaliser of SplitMix64 (Steele, Lea & Flood, OOPSLA 2014), modulo 2**64."""
    words = words + np.uint64(0x9E3779B97F4A7C15)
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))
