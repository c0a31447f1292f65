"""Bet on rare events: errors, and requests far slower than the champion's. Used by errors and latency.

If the candidate has the event RR times as often as the champion, whose rate is p, then r(event) = RR and
r(no event) = (1 − RR·p)/(1 − p). Several RR are bet on; p is guessed from the champion's past alone, so a wrong guess
costs speed, never validity (method of mixtures: Robbins 1970; Lindon & Malek 2022 for counts in canaries).
"""

from __future__ import annotations

from functools import lru_cache
from math import exp, floor, log

from safe_deploy.domain.analysis.betting import Bets, Factors, Share, factors
from safe_deploy.domain.analysis.kept import Kept

Risks = tuple[float, ...]
ERRORS: Risks = (3.0, 8.0, 30.0, 150.0)
FAR_SLOWER: Risks = (40.0, 200.0)
"""Risk ratios that are bet on, each with the same share of the capital."""
CEILING = 0.9
"""No bet holds the candidate's rate to be above this."""
DOUBT = 50.0
"""How many requests without an event the first guess of the rate is worth."""
MEMORY = 20_000.0
"""Requests after which older ones begin to count half."""
RECENT = 1 / 50
"""Weight of the newest request in the recent rate, by which an outage of both versions is noticed."""
STEPS = 10
"""Guesses are rounded to this many steps a natural logarithm, so that factors can be kept."""
REFRESH = 16
"""Requests of the champion without the event after which its rate is guessed anew."""


class Rate(Kept):
    """The champion's rate of an event, from its past."""

    __slots__ = STATE = ("_requests", "_events", "_recent")

    def __init__(self) -> None:
        self._requests = self._events = self._recent = 0.0

    def learn(self, happened: bool) -> None:
        """Take in one request of the champion."""
        if self._requests >= MEMORY:
            self._requests, self._events = self._requests / 2, self._events / 2
        self._requests += 1
        self._events += happened
        self._recent += RECENT * (happened - self._recent)

    @property
    def guess(self) -> float:
        """Return the long run's rate, or a quarter of the recent one where an outage has made that the greater."""
        return max((self._events + 0.5) / (self._requests + DOUBT), self._recent / 4)


@lru_cache(maxsize=1024)
def _table(risks: Risks, step: int, share: Share) -> tuple[Factors, Factors]:
    """Return the factors without and with the event, at a rounded guess of the champion's rate."""
    rate = min(exp(step / STEPS), 0.5)
    ratios = [max(1.0, min(risk, CEILING / rate)) for risk in risks]
    return factors([(1 - ratio * rate) / (1 - rate) for ratio in ratios], share), factors(ratios, share)


class EventBets(Kept):
    """Evidence that the candidate has an event more often than the champion.

    Nearly every request is one of the champion's without the event: these are counted, and bet on together.
    """

    __slots__ = ("_bets", "_due", "_rate", "_risks", "_share", "_step", "_uneventful")
    STATE = ("_bets", "_rate", "_step", "_due", "_uneventful", "_share")

    def __init__(self, risks: Risks) -> None:
        self._risks = risks
        self._bets = Bets((1 / len(risks),) * len(risks))
        self._rate = Rate()
        self._step = self._due = 0
        self._uneventful = 0
        self._share = Share(0.0, 0.0)
        self._guess()

    def observe(self, share: Share, served: bool, happened: bool) -> None:
        """Bet on one request; `served` says whether the candidate served it."""
        if share != self._share:
            self._settle()
            self._share = share
        if served or happened:
            self._settle()
            self._bets.place(_table(self._risks, self._step, share)[happened][served])
        else:
            self._uneventful += 1

    def learn(self, happened: bool) -> None:
        """Let the champion's past have one request more."""
        self._rate.learn(happened)
        self._due -= 1
        if happened or self._due <= 0:
            self._guess()

    def count(self, requests: int) -> None:
        """Take note of the candidate's requests."""
        self._settle()
        self._bets.count(requests)

    @property
    def evidence(self) -> float:
        """Return the e-value against "no more often"."""
        return self._bets.evidence_after(self._waiting()) if self._uneventful else self._bets.evidence

    @property
    def rate(self) -> float:
        """Return the guess of the champion's rate."""
        return self._rate.guess

    def _guess(self) -> None:
        step = floor(log(self._rate.guess) * STEPS + 0.5)
        self._due = REFRESH
        if step != self._step:
            self._settle()
            self._step = step

    def _waiting(self) -> list[float]:
        """Return the factors of the requests that were only counted so far."""
        factor = _table(self._risks, self._step, self._share)[False].champion
        return [one**self._uneventful for one in factor]

    def _settle(self) -> None:
        if self._uneventful:
            self._bets.place(self._waiting())
            self._uneventful = 0
