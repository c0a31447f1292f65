"""Step Functions: state machines (a definition inline or from S3, JSON or YAML, with substitutions), activities."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from localaws.cloudformation.errors import ResourceFailedError
from localaws.cloudformation.handler import Context, Made, Properties, ResourceType
from localaws.cloudformation.intrinsics import as_text
from localaws.cloudformation.shapes import FREE, Api, call
from localaws.cloudformation.tags import create_member, retag
from localaws.cloudformation.template import parse
from localaws.errors import AwsError

_DEFINITION = ("Definition", "DefinitionS3Location", "DefinitionString", "DefinitionSubstitutions")
_PASSED = {
    "RoleArn": "roleArn",
    "LoggingConfiguration": "loggingConfiguration",
    "TracingConfiguration": "tracingConfiguration",
}
_PLACEHOLDER = re.compile(r"\$\{([A-Za-z0-9_]+)\}")


class StateMachine(ResourceType):
    """A state machine. `Ref` is its ARN."""

    type = "AWS::StepFunctions::StateMachine"
    properties = {
        **{name: Api("stepfunctions", "CreateStateMachine", member) for name, member in _PASSED.items()},
        **dict.fromkeys(("Definition", "DefinitionString", "DefinitionSubstitutions", "Tags"), FREE),
        "DefinitionS3Location": {"Bucket": FREE, "Key": FREE, "Version": FREE},
        "StateMachineName": FREE,
        "StateMachineType": FREE,
    }
    required = frozenset({"RoleArn"})
    create_only = frozenset({"StateMachineName", "StateMachineType"})
    attributes = frozenset({"Arn", "Name", "StateMachineRevisionId"})
    name_property = "StateMachineName"
    gone = frozenset({"StateMachineDoesNotExist"})

    def create(self, at: Context, wanted: Properties) -> Made:
        name = str(wanted.get("StateMachineName") or at.generated_name(80))
        values = {
            **self._values(at, wanted),
            "name": name,
            "type": wanted.get("StateMachineType", "STANDARD"),
        }
        tags = create_member("stepfunctions", "CreateStateMachine", at.all_tags(wanted.get("Tags")))
        answer = at.client("stepfunctions").create_state_machine(
            **call("stepfunctions", "CreateStateMachine", values), **tags
        )
        return self._made(at, answer["stateMachineArn"])

    def update(self, at: Context, physical_id: str, old: Properties, wanted: Properties) -> Made:
        if any(old.get(name) != wanted.get(name) for name in (*_DEFINITION, *_PASSED)):
            values = {**self._values(at, wanted), "stateMachineArn": physical_id}
            if "LoggingConfiguration" in old and "LoggingConfiguration" not in wanted:
                values["loggingConfiguration"] = {"level": "OFF"}
            if "TracingConfiguration" in old and "TracingConfiguration" not in wanted:
                values["tracingConfiguration"] = {"enabled": False}
            at.client("stepfunctions").update_state_machine(**call("stepfunctions", "UpdateStateMachine", values))
        retag(at, "stepfunctions", physical_id, old.get("Tags"), wanted.get("Tags"))
        return self._made(at, physical_id)

    def delete(self, at: Context, physical_id: str, properties: Properties) -> None:
        client = at.client("stepfunctions")
        client.delete_state_machine(stateMachineArn=physical_id)

        def is_gone() -> bool:
            try:
                client.describe_state_machine(stateMachineArn=physical_id)
            except client.exceptions.StateMachineDoesNotExist:
                return True
            return False

        at.until(is_gone, f"the deletion of {physical_id}")

    def _made(self, at: Context, arn: str) -> Made:
        found = at.client("stepfunctions").describe_state_machine(stateMachineArn=arn)
        revision = str(found.get("revisionId", "INITIAL"))
        return Made(arn, {"Arn": arn, "Name": found["name"], "StateMachineRevisionId": revision})

    def _values(self, at: Context, wanted: Properties) -> dict[str, Any]:
        passed = {member: wanted[name] for name, member in _PASSED.items() if name in wanted}
        return {**passed, "definition": definition(at, wanted)}


class Activity(ResourceType):
    """An activity. `Ref` is its ARN."""

    type = "AWS::StepFunctions::Activity"
    properties = {
        "EncryptionConfiguration": Api("stepfunctions", "CreateActivity", "encryptionConfiguration"),
        "Name": FREE,
        "Tags": FREE,
    }
    required = frozenset({"Name"})
    create_only = frozenset({"EncryptionConfiguration", "Name"})
    attributes = frozenset({"Arn", "Name"})
    name_property = "Name"

    def create(self, at: Context, wanted: Properties) -> Made:
        tags = create_member("stepfunctions", "CreateActivity", at.all_tags(wanted.get("Tags")))
        values = {name: wanted[name] for name in self.create_only if name in wanted}
        made = at.client("stepfunctions").create_activity(**call("stepfunctions", "CreateActivity", values), **tags)
        return self._made(made["activityArn"], wanted)

    def update(self, at: Context, physical_id: str, old: Properties, wanted: Properties) -> Made:
        retag(at, "stepfunctions", physical_id, old.get("Tags"), wanted.get("Tags"))
        return self._made(physical_id, wanted)

    def delete(self, at: Context, physical_id: str, properties: Properties) -> None:
        at.client("stepfunctions").delete_activity(activityArn=physical_id)

    def _made(self, arn: str, wanted: Properties) -> Made:
        return Made(arn, {"Arn": arn, "Name": str(wanted["Name"])})


def definition(at: Context, wanted: Properties) -> str:
    """The definition as JSON text, its `${…}` replaced. Raises when one has no substitution."""
    sources = [name for name in _DEFINITION[:3] if name in wanted]
    if len(sources) != 1:
        raise ResourceFailedError(f"exactly one of {', '.join(_DEFINITION[:3])} must be given, not {sources}")
    if "DefinitionS3Location" in wanted:
        place = wanted["DefinitionS3Location"]
        version = {"VersionId": place["Version"]} if "Version" in place else {}
        found = at.client("s3").get_object(Bucket=place["Bucket"], Key=place["Key"], **version)
        text = found["Body"].read().decode()
    else:
        given = wanted[sources[0]]
        text = given if isinstance(given, str) else json.dumps(given)
    return _as_json(substitute(text, wanted.get("DefinitionSubstitutions") or {}))


def substitute(text: str, values: Mapping[str, Any]) -> str:
    """Replace each `${name}`; a name without a value is an error that lists them all."""
    missing = sorted(set(_PLACEHOLDER.findall(text)) - set(values))
    if missing:
        raise ResourceFailedError(f"the definition has placeholders without a substitution: {missing}")
    return _PLACEHOLDER.sub(lambda match: as_text(values[match[1]]), text)


def _as_json(text: str) -> str:
    try:
        parsed = parse(text)
    except AwsError as error:
        raise ResourceFailedError(f"the definition is neither JSON nor YAML: {error.message}") from error
    return text if text.lstrip().startswith("{") else json.dumps(parsed)
