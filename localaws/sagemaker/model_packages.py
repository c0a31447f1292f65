"""Model package groups and their versions: the model registry. Served to clients; models read it."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from localaws.errors import AwsError, NotModelledError
from localaws.sagemaker.images import check_image
from localaws.sagemaker.resources import Params, Resources, invalid, page, plain, present, refuse_others
from localaws.service import Call

if TYPE_CHECKING:
    from localaws.front_door.credentials import Principal
    from localaws.world import World

KEPT = (
    "ModelPackageGroupName", "ModelPackageDescription", "InferenceSpecification", "ModelMetrics",
    "CustomerMetadataProperties", "MetadataProperties", "DriftCheckBaselines", "Domain", "Task",
    "SamplePayloadUrl", "SourceUri",
)  # fmt: skip
UPDATED = ("ModelApprovalStatus", "ApprovalDescription", "InferenceSpecification", "SourceUri")
COMPLETED: Params = {"ValidationStatuses": [], "ImageScanStatuses": []}


@dataclass
class Group:
    """A model package group and its versions, by number. A number is never given twice."""

    description: Params
    packages: dict[int, Params] = field(default_factory=dict)
    last: int = 0


class ModelPackages(Resources):
    """The operations on model package groups and versioned model packages."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.groups: dict[str, Group] = {}

    def create_model_package_group(self, call: Call) -> Params:
        params = call.params
        known = {"ModelPackageGroupName", "ModelPackageGroupDescription", "Tags"}
        refuse_others("CreateModelPackageGroup", params, known)
        name = params["ModelPackageGroupName"]
        arn = self.arn(f"model-package-group/{name}")
        with self.lock:
            if name in self.groups:
                raise invalid(f"Model Package Group already exists: {arn}")
            self.groups[name] = Group(
                {
                    "ModelPackageGroupName": name,
                    "ModelPackageGroupArn": arn,
                    "CreationTime": self.world.clock.now(),
                    "CreatedBy": _identity(call.principal),
                    "ModelPackageGroupStatus": "Completed",
                    **present(ModelPackageGroupDescription=params.get("ModelPackageGroupDescription")),
                }
            )
            self.keep_tags(arn, params)
        return {"ModelPackageGroupArn": arn}

    def describe_model_package_group(self, call: Call) -> Params:
        return self._group(call.params["ModelPackageGroupName"]).description

    def list_model_package_groups(self, call: Call) -> Params:
        refuse_others(
            "ListModelPackageGroups",
            {k: v for k, v in call.params.items() if k == "CrossAccountFilterOption"},
            (),
            {"CrossAccountFilterOption": "SameAccount"},
        )
        summaries = [_without(group.description, "CreatedBy") for group in list(self.groups.values())]
        return page(summaries, call.params, name="ModelPackageGroupName", result="ModelPackageGroupSummaryList")

    def delete_model_package_group(self, call: Call) -> None:
        with self.lock:
            group = self._group(call.params["ModelPackageGroupName"])
            if group.packages:
                raise AwsError(
                    "ConflictException",
                    "Model Package Group cannot be deleted because it still contains Model Packages.",
                )
            del self.groups[group.description["ModelPackageGroupName"]]
            self.tags.pop(group.description["ModelPackageGroupArn"], None)

    def create_model_package(self, call: Call) -> Params:
        params = call.params
        if "ModelPackageGroupName" not in params:
            raise NotModelledError("sagemaker:CreateModelPackage without ModelPackageGroupName (unversioned)")
        harmless = {"CertifyForMarketplace": False, "ModelPackageRegistrationType": "Registered"}
        known = {*KEPT, "ModelApprovalStatus", "ClientToken", "Tags", "SkipModelValidation"}
        refuse_others("CreateModelPackage", params, known, harmless)
        _check_specification(params.get("InferenceSpecification"))
        with self.lock:
            group = self._group(params["ModelPackageGroupName"])
            group.last += 1
            name = f"{group.description['ModelPackageGroupName']}/{group.last}"
            package = group.packages[group.last] = {
                **{member: copy.deepcopy(params[member]) for member in KEPT if member in params},
                "ModelPackageGroupName": group.description["ModelPackageGroupName"],
                "ModelPackageName": name,
                "ModelPackageVersion": group.last,
                "ModelPackageArn": self.arn(f"model-package/{name}"),
                "CreationTime": self.world.clock.now(),
                "CreatedBy": _identity(call.principal),
                "ModelPackageStatus": "Completed",
                "ModelPackageStatusDetails": COMPLETED,
                "ModelApprovalStatus": params.get("ModelApprovalStatus", "PendingManualApproval"),
                "CertifyForMarketplace": False,
            }
            self.keep_tags(package["ModelPackageArn"], params)
        self._tell_package(package, [])
        return {"ModelPackageArn": package["ModelPackageArn"]}

    def describe_model_package(self, call: Call) -> Params:
        refuse_others("DescribeModelPackage", call.params, {"ModelPackageName"}, {"IncludedData": "AllData"})
        return self.find_package(call.params["ModelPackageName"])

    def update_model_package(self, call: Call) -> Params:
        params = call.params
        metadata = {"CustomerMetadataProperties", "CustomerMetadataPropertiesToRemove"}
        refuse_others("UpdateModelPackage", params, {"ModelPackageArn", "ClientToken", *UPDATED, *metadata})
        _check_specification(params.get("InferenceSpecification"))
        with self.lock:
            package = self.find_package(params["ModelPackageArn"])
            properties = dict(package.get("CustomerMetadataProperties", {}))
            properties.update(params.get("CustomerMetadataProperties", {}))
            for key in params.get("CustomerMetadataPropertiesToRemove", []):
                properties.pop(key, None)
            package.update({member: params[member] for member in UPDATED if member in params})
            if properties or "CustomerMetadataProperties" in package:
                package["CustomerMetadataProperties"] = properties
            package["LastModifiedTime"] = self.world.clock.now()
            package["LastModifiedBy"] = _identity(call.principal)
        self._tell_package(package, sorted(params.keys() - {"ModelPackageArn", "ClientToken"}))
        return {"ModelPackageArn": package["ModelPackageArn"]}

    def list_model_packages(self, call: Call) -> Params:
        params = call.params
        if "ModelPackageGroupName" in params:
            groups = [self._group(params["ModelPackageGroupName"])]
        else:
            versioned = params.get("ModelPackageType", "Unversioned") != "Unversioned"
            groups = list(self.groups.values()) if versioned else []
        members = (
            "ModelPackageName", "ModelPackageGroupName", "ModelPackageVersion", "ModelPackageArn",
            "ModelPackageDescription", "CreationTime", "ModelPackageStatus", "ModelApprovalStatus",
        )  # fmt: skip
        wanted = params.get("ModelApprovalStatus")
        summaries = [
            {m: package[m] for m in members if m in package}
            for group in groups
            for package in list(group.packages.values())
            if wanted in (None, package["ModelApprovalStatus"])
        ]
        return page(summaries, params, name="ModelPackageName", result="ModelPackageSummaryList")

    def delete_model_package(self, call: Call) -> None:
        with self.lock:
            package = self.find_package(call.params["ModelPackageName"])
            del self.groups[package["ModelPackageGroupName"]].packages[package["ModelPackageVersion"]]
            self.tags.pop(package["ModelPackageArn"], None)

    def find_package(self, name: str) -> Params:
        """The description of a version, by its ARN or `group/version`. Raises `ValidationException`."""
        group, _, version = name.rpartition("model-package/")[2].partition("/")
        with self.lock:
            found = (
                self.groups[group].packages.get(int(version)) if group in self.groups and version.isdigit() else None
            )
        if found is None:
            raise invalid(f"ModelPackage {name} does not exist.")
        return found

    def _group(self, name: str) -> Group:
        """A group by its name or ARN."""
        name = name.rsplit("/", 1)[-1]
        with self.lock:
            if name not in self.groups:
                raise invalid(f"ModelPackageGroup {self.arn(f'model-package-group/{name}')} does not exist.")
            return self.groups[name]

    def _tell_package(self, package: Params, updated: list[str]) -> None:
        detail = {
            **package,
            "UpdatedModelPackageFields": updated,
            "Tags": self.tags.get(package["ModelPackageArn"], {}),
        }
        arn = package["ModelPackageArn"]
        self.world.emit_event("aws.sagemaker", "SageMaker Model Package State Change", plain(detail), [arn])


def _check_specification(specification: Params | None) -> None:
    for container in (specification or {}).get("Containers", []):
        check_image(container["Image"])


def _identity(principal: Principal) -> Params:
    return {"IamIdentity": {"Arn": principal.caller_arn, "PrincipalId": principal.arn.rsplit("/", 1)[-1]}}


def _without(description: Params, member: str) -> Params:
    return {name: value for name, value in description.items() if name != member}
