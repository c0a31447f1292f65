"""Endpoints: variants behind one name, from creation to deletion. Served to clients; read by invocations."""

from __future__ import annotations

import copy
import logging
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from localaws.actor import client_as
from localaws.sagemaker.endpoint_configs import EndpointConfigs
from localaws.sagemaker.model_server import Host
from localaws.sagemaker.resources import PRINCIPAL, Params, invalid, page, plain, present, refuse_others
from localaws.sagemaker.variants import HostingError, Variant, start_variant
from localaws.service import Call

if TYPE_CHECKING:
    from localaws.world import World

log = logging.getLogger("localaws.sagemaker")
CHANGES_AT_ONCE = 4
SERVING = ("InService", "Updating", "RollingBack", "SystemUpdating")
EVENT_STATUS = {"InService": "IN_SERVICE", "RollingBack": "ROLLING_BACK"}


@dataclass
class Endpoint:
    """One endpoint and what serves it."""

    name: str
    arn: str
    config: Params
    """The endpoint configuration as it was when it was taken."""
    created: datetime
    modified: datetime
    status: str = "Creating"
    failure: str | None = None
    variants: dict[str, Variant] = field(default_factory=dict)
    generation: int = 0
    """Counts the variants ever started, so that their folders differ."""

    @property
    def serves(self) -> bool:
        """Whether it can be invoked."""
        return self.status in SERVING and bool(self.variants)

    def choose(self) -> Variant:
        """A variant, at random by the weights."""
        variants = list(self.variants.values())
        if len(variants) == 1:
            return variants[0]
        return random.choices(variants, [v.weight for v in variants])[0]  # noqa: S311


class Endpoints(EndpointConfigs):
    """The operations on endpoints."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.endpoints: dict[str, Endpoint] = {}
        self._host = Host(world.settings.jobs_python)
        self._pool = ThreadPoolExecutor(CHANGES_AT_ONCE, thread_name_prefix="sagemaker-endpoint")

    def create_endpoint(self, call: Call) -> Params:
        params = call.params
        refuse_others("CreateEndpoint", params, {"EndpointName", "EndpointConfigName", "Tags"})
        name = params["EndpointName"]
        arn = self.arn(f"endpoint/{name}")
        with self.lock:
            config = copy.deepcopy(self.find_config(params["EndpointConfigName"]))
            if name in self.endpoints:
                raise invalid(f'Cannot create already existing endpoint "{arn}".')
            now = self.world.clock.now()
            endpoint = self.endpoints[name] = Endpoint(name, arn, config, now, now)
            self.keep_tags(arn, params)
        self._tell(endpoint)
        self._later(endpoint, lambda: self._create(endpoint))
        return {"EndpointArn": arn}

    def describe_endpoint(self, call: Call) -> Params:
        endpoint = self.find_endpoint(call.params["EndpointName"])
        with self.lock:
            variants = [variant.summary() for variant in endpoint.variants.values()]
            return {
                "EndpointName": endpoint.name,
                "EndpointArn": endpoint.arn,
                "EndpointConfigName": endpoint.config["EndpointConfigName"],
                "EndpointStatus": endpoint.status,
                "CreationTime": endpoint.created,
                "LastModifiedTime": endpoint.modified,
                **present(
                    ProductionVariants=variants or None,
                    DataCaptureConfig=_capture_summary(endpoint.config.get("DataCaptureConfig")),
                    FailureReason=endpoint.failure,
                ),
            }

    def list_endpoints(self, call: Call) -> Params:
        with self.lock:
            summaries = [
                {
                    "EndpointName": endpoint.name,
                    "EndpointArn": endpoint.arn,
                    "CreationTime": endpoint.created,
                    "LastModifiedTime": endpoint.modified,
                    "EndpointStatus": endpoint.status,
                }
                for endpoint in self.endpoints.values()
            ]
        return page(
            summaries,
            call.params,
            name="EndpointName",
            status="EndpointStatus",
            result="Endpoints",
            order="Descending",
        )

    def update_endpoint(self, call: Call) -> Params:
        params = call.params
        harmless = {
            "RetainAllVariantProperties": False,
            "ExcludeRetainedVariantProperties": [],
            "RetainDeploymentConfig": False,
        }
        refuse_others("UpdateEndpoint", params, {"EndpointName", "EndpointConfigName"}, harmless)
        endpoint = self.find_endpoint(params["EndpointName"])
        config = copy.deepcopy(self.find_config(params["EndpointConfigName"]))
        if config["EndpointConfigName"] == endpoint.config["EndpointConfigName"]:  # AWS's words aren't known
            raise invalid("Cannot update an endpoint to the endpoint configuration that it already has.")
        kept = {variant["VariantName"]: variant.get("InstanceType") for variant in config["ProductionVariants"]}
        moved = [
            variant.name
            for variant in endpoint.variants.values()
            if kept.get(variant.name) != variant.config.get("InstanceType")
        ]
        self._check_unscaled(endpoint, moved, "removed or have their instance type updated")
        self._begin(endpoint, "Updating", ("InService",))
        self._later(endpoint, lambda: self._update(endpoint, config))
        return {"EndpointArn": endpoint.arn}

    def update_endpoint_weights_and_capacities(self, call: Call) -> Params:
        endpoint = self.find_endpoint(call.params["EndpointName"])
        wanted = call.params["DesiredWeightsAndCapacities"]
        for change in wanted:
            known = {"VariantName", "DesiredWeight", "DesiredInstanceCount"}
            refuse_others("UpdateEndpointWeightsAndCapacities", change, known)
            if change["VariantName"] not in endpoint.variants:
                raise invalid(f"Variant {change['VariantName']} is not one of endpoint {endpoint.name}.")
        self._begin(endpoint, "Updating", ("InService",))
        self._later(endpoint, lambda: self._reweigh(endpoint, wanted))
        return {"EndpointArn": endpoint.arn}

    def delete_endpoint(self, call: Call) -> None:
        endpoint = self.find_endpoint(call.params["EndpointName"])
        self._check_unscaled(endpoint, list(endpoint.variants), "removed")
        self._begin(endpoint, "Deleting", ("InService", "Failed", "OutOfService"))
        self._later(endpoint, lambda: self._delete(endpoint))

    def find_endpoint(self, name: str) -> Endpoint:
        """The endpoint of that name. Raises `ValidationException` when there is none."""
        with self.lock:
            if name not in self.endpoints:
                raise invalid(f'Could not find endpoint "{self.arn(f"endpoint/{name}")}".')
            return self.endpoints[name]

    def stop(self) -> None:
        self._host.closing.set()
        self._pool.shutdown(wait=True, cancel_futures=True)
        for endpoint in list(self.endpoints.values()):
            for variant in endpoint.variants.values():
                variant.server.stop()
        self._host.guardian.close()
        super().stop()

    def _check_unscaled(self, endpoint: Endpoint, variants: list[str], what: str) -> None:
        """Raise `ValidationException` when one of the variants is a target of Application Auto Scaling."""
        if not variants:
            return
        identifiers = [f"endpoint/{endpoint.name}/variant/{name}" for name in variants]
        client = client_as(self.world, PRINCIPAL, "application-autoscaling")
        found = client.describe_scalable_targets(ServiceNamespace="sagemaker", ResourceIds=identifiers)
        scaled = [target["ResourceId"].rsplit("/", 1)[-1] for target in found["ScalableTargets"]]
        if scaled:
            raise invalid(
                "The following variants must be deregistered from autoscaling before they can be "
                f"{what}: [{', '.join(scaled)}]."
            )

    def _begin(self, endpoint: Endpoint, status: str, allowed: tuple[str, ...]) -> None:
        with self.lock:
            if endpoint.status not in allowed:
                if endpoint.status == "Failed":
                    raise invalid(f'Cannot update endpoint "{endpoint.arn}" in status Failed.')
                raise invalid(f'Cannot update in-progress endpoint "{endpoint.arn}".')
            endpoint.status = status
        self._tell(endpoint)

    def _later(self, endpoint: Endpoint, work: Callable[[], None]) -> None:
        def run() -> None:
            try:
                work()
            except Exception:
                log.exception("endpoint %s failed within localaws", endpoint.name)
                self._settle(endpoint, "Failed", "InternalServerError: localaws failed; see its log")

        self._pool.submit(run)

    def _create(self, endpoint: Endpoint) -> None:
        try:
            endpoint.variants = self._start(endpoint, endpoint.config)
        except HostingError as error:
            self._settle(endpoint, "Failed", str(error))
        else:
            self._settle(endpoint, "InService")

    def _update(self, endpoint: Endpoint, config: Params) -> None:
        """Blue/green, all at once: the old variants serve until the new ones are healthy, or for good."""
        try:
            started = self._start(endpoint, config)
        except HostingError as error:
            self._settle(endpoint, "RollingBack", str(error))
            self._settle(endpoint, "InService", str(error))
            return
        with self.lock:
            replaced, endpoint.variants, endpoint.config = endpoint.variants, started, config
        self._settle(endpoint, "InService")
        for variant in replaced.values():
            variant.stop()

    def _reweigh(self, endpoint: Endpoint, wanted: list[Params]) -> None:
        with self.lock:
            for change in wanted:
                variant = endpoint.variants[change["VariantName"]]
                variant.weight = change.get("DesiredWeight", variant.weight)
                variant.count = change.get("DesiredInstanceCount", variant.count)
        self._settle(endpoint, "InService")

    def _delete(self, endpoint: Endpoint) -> None:
        for variant in endpoint.variants.values():
            variant.stop()
        with self.lock:
            del self.endpoints[endpoint.name]
            self.tags.pop(endpoint.arn, None)

    def _start(self, endpoint: Endpoint, config: Params) -> dict[str, Variant]:
        started: dict[str, Variant] = {}
        try:
            for part in config["ProductionVariants"]:
                model = copy.deepcopy(self._model_of(part))
                endpoint.generation += 1
                folder = self.world.settings.home / "endpoints" / endpoint.name / str(endpoint.generation)
                capture = config.get("DataCaptureConfig")
                started[part["VariantName"]] = start_variant(
                    self.world,
                    self._host,
                    endpoint=endpoint.name,
                    folder=folder,
                    config=part,
                    model=model,
                    capture=capture,
                )
        except HostingError:
            for variant in started.values():
                variant.stop()
            raise
        return started

    def _model_of(self, part: Params) -> Params:
        with self.lock:
            if part["ModelName"] not in self.models:
                raise HostingError(f'Could not find model "{self.arn("model/" + part["ModelName"])}".')
            return self.models[part["ModelName"]]

    def _settle(self, endpoint: Endpoint, status: str, failure: str | None = None) -> None:
        with self.lock:
            endpoint.status, endpoint.failure = status, failure
            endpoint.modified = self.world.clock.now()
        self._tell(endpoint)

    def _tell(self, endpoint: Endpoint) -> None:
        detail = {
            "EndpointName": endpoint.name,
            "EndpointArn": endpoint.arn,
            "EndpointConfigName": endpoint.config["EndpointConfigName"],
            "EndpointStatus": EVENT_STATUS.get(endpoint.status, endpoint.status.upper()),
            "CreationTime": endpoint.created,
            "LastModifiedTime": endpoint.modified,
            "Tags": self.tags.get(endpoint.arn, {}),
            **present(FailureReason=endpoint.failure),
        }
        self.world.emit_event("aws.sagemaker", "SageMaker Endpoint State Change", plain(detail), [endpoint.arn])


def _capture_summary(config: Params | None) -> Params | None:
    if config is None:
        return None
    enabled = bool(config.get("EnableCapture"))
    return {
        "EnableCapture": enabled,
        "CaptureStatus": "Started" if enabled else "Stopped",
        "CurrentSamplingPercentage": config["InitialSamplingPercentage"],
        "DestinationS3Uri": config["DestinationS3Uri"],
        "KmsKeyId": config.get("KmsKeyId", ""),
    }
