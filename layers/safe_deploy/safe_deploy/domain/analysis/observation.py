"""One answered request, as the analysis sees it. Made by whoever reads the requests' log."""

from __future__ import annotations

from typing import NamedTuple

CHAMPION = "champion"
CANDIDATE = "candidate"


class Observation(NamedTuple):
    """What one request to either version came to."""

    time: float
    """Seconds since any epoch. Requests of one moment count as simultaneous: their order doesn't matter."""
    version: str
    """CHAMPION or CANDIDATE."""
    error: bool
    latency: float
    """Milliseconds."""
    cold: bool = False
    """Whether the request waited for a start; its latency is then left out, whichever version served it."""
    prediction: float | None = None
    """Mean of the request's predictions; None where it made none."""
