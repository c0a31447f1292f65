"""AWS::Events::Rule: rules of the default event bus, with their targets."""

from __future__ import annotations

from localaws.cloudformation.errors import ResourceFailedError
from localaws.cloudformation.handler import Context, Made, Properties, ResourceType
from localaws.cloudformation.shapes import FREE, Api, as_json, fit, input_shape
from localaws.cloudformation.tags import create_member, retag

_RULE = ("Description", "RoleArn", "ScheduleExpression", "State")


class Rule(ResourceType):
    """A rule. `Ref` is its name."""

    type = "AWS::Events::Rule"
    properties = {
        **dict.fromkeys((*_RULE, "EventPattern", "Name", "Tags"), FREE),
        "Targets": Api("events", "PutTargets", "Targets"),
    }
    create_only = frozenset({"Name"})
    attributes = frozenset({"Arn"})
    name_property = "Name"

    def create(self, at: Context, wanted: Properties) -> Made:
        name = str(wanted.get("Name") or at.generated_name(64))
        self._put(at, name, wanted, create_member("events", "PutRule", at.all_tags(wanted.get("Tags"))))
        at.made(name)
        self._targets(at, name, {}, wanted)
        return self._made(at, name)

    def update(self, at: Context, physical_id: str, old: Properties, wanted: Properties) -> Made:
        if any(old.get(name) != wanted.get(name) for name in (*_RULE, "EventPattern")):
            self._put(at, physical_id, wanted, {})
        self._targets(at, physical_id, old, wanted)
        made = self._made(at, physical_id)
        retag(at, "events", made.attributes["Arn"], old.get("Tags"), wanted.get("Tags"))
        return made

    def delete(self, at: Context, physical_id: str, properties: Properties) -> None:
        self._targets(at, physical_id, properties, {})
        at.client("events").delete_rule(Name=physical_id)

    def _made(self, at: Context, name: str) -> Made:
        return Made(name, {"Arn": at.arn("events", f"rule/{name}")})

    def _put(self, at: Context, name: str, wanted: Properties, tags: dict[str, object]) -> None:
        values = {key: str(wanted[key]) for key in _RULE if key in wanted}
        if "EventPattern" in wanted:
            values["EventPattern"] = as_json(wanted["EventPattern"])
        at.client("events").put_rule(Name=name, **values, **tags)

    def _targets(self, at: Context, name: str, old: Properties, wanted: Properties) -> None:
        client = at.client("events")
        before = {target["Id"]: target for target in old.get("Targets", [])}
        after = {target["Id"]: target for target in wanted.get("Targets", [])}
        removed = sorted(set(before) - set(after))
        if removed:
            client.remove_targets(Rule=name, Ids=removed)
        shape = input_shape("events", "PutTargets", "Targets")
        changed = [target for key, target in after.items() if before.get(key) != target]
        if changed:
            failed = client.put_targets(Rule=name, Targets=fit(changed, shape)).get("FailedEntries")
            if failed:
                raise ResourceFailedError(f"targets of {name} were refused: {failed}")
