"""The thread that evaluates alarms, period by period, and moves them between states. Run by CloudWatch.

An alarm's periods last `period / time scale` real seconds and begin where that divides the time since the
epoch. No period is passed over, however short: what ended since the last look is evaluated in its order.
"""

from __future__ import annotations

import json
import logging
import math
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from localaws.cloudwatch import alarm_state
from localaws.cloudwatch.alarms import Alarm
from localaws.cloudwatch.metrics import MetricStore
from localaws.cloudwatch.queries import answer

if TYPE_CHECKING:
    from localaws.world import World

log = logging.getLogger("localaws.alarms")
SETTLE = 0.25
"""Real seconds that data of a period may still take to arrive after its end."""
SHORTEST_PAUSE = 0.25
LOOKS_PER_PERIOD = 5
MOST_CAUGHT_UP = 200
"""Periods that are made up for at once, after the machine slept."""
Changed = Callable[[Alarm, Mapping[str, Any]], None]


class Evaluation:
    """Moves alarms from state to state. Whoever changes alarms holds `lock`."""

    def __init__(self, world: World, store: MetricStore, alarms: dict[str, Alarm], changed: Changed) -> None:
        self.lock = threading.RLock()
        self._world = world
        self._store = store
        self._alarms = alarms
        self._changed = changed
        self._wake = threading.Event()
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="alarms", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._stopped = True
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(timeout=10)

    def look_now(self) -> None:
        """Don't wait for the next look: an alarm is new, or has other settings."""
        self._wake.set()

    def set_state(self, alarm: Alarm, state: str, reason: str, data: Mapping[str, Any] | None = None) -> None:
        """Move an alarm to a state, note it in its history, and let composite alarms follow."""
        with self.lock:
            if state == alarm.state:
                alarm.reason = reason
                return
            now = self._world.clock.now()
            before = {
                "stateValue": alarm.state,
                "stateReason": alarm.reason,
                "timestamp": alarm.state_updated,
            }
            alarm.state, alarm.reason, alarm.state_updated = state, reason, now
            alarm.reason_data = json.dumps(data) if data else ""
            summary = f"Alarm updated from {before['stateValue']} to {state}"
            after = {"stateValue": state, "stateReason": reason}
            alarm.remember(now, "StateUpdate", summary, {"oldState": before, "newState": after})
            log.info("alarm %s: %s: %s", alarm.name, summary, reason)
            self._changed(alarm, before)
            self._follow(alarm.name)

    def evaluate_composite(self, alarm: Alarm, child: str = "") -> None:
        """Let a composite alarm's rule decide: when it is put, and when the state of a child has changed."""
        assert alarm.rule is not None
        with self.lock:
            holds = alarm.rule(lambda name: self._alarms[name].state if name in self._alarms else "")
            state = alarm_state.ALARM if holds else alarm_state.OK
            if state == alarm.state:
                return
            if child in self._alarms:
                changed = self._alarms[child]
                at = f"{changed.state_updated:%A %d %B, %Y %H:%M:%S} UTC"
                self.set_state(alarm, state, f"{changed.arn} transitioned to {changed.state} at {at}")
            else:
                self.set_state(alarm, state, f"{alarm.arn} was created and its alarm rule evaluates to {state}")

    def _follow(self, child: str) -> None:
        for alarm in list(self._alarms.values()):
            if child in alarm.children:
                self.evaluate_composite(alarm, child)

    def _run(self) -> None:
        while not self._stopped:
            try:
                pause = self._look()
            except Exception:
                log.exception("alarms could not be evaluated")
                pause = 1.0
            self._wake.wait(pause)
            self._wake.clear()

    def _look(self) -> float:
        """Evaluate what is due; the real seconds until the next look."""
        now = self._world.clock.now().timestamp()
        shortest = math.inf
        with self.lock:
            for alarm in list(self._alarms.values()):
                if not alarm.is_composite:
                    shortest = min(shortest, self._world.clock.real(alarm.period))
                    self._catch_up(alarm, now)
        return max(SHORTEST_PAUSE, min(shortest / LOOKS_PER_PERIOD, 5.0))

    def _catch_up(self, alarm: Alarm, now: float) -> None:
        period = self._world.clock.real(alarm.period)
        ended = math.floor((now - SETTLE) / period)
        first = ended if alarm.evaluated is None else max(alarm.evaluated, ended - MOST_CAUGHT_UP)
        for end in range(first, ended + 1):  # the last one again: late data may have come
            self.evaluate(alarm, end)
        alarm.evaluated = ended

    def evaluate(self, alarm: Alarm, end: int) -> None:
        """Evaluate a metric alarm as of the end of the period before number `end`."""
        settings = alarm.settings
        periods, limit = settings["EvaluationPeriods"], settings["Threshold"]
        numbers = range(end - periods - alarm_state.EXTRA_PERIODS, end)
        period = self._world.clock.real(alarm.period)
        found = answer(self._store, alarm.queries(), period, numbers)[alarm.watched]
        if not isinstance(found, dict):
            self.set_state(alarm, alarm_state.INSUFFICIENT_DATA, "The expression is not one time series")
            return
        words, breaches = alarm_state.COMPARISONS[settings["ComparisonOperator"]]
        points = [found.get(number) for number in numbers]
        breaching = [None if value is None else breaches(value, limit) for value in points]
        state = alarm_state.next_state(breaching, alarm.needed, periods, settings["TreatMissingData"])
        if state is None or state == alarm.state:
            return
        recent = [(number, found[number]) for number in numbers if number in found][-periods:]
        reason = _reason(state, recent, f"{words} the threshold ({limit})", alarm.needed, settings)
        data = {
            "version": "1.0",
            "period": alarm.period,
            "threshold": limit,
            "recentDatapoints": [value for _, value in recent],
            "evaluatedDatapoints": [
                {"timestamp": datetime.fromtimestamp(n * period, UTC).isoformat(), "value": v} for n, v in recent
            ],
        }
        self.set_state(alarm, state, reason, data)


def _reason(
    state: str, recent: list[tuple[int, float]], compared: str, needed: int, settings: Mapping[str, Any]
) -> str:
    if state == alarm_state.INSUFFICIENT_DATA:
        return f"Insufficient Data: {settings['EvaluationPeriods']} datapoint(s) were unknown."
    values = ", ".join(f"{value:g}" for _, value in recent)
    what = f"of the last {len(recent)} datapoint(s) [{values}], " if recent else ""
    verb = "at least" if state == alarm_state.ALARM else "less than"
    absent = settings["EvaluationPeriods"] - len(recent)
    treated = f"; {absent} missing datapoint(s), treated as {settings['TreatMissingData']}" if absent > 0 else ""
    return f"Threshold Crossed: {what}{verb} {needed} were {compared}{treated}."
