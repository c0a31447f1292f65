"""What policy.json says for the approver's eyes alone: slices to look at, prices to reckon with. Used by policy.py."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

from safe_deploy.domain.fields import Fields

MOST_SLICINGS = 20
MOST_BANDS = 20


@dataclass(frozen=True, slots=True)
class Slicing:
    """One way in which the evaluation job cuts the test rows."""

    column: str

    @classmethod
    def parse(cls, entry: Fields) -> Slicing:
        """Read an entry of `slices`. Raises InvalidRequestError, naming the key that is wrong."""
        column = entry.text("column", maximum=100)
        if "name" in entry:
            entry.line("name", maximum=100)
        if "bands" in entry and "labels" in entry:
            entry.fail("labels", "are for values; a slicing has bands or labels")
        if "bands" in entry:
            bands = entry.list("bands", minimum=1, maximum=MOST_BANDS)
            numbers = all(isinstance(edge, (int, float)) and not isinstance(edge, bool) for edge in bands)
            if not numbers or any(left >= right for left, right in pairwise(bands)):
                entry.fail("bands", "must be numbers that rise")
        if "labels" in entry:
            labels = entry.object("labels")
            for key in labels:
                labels.line(key, maximum=100)
        entry.end()
        return cls(column)


@dataclass(frozen=True, slots=True)
class Prices:
    """What an hour of an instance costs: the user's own figures."""

    currency: str = ""
    per_hour: dict[str, float] = field(default_factory=dict)
    source: str = ""
    """Whose prices they are, of where and when; the approver reads it below them."""

    @classmethod
    def parse(cls, given: Fields) -> Prices:
        """Read `prices`. Raises InvalidRequestError, naming the key that is wrong."""
        currency, hours = given.text("currency", maximum=10), given.object("perInstanceHour")
        found = cls(
            currency,
            {name: hours.number(name, minimum=0, maximum=100_000) for name in hours},
            given.line("source", maximum=300) if "source" in given else "",
        )
        given.end()
        return found
