"""Models: an image, a model.tar.gz and a role. Served to clients; endpoints read them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from localaws.sagemaker.images import check_image
from localaws.sagemaker.model_packages import ModelPackages
from localaws.sagemaker.resources import SESSION, Params, invalid, page, refuse_others
from localaws.sagemaker.transfer import split_uri
from localaws.service import Call

if TYPE_CHECKING:
    from localaws.world import World

UNHEEDED = ("SAGEMAKER_PROGRAM", "SAGEMAKER_SUBMIT_DIRECTORY", "SAGEMAKER_INFERENCE_OUTPUT")
"""Variables by which the image would answer otherwise than the model server here does."""
CONTAINER = {"Image", "ModelDataUrl", "Environment", "ContainerHostname"}


class Models(ModelPackages):
    """The operations on models."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.models: dict[str, Params] = {}

    def create_model(self, call: Call) -> Params:
        params = call.params
        name = params["ModelName"]
        arn = self.arn(f"model/{name}")
        container = self._container_of(params)
        self.check_role(params["ExecutionRoleArn"])
        self._check_data(params["ExecutionRoleArn"], container["ModelDataUrl"])
        with self.lock:
            if name in self.models:
                raise invalid(f'Cannot create already existing model "{arn}".')
            self.models[name] = {
                "ModelName": name,
                "ModelArn": arn,
                "PrimaryContainer": container,
                "ExecutionRoleArn": params["ExecutionRoleArn"],
                "CreationTime": self.world.clock.now(),
                "EnableNetworkIsolation": False,
            }
            self.keep_tags(arn, params)
        return {"ModelArn": arn}

    def describe_model(self, call: Call) -> Params:
        return self.find_model(call.params["ModelName"])

    def delete_model(self, call: Call) -> None:
        with self.lock:
            model = self.find_model(call.params["ModelName"])
            del self.models[model["ModelName"]]
            self.tags.pop(model["ModelArn"], None)

    def list_models(self, call: Call) -> Params:
        members = ("ModelName", "ModelArn", "CreationTime")
        summaries = [{m: model[m] for m in members} for model in list(self.models.values())]
        return page(summaries, call.params, name="ModelName", result="Models", order="Descending")

    def find_model(self, name: str) -> Params:
        """The description of a model. Raises `ValidationException` when there is none of that name."""
        with self.lock:
            if name not in self.models:
                raise invalid(f'Could not find model "{self.arn(f"model/{name}")}".')
            return self.models[name]

    def _container_of(self, params: Params) -> Params:
        """The one container of a CreateModel request."""
        operation = "CreateModel"
        known = {"ModelName", "PrimaryContainer", "Containers", "ExecutionRoleArn", "Tags"}
        refuse_others(operation, params, known, {"EnableNetworkIsolation": False})
        containers = params.get("Containers", [])
        if "PrimaryContainer" in params and containers:
            raise invalid("Only one of PrimaryContainer and Containers may be given.")
        if len(containers) > 1:
            refuse_others(operation, {"several Containers": len(containers)}, ())
        container: Params = params.get("PrimaryContainer") or (containers[0] if containers else {})
        if "ExecutionRoleArn" not in params:
            raise invalid("ExecutionRoleArn is required.")
        if "ModelPackageName" in container:
            refuse_others(operation, container, {"ModelPackageName", *CONTAINER - {"Image", "ModelDataUrl"}})
            container = self._of_package(container)
        refuse_others(operation, container, CONTAINER, {"Mode": "SingleModel"})
        refuse_others(operation, {k: v for k, v in container.get("Environment", {}).items() if k in UNHEEDED}, ())
        for member in ("Image", "ModelDataUrl"):
            if not container.get(member):
                raise invalid(f"PrimaryContainer needs {member}.")
        check_image(container["Image"])
        return container

    def _of_package(self, container: Params) -> Params:
        """A container by its model package: image and data come from there."""
        package = self.find_package(container["ModelPackageName"])
        if package["ModelApprovalStatus"] != "Approved":
            raise invalid(f"Model package {package['ModelPackageArn']} is not approved.")
        described = package.get("InferenceSpecification", {}).get("Containers", [])
        if len(described) != 1:
            raise invalid(f"Model package {package['ModelPackageArn']} has no single container to deploy.")
        given = {name: value for name, value in container.items() if name != "ModelPackageName"}
        return {**{m: described[0][m] for m in CONTAINER if m in described[0]}, **given}

    def _check_data(self, role: str, uri: str) -> None:
        bucket, key = split_uri(uri)
        try:
            self.world.client("s3", role=role, session=SESSION).head_object(Bucket=bucket, Key=key)
        except ClientError as error:
            raise invalid(f"Could not find model data at {uri}.") from error
