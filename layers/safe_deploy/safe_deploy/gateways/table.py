"""DynamoDB, reduced to what the records need: plain JSON, conditions, transactions. Used by the records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple, cast

from boto3.dynamodb.types import Binary, TypeDeserializer, TypeSerializer
from botocore.exceptions import ClientError

from safe_deploy.errors import TransientError
from safe_deploy.gateways.clients import client, error_code, translated, translating

SMALLEST = 1e-120
ABSENT = "attribute_not_exists(#pk)"
CONTENTION = ("TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded")


class Key(NamedTuple):
    """The primary key of an item."""

    pk: str
    sk: str


class TransactionRefusedError(Exception):
    """A transaction's conditions did not hold. `failed` tells which, write by write."""

    def __init__(self, failed: Sequence[bool]) -> None:
        super().__init__("a transaction's conditions did not hold")
        self.failed = tuple(failed)


class Table:
    """The app's one table."""

    def __init__(self, name: str) -> None:
        self.name = name

    def get(self, key: Key) -> dict[str, Any] | None:
        """Return an item as it is now (a consistent read), or None."""
        with translating(f"read {key.pk}/{key.sk}"):
            found = client("dynamodb").get_item(
                TableName=self.name, Key=to_attributes(key._asdict()), ConsistentRead=True
            )
        return from_attributes(found["Item"]) if "Item" in found else None

    def put(self, key: Key, item: Mapping[str, Any], condition: str = "", **values: Any) -> None:
        """Write an item. Raises ConditionFailedError when the condition doesn't hold."""
        with translating(f"write {key.pk}/{key.sk}"):
            client("dynamodb").put_item(**self.put_request(key, item, condition, **values))

    def update(self, key: Key, changes: Mapping[str, Any], condition: str, **values: Any) -> dict[str, Any]:
        """Set attributes and return the item. Raises ConditionFailedError when the condition doesn't hold."""
        request = self.update_request(key, changes, condition, **values)
        with translating(f"write {key.pk}/{key.sk}"):
            found = client("dynamodb").update_item(**request, ReturnValues="ALL_NEW")
        return from_attributes(found["Attributes"])

    def increment(self, key: Key, attribute: str, limit: int, expires_at: int) -> None:
        """Count one more in an attribute. Raises ConditionFailedError when the limit is reached."""
        request = {
            "TableName": self.name,
            "Key": to_attributes(key._asdict()),
            "UpdateExpression": "ADD #count :one SET #expiresAt = :expiresAt",
            "ConditionExpression": "attribute_not_exists(#count) OR #count < :limit",
            "ExpressionAttributeNames": {"#count": attribute, "#expiresAt": "expiresAt"},
            "ExpressionAttributeValues": to_attributes({":one": 1, ":limit": limit, ":expiresAt": expires_at}),
        }
        with translating(f"count {key.pk}/{key.sk}"):
            client("dynamodb").update_item(**request)

    def transact(self, *writes: Mapping[str, Any]) -> None:
        """Make all writes or none. Raises TransactionRefusedError when a condition doesn't hold."""
        try:
            client("dynamodb").transact_write_items(TransactItems=[dict(write) for write in writes])
        except ClientError as error:
            if error_code(error) != "TransactionCanceledException":
                raise translated(error, "write a transaction") from error
            codes = [reason.get("Code", "None") for reason in error.response.get("CancellationReasons", [])]
            if any(code in CONTENTION for code in codes):
                raise TransientError("write a transaction: somebody else writes the same items") from error
            failed = [code == "ConditionalCheckFailed" for code in codes]
            if not any(failed):
                raise translated(error, f"write a transaction ({', '.join(codes)})") from error
            raise TransactionRefusedError(failed) from error

    def put_request(self, key: Key, item: Mapping[str, Any], condition: str = "", **values: Any) -> dict[str, Any]:
        """Return a put, for `transact` under the key Put."""
        request: dict[str, Any] = {
            "TableName": self.name,
            "Item": to_attributes({**key._asdict(), **item}),
        }
        if condition:
            request["ConditionExpression"] = condition
            request["ExpressionAttributeNames"] = _names(condition)
            if values:
                request["ExpressionAttributeValues"] = to_attributes(
                    {f":{name}": value for name, value in values.items()}
                )
        return {name: value for name, value in request.items() if value}

    def update_request(self, key: Key, changes: Mapping[str, Any], condition: str, **values: Any) -> dict[str, Any]:
        """Return an update, for `transact` under the key Update. Conditions write attributes as #name."""
        placed = {f":set{place}": value for place, value in enumerate(changes.values())}
        sets = ", ".join(f"#{name} = :set{place}" for place, name in enumerate(changes))
        expression = f"SET {sets}"
        return {
            "TableName": self.name,
            "Key": to_attributes(key._asdict()),
            "UpdateExpression": expression,
            "ConditionExpression": condition,
            "ExpressionAttributeNames": _names(f"{expression} {condition}"),
            "ExpressionAttributeValues": to_attributes(
                {**placed, **{f":{name}": value for name, value in values.items()}}
            ),
        }


def _names(expression: str) -> dict[str, str]:
    words = expression.replace("(", " ").replace(")", " ").replace(",", " ").split()
    return {word: word[1:] for word in words if word.startswith("#")}


def to_attributes(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return an item in DynamoDB's own form."""
    serialize = TypeSerializer().serialize
    return {name: serialize(_stored(value)) for name, value in item.items()}


def from_attributes(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return an item as JSON values and bytes."""
    deserialize = TypeDeserializer().deserialize
    return {name: _plain(deserialize(value)) for name, value in item.items()}


def _stored(value: Any) -> Any:
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, float):
        return Decimal(repr(value)) if abs(value) >= SMALLEST else Decimal(0)
    if isinstance(value, Mapping):
        return {str(key): _stored(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_stored(entry) for entry in value]
    return str(value) if isinstance(value, str) else value


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, Binary):
        return bytes(cast(Any, value))
    if isinstance(value, dict):
        return {key: _plain(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_plain(entry) for entry in value]
    return value
