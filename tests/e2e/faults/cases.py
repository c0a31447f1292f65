"""Every case of the matrix, derived from the machines' definitions: a new state is a new row without anyone's doing."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from tests.e2e.faults.going_back import RollbackRehearsal, WayBack
from tests.e2e.faults.rehearsal import Rehearsal, Scenario, Strike
from tests.e2e.faults.states import RELEASE, ROLLBACK, kinds_of, tasks

RELEASES = (
    Scenario("a good release", "Release Live"),
    Scenario("a person says no", "Release Rejected", decision="reject"),
    Scenario("a good release of code alone", "Release Live", code=True),
    Scenario("a decision is recorded and never handed over", "Release Live", undelivered=True),
    Scenario("the deployment's answer is lost", "Release Live", lost="Shift Traffic"),
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
WAYS_BACK = (
    WayBack("back to a release that is still warm", "Production Restored"),
    WayBack("back to one that was retired", "Production Restored", gone=True),
    WayBack("a shift is under way", "Shift Stopped", shifting=True),
    WayBack("the one to go back to fails, too", "Rollback Failed", gone=True, hook_fails=True),
    WayBack("the deployment's answer is lost", "Production Restored", lost="Shift Back"),
    WayBack("the deployment can't be read", "Restored but Not as Planned", denied=("Read Deployment",)),
    WayBack("its record can't be written", "Restored but Not Settled", denied=("Record Rollback",)),
    WayBack("what one came from can't be retired", "Restored but Not Settled", denied=("Retire Release",)),
)
SCENARIOS: dict[str, tuple[Scenario, ...]] = {RELEASE: RELEASES, ROLLBACK: WAYS_BACK}
"""Ways through each machine; the first that passes a state is the one in which it is struck there."""


def rehearsal_of(scenario: Scenario, strike: Strike | None = None) -> Rehearsal:
    """A rehearsal that has ended."""
    kind = RollbackRehearsal if isinstance(scenario, WayBack) else Rehearsal
    rehearsal = kind(scenario, strike)
    rehearsal.go()
    return rehearsal


def scenario_of(machine: str, state: str) -> Scenario:
    """The scenario in which a state is struck."""
    found = next((scenario for scenario in SCENARIOS[machine] if state in _path(scenario)), None)
    assert found is not None, f"no scenario passes {state} of the {machine} machine: add one"
    return found


@cache
def _path(scenario: Scenario) -> frozenset[str]:
    rehearsal = rehearsal_of(scenario)
    assert rehearsal.path[-1] == scenario.end, rehearsal.ended
    return frozenset(rehearsal.path)


def strikes() -> Iterator[tuple[str, Strike]]:
    """Every state of each machine crossed with every kind of fault."""
    for machine in SCENARIOS:
        for state, task in tasks(machine).items():
            for kind, made in kinds_of(task):
                yield machine, Strike(state, kind, made)


def functions() -> Iterator[tuple[str, str]]:
    """Every state of each machine that calls a function."""
    for machine in SCENARIOS:
        for state, task in tasks(machine).items():
            if ":lambda:invoke" in task["Resource"]:
                yield machine, state
