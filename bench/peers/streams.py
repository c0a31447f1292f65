"""Invented traffic of two versions, and the oracle that knows its distributions. Used by bench/canary.py.

Latencies are lognormal (median 20 ms, sigma 0.5), predictions normal, requests evenly spaced, routing random. Replayed
requests come in a row every ten seconds, as the watch sends them; by chance they are others than people's just then.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np

SIGMA = 0.5
P99 = 20 * float(np.exp(SIGMA * 2.3263478740408408))
"""Of the champion's latency."""
SPREAD = 0.9824
"""Of normal predictions, as the analysis measures it, in standard deviations."""
LOOK = 10.0
"""Seconds from one look to the next."""
FAIR = 0.5
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
    steps: tuple[float, ...] = ()
    """Shares asked for one after the other, each for as long; without any it is `asked` throughout."""
    replayed: int = 0
    """Requests sent again at every look: without the base errors, a third slower, predicting 0.5 more."""
    is_kept: bool = False
    """Whether the analysis goes into its state and comes back out of it between looks."""


@dataclass(frozen=True)
class Stream:
    """Arrays with one entry a request."""

    time: Array
    served: Array
    error: Array
    latency: Array
    cold: Array
    prediction: Array
    asked: Array
    """The candidate's share, as the alias or the coin has it."""


def draw(traffic: Traffic, rng: Any, latency_tolerance: float, prediction_tolerance: float) -> tuple[Stream, Stream]:
    """Return the champion's history and the shift."""
    past = _normal(rng, traffic.history, 0, traffic.history / traffic.rate)
    past.error[:] = rng.random(traffic.history) < traffic.base
    seconds = traffic.minutes * 60
    now = _normal(rng, int(seconds * traffic.rate), 0, seconds)
    now.asked[:] = traffic.asked
    if traffic.steps:
        now.asked[:] = np.array(traffic.steps)[(now.time * len(traffic.steps) / seconds).astype(int)]
    if traffic.replayed:
        now = _with_replays(rng, now, traffic)
    live = now.asked if traffic.true is None else np.where(now.asked == traffic.asked, traffic.true, now.asked)
    served = rng.random(now.time.size) < live
    now.served[:] = served
    out = (now.time >= 300) & (now.time < 420) & traffic.outage
    odd = served & (now.time >= traffic.bad_from * 60)
    fails = np.where(odd, traffic.base if traffic.errors is None else traffic.errors, traffic.base)
    fails = np.where((now.asked == FAIR) & (traffic.replayed > 0), fails - traffic.base, fails)
    now.error[:] = rng.random(now.time.size) < np.where(out, 0.5, fails)
    uses = 1 if traffic.tolerated or traffic.slower != 1 or traffic.tail != 1 else 0
    slower = traffic.slower * (1 + latency_tolerance) ** uses
    slow = np.where(now.latency > P99, traffic.tail, 1.0)
    now.latency[:] *= np.where(out, 4.0, 1.0) * np.where(odd, slower * slow, 1.0)
    moved = traffic.shift + (prediction_tolerance * SPREAD if traffic.tolerated or traffic.shift else 0)
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
        score = stream.prediction - 10 - np.where(served, prediction_tolerance * SPREAD, 0.0)
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
        np.zeros(count),
    )


def _with_replays(rng: Any, live: Stream, traffic: Traffic) -> Stream:
    looks = int(traffic.minutes * 60 / LOOK)
    sent = _normal(rng, looks * traffic.replayed, 0, 1)
    sent.time[:] = np.repeat(np.arange(1, looks + 1) * LOOK, traffic.replayed) + np.tile(
        np.arange(traffic.replayed) * 1e-6, looks
    )
    sent.asked[:] = FAIR
    sent.latency[:] *= 4 / 3
    sent.prediction[:] += 0.5
    both = {
        field.name: np.concatenate([getattr(live, field.name), getattr(sent, field.name)]) for field in fields(live)
    }
    order = np.argsort(both["time"], kind="stable")
    return Stream(**{name: values[order] for name, values in both.items()})
