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

ROOT = Path(__file__).resolve().parents[2]
WorldOf = Callable[..., World]
MakeRole = Callable[[World, str, str], str]


@pytest.fixture
def world_of(tmp_path: Path) -> Iterator[WorldOf]:
    """`world_of(Sts, Lambda)` opens a world of those services, which is stopped after the test."""
    from moto.moto_api._internal.models import moto_api_backend

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
