"""CloudWatch's operations on alarms. Part of the service `CloudWatch`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from localaws.cloudwatch.actions import Actions
from localaws.cloudwatch.alarm_state import ALARM, INSUFFICIENT_DATA, OK
from localaws.cloudwatch.alarms import ACTIONS, Alarm, composite_alarm, metric_alarm
from localaws.cloudwatch.evaluation import Evaluation
from localaws.cloudwatch.metrics import MetricStore
from localaws.cloudwatch.queries import key_of
from localaws.cloudwatch.tags import Tags
from localaws.errors import AwsError, NotModelledError
from localaws.service import Call

if TYPE_CHECKING:
    from localaws.world import World

PAGE = 50


class AlarmOperations(Tags):
    """Keeps alarms and has them evaluated."""

    store: MetricStore

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.alarms: dict[str, Alarm] = {}
        self.actions = Actions(world)
        self._evaluation = Evaluation(world, self.store, self.alarms, self.actions.run)

    def start(self) -> None:
        self.actions.deliveries.start()
        self._evaluation.start()

    def stop(self) -> None:
        self._evaluation.stop()
        self.actions.deliveries.stop()

    def put_metric_alarm(self, call: Call) -> None:
        arn = self.arn(f"alarm:{call.params['AlarmName']}")
        self._put(metric_alarm(arn, call.params, self.world.clock.now()), call)
        self._evaluation.look_now()

    def put_composite_alarm(self, call: Call) -> None:
        arn = self.arn(f"alarm:{call.params['AlarmName']}")
        alarm = composite_alarm(arn, call.params, self.world.clock.now())
        with self._evaluation.lock:
            absent = sorted(alarm.children - self.alarms.keys())
            if absent or alarm.name in alarm.children:
                named = ", ".join(absent or [alarm.name])
                raise AwsError("ValidationError", f"The alarms [{named}] in the alarm rule do not exist")
            self._evaluation.evaluate_composite(self._put(alarm, call))

    def _put(self, alarm: Alarm, call: Call) -> Alarm:
        with self._evaluation.lock:
            held = self.alarms.get(alarm.name)
            if held is not None and held.kind != alarm.kind:
                raise AwsError("ValidationError", f"The alarm {alarm.name} exists already, as a {held.kind}")
            if held is not None:  # its state, history and tags stay
                held.settings, held.rule, held.children = alarm.settings, alarm.rule, alarm.children
                held.updated, held.evaluated = alarm.updated, None
                alarm = held
            else:
                self.alarms[alarm.name] = alarm
                tags = {each["Key"]: each["Value"] for each in call.params.get("Tags") or []}
                self._tags[alarm.arn] = tags
            verb = "created" if held is None else "updated"
            alarm.remember(alarm.updated, "ConfigurationUpdate", f'Alarm "{alarm.name}" {verb}', alarm.settings)
            return alarm

    def describe_alarms(self, call: Call) -> dict[str, Any]:
        params = call.params
        for name in ("ChildrenOfAlarmName", "ParentsOfAlarmName"):
            if params.get(name):
                raise NotModelledError(f"{name} of DescribeAlarms")
        kinds = params.get("AlarmTypes") or ["MetricAlarm"]
        with self._evaluation.lock:
            found = [alarm for alarm in self.alarms.values() if alarm.kind in kinds and _wanted(alarm, params)]
            found.sort(key=lambda alarm: alarm.name)
            start, size = int(params.get("NextToken") or 0), params.get("MaxRecords") or PAGE
            page = found[start : start + size]
            answer: dict[str, Any] = {
                "MetricAlarms": [alarm.describe() for alarm in page if not alarm.is_composite],
                "CompositeAlarms": [alarm.describe() for alarm in page if alarm.is_composite],
            }
        return {**answer, "NextToken": str(start + size)} if len(found) > start + size else answer

    def describe_alarms_for_metric(self, call: Call) -> dict[str, Any]:
        key = key_of(call.params)
        wanted = {
            name: call.params[name]
            for name in ("Statistic", "ExtendedStatistic", "Period", "Unit")
            if call.params.get(name)
        }
        with self._evaluation.lock:
            return {
                "MetricAlarms": [
                    alarm.describe()
                    for alarm in self.alarms.values()
                    if alarm.settings.get("MetricName")
                    and key_of(alarm.settings) == key
                    and all(alarm.settings.get(name) == value for name, value in wanted.items())
                ]
            }

    def delete_alarms(self, call: Call) -> None:
        names = call.params["AlarmNames"]
        with self._evaluation.lock:
            for name in names:
                self._alarm(name)
                parents = [a.name for a in self.alarms.values() if name in a.children and a.name not in names]
                if parents:
                    reason = f"Cannot delete {name} as there are composite alarm(s) depending on it: {parents}"
                    raise AwsError("ValidationError", reason)
            for name in names:
                self._tags.pop(self.alarms.pop(name).arn, None)

    def set_alarm_state(self, call: Call) -> None:
        alarm = self._alarm(call.params["AlarmName"])
        state = call.params["StateValue"]
        if state not in (OK, ALARM, INSUFFICIENT_DATA):
            raise AwsError("ValidationError", f"{state} is no state of an alarm")
        self._evaluation.set_state(alarm, state, call.params["StateReason"])

    def enable_alarm_actions(self, call: Call) -> None:
        self._enable(call, enabled=True)

    def disable_alarm_actions(self, call: Call) -> None:
        self._enable(call, enabled=False)

    def _enable(self, call: Call, *, enabled: bool) -> None:
        with self._evaluation.lock:
            for name in call.params["AlarmNames"]:
                if name in self.alarms:
                    self.alarms[name].settings["ActionsEnabled"] = enabled

    def describe_alarm_history(self, call: Call) -> dict[str, Any]:
        params = call.params
        kinds = params.get("AlarmTypes") or ["MetricAlarm"]
        with self._evaluation.lock:
            items = [
                {"AlarmName": alarm.name, "AlarmType": alarm.kind, **item}
                for alarm in self.alarms.values()
                if params.get("AlarmName") in (None, alarm.name) and alarm.kind in kinds
                for item in alarm.history
            ]
        if params.get("HistoryItemType"):
            items = [item for item in items if item["HistoryItemType"] == params["HistoryItemType"]]
        if params.get("StartDate"):
            items = [item for item in items if item["Timestamp"] >= params["StartDate"]]
        if params.get("EndDate"):
            items = [item for item in items if item["Timestamp"] <= params["EndDate"]]
        ascending = params.get("ScanBy") == "TimestampAscending"
        items.sort(key=lambda item: item["Timestamp"], reverse=not ascending)
        return {"AlarmHistoryItems": items[: params.get("MaxRecords") or 100]}

    def _alarm(self, name: str) -> Alarm:
        found = self.alarms.get(name)
        if found is None:
            raise AwsError("ResourceNotFound", f"The alarm {name} does not exist", 404)
        return found


def _wanted(alarm: Alarm, params: dict[str, Any]) -> bool:
    checks: tuple[tuple[str, Callable[[Any], bool]], ...] = (
        ("AlarmNames", lambda names: alarm.name in names),
        ("AlarmNamePrefix", alarm.name.startswith),
        ("StateValue", lambda state: alarm.state == state),
        (
            "ActionPrefix",
            lambda prefix: any(a.startswith(prefix) for kind in ACTIONS.values() for a in alarm.settings[kind]),
        ),
    )
    return all(check(params[name]) for name, check in checks if params.get(name))
