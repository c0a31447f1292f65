"""AWS::DynamoDB::Table."""

from __future__ import annotations

from typing import Any

from localaws.cloudformation.handler import Context, Made, Properties, ResourceType
from localaws.cloudformation.shapes import FREE, Api, call, fit, input_shape, is_true
from localaws.cloudformation.tags import create_member, retag

_PASSED = (
    "AttributeDefinitions", "BillingMode", "DeletionProtectionEnabled", "GlobalSecondaryIndexes", "KeySchema",
    "ProvisionedThroughput", "TableClass",
)  # fmt: skip
_CHANGEABLE = ("BillingMode", "DeletionProtectionEnabled", "ProvisionedThroughput", "TableClass")


class DynamoDbTable(ResourceType):
    """A table with its indexes, encryption, backups and expiry."""

    type = "AWS::DynamoDB::Table"
    properties = {
        **{name: Api("dynamodb", "CreateTable", name) for name in _PASSED},
        "TableName": FREE,
        "SSESpecification": {"SSEEnabled": FREE, "SSEType": FREE, "KMSMasterKeyId": FREE},
        "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": FREE},
        "TimeToLiveSpecification": {"AttributeName": FREE, "Enabled": FREE},
        "Tags": FREE,
    }
    required = frozenset({"KeySchema"})
    create_only = frozenset({"KeySchema", "TableName"})
    attributes = frozenset({"Arn"})
    name_property = "TableName"

    def create(self, at: Context, wanted: Properties) -> Made:
        name = str(wanted.get("TableName") or at.generated_name(255))
        values: dict[str, Any] = {k: wanted[k] for k in _PASSED if k in wanted}
        values["TableName"] = name
        if "SSESpecification" in wanted:
            values["SSESpecification"] = _encryption(wanted["SSESpecification"])
        tags = create_member("dynamodb", "CreateTable", at.all_tags(wanted.get("Tags")))
        at.client("dynamodb").create_table(**call("dynamodb", "CreateTable", values), **tags)
        at.made(name)
        self._settle(at, name)
        self._extras(at, name, {}, wanted)
        return self._made(at, name)

    def update(self, at: Context, physical_id: str, old: Properties, wanted: Properties) -> Made:
        client = at.client("dynamodb")
        changed: dict[str, Any] = {k: wanted[k] for k in _CHANGEABLE if k in wanted and old.get(k) != wanted[k]}
        if old.get("DeletionProtectionEnabled") and "DeletionProtectionEnabled" not in wanted:
            changed["DeletionProtectionEnabled"] = False
        if old.get("SSESpecification") != wanted.get("SSESpecification"):
            changed["SSESpecification"] = _encryption(wanted.get("SSESpecification", {"SSEEnabled": False}))
        if changed:
            client.update_table(**call("dynamodb", "UpdateTable", {**changed, "TableName": physical_id}))
            self._settle(at, physical_id)
        for index in _index_changes(old, wanted):
            values = {
                "AttributeDefinitions": wanted["AttributeDefinitions"],
                "GlobalSecondaryIndexUpdates": [index],
            }
            client.update_table(**call("dynamodb", "UpdateTable", {**values, "TableName": physical_id}))
            self._settle(at, physical_id)
        self._extras(at, physical_id, old, wanted)
        retag(at, "dynamodb", at.arn("dynamodb", f"table/{physical_id}"), old.get("Tags"), wanted.get("Tags"))
        return self._made(at, physical_id)

    def delete(self, at: Context, physical_id: str, properties: Properties) -> None:
        client = at.client("dynamodb")
        client.delete_table(TableName=physical_id)
        at.until(lambda: self._status(client, physical_id) is None, f"the deletion of table {physical_id}")

    def _made(self, at: Context, name: str) -> Made:
        return Made(name, {"Arn": at.arn("dynamodb", f"table/{name}")})

    def _status(self, client: Any, name: str) -> str | None:
        try:
            table = client.describe_table(TableName=name)["Table"]
        except client.exceptions.ResourceNotFoundException:
            return None
        states = {table["TableStatus"], *(i["IndexStatus"] for i in table.get("GlobalSecondaryIndexes", []))}
        return "ACTIVE" if states == {"ACTIVE"} else "UPDATING"

    def _settle(self, at: Context, name: str) -> None:
        at.until(lambda: self._status(at.client("dynamodb"), name) == "ACTIVE", f"table {name}")

    def _extras(self, at: Context, name: str, old: Properties, wanted: Properties) -> None:
        client = at.client("dynamodb")
        backups = "PointInTimeRecoverySpecification"
        if old.get(backups) != wanted.get(backups):
            enabled = is_true(wanted.get(backups, {}).get("PointInTimeRecoveryEnabled", False))
            client.update_continuous_backups(
                TableName=name, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": enabled}
            )
        expiry = "TimeToLiveSpecification"
        if old.get(expiry) != wanted.get(expiry):
            specification = wanted.get(expiry) or {**old[expiry], "Enabled": False}
            shape = input_shape("dynamodb", "UpdateTimeToLive", expiry)
            client.update_time_to_live(TableName=name, TimeToLiveSpecification=fit(dict(specification), shape))


def _encryption(value: Properties) -> dict[str, Any]:
    renamed = {"Enabled" if name == "SSEEnabled" else name: item for name, item in value.items()}
    return {**renamed, "Enabled": is_true(renamed.get("Enabled", False))}


def _index_changes(old: Properties, wanted: Properties) -> list[dict[str, Any]]:
    """Indexes to drop and to make, one update each, as DynamoDB demands; a changed one is both."""
    before = {index["IndexName"]: index for index in old.get("GlobalSecondaryIndexes", [])}
    after = {index["IndexName"]: index for index in wanted.get("GlobalSecondaryIndexes", [])}
    dropped = [{"Delete": {"IndexName": name}} for name in before if before[name] != after.get(name)]
    made = [{"Create": index} for name, index in after.items() if before.get(name) != index]
    return dropped + made
