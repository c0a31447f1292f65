"""What errors, latency and predictions have in common: a share of the traffic, proofs, and what waits to be past."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

from safe_deploy.domain.analysis.betting import Weight
from safe_deploy.domain.analysis.kept import Kept
from safe_deploy.domain.analysis.passing import Proofs
from safe_deploy.domain.analysis.verdict import Estimate


class Metric(Kept, ABC):
    """One thing in which candidate and champion are compared."""

    __slots__ = ("_pending", "_proofs", "_served", "_weight")
    STATE: ClassVar[tuple[str, ...]] = ("_weight", "_proofs", "_pending", "_served")

    def __init__(self, weight: float, proofs: Proofs) -> None:
        self._weight = Weight(weight)
        self._proofs = proofs
        self._pending: list[Any] = []
        """What the champion's requests of this moment came to."""
        self._served = 0
        """The candidate's requests of this moment."""

    @property
    @abstractmethod
    def requests(self) -> Sequence[int]:
        """Return how many requests of the champion and of the candidate were compared."""

    @property
    @abstractmethod
    def alarm(self) -> float:
        """Return the e-value against "within the tolerance"."""

    @property
    def proof(self) -> float:
        """Return the e-value against "outside the margin"."""
        return self._proofs.evidence

    @abstractmethod
    def estimate(self, level: float) -> Estimate | None:
        """Return what changed most surely; the interval holds at all times with probability 1 − level."""

    def shift(self, weight: float) -> None:
        """Take note of another weight; what was waiting to be compared belongs to the one before."""
        self._weight = Weight(weight)
        self._proofs.drop()

    def learn(self) -> None:
        """Let what was observed be the past."""
        pending, served = self._pending, self._served
        self._weight.count(len(pending) + served, served)
        if served:
            self._count(served)
            self._served = 0
        proofs = self._proofs
        if proofs.candidate and proofs.champion:
            proofs.close(self._rates())
        if len(pending) > 1:
            pending.sort()
        for entry in pending:
            self._learn(entry)
        pending.clear()

    @abstractmethod
    def _count(self, requests: int) -> None:
        """Tell the bets of the candidate's requests."""

    @abstractmethod
    def _rates(self) -> Sequence[float]:
        """Return the guesses of the champion's means of what is proven."""

    @abstractmethod
    def _learn(self, entry: Any) -> None:
        """Learn from one of the champion's requests."""
