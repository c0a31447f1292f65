"""Amazon CloudWatch: the alarms that guard a shift. Used by check_alarms and clean_up_release."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from safe_deploy.domain.alarms import Alarm
from safe_deploy.errors import NotFoundError
from safe_deploy.gateways.clients import client, translating


class CloudWatchAlarms:
    """Metric alarms, by name."""

    def describe(self, names: Sequence[str]) -> list[Alarm]:
        """Return the alarms in the order of their names. Raises NotFoundError when one doesn't exist."""
        with translating(f"describe the alarms {', '.join(names)}"):
            answer = client("cloudwatch").describe_alarms(AlarmNames=list(names), AlarmTypes=["MetricAlarm"])
        found = {alarm["AlarmName"]: alarm for alarm in answer["MetricAlarms"]}
        missing = [name for name in names if name not in found]
        if missing:
            raise NotFoundError(f"there is no alarm {', '.join(missing)}")
        return [
            Alarm(name, str(found[name]["StateValue"]), str(found[name].get("StateReason", "")), found[name])
            for name in names
        ]

    def put(self, settings: Mapping[str, Any], tags: Mapping[str, str]) -> None:
        """Create or replace an alarm; CloudWatch takes tags only when it creates one."""
        named = [{"Key": key, "Value": value} for key, value in tags.items()]
        with translating(f"put the alarm {settings['AlarmName']}"):
            client("cloudwatch").put_metric_alarm(**settings, Tags=named)

    def remove(self, name: str) -> bool:
        """Delete an alarm; return whether there was one."""
        try:
            self.describe([name])
            with translating(f"delete the alarm {name}"):
                client("cloudwatch").delete_alarms(AlarmNames=[name])
        except NotFoundError:
            return False
        return True
