"""Every Task state of both machines crossed with every kind of fault, rehearsed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.e2e.faults.cases import RELEASES, functions, rehearsal_of, scenario_of, strikes
from tests.e2e.faults.judging import judged
from tests.e2e.faults.rehearsal import Scenario, Strike
from tests.e2e.faults.rows import Row, keep, note
from tests.e2e.faults.states import label, words_of
from tests.fakes.story import ENVIRONMENT


@pytest.fixture(autouse=True)
def settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """The functions' environment; nothing can reach the network."""
    for name, value in {**ENVIRONMENT, "LOG_LEVEL": "CRITICAL"}.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize(
    ("machine", "strike"),
    [pytest.param(m, s, id=f"{label(m, s.state)}: {words_of(s.kind, s.made)}") for m, s in strikes()],
)
def test_every_state_survives_every_fault(machine: str, strike: Strike) -> None:
    rehearsal = rehearsal_of(scenario_of(machine, strike.state), strike)
    keep(judged(rehearsal, strike.state, words_of(strike.kind, strike.made)))


@pytest.mark.parametrize(("machine", "state"), [pytest.param(m, s, id=label(m, s)) for m, s in functions()])
def test_a_function_may_die_in_any_of_its_calls(machine: str, state: str) -> None:
    """At its first call of each kind and at its last: that is served, and then the process is gone."""
    assert not [row for row in killed(scenario_of(machine, state), state, state, "its function") if row.problems]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")  # a hook's thread is killed, too
@pytest.mark.parametrize("hook", ["check_version", "check_traffic"])
def test_a_hook_may_die_in_any_of_its_calls(hook: str) -> None:
    """CodeDeploy hears nothing; who watches the shift sees that the hook can't live any more, and goes back."""
    assert not [row for row in killed(RELEASES[0], hook, "Shift Traffic", hook) if row.problems]


def killed(scenario: Scenario, place: str, state: str, function: str) -> list[Row]:
    """Kill a function in its calls, one rehearsal each; one row for all that end alike."""
    whole = rehearsal_of(scenario, Strike(place, "crashed"))
    assert whole.calls, "it makes no calls"
    places = sorted({whole.calls.index(name) + 1 for name in whole.calls} | {len(whole.calls)})
    alike: dict[Row, list[int]] = {}
    for at in places:
        row = judged(rehearsal_of(scenario, Strike(place, "crashed", at=at)), state, "")
        alike.setdefault(row, []).append(at)
    return [
        note(replace(row, fault=f"{function} is killed in its call {', '.join(map(str, calls))} of {len(whole.calls)}"))
        for row, calls in alike.items()
    ]
