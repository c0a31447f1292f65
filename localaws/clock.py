"""Time as AWS services see it: real timestamps, durations shortened by a scale. Used by every waiting service."""

from __future__ import annotations

import threading
from datetime import UTC, datetime


class Clock:
    """`scale` AWS seconds pass in one real second, for durations that AWS only waits for."""

    def __init__(self, scale: float = 1.0) -> None:
        if scale < 1:
            raise ValueError(f"time scale must be at least 1, not {scale}")
        self.scale = scale
        self._never = threading.Event()

    def now(self) -> datetime:
        """The present, unscaled, in UTC."""
        return datetime.now(UTC)

    def real(self, seconds: float) -> float:
        """The real seconds that `seconds` of AWS time take."""
        return seconds / self.scale

    def sleep(self, seconds: float, cancelled: threading.Event | None = None) -> bool:
        """Wait `seconds` of AWS time. True when it passed whole, False when `cancelled` was set first."""
        return not (cancelled or self._never).wait(self.real(seconds))
