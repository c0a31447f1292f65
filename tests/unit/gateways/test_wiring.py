"""Every port has its gateway, made from settings that are named when they are missing."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from safe_deploy.domain.ports import Outside
from safe_deploy.errors import ConfigurationError
from safe_deploy.gateways.model_source import read_source
from safe_deploy.wiring import Aws

from tests.fakes.aws import FakeOutside


def test_gateways_and_fakes_stand_for_the_same_ports(settings: None) -> None:
    real: Outside = Aws()
    fake: Outside = FakeOutside()
    for port in ("releases", "approvals", "rollbacks", "locks", "objects", "functions", "predictions", "endpoints"):
        assert getattr(real, port) is getattr(real, port)
        assert getattr(fake, port)
    for port in (
        "packages",
        "executions",
        "deployments",
        "jobs",
        "inventory",
        "upkeep",
        "topic",
        "keys",
        "alarms",
        "metrics",
        "clock",
    ):
        assert getattr(real, port)
        assert getattr(fake, port)
    assert fake.clock.now().tzinfo is not None
    assert real.clock.now().tzinfo is not None


def test_a_missing_setting_is_named(settings: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TABLE_NAME", " ")
    with pytest.raises(ConfigurationError, match="TABLE_NAME"):
        _ = Aws().releases


def test_the_source_is_read_from_the_layer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "model_source"
    for path in ("model/policy.json", "jobs/prepare.py", "jobs/deep/x.py"):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(path)
    (root / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    sys.modules.pop("model_source", None)
    assert read_source() == {
        "model/policy.json": b"model/policy.json",
        "jobs/deep/x.py": b"jobs/deep/x.py",
        "jobs/prepare.py": b"jobs/prepare.py",
    }
    sys.modules.pop("model_source")


def test_a_missing_layer_is_named() -> None:
    with pytest.raises(ConfigurationError, match="model_source"):
        read_source()
