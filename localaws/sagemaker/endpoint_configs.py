"""Endpoint configurations: variants and data capture. Served to clients; endpoints read them.

AWS's quotas that bite first: 10 variants in a configuration, and in a new account no instance at all of most
types until they are asked for.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

from localaws.sagemaker.models import Models
from localaws.sagemaker.resources import Params, invalid, page, refuse_others
from localaws.service import Call

if TYPE_CHECKING:
    from localaws.world import World

OPERATION = "CreateEndpointConfig"
KNOWN = {"EndpointConfigName", "ProductionVariants", "DataCaptureConfig", "Tags", "KmsKeyId"}
VARIANT = {
    "VariantName", "ModelName", "InitialInstanceCount", "InstanceType", "InitialVariantWeight",
    "ServerlessConfig", "ModelDataDownloadTimeoutInSeconds", "VolumeSizeInGB",
    "ContainerStartupHealthCheckTimeoutInSeconds",
}  # fmt: skip
CAPTURE = {
    "EnableCapture", "InitialSamplingPercentage", "DestinationS3Uri", "KmsKeyId", "CaptureOptions",
    "CaptureContentTypeHeader",
}  # fmt: skip


class EndpointConfigs(Models):
    """The operations on endpoint configurations."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.endpoint_configs: dict[str, Params] = {}

    def create_endpoint_config(self, call: Call) -> Params:
        params = call.params
        check_config(params)
        for variant in params["ProductionVariants"]:
            self.find_model(variant["ModelName"])
        name = params["EndpointConfigName"]
        arn = self.arn(f"endpoint-config/{name}")
        with self.lock:
            if name in self.endpoint_configs:
                raise invalid(f'Cannot create already existing endpoint configuration "{arn}".')
            kept = {member: copy.deepcopy(value) for member, value in params.items() if member != "Tags"}
            for variant in kept["ProductionVariants"]:
                variant.setdefault("InitialVariantWeight", 1.0)
            self.endpoint_configs[name] = {
                **kept,
                "EndpointConfigArn": arn,
                "CreationTime": self.world.clock.now(),
                "EnableNetworkIsolation": False,
            }
            self.keep_tags(arn, params)
        return {"EndpointConfigArn": arn}

    def describe_endpoint_config(self, call: Call) -> Params:
        return self.find_config(call.params["EndpointConfigName"])

    def delete_endpoint_config(self, call: Call) -> None:
        with self.lock:
            found = self.find_config(call.params["EndpointConfigName"])
            del self.endpoint_configs[found["EndpointConfigName"]]
            self.tags.pop(found["EndpointConfigArn"], None)

    def list_endpoint_configs(self, call: Call) -> Params:
        members = ("EndpointConfigName", "EndpointConfigArn", "CreationTime")
        summaries = [{m: config[m] for m in members} for config in list(self.endpoint_configs.values())]
        return page(summaries, call.params, name="EndpointConfigName", result="EndpointConfigs", order="Descending")

    def find_config(self, name: str) -> Params:
        """The configuration of that name. Raises `ValidationException` when there is none."""
        with self.lock:
            if name not in self.endpoint_configs:
                arn = self.arn(f"endpoint-config/{name}")
                raise invalid(f'Could not find endpoint configuration "{arn}".')
            return self.endpoint_configs[name]


def check_config(params: Params) -> None:
    """Raise `NotModelledError` or `ValidationException` unless it can be served here as on AWS."""
    refuse_others(OPERATION, params, KNOWN, {"EnableNetworkIsolation": False})
    names = [variant["VariantName"] for variant in params["ProductionVariants"]]
    if len(set(names)) < len(names):
        raise invalid("Variant names must be unique within an endpoint configuration.")
    serverless = [_check_variant(variant) for variant in params["ProductionVariants"]]
    if any(serverless) and len(serverless) > 1:
        raise invalid("A serverless endpoint configuration has exactly one production variant.")
    capture = params.get("DataCaptureConfig")
    if capture is not None:
        refuse_others(OPERATION, capture, CAPTURE)
        if any(serverless):  # the rule is documented; AWS's words are not
            raise invalid("Data capture is not supported for serverless endpoints.")
        if not 0 <= capture["InitialSamplingPercentage"] <= 100:
            raise invalid("InitialSamplingPercentage must be between 0 and 100.")
        modes = {option["CaptureMode"] for option in capture["CaptureOptions"]}
        if "InputAndOutput" in modes:
            refuse_others(OPERATION, {"CaptureMode": "InputAndOutput"}, ())


def _check_variant(variant: Params) -> bool:
    """True when the variant is serverless."""
    harmless = {"EnableSSMAccess": False, "RoutingConfig": {"RoutingStrategy": "RANDOM"}}
    refuse_others(OPERATION, variant, VARIANT, harmless)
    if "ModelName" not in variant:
        refuse_others(OPERATION, {"a variant without ModelName (inference components)": None}, ())
    instances = {"InstanceType", "InitialInstanceCount"} & variant.keys()
    if "ServerlessConfig" in variant:
        if instances:
            raise invalid("A variant has either a ServerlessConfig or an InstanceType and InitialInstanceCount.")
        refuse_others(OPERATION, variant["ServerlessConfig"], {"MemorySizeInMB", "MaxConcurrency"})
        if variant["ServerlessConfig"]["MemorySizeInMB"] not in range(1024, 6145, 1024):
            raise invalid("MemorySizeInMB must be one of 1024, 2048, 3072, 4096, 5120, 6144.")
        return True
    if len(instances) < 2 or variant["InitialInstanceCount"] < 1:
        raise invalid("A variant needs an InstanceType and an InitialInstanceCount of at least 1.")
    return False
