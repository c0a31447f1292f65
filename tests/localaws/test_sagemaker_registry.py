"""The model registry and tags: groups, versions, approvals, models made of a package."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.localaws.contract import answers_checked
from tests.localaws.sagemaker_bench import IMAGE, Bench, opened, packed


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with answers_checked(), opened(tmp_path_factory.mktemp("registry")) as bench:
        yield bench


def group(bench: Bench) -> str:
    name = bench.name()
    bench.client.create_model_package_group(
        ModelPackageGroupName=name, ModelPackageGroupDescription="fares", Tags=[{"Key": "a", "Value": "b"}]
    )
    return name


def package(bench: Bench, group: str, **params: Any) -> str:
    data = bench.put("registry/model.tar.gz", packed({"model.txt": "x"}))
    specification = {
        "Containers": [{"Image": IMAGE, "ModelDataUrl": data}],
        "SupportedContentTypes": ["text/csv"],
        "SupportedResponseMIMETypes": ["text/csv"],
    }
    made = bench.client.create_model_package(
        ModelPackageGroupName=group, InferenceSpecification=specification, **params
    )
    return str(made["ModelPackageArn"])


def test_packages_are_numbered_within_their_group_and_numbers_never_return(bench: Bench) -> None:
    name = group(bench)
    first, second = package(bench, name), package(bench, name)
    bench.client.delete_model_package(ModelPackageName=second)

    third = package(bench, name, CustomerMetadataProperties={"release": "1"})

    assert [arn.rsplit("/", 2)[1:] for arn in (first, second, third)] == [
        [name, "1"],
        [name, "2"],
        [name, "3"],
    ]
    described = bench.client.describe_model_package(ModelPackageName=third)
    assert (described["ModelPackageVersion"], described["ModelPackageStatus"]) == (3, "Completed")
    assert described["ModelApprovalStatus"] == "PendingManualApproval"
    assert described["CustomerMetadataProperties"] == {"release": "1"}
    listed = bench.client.list_model_packages(ModelPackageGroupName=name)["ModelPackageSummaryList"]
    assert [summary["ModelPackageVersion"] for summary in listed] == [1, 3]


def test_an_approval_is_recorded_and_told(bench: Bench) -> None:
    name = group(bench)
    arn = package(bench, name, CustomerMetadataProperties={"a": "1", "b": "2"})

    bench.client.update_model_package(
        ModelPackageArn=arn,
        ModelApprovalStatus="Approved",
        ApprovalDescription="looks good",
        CustomerMetadataProperties={"b": "3"},
        CustomerMetadataPropertiesToRemove=["a"],
    )

    described = bench.client.describe_model_package(ModelPackageName=arn)
    assert described["ApprovalDescription"] == "looks good"
    assert described["CustomerMetadataProperties"] == {"b": "3"}
    assert described["LastModifiedTime"] >= described["CreationTime"]
    approved = bench.client.list_model_packages(ModelPackageGroupName=name, ModelApprovalStatus="Approved")
    assert [summary["ModelPackageArn"] for summary in approved["ModelPackageSummaryList"]] == [arn]
    told = [e["detail"] for e in bench.events if e["resources"] == [arn]]
    assert [detail["ModelApprovalStatus"] for detail in told] == ["PendingManualApproval", "Approved"]
    assert "ModelApprovalStatus" in told[1]["UpdatedModelPackageFields"]


def test_a_model_may_be_made_of_an_approved_package_only(bench: Bench) -> None:
    arn = package(bench, group(bench))
    container = {"ModelPackageName": arn}
    name = bench.name()

    with pytest.raises(ClientError, match="not approved"):
        bench.client.create_model(ModelName=name, PrimaryContainer=container, ExecutionRoleArn=bench.role)
    bench.client.update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Approved")
    bench.client.create_model(ModelName=name, PrimaryContainer=container, ExecutionRoleArn=bench.role)

    assert bench.client.describe_model(ModelName=name)["PrimaryContainer"]["Image"] == IMAGE


def test_a_group_is_deleted_when_it_is_empty(bench: Bench) -> None:
    name = group(bench)
    arn = package(bench, name)
    assert bench.client.describe_model_package_group(ModelPackageGroupName=name)["ModelPackageGroupStatus"]

    with pytest.raises(ClientError, match="still contains") as refused:
        bench.client.delete_model_package_group(ModelPackageGroupName=name)
    assert refused.value.response["Error"]["Code"] == "ConflictException"
    bench.client.delete_model_package(ModelPackageName=arn)
    bench.client.delete_model_package_group(ModelPackageGroupName=name)

    groups = bench.client.list_model_package_groups(NameContains=name)["ModelPackageGroupSummaryList"]
    assert groups == []
    with pytest.raises(ClientError, match="does not exist"):
        bench.client.describe_model_package_group(ModelPackageGroupName=name)


def test_what_is_not_modelled_is_refused_by_name(bench: Bench) -> None:
    name = group(bench)
    with pytest.raises(ClientError, match="unversioned"):
        bench.client.create_model_package(ModelPackageName="alone")
    with pytest.raises(ClientError, match="ModelLifeCycle"):
        package(bench, name, ModelLifeCycle={"Stage": "s", "StageStatus": "t"})
    with pytest.raises(ClientError, match="LocalAwsNotImplemented"):
        bench.client.list_feature_groups()


def test_tags_of_anything(bench: Bench) -> None:
    name = group(bench)
    arn = f"arn:aws:sagemaker:us-east-1:123456789012:model-package-group/{name}"

    bench.client.add_tags(ResourceArn=arn, Tags=[{"Key": "c", "Value": "d"}])
    bench.client.delete_tags(ResourceArn=arn, TagKeys=["a"])

    assert bench.client.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "c", "Value": "d"}]
    with pytest.raises(ClientError, match="not found"):
        bench.client.list_tags(ResourceArn=f"{arn}-not")
