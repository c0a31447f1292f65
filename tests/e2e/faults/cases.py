"""Every case of the matrix, derived from the machine's definition: a new state is a new row without anyone's doing."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from tests.e2e.faults.rehearsal import Rehearsal, Scenario, Strike
from tests.e2e.faults.states import KINDS, tasks

SCENARIOS = (
    Scenario("a good release", "Release Live"),
    Scenario("a person says no", "Release Rejected", decision="reject"),
    Scenario("a good release of code alone", "Release Live", code=True),
    Scenario("the candidate is slower under traffic", "Rolled Back", worse=True),
    Scenario("a hook reports a failure", "Rolled Back", hook_fails=True),
    Scenario(
        "its model can't be made, and its record can't be written",
        "Release Failed",
        denied=("Create Model", "Record Outcome"),
    ),
    Scenario("code is deployed after the yes", "Evidence Stale", stale=True),
    Scenario(
        "code is deployed after the yes, and the manifest can't be dropped again",
        "Evidence Stale",
        stale=True,
        denied=("Drop Again",),
    ),
)
"""Ways through the machine; the first that passes a state is the one in which it is struck there."""


@cache
def scenario_of(state: str) -> Scenario | None:
    """The scenario in which a state is struck; None when no scenario passes it."""
    return next((scenario for scenario in SCENARIOS if state in _path(scenario)), None)


@cache
def _path(scenario: Scenario) -> frozenset[str]:
    rehearsal = Rehearsal(scenario)
    rehearsal.release()
    assert rehearsal.path[-1] == scenario.end, rehearsal.ended
    return frozenset(rehearsal.path)


def strikes() -> Iterator[Strike]:
    """Every state crossed with every kind of fault."""
    for state in tasks():
        for kind, made in KINDS:
            yield Strike(state, kind, made)
