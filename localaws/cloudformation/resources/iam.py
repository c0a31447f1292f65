"""AWS::IAM::*: roles, inline policies, managed policies."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from localaws.cloudformation.errors import ResourceFailedError
from localaws.cloudformation.handler import Context, Made, Properties, ResourceType
from localaws.cloudformation.shapes import FREE, as_json, call
from localaws.cloudformation.tags import create_member, retag

_GONE = frozenset({"NoSuchEntity", "NoSuchEntityException"})


class Role(ResourceType):
    """A role with its inline and attached policies."""

    type = "AWS::IAM::Role"
    properties = {
        **dict.fromkeys(
            ("AssumeRolePolicyDocument", "Description", "ManagedPolicyArns", "MaxSessionDuration", "Path",
             "PermissionsBoundary", "RoleName", "Tags"),
            FREE,
        ),
        "Policies": [{"PolicyName": FREE, "PolicyDocument": FREE}],
    }  # fmt: skip
    required = frozenset({"AssumeRolePolicyDocument"})
    create_only = frozenset({"Path", "RoleName"})
    attributes = frozenset({"Arn", "RoleId"})
    name_property = "RoleName"
    gone = _GONE

    def problems(self, properties: Properties, logical_id: str) -> list[str]:
        arns = properties.get("ManagedPolicyArns", [])
        strange = [arn for arn in arns if isinstance(arn, str) and not arn.startswith("arn:")]
        found = super().problems(properties, logical_id)
        return found + [f"{logical_id}: there is no managed policy {name!r}" for name in strange]

    def create(self, at: Context, wanted: Properties) -> Made:
        name = str(wanted.get("RoleName") or at.generated_name(64))
        simple = {k: v for k, v in wanted.items() if k not in ("ManagedPolicyArns", "Policies", "Tags")}
        answer = at.client("iam").create_role(
            **call("iam", "CreateRole", {**simple, "RoleName": name}),
            **create_member("iam", "CreateRole", at.all_tags(wanted.get("Tags"))),
        )
        at.made(name)
        self._policies(at, name, {}, wanted)
        return Made(name, {"Arn": answer["Role"]["Arn"], "RoleId": answer["Role"]["RoleId"]})

    def update(self, at: Context, physical_id: str, old: Properties, wanted: Properties) -> Made:
        client = at.client("iam")
        if old["AssumeRolePolicyDocument"] != wanted["AssumeRolePolicyDocument"]:
            document = as_json(wanted["AssumeRolePolicyDocument"])
            client.update_assume_role_policy(RoleName=physical_id, PolicyDocument=document)
        if any(old.get(name) != wanted.get(name) for name in ("Description", "MaxSessionDuration")):
            client.update_role(
                RoleName=physical_id,
                Description=str(wanted.get("Description", "")),
                MaxSessionDuration=int(wanted.get("MaxSessionDuration", 3600)),
            )
        if old.get("PermissionsBoundary") != wanted.get("PermissionsBoundary"):
            if "PermissionsBoundary" in wanted:
                client.put_role_permissions_boundary(
                    RoleName=physical_id, PermissionsBoundary=wanted["PermissionsBoundary"]
                )
            else:
                client.delete_role_permissions_boundary(RoleName=physical_id)
        self._policies(at, physical_id, old, wanted)
        retag(at, "iam", physical_id, old.get("Tags"), wanted.get("Tags"))
        role = client.get_role(RoleName=physical_id)["Role"]
        return Made(physical_id, {"Arn": role["Arn"], "RoleId": role["RoleId"]})

    def delete(self, at: Context, physical_id: str, properties: Properties) -> None:
        self._policies(at, physical_id, properties, {})
        at.client("iam").delete_role(RoleName=physical_id)

    def _policies(self, at: Context, name: str, old: Properties, wanted: Properties) -> None:
        client = at.client("iam")
        before, after = _inline(old), _inline(wanted)
        for policy in sorted(set(before) - set(after)):
            _quietly(client.delete_role_policy, RoleName=name, PolicyName=policy)
        for policy, document in after.items():
            if before.get(policy) != document:
                client.put_role_policy(RoleName=name, PolicyName=policy, PolicyDocument=document)
        attached, wished = old.get("ManagedPolicyArns", []), wanted.get("ManagedPolicyArns", [])
        for arn in set(attached) - set(wished):
            _quietly(client.detach_role_policy, RoleName=name, PolicyArn=arn)
        for arn in wished:
            if arn not in attached:
                client.attach_role_policy(RoleName=name, PolicyArn=arn)


class Policy(ResourceType):
    """A policy embedded in roles."""

    type = "AWS::IAM::Policy"
    properties = dict.fromkeys(("PolicyDocument", "PolicyName", "Roles"), FREE)
    required = frozenset({"PolicyDocument", "PolicyName", "Roles"})
    gone = _GONE

    def create(self, at: Context, wanted: Properties) -> Made:
        physical_id = at.generated_name(64)
        at.made(physical_id)
        self._put(at, wanted)
        return Made(physical_id)

    def update(self, at: Context, physical_id: str, old: Properties, wanted: Properties) -> Made:
        self._put(at, wanted)
        kept = wanted["Roles"] if old["PolicyName"] == wanted["PolicyName"] else []
        self._remove(at, old["PolicyName"], set(old["Roles"]) - set(kept))
        return Made(physical_id)

    def delete(self, at: Context, physical_id: str, properties: Properties) -> None:
        self._remove(at, properties["PolicyName"], properties["Roles"])

    def _put(self, at: Context, wanted: Properties) -> None:
        for role in wanted["Roles"]:
            at.client("iam").put_role_policy(
                RoleName=role,
                PolicyName=wanted["PolicyName"],
                PolicyDocument=_document(wanted["PolicyDocument"]),
            )

    def _remove(self, at: Context, name: str, roles: Iterable[str]) -> None:
        for role in roles:
            _quietly(at.client("iam").delete_role_policy, RoleName=role, PolicyName=name)


class ManagedPolicy(ResourceType):
    """A policy of its own, attached to roles. `Ref` is its ARN."""

    type = "AWS::IAM::ManagedPolicy"
    properties = dict.fromkeys(("Description", "ManagedPolicyName", "Path", "PolicyDocument", "Roles"), FREE)
    required = frozenset({"PolicyDocument"})
    create_only = frozenset({"Description", "ManagedPolicyName", "Path"})
    attributes = frozenset({"PolicyArn"})
    name_property = "ManagedPolicyName"
    gone = _GONE

    def create(self, at: Context, wanted: Properties) -> Made:
        values = {k: v for k, v in wanted.items() if k not in ("ManagedPolicyName", "Roles")}
        name = str(wanted.get("ManagedPolicyName") or at.generated_name(128))
        values.update(PolicyName=name, PolicyDocument=_document(wanted["PolicyDocument"]))
        answer = at.client("iam").create_policy(**call("iam", "CreatePolicy", values))
        arn = answer["Policy"]["Arn"]
        at.made(arn)
        self._attach(at, arn, {}, wanted)
        return Made(arn, {"PolicyArn": arn})

    def update(self, at: Context, physical_id: str, old: Properties, wanted: Properties) -> Made:
        if old["PolicyDocument"] != wanted["PolicyDocument"]:
            document = _document(wanted["PolicyDocument"])
            at.client("iam").create_policy_version(PolicyArn=physical_id, PolicyDocument=document, SetAsDefault=True)
            self._delete_old_versions(at, physical_id)
        self._attach(at, physical_id, old, wanted)
        return Made(physical_id, {"PolicyArn": physical_id})

    def delete(self, at: Context, physical_id: str, properties: Properties) -> None:
        self._attach(at, physical_id, properties, {})
        self._delete_old_versions(at, physical_id)
        at.client("iam").delete_policy(PolicyArn=physical_id)

    def _attach(self, at: Context, arn: str, old: Properties, wanted: Properties) -> None:
        client = at.client("iam")
        for role in set(old.get("Roles", [])) - set(wanted.get("Roles", [])):
            _quietly(client.detach_role_policy, RoleName=role, PolicyArn=arn)
        for role in set(wanted.get("Roles", [])) - set(old.get("Roles", [])):
            client.attach_role_policy(RoleName=role, PolicyArn=arn)

    def _delete_old_versions(self, at: Context, arn: str) -> None:
        client = at.client("iam")
        for version in client.list_policy_versions(PolicyArn=arn)["Versions"]:
            if not version["IsDefaultVersion"]:
                client.delete_policy_version(PolicyArn=arn, VersionId=version["VersionId"])


def _inline(properties: Properties) -> dict[str, str]:
    return {policy["PolicyName"]: _document(policy["PolicyDocument"]) for policy in properties.get("Policies", [])}


def _document(given: Any) -> str:
    """A policy document as text. moto wants the Version that AWS can do without."""
    document = json.loads(given) if isinstance(given, str) else given
    if "Version" not in document:
        if "${" in json.dumps(document):
            raise ResourceFailedError('a policy with variables must say "Version": "2012-10-17"')
        document = {"Version": "2012-10-17", **document}
    return json.dumps(document)


def _quietly(method: Any, **members: str) -> None:
    """Call what takes something away; that it is gone already is as good."""
    try:
        method(**members)
    except method.__self__.exceptions.NoSuchEntityException:
        return
