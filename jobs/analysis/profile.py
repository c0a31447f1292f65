"""What a column is like, gathered batch by batch. Filled by rows.py, read by its neighbours."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from jobs.analysis.sketch import Numbers, Sketch
from jobs.parsing import parse

WHOLE = r"^\s*[+-]?[0-9]+\s*$"
DISTINCT_LIMIT = 1_000
INTEGRAL, FRACTIONAL, STRING, UNKNOWN = "Integral", "Fractional", "String", "Unknown"


def written_whole(column: pa.Array) -> npt.NDArray[np.bool_]:
    """Return which texts have neither a decimal point nor an exponent nor anything else but digits."""
    try:
        pc.cast(column, pa.int64())
    except pa.ArrowInvalid:
        mask: npt.NDArray[np.bool_] = pc.match_substring_regex(column, WHOLE).to_numpy(zero_copy_only=False)
        return mask
    return np.ones(len(column), dtype=bool)


class Moments:
    """Count, mean and variance of values that come in batches (Chan, Golub & LeVeque 1983)."""

    def __init__(self) -> None:
        self.count, self.mean, self.squares = 0, 0.0, 0.0
        self.total = 0.0
        self.minimum, self.maximum = math.inf, -math.inf

    def update(self, values: Numbers) -> None:
        """Add values; there must be at least one."""
        n, mean = len(values), float(np.mean(values))
        both = self.count + n
        gap = mean - self.mean
        self.squares += float(np.sum((values - mean) ** 2)) + gap * gap * self.count * n / both
        self.mean += gap * n / both
        self.total += float(np.sum(values))
        self.count = both
        self.minimum = min(self.minimum, float(np.min(values)))
        self.maximum = max(self.maximum, float(np.max(values)))

    @property
    def deviation(self) -> float:
        """Return the standard deviation of the values themselves (divided by n)."""
        return math.sqrt(self.squares / self.count) if self.count else 0.0


class Profile:
    """One column: what is missing, what is a number, how the numbers and the texts are distributed."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.missing = 0
        self.present = 0
        self.whole = 0
        """values that are whole numbers, 2.0 included"""
        self.fraction_seen = False
        """whether a number was written with a decimal point or an exponent"""
        self.numbers = Moments()
        self.sketch = Sketch()
        self.texts: Counter[str] = Counter()
        """counts of the first 1,000 distinct values as written; given up for numbers with more"""
        self._counts_texts = True
        self._text_seen = False

    def update(self, column: pa.Array) -> None:
        """Add a batch of the column, as text."""
        parsed = parse(column, "number")
        numeric = ~parsed.blank & ~parsed.wrong
        values = parsed.values[numeric]
        self.missing += int(np.count_nonzero(parsed.blank))
        self.present += int(np.count_nonzero(~parsed.blank))
        if len(values):
            self.whole += int(np.count_nonzero(values == np.floor(values)))
            self.numbers.update(values)
            self.sketch.update(values)
        if not self.fraction_seen:
            self.fraction_seen = bool(np.any(numeric & ~written_whole(column)))
        self._text_seen = self._text_seen or bool(parsed.wrong.any())
        if self._counts_texts:
            self._count_texts(column)

    def _count_texts(self, column: pa.Array) -> None:
        counts = pc.value_counts(pc.utf8_trim_whitespace(column))
        if not self._text_seen and len(counts) + len(self.texts) > DISTINCT_LIMIT:
            self._counts_texts = False
            self.texts.clear()
            return
        for entry in counts.to_pylist():
            value = entry["values"]
            if value and (value in self.texts or len(self.texts) < DISTINCT_LIMIT):
                self.texts[value] += int(entry["counts"])

    @property
    def rows(self) -> int:
        """Return how many rows were seen."""
        return self.present + self.missing

    @property
    def completeness(self) -> float:
        """Return the share of rows that aren't blank."""
        return self.present / self.rows if self.rows else 0.0

    @property
    def inferred_type(self) -> str:
        """Return the type that most values have: String when more than half of them aren't numbers."""
        if self.present == 0:
            return UNKNOWN
        if self.numbers.count * 2 < self.present:
            return STRING
        return FRACTIONAL if self.fraction_seen else INTEGRAL

    def share_of_type(self, expected: str) -> float:
        """Return the share of values that are of a type; any value is a string, 2.0 is integral."""
        fitting = {INTEGRAL: self.whole, FRACTIONAL: self.numbers.count}.get(expected, self.present)
        return fitting / self.present if self.present else 1.0
