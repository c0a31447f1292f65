"""What must hold after any fault of a rehearsal: seen in the world, never taken from what a step said."""

from __future__ import annotations

import re

from tests.e2e.faults.rehearsal import SERVED_BY, Rehearsal
from tests.e2e.faults.rows import LEFT, REHEARSED, Row
from tests.e2e.faults.states import RELEASE, ends, label, passes, tasks
from tests.fakes.story import FIRST, MODEL


def judged(rehearsal: Rehearsal, state: str, fault: str) -> Row:
    """The row of a rehearsal that has ended."""
    world = rehearsal.story.outside
    problems = []
    told = rehearsal.told()
    outcome = _outcome(rehearsal)
    if outcome is None:
        outcome = f"{rehearsal.path[-1]}: {rehearsal.ended.status if rehearsal.ended else 'nothing'}"
        problems.append("ended in no named state")
    if not told:
        problems.append("nobody was told")
    at_first = _left(rehearsal)
    if at_first:
        rehearsal.reap()
    left = _left(rehearsal)
    if left:
        problems.append(LEFT)
    live = world.functions.live()
    serving = world.endpoints.describe(live.main.endpoint_name)
    if serving is None or serving.status != "InService" or live.is_shifting:
        problems.append(f"production serves from {live.main.endpoint_name}, {serving}, others {live.others}")
    if _unread(rehearsal):
        problems.append("traffic went back, and nobody looked what production is")
    if live.main.endpoint_name in rehearsal.account.growing and not _said(rehearsal, "doesn't shrink"):
        problems.append("what serves never scales in, and nobody was told")
    if rehearsal.account.instances.get(live.main.endpoint_name) != SERVED_BY and not _said(
        rehearsal, "with the fewest"
    ):
        problems.append(f"what serves came up with other than {SERVED_BY} instances")
    failed = rehearsal.account.failed.total()
    if failed:
        problems.append("users' requests failed")
    if _passes(rehearsal) and outcome != rehearsal.scenario.end:
        problems.append(f"{rehearsal.scenario.end} was due: {rehearsal.ended.cause if rehearsal.ended else ''}")
    if not rehearsal.struck:
        problems.append("the fault never struck")
    words = ", ".join(left) or ("nothing, once the reaper has come" if at_first else "nothing")
    place = label(rehearsal.machine, state)
    return Row(place, fault, outcome, str(failed), words, "; ".join(map(_plain, told)), REHEARSED, tuple(problems))


def _unread(rehearsal: Rehearsal) -> bool:
    """Whether a release that was followed, or stopped, in its shift went back without a word on production."""
    deployments = rehearsal.account.shifts.shifts.values()
    followed = "Follow Shift" in rehearsal.path or (rehearsal.ended is not None and rehearsal.ended.status == "ABORTED")
    if rehearsal.machine != RELEASE or not followed or not any(d.status in ("Failed", "Stopped") for d in deployments):
        return False
    candidates = (item for name, item in rehearsal.story.outside.memory.releases.items() if name != FIRST)
    return not any(item.get("productionCheck") for item in candidates) and not _said(
        rehearsal, "could not be read back"
    )


def _said(rehearsal: Rehearsal, words: str) -> bool:
    """Whether a mail has these words."""
    return any(words in text for _, text in rehearsal.story.outside.topic.sent)


def _passes(rehearsal: Rehearsal) -> bool:
    strike = rehearsal.strike
    task = tasks(rehearsal.machine).get(strike.state) if strike else None  # a hook is no state
    return strike is not None and task is not None and passes(strike.kind, strike.state, task)


def _outcome(rehearsal: Rehearsal) -> str | None:
    """The end state; of an execution that was stopped or cut off, what its record says."""
    if rehearsal.ended is None:
        return None
    if rehearsal.path[-1] in ends(rehearsal.machine):
        return rehearsal.path[-1]
    words = {"ABORTED": "Stopped", "FAILED": "Failed"}.get(rehearsal.ended.status)
    recorded = rehearsal.recorded()
    return f"{words}, recorded as {recorded}" if words and recorded else None


OF_WHAT_IS_LIVE = ("", "-prod", "-monitor", "-errors", "-latency")
"""Endings of what a live release needs: its model, endpoint, schedule and alarms."""


def _left(rehearsal: Rehearsal) -> list[str]:
    """What nobody owns any more: not the live release's, and no lock."""
    world = rehearsal.story.outside
    owner = world.functions.live().main.release_id
    kinds = {**rehearsal.account.made(), "scaling": world.endpoints.scaling}
    kept = {f"{MODEL}-{owner}{ending}" for ending in OF_WHAT_IS_LIVE}
    left = [f"{kind} {_plain(name)}" for kind, names in kinds.items() for name in sorted(names) if name not in kept]
    lock = world.memory.lock
    return [*left, *(["the lock"] if lock is not None and lock.holder else [])]


def _plain(text: str) -> str:
    """Without the release's number, which differs from run to run."""
    text = text.replace(f"taxi-fare-{FIRST}", "champion").replace("taxi-fare: ", "")
    return re.sub(r"(taxi-fare-)?\d{8}-\d{6}-[0-9a-f]{4}", "candidate", text)
