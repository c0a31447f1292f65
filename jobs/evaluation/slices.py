"""Which rows a slice holds: policy.json's `slices`, applied to the test rows. Called by job.py.

{"name": "Distance", "column": "trip_distance", "bands": [1, 3, 10]}     under 1, 1 to 3, 3 to 10, 10 and more
{"column": "rate_code_id", "labels": {"1": "standard", "2": "JFK"}}      a slice for each value, with its label
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from jobs.outcome import ModelFolderError

VALUES_SHOWN = 12
OTHERS = "others"
Numbers: TypeAlias = npt.NDArray[np.float64]
Mask: TypeAlias = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Slicing:
    """One way to cut the test rows: by a column's bands or by its values."""

    name: str
    column: str
    bands: tuple[float, ...] = ()
    labels: dict[str, str] = field(default_factory=dict)

    @classmethod
    def from_json(cls, given: Any, features: list[str]) -> Slicing:
        """Read an entry of policy.json's `slices`. Raises ModelFolderError when it can't be used."""
        column = given.get("column") if isinstance(given, dict) else None
        if column not in features:
            raise ModelFolderError(f"policy.json: slices names {column}, which isn't a feature of contract.json.")
        bands = tuple(float(edge) for edge in given.get("bands", ()))
        if any(left >= right for left, right in pairwise(bands)):
            raise ModelFolderError(f"policy.json: slices: the bands of {column} must rise.")
        labels = {str(key): str(label) for key, label in given.get("labels", {}).items()}
        return cls(str(given.get("name", column)), column, bands, labels)

    def cut(self, values: Numbers) -> Iterator[tuple[str, Mask]]:
        """Yield each slice's label and which rows it has; only slices with rows."""
        yield from self._by_band(values) if self.bands else self._by_value(values)

    def _by_band(self, values: Numbers) -> Iterator[tuple[str, Mask]]:
        places = np.searchsorted(np.array(self.bands), values, side="right")
        labels = [
            f"under {self.bands[0]:g}",
            *(f"{low:g} to {high:g}" for low, high in pairwise(self.bands)),
            f"{self.bands[-1]:g} and more",
        ]
        for place, label in enumerate(labels):
            mask = places == place
            if mask.any():
                yield label, mask

    def _by_value(self, values: Numbers) -> Iterator[tuple[str, Mask]]:
        """The most frequent values are slices of their own; what is left is one more."""
        found, counts = np.unique(values, return_counts=True)
        shown = found[np.sort(np.argsort(-counts, kind="stable")[:VALUES_SHOWN])]
        for value in shown:
            text = f"{value:g}"
            yield self.labels.get(text, text), values == value
        if len(found) > len(shown):
            yield OTHERS, ~np.isin(values, shown)
