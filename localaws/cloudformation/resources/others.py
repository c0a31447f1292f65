"""Services with one type each: log groups, model package groups, SSM parameters, wait handles."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from localaws.cloudformation.handler import Context, Made, Properties, ResourceType
from localaws.cloudformation.shapes import FREE
from localaws.cloudformation.table import Table


class LogGroup(Table):
    """A log group with its retention."""

    type = "AWS::Logs::LogGroup"
    service, name, name_limit = "logs", "LogGroupName", 512
    create_call, update_call, delete_call = "CreateLogGroup", None, "DeleteLogGroup"
    own = ("KmsKeyId", "LogGroupClass", "LogGroupName", "RetentionInDays")
    specs = {"RetentionInDays": FREE}
    create_only = frozenset({"LogGroupName", "LogGroupClass"})
    attributes = frozenset({"Arn"})
    tagged = True

    def values(self, at: Context, name: str, wanted: Properties) -> dict[str, Any]:
        return {k: v for k, v in super().values(at, name, wanted).items() if k != "RetentionInDays"}

    def create(self, at: Context, wanted: Properties) -> Made:
        made = super().create(at, wanted)
        self._retain(at, made.physical_id, wanted.get("RetentionInDays"))
        return made

    def update(self, at: Context, physical_id: str, old: Properties, wanted: Properties) -> Made:
        client = at.client("logs")
        if old.get("RetentionInDays") != wanted.get("RetentionInDays"):
            self._retain(at, physical_id, wanted.get("RetentionInDays"))
        if old.get("KmsKeyId") != wanted.get("KmsKeyId"):
            if "KmsKeyId" in wanted:
                client.associate_kms_key(logGroupName=physical_id, kmsKeyId=wanted["KmsKeyId"])
            else:
                client.disassociate_kms_key(logGroupName=physical_id)
        return super().update(at, physical_id, old, wanted)

    def arn(self, at: Context, name: str, wanted: Properties) -> str:
        return at.arn("logs", f"log-group:{name}")

    def describe(self, at: Context, name: str, wanted: Properties, answer: Mapping[str, Any]) -> dict[str, str]:
        return {"Arn": f"{self.arn(at, name, wanted)}:*"}

    def _retain(self, at: Context, name: str, days: Any) -> None:
        client = at.client("logs")
        if days is None:
            client.delete_retention_policy(logGroupName=name)
        else:
            client.put_retention_policy(logGroupName=name, retentionInDays=int(days))


class ModelPackageGroup(Table):
    """A group of the model registry. `Ref` is its ARN."""

    type = "AWS::SageMaker::ModelPackageGroup"
    service, name = "sagemaker", "ModelPackageGroupName"
    create_call, update_call, delete_call = "CreateModelPackageGroup", None, "DeleteModelPackageGroup"
    own = ("ModelPackageGroupDescription", "ModelPackageGroupName")
    required = frozenset({"ModelPackageGroupName"})
    create_only = frozenset(own)
    attributes = frozenset({"ModelPackageGroupArn"})
    gone = frozenset({"ResourceNotFound", "ValidationException"})
    tagged = True

    def create(self, at: Context, wanted: Properties) -> Made:
        made = super().create(at, wanted)
        arn = self.arn(at, made.physical_id, wanted)
        return Made(arn, {"ModelPackageGroupArn": arn})

    def update(self, at: Context, physical_id: str, old: Properties, wanted: Properties) -> Made:
        super().update(at, physical_id, old, wanted)
        return Made(physical_id, {"ModelPackageGroupArn": physical_id})

    def delete(self, at: Context, physical_id: str, properties: Properties) -> None:
        name = physical_id.rsplit("/", 1)[-1]
        at.client("sagemaker").delete_model_package_group(ModelPackageGroupName=name)

    def arn(self, at: Context, name: str, wanted: Properties) -> str:
        return name if name.startswith("arn:") else at.arn("sagemaker", f"model-package-group/{name}")


class SsmParameter(Table):
    """A parameter of the parameter store."""

    type = "AWS::SSM::Parameter"
    service, name, name_limit = "ssm", "Name", 512
    create_call = update_call = "PutParameter"
    delete_call = "DeleteParameter"
    own = ("AllowedPattern", "DataType", "Description", "Name", "Tier", "Type", "Value")
    required = frozenset({"Type", "Value"})
    create_only = frozenset({"Name"})
    attributes = frozenset({"Type", "Value"})
    gone = frozenset({"ParameterNotFound"})

    def update_values(self, at: Context, name: str, old: Properties, wanted: Properties) -> dict[str, Any]:
        return {**super().update_values(at, name, old, wanted), "Overwrite": True}

    def describe(self, at: Context, name: str, wanted: Properties, answer: Mapping[str, Any]) -> dict[str, str]:
        return {"Type": str(wanted["Type"]), "Value": str(wanted["Value"])}


class WaitConditionHandle(ResourceType):
    """Something that exists and does nothing: what a stack without resources holds."""

    type = "AWS::CloudFormation::WaitConditionHandle"
    properties: ClassVar[dict[str, Any]] = {}

    def create(self, at: Context, wanted: Properties) -> Made:
        return Made(at.generated_name())

    def delete(self, at: Context, physical_id: str, properties: Properties) -> None:
        return
