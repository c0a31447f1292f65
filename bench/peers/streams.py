"""Invented traffic of two versions, and the oracle that knows its distributions. Used by bench/canary.py.

Latencies are lognormal (median 20 ms, sigma 0.5), predictions normal, requests evenly spaced, routing random.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

SIGMA = 0.5
P99 = 20 * float(np.exp(SIGMA * 2.3263478740408408))
"""Of the champion's latency."""
Array = Any


@dataclass(frozen=True)
class Traffic:
    """What both versions do. Ratios and shifts of the candidate are on top of what the policy tolerates."""

    rate: float = 20.0
    minutes: float = 30.0
    asked: float = 0.1
    true: float | None = None
    base: float = 0.001
    """The champion's error rate."""
    errors: float | None = None
    """The candidate's; None is the champion's."""
    slower: float = 1.0
    tail: float = 1.0
    """How many times as long the candidate's slowest hundredth takes."""
    shift: float = 0.0
    """Of the candidate's predictions, in standard deviations."""
    spread: float = 1.0
    tolerated: bool = False
    """Whether the candidate uses the whole tolerance up."""
    outage: bool = False
    """Whether both versions fail half of their requests, four times as slowly, in minutes 5 to 7."""
    bad_from: float = 0.0
    """Minute from which on the candidate differs."""
    cold: int = 0
    """Cold starts of the candidate, at its first requests."""
    history: int = 2000
    """Requests of the champion before the shift."""


@dataclass(frozen=True)
class Stream:
    """Arrays with one entry a request."""

    time: Array
    served: Array
    error: Array
    latency: Array
    cold: Array
    prediction: Array


def draw(traffic: Traffic, rng: Any, latency_tolerance: float, prediction_tolerance: float) -> tuple[Stream, Stream]:
    """Return the champion's history and the shift."""
    past = _normal(rng, traffic.history, 0, traffic.history / traffic.rate)
    past.error[:] = rng.random(traffic.history) < traffic.base
    seconds = traffic.minutes * 60
    now = _normal(rng, int(seconds * traffic.rate), 0, seconds)
    served = rng.random(now.time.size) < (traffic.asked if traffic.true is None else traffic.true)
    now.served[:] = served
    out = (now.time >= 300) & (now.time < 420) & traffic.outage
    odd = served & (now.time >= traffic.bad_from * 60)
    fails = np.where(odd, traffic.base if traffic.errors is None else traffic.errors, traffic.base)
    now.error[:] = rng.random(now.time.size) < np.where(out, 0.5, fails)
    uses = 1 if traffic.tolerated or traffic.slower != 1 or traffic.tail != 1 else 0
    slower = traffic.slower * (1 + latency_tolerance) ** uses
    slow = np.where(now.latency > P99, traffic.tail, 1.0)
    now.latency[:] *= np.where(out, 4.0, 1.0) * np.where(odd, slower * slow, 1.0)
    moved = traffic.shift + (prediction_tolerance if traffic.tolerated or traffic.shift else 0)
    now.prediction[:] = np.where(odd, 10 + (now.prediction - 10) * traffic.spread + moved, now.prediction)
    first = np.flatnonzero(served)[: traffic.cold]
    now.cold[first] = True
    now.latency[first] += 2000
    return past, now


def oracle(
    traffic: Traffic, stream: Stream, latency_tolerance: float, prediction_tolerance: float, alpha: float
) -> int:
    """Return how many candidate requests the test needs that knows every distribution; -1 if more than there are.

    The likelihood ratio of who served, given the outcome: two samples, since the weight, not the champion's rate, is
    what is known under the null hypothesis; it is tested against a candidate that uses the whole tolerance up.
    """
    served = stream.served
    if traffic.errors is not None:
        ratio = np.where(
            stream.error,
            traffic.errors / max(traffic.base, 1e-9),
            (1 - traffic.errors) / (1 - traffic.base),
        )
    elif traffic.slower != 1:
        score = np.log(stream.latency / 20 / np.where(served, 1 + latency_tolerance, 1.0)) / SIGMA
        move = np.log(traffic.slower) / SIGMA
        ratio = np.exp(move * score - move**2 / 2)
    elif traffic.tail != 1:
        latency = stream.latency / np.where(served, 1 + latency_tolerance, 1.0)
        score, far = np.log(latency / 20) / SIGMA, np.log(traffic.tail) / SIGMA
        beyond = np.exp(np.minimum(far * score - far**2 / 2, 50.0))
        ratio = np.where(latency < P99, 1.0, np.where(latency < P99 * traffic.tail, 1e-9, beyond))
    else:
        score = stream.prediction - 10 - np.where(served, prediction_tolerance, 0.0)
        ratio = np.exp(traffic.shift * score - traffic.shift**2 / 2)
    wealth = np.cumsum(np.where(served, np.log(np.maximum(ratio, 1e-300)), 0.0) - np.log1p(traffic.asked * (ratio - 1)))
    reached = np.flatnonzero(wealth >= np.log(1 / alpha))
    return int(np.count_nonzero(served[: reached[0] + 1])) if reached.size else -1


def _normal(rng: Any, count: int, start: float, seconds: float) -> Stream:
    return Stream(
        start + np.arange(count) * (seconds / max(count, 1)),
        np.zeros(count, bool),
        np.zeros(count, bool),
        20 * np.exp(SIGMA * rng.standard_normal(count)),
        np.zeros(count, bool),
        10 + rng.standard_normal(count),
    )
