"""Clients for what an AWS service does by itself, so that the ledger tells it from what a person does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from localaws.world import World

MARK = ":role/aws-service-role/"
"""Is in the ARN of every such actor, and of nobody else."""


def client_as(world: World, principal: str, service: str) -> Any:
    """A boto3 client that acts as a service principal such as `events.amazonaws.com`."""
    role = f"arn:aws:iam::{world.settings.account}{MARK}{principal}/AWSServiceRole"
    return world.client(service, role=role, session="service")
