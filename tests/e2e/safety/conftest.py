"""A local AWS for each story alone: what its app does every hour takes no time from the next."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from demo.stack import LocalAws
from tests.e2e.conftest import App, Deploy, MakeSource, deployer, local_aws, taxi_app


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAws]:
    """A local AWS in a process of its own."""
    with local_aws(tmp_path_factory.mktemp("localaws")) as running:
        yield running


@pytest.fixture(scope="module")
def deploy(aws: LocalAws, tmp_path_factory: pytest.TempPathFactory) -> Deploy:
    """Build and deploy an app from a source tree, with the real SAM CLI."""
    return deployer(aws, tmp_path_factory)


@pytest.fixture(scope="module")
def app(deploy: Deploy, taxi_source: MakeSource) -> App:
    """The shipped app with the taxi model, for one story."""
    return taxi_app(deploy, taxi_source)
