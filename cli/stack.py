"""The deployed app as AWS describes it: its stack's outputs, its tables. Used by every command."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from typing import Any

import boto3
from boto3.dynamodb.types import TypeDeserializer
from botocore.exceptions import ClientError


class CliError(Exception):
    """What went wrong, for the person at the terminal; `found` is what can be shown all the same."""

    def __init__(self, words: str, found: str = "") -> None:
        super().__init__(words)
        self.found = found


@dataclass
class Stack:
    """One deployed stack; credentials, Region and endpoint are those of AWS's tools."""

    name: str
    session: boto3.Session = field(default_factory=boto3.Session)

    @cached_property
    def outputs(self) -> dict[str, str]:
        """The stack's outputs. Raises CliError when there is no such stack."""
        try:
            found = self.client("cloudformation").describe_stacks(StackName=self.name)["Stacks"][0]
        except ClientError as error:
            raise CliError(error.response["Error"]["Message"]) from error
        return {output["OutputKey"]: output["OutputValue"] for output in found.get("Outputs", [])}

    def output(self, name: str) -> str:
        """An output of the stack. Raises CliError when it has none of this name."""
        if name not in self.outputs:
            raise CliError(f"the stack {self.name} has no output {name}: it isn't one of this app, or of an older one")
        return self.outputs[name]

    def resource(self, logical_id: str) -> str:
        """The physical name of a resource of the stack. Raises CliError when there is none."""
        try:
            found = self.client("cloudformation").describe_stack_resource(
                StackName=self.name, LogicalResourceId=logical_id
            )
        except ClientError as error:
            raise CliError(error.response["Error"]["Message"]) from error
        return str(found["StackResourceDetail"]["PhysicalResourceId"])

    def client(self, service: str) -> Any:
        """A client of a service."""
        return self.session.client(service)  # type: ignore[call-overload]

    def release(self, release_id: str) -> dict[str, Any]:
        """A release's record. Raises CliError when there is none."""
        for item in self.items("TableName", "RELEASE", release_id):
            return item
        raise CliError(f"there is no release {release_id} in the stack {self.name}")

    def items(
        self, table: str, pk: str, sk: str | None = None, *, newest_first: bool = False
    ) -> Iterator[dict[str, Any]]:
        """The items of a partition of the table that an output names, in the order of their keys."""
        values = {":pk": {"S": pk}, **({":sk": {"S": sk}} if sk is not None else {})}
        pages = (
            self.client("dynamodb")
            .get_paginator("query")
            .paginate(
                TableName=self.output(table),
                KeyConditionExpression="pk = :pk" + (" AND sk = :sk" if sk is not None else ""),
                ExpressionAttributeValues=values,
                ScanIndexForward=not newest_first,
                ConsistentRead=True,
            )
        )
        for page in pages:
            for item in page["Items"]:
                yield plain(item)


def plain(item: Mapping[str, Any]) -> dict[str, Any]:
    """An item of DynamoDB's as JSON values."""
    deserialize = TypeDeserializer().deserialize
    return {name: _plain(deserialize(value)) for name, value in item.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, dict):
        return {name: _plain(entry) for name, entry in value.items()}
    if isinstance(value, list):
        return [_plain(entry) for entry in value]
    return value
