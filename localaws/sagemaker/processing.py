"""Processing jobs: a plain process with the processing contract on its own folders. Served to clients."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from localaws.errors import AwsError, NotModelledError
from localaws.sagemaker.children import container_environment
from localaws.sagemaker.images import check_image
from localaws.sagemaker.jobs import REASON_LENGTH, Job, JobError
from localaws.sagemaker.resources import SESSION, Params, invalid, page, present, refuse_others
from localaws.sagemaker.training import TrainingJobs
from localaws.sagemaker.training_folder import failure_reason
from localaws.sagemaker.transfer import TransferError
from localaws.service import Call

if TYPE_CHECKING:
    from localaws.world import World

LOG_GROUP = "/aws/sagemaker/ProcessingJobs"
OPT_ML = re.compile(r"(?<![\w./-])/opt/ml(?![\w.-])")
PYTHONS = ("python", "python3")
KNOWN = {
    "ProcessingJobName", "ProcessingInputs", "ProcessingOutputConfig", "ProcessingResources",
    "StoppingCondition", "AppSpecification", "Environment", "RoleArn", "Tags",
}  # fmt: skip
HARMLESS_NETWORK = {"EnableInterContainerTrafficEncryption": False, "EnableNetworkIsolation": False}
ECHOED = KNOWN - {"Tags", "ProcessingJobName"}


class ProcessingJobs(TrainingJobs):
    """The operations on processing jobs, and how one runs."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.jobs.announce("processing", "SageMaker Processing Job State Change", self._processing_event)

    def create_processing_job(self, call: Call) -> Params:
        params = call.params
        check_processing(params)
        name = params["ProcessingJobName"]
        arn = self.arn(f"processing-job/{name}")
        self.check_role(params["RoleArn"])
        with self.lock:
            if self.jobs.find("processing", name):
                raise AwsError(
                    "ResourceInUse",
                    "Job name must be unique within an AWS account and region, and a job with this name "
                    f"already exists ({arn})",
                )
            folder = self.world.settings.home / "jobs" / "processing" / name
            job = Job("processing", name, arn, params, folder, self.world.clock.now())
            self.keep_tags(arn, params)
            self.jobs.submit(job, self._process)
        return {"ProcessingJobArn": arn}

    def describe_processing_job(self, call: Call) -> Params:
        return self._describe_processing(self._processing_job(call.params["ProcessingJobName"]))

    def stop_processing_job(self, call: Call) -> None:
        job = self._processing_job(call.params["ProcessingJobName"])
        if job.status != "InProgress":
            raise invalid(f"The request was rejected because the processing job is in status {job.status}.")
        if self.jobs.request_stop(job):
            self.jobs.finish(job, "Stopped")

    def list_processing_jobs(self, call: Call) -> Params:
        described = [self._describe_processing(job) for job in self.jobs.all("processing")]
        members = (
            "ProcessingJobName", "ProcessingJobArn", "CreationTime", "ProcessingEndTime", "LastModifiedTime",
            "ProcessingJobStatus", "FailureReason", "ExitMessage",
        )  # fmt: skip
        summaries = [{m: found[m] for m in members if m in found} for found in described]
        return page(
            summaries,
            call.params,
            name="ProcessingJobName",
            status="ProcessingJobStatus",
            result="ProcessingJobSummaries",
        )

    def wait_for_job(self, kind: str, name: str, timeout: float) -> bool:
        """Wait up to `timeout` real seconds for the end of a `training` or `processing` job."""
        return self.jobs.wait(kind, name, timeout)

    def stop(self) -> None:
        self.jobs.stop()
        super().stop()

    def _processing_job(self, name: str) -> Job:
        job = self.jobs.find("processing", name)
        if job is None:
            raise invalid(f"Could not find requested job with name: {name}")
        return job

    def _describe_processing(self, job: Job) -> Params:
        return {
            "ProcessingJobName": job.name,
            "ProcessingJobArn": job.arn,
            "ProcessingJobStatus": job.status,
            "CreationTime": job.created,
            **{member: job.params[member] for member in ECHOED if member in job.params},
            **present(
                ExitMessage=job.exit_message,
                FailureReason=job.failure,
                ProcessingStartTime=job.started,
                ProcessingEndTime=job.ended,
                LastModifiedTime=job.modified,
            ),
        }

    def _processing_event(self, job: Job) -> Params:
        return {**self._describe_processing(job), "Tags": self.tags.get(job.arn, {})}

    def _process(self, job: Job) -> None:
        shutil.rmtree(job.folder, ignore_errors=True)
        try:
            self._prepare(job)
            code = 0 if job.stop.is_set() else self._run_container(job)
            job.exit_message = read_message(job.folder / "ml/output/message")
            self._send_outputs(job)
        except TransferError as error:
            raise JobError(f"ClientError: {error}") from error
        if job.timed_out or job.stop.is_set():  # of the time limit AWS says only that it stops the job
            self.jobs.finish(job, "Stopped")
        elif code:
            self.jobs.finish(job, "Failed", failure_reason(job.folder / "ml/output/failure", code))
        else:
            self.jobs.finish(job, "Completed")

    def _prepare(self, job: Job) -> None:
        for folder in ("config", "output", "processing"):
            (job.folder / "ml" / folder).mkdir(parents=True)
        self._write_configuration(job)
        transfer = self.jobs.transfer(job)
        for given in job.params.get("ProcessingInputs", []):
            source = given["S3Input"]
            fetch = transfer.fetch_manifest if source["S3DataType"] == "ManifestFile" else transfer.fetch_prefix
            fetch(source["S3Uri"], local_path(job.folder, source["LocalPath"]))
        for output in _outputs(job.params):
            local_path(job.folder, output["S3Output"]["LocalPath"]).mkdir(parents=True, exist_ok=True)

    def _write_configuration(self, job: Job) -> None:
        given = {name: value for name, value in job.params.items() if name != "Tags"}
        instance = job.params["ProcessingResources"]["ClusterConfig"]["InstanceType"]
        files = {
            "processingjobconfig": {"ProcessingJobArn": job.arn, **given},
            "resourceconfig": {
                "current_host": "algo-1",
                "current_instance_type": instance,
                "hosts": ["algo-1"],
            },
        }
        for name, content in files.items():
            path = job.folder / "ml/config" / f"{name}.json"
            path.write_text(json.dumps(content), encoding="utf-8")

    def _run_container(self, job: Job) -> int:
        self.jobs.change(job, started=self.world.clock.now())
        settings = self.world.settings
        application = job.params["AppSpecification"]
        argv = [*application["ContainerEntrypoint"], *application.get("ContainerArguments", [])]
        argv = [relocate(part, job.folder) for part in argv]
        if argv[0] in PYTHONS:
            argv[0] = str(settings.jobs_python)
        given = {k: relocate(v, job.folder) for k, v in job.params.get("Environment", {}).items()}
        environment = {
            **container_environment(settings.jobs_python, job.folder),
            **given,
            **self.world.process_environment(job.role, SESSION),
        }
        return self.jobs.run_process(job, argv, environment, LOG_GROUP)

    def _send_outputs(self, job: Job) -> None:
        """Outputs go to S3 whatever the exit code was: AWS's own local mode of the SDK does so, too."""
        transfer = self.jobs.transfer(job)
        key = job.params.get("ProcessingOutputConfig", {}).get("KmsKeyId", "")
        for output in _outputs(job.params):
            target = output["S3Output"]
            transfer.send_folder(local_path(job.folder, target["LocalPath"]), target["S3Uri"], key)


def relocate(text: str, folder: Path) -> str:
    """A text whose paths below /opt/ml lead into the job's folder instead: there is no container."""
    return OPT_ML.sub(lambda _: f"{folder}/ml", text)


def local_path(folder: Path, path: str) -> Path:
    """Where a container's path below /opt/ml/processing is."""
    return Path(relocate(path, folder))


def read_message(path: Path) -> str | None:
    """The ExitMessage: the first KB of the message file. Raises `JobError` when it isn't UTF-8, as on AWS."""
    if not path.is_file():
        return None
    try:
        return path.read_text(encoding="utf-8")[:REASON_LENGTH] or None
    except UnicodeDecodeError as error:
        raise JobError("ClientError: /opt/ml/output/message is not encoded in UTF-8") from error


def _outputs(params: Params) -> list[Params]:
    found: list[Params] = params.get("ProcessingOutputConfig", {}).get("Outputs", [])
    return found


def check_processing(params: Params) -> None:
    """Raise `NotModelledError` or `ValidationException` unless the job is one that runs here as on AWS."""
    operation = "CreateProcessingJob"
    network = params.get("NetworkConfig", {})
    refuse_others(operation, params, KNOWN, {"NetworkConfig": network})
    refuse_others(operation, network, (), HARMLESS_NETWORK)
    application = params["AppSpecification"]
    check_image(application["ImageUri"])
    if not application.get("ContainerEntrypoint"):
        raise NotModelledError("sagemaker:CreateProcessingJob without ContainerEntrypoint: the image has none")
    cluster = params["ProcessingResources"]["ClusterConfig"]
    known = {"InstanceCount", "InstanceType", "VolumeSizeInGB", "VolumeKmsKeyId"}
    refuse_others(operation, cluster, known)
    if not known - {"VolumeKmsKeyId"} <= cluster.keys():
        raise invalid("ClusterConfig needs InstanceCount, InstanceType and VolumeSizeInGB.")
    refuse_others(operation, {"InstanceCount": cluster["InstanceCount"]}, (), {"InstanceCount": 1})
    for given in params.get("ProcessingInputs", []):
        refuse_others(operation, given, {"InputName", "S3Input"}, {"AppManaged": False})
        source = given.get("S3Input", {})
        harmless = {
            "S3InputMode": "File",
            "S3DataDistributionType": "FullyReplicated",
            "S3CompressionType": "None",
        }
        refuse_others(operation, source, {"S3Uri", "LocalPath", "S3DataType"}, harmless)
        _check_path(source.get("LocalPath", ""))
    for output in _outputs(params):
        refuse_others(operation, output, {"OutputName", "S3Output"}, {"AppManaged": False})
        target = output.get("S3Output", {})
        refuse_others(operation, target, {"S3Uri", "LocalPath"}, {"S3UploadMode": "EndOfJob"})
        _check_path(target.get("LocalPath", ""))


def _check_path(path: str) -> None:
    if not path.startswith("/opt/ml/processing/") or ".." in path.split("/"):
        raise NotModelledError(f"sagemaker:CreateProcessingJob with LocalPath {path!r}: /opt/ml/processing/… only")
