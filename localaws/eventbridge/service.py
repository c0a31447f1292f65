"""EventBridge: takes events from AWS services and from PutEvents, and hands them to the rules' targets."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from localaws.cloudwatch.metrics import Datapoint
from localaws.errors import AwsError
from localaws.eventbridge.delivery import Deliveries, Delivery
from localaws.eventbridge.inputs import input_for
from localaws.eventbridge.rules import Rule, Rules
from localaws.eventbridge.targets import deliver
from localaws.service import Call, Service

if TYPE_CHECKING:
    from localaws.world import World

TIME = "%Y-%m-%dT%H:%M:%SZ"


class EventBridge(Service):
    """Rules and targets are moto's; matching and delivery are ours."""

    name: ClassVar[str] = "eventbridge"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.rules = Rules(world)
        self.deliveries = Deliveries(world, "eventbridge", self._measure_end)

    def start(self) -> None:
        self.rules.register()
        self.deliveries.start()
        self.world.delegated.on_event(self.take)
        self.world.front_door.intercept(self._put_events)

    def stop(self) -> None:
        self.deliveries.stop()

    def take(self, event: dict[str, Any], bus: str = "default") -> None:
        """Deliver an event, in the background, to whatever rules of a bus want it now."""
        wanting = list(self.rules.wanting(event, bus))
        if wanting:
            self.deliveries.run(lambda: self._fan_out(event, wanting))

    def _fan_out(self, event: Mapping[str, Any], wanting: Sequence[Rule]) -> None:
        for rule in wanting:
            self._measure(rule.arn, "MatchedEvents", "TriggeredRules")
            for target in rule.targets:
                self._send(event, rule, target)

    def _send(self, event: Mapping[str, Any], rule: Rule, target: Mapping[str, Any]) -> None:
        now = self.world.clock.now()
        text = input_for(target, event, rule.arn, now.strftime(TIME))
        what = f"{event['source']}: {event['detail-type']}"
        delivery = Delivery(now, rule.arn, what, target["Arn"], text)
        retry = target.get("RetryPolicy", {})
        name = f"{event['id']}_{uuid.uuid4()}"  # chosen once, so that a retry starts nothing twice
        self.deliveries.send(delivery, retry, lambda: deliver(self.world, target, text, rule.arn, name))

    def _measure_end(self, delivery: Delivery) -> None:
        self._measure(delivery.origin, "Invocations" if delivery.status == "delivered" else "FailedInvocations")

    def _measure(self, rule_arn: str, *names: str) -> None:
        """Publish EventBridge's own metrics of a rule."""
        cloudwatch: Any = self.world.services.get("cloudwatch")
        if cloudwatch is None:
            return
        _, *bus, rule = rule_arn.rsplit(":", 1)[-1].split("/")
        dimensions = (("RuleName", rule), *(("EventBusName", name) for name in bus))
        now = self.world.clock.now()
        cloudwatch.ingest("AWS/Events", [Datapoint(name, 1.0, now, dimensions, "Count") for name in names])

    def _put_events(self, call: Call) -> dict[str, Any] | None:
        if (call.service, call.operation) != ("events", "PutEvents"):
            return None
        results = []
        for entry in call.params["Entries"]:
            try:
                results.append({"EventId": self._put_event(entry)})
            except AwsError as error:
                results.append({"ErrorCode": error.code, "ErrorMessage": error.message})
        return {"FailedEntryCount": sum("ErrorCode" in result for result in results), "Entries": results}

    def _put_event(self, entry: dict[str, Any]) -> str:
        for member in ("Source", "DetailType", "Detail"):
            if not entry.get(member):
                reason = f"Parameter {member} is not valid. Reason: {member} is a required argument."
                raise AwsError("InvalidArgument", reason)
        if entry["Source"].startswith("aws."):
            raise AwsError("NotAuthorizedForSourceException", "Not authorized for the source.")
        try:
            detail = json.loads(entry["Detail"])
        except ValueError:
            detail = None
        if not isinstance(detail, dict):
            raise AwsError("MalformedDetail", "Detail is malformed.")
        bus = str(entry.get("EventBusName", "default")).rsplit("/", 1)[-1]
        settings = self.world.settings
        event = {
            "version": "0",
            "id": str(uuid.uuid4()),
            "detail-type": entry["DetailType"],
            "source": entry["Source"],
            "account": settings.account,
            "time": (entry.get("Time") or self.world.clock.now()).strftime(TIME),
            "region": settings.region,
            "resources": entry.get("Resources", []),
            "detail": detail,
        }
        self.take(event, bus)
        return str(event["id"])
