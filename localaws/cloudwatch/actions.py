"""What an alarm does when its state changes: a notification, an event. Called by the evaluation."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from localaws.cloudwatch.alarms import ACTIONS, Alarm
from localaws.errors import AwsError
from localaws.eventbridge.delivery import Deliveries, Delivery
from localaws.eventbridge.targets import translated
from localaws.topics import publish_for_service

if TYPE_CHECKING:
    from localaws.world import World

PRINCIPAL = "cloudwatch.amazonaws.com"


class Actions:
    """Publishes to the topics of alarms, in the background, and emits the events."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.deliveries = Deliveries(world, "alarm-actions")

    def run(self, alarm: Alarm, before: Mapping[str, Any]) -> None:
        """Do what follows from a change of state."""
        self._emit(alarm, before)
        if not alarm.settings["ActionsEnabled"]:
            return
        for topic in alarm.settings[ACTIONS[alarm.state]]:
            message = _message(self._world, alarm, str(before["stateValue"]))
            what = f"{before['stateValue']} → {alarm.state}"
            delivery = Delivery(self._world.clock.now(), alarm.arn, what, topic, message["Message"])
            self.deliveries.send(delivery, {"MaximumRetryAttempts": 3}, self._publication(alarm, topic, message))

    def _publication(self, alarm: Alarm, topic: str, message: dict[str, str]) -> Any:
        def publish() -> None:
            now = self._world.clock.now()
            try:
                publish_for_service(self._world, PRINCIPAL, alarm.arn, topic, **message)
            except (AwsError, ClientError, BotoCoreError) as error:
                summary = f"Failed to execute action {topic}. Received error: {error}"
                alarm.remember(now, "Action", summary, {"error": str(error), "actionState": "Failed"})
                raise translated(error) from error
            alarm.remember(now, "Action", f"Successfully executed action {topic}", {"actionState": "Succeeded"})

        return publish

    def _emit(self, alarm: Alarm, before: Mapping[str, Any]) -> None:
        settings = alarm.settings
        configuration = {
            "description": settings.get("AlarmDescription", ""),
            **({"alarmRule": settings["AlarmRule"]} if alarm.is_composite else {"metrics": _metrics(alarm)}),
        }
        previous = {"value": before["stateValue"], "reason": before["stateReason"]}
        state = {"value": alarm.state, "reason": alarm.reason, "timestamp": alarm.state_updated.isoformat()}
        detail = {
            "alarmName": alarm.name,
            "configuration": configuration,
            "previousState": {**previous, "timestamp": before["timestamp"].isoformat()},
            "state": {**state, **({"reasonData": alarm.reason_data} if alarm.reason_data else {})},
        }
        self._world.emit_event("aws.cloudwatch", "CloudWatch Alarm State Change", detail, [alarm.arn])


def _metrics(alarm: Alarm) -> list[dict[str, Any]]:
    found = []
    for query in alarm.queries():
        entry: dict[str, Any] = {"id": query["Id"], "returnData": query.get("ReturnData", True)}
        if "MetricStat" in query:
            wanted = query["MetricStat"]
            metric = wanted["Metric"]
            dimensions = {each["Name"]: each["Value"] for each in metric.get("Dimensions") or []}
            named = {"namespace": metric["Namespace"], "name": metric["MetricName"], "dimensions": dimensions}
            entry["metricStat"] = {"metric": named, "period": wanted["Period"], "stat": wanted["Stat"]}
        else:
            entry["expression"] = query["Expression"]
        found.append(entry)
    return found


def _message(world: World, alarm: Alarm, before: str) -> dict[str, str]:
    """Subject and message: JSON for programs, plain text for mail."""
    settings = world.settings
    as_json = {
        "AlarmName": alarm.name,
        "AlarmDescription": alarm.settings.get("AlarmDescription"),
        "AWSAccountId": settings.account,
        "NewStateValue": alarm.state,
        "NewStateReason": alarm.reason,
        "StateChangeTime": alarm.state_updated.isoformat(),
        "Region": settings.region,
        "AlarmArn": alarm.arn,
        "OldStateValue": before,
        "Trigger": {n: v for n, v in alarm.settings.items() if n not in (*ACTIONS.values(), "AlarmName")},
    }
    as_text = (
        f'The alarm "{alarm.name}" went from {before} to {alarm.state} '
        f"at {alarm.state_updated:%Y-%m-%d %H:%M:%S} UTC.\n\n"
        f"Reason: {alarm.reason}\n\n"
        f"Description: {alarm.settings.get('AlarmDescription', '')}\n"
        f"Alarm: {alarm.arn}\n"
    )
    both = json.dumps({"default": json.dumps(as_json, default=str), "email": as_text})
    subject = f'{alarm.state}: "{alarm.name}" in {settings.region}'[:100]
    return {"Subject": subject, "Message": both, "MessageStructure": "json"}
