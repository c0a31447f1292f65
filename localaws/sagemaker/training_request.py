"""Which training jobs can be run here: everything else is refused by name. Used by CreateTrainingJob."""

from __future__ import annotations

from localaws.sagemaker.images import check_image
from localaws.sagemaker.resources import Params, invalid, refuse_others

KNOWN = {
    "TrainingJobName", "HyperParameters", "AlgorithmSpecification", "RoleArn", "InputDataConfig",
    "OutputDataConfig", "ResourceConfig", "StoppingCondition", "Tags", "Environment",
}  # fmt: skip
HARMLESS = {
    "EnableNetworkIsolation": False,
    "EnableInterContainerTrafficEncryption": False,
    "EnableManagedSpotTraining": False,
    "ProfilerConfig": {"DisableProfiler": True},
}


def check_training(params: Params) -> None:
    """Raise `NotModelledError` or `ValidationException` unless the job is one that runs here as on AWS."""
    operation = "CreateTrainingJob"
    refuse_others(operation, params, KNOWN, HARMLESS)
    for member in ("ResourceConfig", "StoppingCondition"):
        if member not in params:
            raise invalid(f"{member} is required.")
    algorithm = params["AlgorithmSpecification"]
    refuse_others(operation, algorithm, {"TrainingImage", "TrainingInputMode", "MetricDefinitions"})
    if "TrainingImage" not in algorithm:
        raise invalid("AlgorithmSpecification needs a TrainingImage.")
    check_image(algorithm["TrainingImage"])
    if "MetricDefinitions" in algorithm:  # also in script mode: the image is that of a built-in algorithm
        raise invalid(
            "You can't override the metric definitions for Amazon SageMaker algorithms. Please retry the request "
            "without specifying metric definitions."
        )
    refuse_others(operation, {"TrainingInputMode": algorithm["TrainingInputMode"]}, (), {"TrainingInputMode": "File"})
    if "sagemaker_program" not in params.get("HyperParameters", {}):
        # The image would train by its built-in algorithm, which is not here.
        refuse_others(operation, {"HyperParameters without sagemaker_program (script mode)": None}, ())
    known = {"InstanceType", "InstanceCount", "VolumeSizeInGB", "VolumeKmsKeyId"}
    refuse_others(operation, params["ResourceConfig"], known, {"KeepAlivePeriodInSeconds": 0})
    if not known - {"VolumeKmsKeyId"} <= params["ResourceConfig"].keys():
        raise invalid("ResourceConfig needs InstanceType, InstanceCount and VolumeSizeInGB.")
    refuse_others(operation, {"InstanceCount": params["ResourceConfig"]["InstanceCount"]}, (), {"InstanceCount": 1})
    refuse_others(operation, params["StoppingCondition"], {"MaxRuntimeInSeconds"})
    refuse_others(operation, params["OutputDataConfig"], {"S3OutputPath", "KmsKeyId"}, {"CompressionType": "GZIP"})
    _check_channels(operation, params.get("InputDataConfig", []))


def _check_channels(operation: str, channels: list[Params]) -> None:
    harmless = {"CompressionType": "None", "RecordWrapperType": "None", "InputMode": "File"}
    for channel in channels:
        refuse_others(operation, channel, {"ChannelName", "DataSource", "ContentType"}, harmless)
        refuse_others(operation, channel["DataSource"], {"S3DataSource"})
        source = channel["DataSource"].get("S3DataSource", {})
        refuse_others(operation, source, {"S3Uri", "S3DataType"}, {"S3DataDistributionType": "FullyReplicated"})
        if source.get("S3DataType") not in ("S3Prefix", "ManifestFile"):
            refuse_others(operation, {"S3DataType": source.get("S3DataType")}, ())
    names = [channel["ChannelName"] for channel in channels]
    if len(set(names)) < len(names):
        raise invalid("Channel names must be unique within a training job.")
