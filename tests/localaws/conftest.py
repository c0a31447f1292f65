"""Worlds for the tests of `localaws`: real sockets, real processes, a fresh account each."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from localaws.service import Service
from localaws.settings import Settings
from localaws.world import World
from tests.localaws.states_lab import lab, states_world

__all__ = ["lab", "states_world"]

ROOT = Path(__file__).resolve().parents[2]
WorldOf = Callable[..., World]
MANAGED_POLICIES: dict[tuple[str, str], list[Any]] = {}
MakeRole = Callable[[World, str, str], str]


@pytest.fixture
def world_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[WorldOf]:
    """`world_of(Sts, Lambda)` opens a world of those services, which is stopped after the test."""
    from moto.iam.models import IAMBackend
    from moto.moto_api._internal.models import moto_api_backend

    monkeypatch.setattr(IAMBackend, "_init_aws_policies", _managed_policies(IAMBackend._init_aws_policies))
    opened: list[World] = []

    def open_world(*services: type[Service], time_scale: float = 600.0) -> World:
        settings = Settings(
            home=tmp_path / f"world-{len(opened)}",
            lambda_python=ROOT / ".venvs/lambda/bin/python",
            jobs_python=ROOT / ".venvs/jobs/bin/python",
            port=0,
            time_scale=time_scale,
        )
        world = World(settings, services)
        world.start()
        opened.append(world)
        return world

    moto_api_backend.reset()
    yield open_world
    for world in reversed(opened):
        world.stop()


@pytest.fixture
def make_role() -> MakeRole:
    """`make_role(world, "reader", "lambda.amazonaws.com")` makes a role that this service may assume."""

    def make(world: World, name: str, service: str) -> str:
        statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
        trust = {"Version": "2012-10-17", "Statement": [statement]}
        iam: Any = world.client("iam")
        created = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))
        return str(created["Role"]["Arn"])

    return make


def _managed_policies(load: Callable[[Any], list[Any]]) -> Callable[[Any], list[Any]]:
    """moto reads 1,400 managed policies for each fresh account, which takes a second: read them once."""

    def load_once(backend: Any) -> list[Any]:
        held = MANAGED_POLICIES.setdefault((backend.account_id, backend.region_name), [])
        if not held:
            held += load(backend)
        for policy in held:
            policy.attachment_count = 0
        return list(held)

    return load_once
