"""Stacks, change sets and templates as the API's answers show them. Called by the service."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from localaws.cloudformation.stacks import ChangeSet, Event, Resource, Stack
from localaws.cloudformation.template import Body, transforms

Answer = dict[str, Any]


def stack(found: Stack) -> Answer:
    """A `Stack` of DescribeStacks."""
    return _present(
        StackId=found.id,
        StackName=found.name,
        Description=found.description,
        Parameters=[
            {"ParameterKey": name, "ParameterValue": parameter.shown} for name, parameter in found.parameters.items()
        ],
        CreationTime=found.created,
        LastUpdatedTime=found.updated,
        DeletionTime=found.deleted,
        StackStatus=found.status,
        StackStatusReason=found.reason,
        DisableRollback=found.disable_rollback,
        NotificationARNs=[],
        Capabilities=found.capabilities,
        RoleARN=found.role,
        Tags=tags(found.tags),
        EnableTerminationProtection=found.protected,
        DriftInformation={"StackDriftStatus": "NOT_CHECKED"},
        Outputs=[
            _present(OutputKey=name, OutputValue=output["Value"], Description=output["Description"])
            for name, output in found.outputs.items()
        ],
    )


def stack_summary(found: Stack) -> Answer:
    """A `StackSummary` of ListStacks."""
    return _present(
        StackId=found.id,
        StackName=found.name,
        TemplateDescription=found.description,
        CreationTime=found.created,
        LastUpdatedTime=found.updated,
        DeletionTime=found.deleted,
        StackStatus=found.status,
        StackStatusReason=found.reason,
    )


def event(found: Stack, line: Event) -> Answer:
    """A `StackEvent`."""
    return _present(
        StackId=found.id,
        EventId=line.event_id,
        StackName=found.name,
        LogicalResourceId=line.logical_id,
        PhysicalResourceId=line.physical_id,
        ResourceType=line.type,
        Timestamp=line.timestamp,
        ResourceStatus=line.status,
        ResourceStatusReason=line.reason,
    )


def resource(found: Stack, one: Resource) -> Answer:
    """A `StackResource`."""
    return _present(
        StackName=found.name,
        StackId=found.id,
        LogicalResourceId=one.logical_id,
        PhysicalResourceId=one.physical_id or None,
        ResourceType=one.handler.type,
        Timestamp=one.updated,
        ResourceStatus=one.status,
        ResourceStatusReason=one.reason,
    )


def resource_summary(one: Resource) -> Answer:
    """A `StackResourceSummary`; with one more member, a `StackResourceDetail`."""
    return _present(
        LogicalResourceId=one.logical_id,
        PhysicalResourceId=one.physical_id or None,
        ResourceType=one.handler.type,
        LastUpdatedTimestamp=one.updated,
        ResourceStatus=one.status,
        ResourceStatusReason=one.reason,
    )


def change_set(found: Stack, change: ChangeSet) -> Answer:
    """The answer of DescribeChangeSet."""
    return _present(
        **change_set_summary(found, change),
        Parameters=change.parameters,
        Capabilities=change.capabilities,
        Tags=tags(change.tags),
        NotificationARNs=[],
        Changes=[{"Type": "Resource", "ResourceChange": entry} for entry in change.changes],
        OnStackFailure=change.on_failure,
    )


def change_set_summary(found: Stack, change: ChangeSet) -> Answer:
    """A `ChangeSetSummary` of ListChangeSets."""
    return _present(
        StackId=found.id,
        StackName=found.name,
        ChangeSetId=change.id,
        ChangeSetName=change.name,
        ExecutionStatus="AVAILABLE" if change.status == "CREATE_COMPLETE" else "UNAVAILABLE",
        Status=change.status,
        StatusReason=change.reason,
        CreationTime=change.created,
        Description=change.description,
    )


def template_summary(body: Body, capabilities: list[str]) -> Answer:
    """The answer of GetTemplateSummary."""
    resources = body.get("Resources") or {}
    return _present(
        Parameters=[_declared(name, declared) for name, declared in (body.get("Parameters") or {}).items()],
        Description=body.get("Description"),
        Capabilities=capabilities,
        CapabilitiesReason=_reason(capabilities),
        ResourceTypes=sorted({entry["Type"] for entry in resources.values()}),
        Version=body.get("AWSTemplateFormatVersion"),
        Metadata=json.dumps(body["Metadata"]) if "Metadata" in body else None,
        DeclaredTransforms=transforms(body),
    )


def validation(body: Body, capabilities: list[str]) -> Answer:
    """The answer of ValidateTemplate."""
    return _present(
        Parameters=[
            _present(
                ParameterKey=name,
                DefaultValue=_default(declared),
                NoEcho=_no_echo(declared),
                Description=declared.get("Description"),
            )
            for name, declared in (body.get("Parameters") or {}).items()
        ],
        Description=body.get("Description"),
        Capabilities=capabilities,
        CapabilitiesReason=_reason(capabilities),
        DeclaredTransforms=transforms(body),
    )


def tags(found: Mapping[str, str]) -> list[dict[str, str]]:
    """Tags as a list of Key and Value."""
    return [{"Key": key, "Value": value} for key, value in found.items()]


def _declared(name: str, declared: Body) -> Answer:
    constraints = (
        {"AllowedValues": [str(value) for value in declared["AllowedValues"]]} if "AllowedValues" in declared else {}
    )
    return _present(
        ParameterKey=name,
        DefaultValue=_default(declared),
        ParameterType=declared.get("Type"),
        NoEcho=_no_echo(declared),
        Description=declared.get("Description"),
        ParameterConstraints=constraints,
    )


def _default(declared: Body) -> str | None:
    return str(declared["Default"]) if "Default" in declared else None


def _no_echo(declared: Body) -> bool:
    return str(declared.get("NoEcho", "false")).lower() == "true"


def _reason(capabilities: list[str]) -> str | None:
    return "The following resource(s) require capabilities: [AWS::IAM]" if capabilities else None


def _present(**members: Any) -> Answer:
    return {name: value for name, value in members.items() if value is not None}
