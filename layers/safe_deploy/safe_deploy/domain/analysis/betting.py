"""Bet on which version served a request, given how it came out. Used by every metric of the analysis.

An alias routes at random. So if both versions answer alike, then whatever a request came to, and whatever happened
before, the candidate served it with the alias's weight w. A bet that the outcome z is r(z) times as likely from the
candidate multiplies its capital by

    r(z)^A / (1 − w + w·r(z)),      A = 1 where the candidate served, else 0.

Under identical versions this factor's mean given z and the past is exactly 1, outages that hit both versions included,
however wrong r is as long as it was fixed beforehand: a test martingale, so the chance that the capital ever reaches
1/α is at most α (Ville 1939; Howard & Ramdas 2022; testing by betting: Shafer 2021; independence of version and
outcome: Podkopaev & Ramdas 2023). For an r that rises in z it is a supermartingale as well wherever the candidate's
outcomes are stochastically smaller, so the test is one-sided.

Two things are ours. Capital decays while versions are alike, so a part is kept back and invested over time: a
candidate that goes bad after an hour is still found (a mixture over starting times, hence a martingale too). And the
weight that was asked need not be the one that is. Were it higher, the factor's mean is at most 1 by Jensen's
inequality, as far as r's mean over the champion's outcomes is 1: (r − 1)/(1 + w·(r − 1)) is concave in r. Were it
lower, capital would grow on the champion's requests alone: each outcome with r < 1 is one that the candidate has not
served. That is of the second order, w·Var(r), and matters for bets on rare events. So where r is far below 1 these
divide by a smaller weight, the share seen so far if it is below what was asked: for any true weight between the two
that factor's mean is at most 1. And as soon as an anytime-valid interval of the true share lies below what was asked,
all bets assume its lower end: no traffic is no evidence.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import exp, floor, log
from operator import mul
from typing import NamedTuple

from safe_deploy.domain.analysis.intervals import log_evidence, rate_interval
from safe_deploy.domain.analysis.kept import Kept

RESERVE = 0.1
"""Share of the capital that is kept back for later starts."""
INTERVAL = 32
"""Requests of the candidate between two later starts."""
LIMIT = 1e150
"""More capital than this is not counted; it keeps products finite."""
FAR_LESS = 0.9
"""Outcomes held to be less likely than this from the candidate are bet on with the smaller weight."""
DISBELIEF = 0.02
"""Chance of ever thinking the weight lower than asked where it isn't; that costs speed only."""
REFRESH = 16
"""Requests after which the weight is thought over."""
DOUBT = 50
"""How many requests the asked weight is worth, beside those that were seen."""
STEPS = 40
"""Shares are rounded down to this many steps a natural logarithm, so that factors can be kept."""
LEAST_WEIGHT = 1e-6


class Factors(NamedTuple):
    """By what each bet's capital is multiplied, by who served; index with `served_by_candidate`."""

    champion: tuple[float, ...]
    candidate: tuple[float, ...]


class Share(NamedTuple):
    """Between what the candidate's share of the traffic is assumed to lie."""

    most: float
    least: float


def factors(ratios: Sequence[float], share: Share) -> Factors:
    """Return the factors of an outcome, for bets that hold it `ratios` times as likely from the candidate."""
    scales = [1 / (1 + (share.least if ratio < FAR_LESS else share.most) * (ratio - 1)) for ratio in ratios]
    return Factors(tuple(scales), tuple(map(mul, scales, ratios)))


class Weight(Kept):
    """The candidate's share of the traffic: as asked, until the requests say that it is less."""

    __slots__ = STATE = ("asked", "assumed", "_requests", "_candidates", "_due")

    def __init__(self, asked: float) -> None:
        self.asked = asked
        self.assumed = Share(asked, asked)
        self._requests = self._candidates = 0
        self._due = REFRESH

    def count(self, requests: int, candidates: int) -> None:
        """Take note of requests, and of how many of them the candidate served."""
        self._requests += requests
        self._candidates += candidates
        if self._requests < self._due:
            return
        self._due = self._requests + REFRESH
        is_less = self._candidates < self.asked * self._requests
        if is_less and log_evidence(self._candidates, self._requests, self.asked) > -log(DISBELIEF):
            low, _ = rate_interval(self._candidates, self._requests, DISBELIEF)
            share = _rounded(low)
            self.assumed = Share(share, share)
        else:
            seen = (self._candidates + DOUBT * self.asked) / (self._requests + DOUBT)
            self.assumed = Share(self.asked, _rounded(seen) if seen < self.asked else self.asked)


def _rounded(share: float) -> float:
    return exp(floor(log(max(share, LEAST_WEIGHT)) * STEPS) / STEPS)


class Bets(Kept):
    """Capital of several bets."""

    __slots__ = ("_capital", "_prior", "_requests", "_starts")
    STATE = ("_capital", "_requests", "_starts")

    def __init__(self, prior: Sequence[float]) -> None:
        """Divide the first capital, which is 1 in all, as `prior` says; it sums to one."""
        self._prior = tuple(prior)
        self._capital = [(1 - RESERVE) * share for share in self._prior]
        self._requests = 0
        self._starts = 0

    def place(self, outcome: Sequence[float]) -> None:
        """Multiply each bet's capital by its factor."""
        self._capital = list(map(mul, self._capital, outcome))

    def count(self, requests: int) -> None:
        """Take note of the candidate's requests; every so often, invest a part of the reserve.

        The k-th start gets RESERVE/(k(k+1)), so that starts sum to the reserve and late ones still count.
        """
        self._requests += requests
        while self._requests >= INTERVAL * (self._starts + 1):
            self._starts += 1
            part = RESERVE / (self._starts * (self._starts + 1))
            self._capital = [min(c + part * share, LIMIT) for c, share in zip(self._capital, self._prior, strict=True)]

    @property
    def evidence(self) -> float:
        """Return the e-value: what the first capital of 1 has become, reserve included."""
        return self._wealth(self._capital)

    def evidence_after(self, outcome: Sequence[float]) -> float:
        """Return what the e-value would be after `place`, which isn't done."""
        return self._wealth(map(mul, self._capital, outcome))

    def _wealth(self, capital: Iterable[float]) -> float:
        return min(sum(capital), LIMIT) + RESERVE / (self._starts + 1)
