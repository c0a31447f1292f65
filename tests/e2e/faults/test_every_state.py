"""Every Task state of the release machine crossed with every kind of fault, rehearsed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.e2e.faults.cases import SCENARIOS, scenario_of, strikes
from tests.e2e.faults.judging import judged
from tests.e2e.faults.rehearsal import Rehearsal, Scenario, Strike
from tests.e2e.faults.rows import Row, note
from tests.e2e.faults.states import tasks, words_of
from tests.fakes.story import ENVIRONMENT


@pytest.fixture(autouse=True)
def settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """The functions' environment; nothing can reach the network."""
    for name, value in {**ENVIRONMENT, "LOG_LEVEL": "CRITICAL"}.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize("strike", list(strikes()), ids=lambda s: f"{s.state}: {words_of(s.kind, s.made)}")
def test_every_state_survives_every_fault(strike: Strike) -> None:
    scenario = scenario_of(strike.state)
    assert scenario is not None, f"no scenario of cases.py passes {strike.state}: add one"
    rehearsal = Rehearsal(scenario, strike)
    rehearsal.release()
    row = note(judged(rehearsal, strike.state, words_of(strike.kind, strike.made)))
    assert not row.problems, row


@pytest.mark.parametrize("state", [name for name, task in tasks().items() if ":lambda:invoke" in task["Resource"]])
def test_a_function_may_die_in_any_of_its_calls(state: str) -> None:
    """At its first call of each kind and at its last: that is served, and then the process is gone."""
    scenario = scenario_of(state)
    assert scenario is not None, f"no scenario of cases.py passes {state}: add one"
    assert not [row for row in killed(scenario, state, state, "its function") if row.problems]


@pytest.mark.parametrize("hook", ["check_version", "check_traffic"])
def test_a_hook_may_die_in_any_of_its_calls(hook: str) -> None:
    """CodeDeploy hears nothing; who watches the shift sees that the hook can't live any more, and goes back."""
    assert not [row for row in killed(SCENARIOS[0], hook, "Shift Traffic", hook) if row.problems]


def killed(scenario: Scenario, place: str, state: str, function: str) -> list[Row]:
    """Kill a function in its calls, one rehearsal each; one row for all that end alike."""
    whole = Rehearsal(scenario, Strike(place, "crashed"))
    whole.release()
    assert whole.calls, "it makes no calls"
    places = sorted({whole.calls.index(name) + 1 for name in whole.calls} | {len(whole.calls)})
    alike: dict[Row, list[int]] = {}
    for at in places:
        rehearsal = Rehearsal(scenario, Strike(place, "crashed", at=at))
        rehearsal.release()
        alike.setdefault(judged(rehearsal, state, ""), []).append(at)
    return [
        note(replace(row, fault=f"{function} is killed in its call {', '.join(map(str, calls))} of {len(whole.calls)}"))
        for row, calls in alike.items()
    ]
