"""AWS::KMS::*: keys and aliases."""

from __future__ import annotations

from localaws.cloudformation.errors import ResourceFailedError
from localaws.cloudformation.handler import Context, Made, Properties, ResourceType
from localaws.cloudformation.shapes import FREE, as_json, call, is_true
from localaws.cloudformation.tags import create_member, retag


class Key(ResourceType):
    """A key. Deleted, it is scheduled for deletion, as on AWS."""

    type = "AWS::KMS::Key"
    properties = dict.fromkeys(
        (
            "Description",
            "Enabled",
            "EnableKeyRotation",
            "KeyPolicy",
            "KeySpec",
            "KeyUsage",
            "PendingWindowInDays",
            "Tags",
        ),
        FREE,
    )
    attributes = frozenset({"Arn", "KeyId"})
    gone = frozenset({"NotFoundException", "KMSInvalidStateException"})

    def create(self, at: Context, wanted: Properties) -> Made:
        client = at.client("kms")
        values = {k: wanted[k] for k in ("Description", "KeySpec", "KeyUsage") if k in wanted}
        if "KeyPolicy" in wanted:
            values["Policy"] = as_json(wanted["KeyPolicy"])
        tags = create_member("kms", "CreateKey", at.all_tags(wanted.get("Tags")))
        key_id = client.create_key(**call("kms", "CreateKey", values), **tags)["KeyMetadata"]["KeyId"]
        at.made(key_id)
        self._switches(at, key_id, {}, wanted)
        return self._made(at, key_id)

    def update(self, at: Context, physical_id: str, old: Properties, wanted: Properties) -> Made:
        for name in ("KeySpec", "KeyUsage"):
            if old.get(name) != wanted.get(name):
                raise ResourceFailedError(f"the {name} of a KMS key can't be changed")
        client = at.client("kms")
        if old.get("Description") != wanted.get("Description"):
            client.update_key_description(KeyId=physical_id, Description=str(wanted.get("Description", "")))
        if old.get("KeyPolicy") != wanted.get("KeyPolicy") and "KeyPolicy" in wanted:
            client.put_key_policy(KeyId=physical_id, PolicyName="default", Policy=as_json(wanted["KeyPolicy"]))
        self._switches(at, physical_id, old, wanted)
        retag(at, "kms", physical_id, old.get("Tags"), wanted.get("Tags"))
        return self._made(at, physical_id)

    def delete(self, at: Context, physical_id: str, properties: Properties) -> None:
        days = int(properties.get("PendingWindowInDays", 30))
        at.client("kms").schedule_key_deletion(KeyId=physical_id, PendingWindowInDays=days)

    def _made(self, at: Context, key_id: str) -> Made:
        return Made(key_id, {"Arn": at.arn("kms", f"key/{key_id}"), "KeyId": key_id})

    def _switches(self, at: Context, key_id: str, old: Properties, wanted: Properties) -> None:
        client = at.client("kms")
        rotates = is_true(wanted.get("EnableKeyRotation", False))
        if rotates != is_true(old.get("EnableKeyRotation", False)):
            (client.enable_key_rotation if rotates else client.disable_key_rotation)(KeyId=key_id)
        enabled = is_true(wanted.get("Enabled", True))
        if enabled != is_true(old.get("Enabled", True)):
            (client.enable_key if enabled else client.disable_key)(KeyId=key_id)


class Alias(ResourceType):
    """A key's alias."""

    type = "AWS::KMS::Alias"
    properties = {"AliasName": FREE, "TargetKeyId": FREE}
    required = frozenset({"AliasName", "TargetKeyId"})
    create_only = frozenset({"AliasName"})
    name_property = "AliasName"
    gone = frozenset({"NotFoundException"})

    def create(self, at: Context, wanted: Properties) -> Made:
        at.client("kms").create_alias(**wanted)
        return Made(wanted["AliasName"])

    def update(self, at: Context, physical_id: str, old: Properties, wanted: Properties) -> Made:
        at.client("kms").update_alias(**wanted)
        return Made(physical_id)

    def delete(self, at: Context, physical_id: str, properties: Properties) -> None:
        at.client("kms").delete_alias(AliasName=physical_id)
