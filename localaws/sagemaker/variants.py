"""A production variant at work: its model on a server, its weight, its records. Used by endpoints."""

from __future__ import annotations

import shutil
import tarfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from localaws.sagemaker.capture import Capture
from localaws.sagemaker.logs import LogStream
from localaws.sagemaker.model_server import STARTUP_TIMEOUT, Host, ModelServer, NotHealthyError, unpack
from localaws.sagemaker.resources import SESSION, Params, present
from localaws.sagemaker.transfer import Transfer, TransferError

if TYPE_CHECKING:
    from localaws.world import World


class HostingError(Exception):
    """A variant can't be served; the message is the endpoint's FailureReason."""


@dataclass
class Variant:
    """One variant that serves. However many instances it counts, one process stands for all of them."""

    config: Params
    """Its part of the endpoint configuration."""
    model: Params
    """The model's description as it was when the variant began."""
    server: ModelServer
    folder: Path
    capture: Capture | None
    deployed: datetime
    weight: float
    count: int | None
    """Instances; None when serverless."""

    @property
    def name(self) -> str:
        """VariantName."""
        return str(self.config["VariantName"])

    def summary(self) -> Params:
        """Its part of DescribeEndpoint."""
        image = self.model["PrimaryContainer"]["Image"]
        serverless = self.config.get("ServerlessConfig")
        return {
            "VariantName": self.name,
            "DeployedImages": [{"SpecifiedImage": image, "ResolvedImage": image, "ResolutionTime": self.deployed}],
            "CurrentWeight": self.weight,
            "DesiredWeight": self.weight,
            **present(
                CurrentInstanceCount=0 if serverless else self.count,
                DesiredInstanceCount=None if serverless else self.count,
                CurrentServerlessConfig=serverless,
            ),
        }

    def stop(self) -> None:
        """End its server and send what it captured."""
        self.server.stop()
        if self.capture is not None:
            self.capture.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def _let_fail(world: World, host: Host, endpoint: str) -> None:
    """Raise `NotHealthyError` when a fault says so, after the time it says."""
    effect = world.faults.strike("endpoint", {"endpoint": endpoint})
    if effect is not None:
        world.clock.sleep(effect.get("seconds", 0), host.closing)
        raise NotHealthyError(f"injected: {effect['kind']}")


def start_variant(
    world: World,
    host: Host,
    *,
    endpoint: str,
    folder: Path,
    config: Params,
    model: Params,
    capture: Any,
) -> Variant:
    """Fetch a variant's model and bring its server up. Raises `HostingError` with AWS's words for why not."""
    role, container = model["ExecutionRoleArn"], model["PrimaryContainer"]
    name, data = config["VariantName"], container["ModelDataUrl"]
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        Transfer(world.client("s3", role=role, session=SESSION)).fetch(data, folder / "model.tar.gz")
    except TransferError as error:
        raise HostingError(
            f'Failed to download model data for container "container_1" from URL: "{data}". Please ensure '
            "that there is an object located at the URL and that the role passed to CreateModel has "
            "permissions to download the object."
        ) from error
    try:
        unpack(folder / "model.tar.gz", folder / "model")
    except (OSError, ValueError, EOFError, tarfile.TarError) as error:
        raise HostingError(
            f'Failed to extract model data archive from URL "{data}" for container "container_1". '
            f"Please ensure that there is a valid tar.gz archive at the URL. ({error})"
        ) from error
    stream = LogStream(
        world.client("logs", role=role, session=SESSION),
        f"/aws/sagemaker/Endpoints/{endpoint}",
        f"{name}/i-local",
    )
    environment = {
        **container.get("Environment", {}),
        "SAGEMAKER_REGION": world.settings.region,
        **world.process_environment(role, SESSION),
    }
    server = ModelServer(host, folder, environment, stream)
    try:
        _let_fail(world, host, endpoint)
        server.start(float(config.get("ContainerStartupHealthCheckTimeoutInSeconds", STARTUP_TIMEOUT)))
    except (NotHealthyError, OSError) as error:
        server.stop()
        raise HostingError(
            f"The primary container for production variant {name} did not pass the ping health check. Please "
            "check CloudWatch logs for this endpoint."
        ) from error
    kept = Capture(world, role, endpoint, name, capture) if capture and capture.get("EnableCapture") else None
    weight, count = float(config["InitialVariantWeight"]), config.get("InitialInstanceCount")
    return Variant(config, model, server, folder, kept, world.clock.now(), weight, count)
