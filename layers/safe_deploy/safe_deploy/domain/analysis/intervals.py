"""Anytime-valid intervals of rates and quantiles, for what is reported. Used by every metric of the analysis.

For k events in n requests of rate p, the mixture of likelihood ratios over a Beta(½, ½) prior,

    M(p) = B(½ + k, ½ + n − k) / (B(½, ½)·p^k·(1 − p)^(n−k)),

is a martingale under p, so {p: M(p) < 1/α} covers p at all times at once with probability 1 − α (Robbins 1970; Howard,
Ramdas, McAuliffe & Sekhon 2021). "Is at most the s-quantile" is an event of rate s, so the counts k that M(s) doesn't
refute mark the order statistics between which that quantile lies (Howard & Ramdas 2022 study such intervals). They
hold for requests of a steady distribution; where it drifts they describe the mixture over the time observed, roughly.
"""

from __future__ import annotations

from math import lgamma, log, log1p, pi

_ROUNDS = 50


def log_evidence(events: int, requests: int, rate: float) -> float:
    """Return log M(rate): the evidence against a rate, given the counts."""
    others = requests - events
    mixture = lgamma(0.5 + events) + lgamma(0.5 + others) - lgamma(1.0 + requests) - log(pi)
    return mixture - (events * log(rate) if events else 0.0) - (others * log1p(-rate) if others else 0.0)


def rate_interval(events: int, requests: int, level: float) -> tuple[float, float]:
    """Return the interval that holds the rate at all times with probability 1 − level."""
    if not requests:
        return 0.0, 1.0
    bound, middle = -log(level), events / requests
    ends = []
    for far in (0.0, 1.0):
        near, out = middle, far
        for _ in range(_ROUNDS if near != far else 0):
            rate = 0.5 * (near + out)
            if 0 < rate < 1 and log_evidence(events, requests, rate) < bound:
                near = rate
            else:
                out = rate
        ends.append(out)
    return ends[0], ends[1]


def quantile_counts(share: float, requests: int, level: float) -> tuple[int, int]:
    """Return the least and the greatest number of values that may lie at or below the true quantile."""
    bound, middle = -log(level), round(share * requests)
    ends = []
    for far in (0, requests):
        near, out = middle, far
        if log_evidence(far, requests, share) < bound:
            near = far
        while abs(near - out) > 1 and near != far:
            count = (near + out) // 2
            if log_evidence(count, requests, share) < bound:
                near = count
            else:
                out = count
        ends.append(near)
    return ends[0], ends[1]
