"""Training jobs: the genuine training toolkit on the job's own folders, from S3 to S3. Served to clients."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from localaws.errors import AwsError
from localaws.sagemaker.children import container_environment
from localaws.sagemaker.jobs import Job, JobError, JobRunner
from localaws.sagemaker.resources import SESSION, Params, Resources, invalid, page, present, refuse_others
from localaws.sagemaker.training_folder import failure_reason, lay_out, pack
from localaws.sagemaker.training_request import check_training
from localaws.sagemaker.transfer import TransferError
from localaws.service import Call

if TYPE_CHECKING:
    from localaws.world import World

LOG_GROUP = "/aws/sagemaker/TrainingJobs"
MESSAGES = {
    "Pending": "Waiting for one of the two slots that jobs run in",
    "Starting": "Preparing the instances for training",
    "Downloading": "Downloading input data",
    "Training": "Training image download completed. Training in progress.",
    "Uploading": "Uploading generated training model",
    "Completed": "Training job completed",
    "Failed": "Training job failed",
    "Stopped": "Training job stopped",
    "Stopping": "Stopping the training job",
    "MaxRuntimeExceeded": "Training job runtime exceeded MaxRuntimeInSeconds provided",
}
ECHOED = (
    "HyperParameters", "AlgorithmSpecification", "RoleArn", "InputDataConfig", "OutputDataConfig",
    "ResourceConfig", "StoppingCondition", "Environment", "ProfilerConfig",
)  # fmt: skip


class TrainingJobs(Resources):
    """The operations on training jobs, and how one runs."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.jobs = JobRunner(world)
        self.jobs.announce("training", "SageMaker Training Job State Change", self._training_event)

    def create_training_job(self, call: Call) -> Params:
        params = call.params
        check_training(params)
        name = params["TrainingJobName"]
        arn = self.arn(f"training-job/{name}")
        self.check_role(params["RoleArn"])
        with self.lock:
            if self.jobs.find("training", name):
                raise AwsError(
                    "ResourceInUse",
                    "Training job names must be unique within an AWS account and region, and a training job "
                    f"with this name already exists ({arn})",
                )
            folder = self.world.settings.home / "jobs" / "training" / name
            job = Job("training", name, arn, params, folder, self.world.clock.now())
            self.keep_tags(arn, params)
            job.transitions.append(_transition("Pending", job.created))
            self.jobs.submit(job, self._train)
        return {"TrainingJobArn": arn}

    def describe_training_job(self, call: Call) -> Params:
        return self._describe_training(self._training_job(call.params["TrainingJobName"]))

    def stop_training_job(self, call: Call) -> None:
        job = self._training_job(call.params["TrainingJobName"])
        if job.status != "InProgress":
            raise invalid(f"The request was rejected because the training job is in status {job.status}.")
        self._step(job, "Stopping")
        if self.jobs.request_stop(job):
            self._end(job, "Stopped")

    def list_training_jobs(self, call: Call) -> Params:
        refuse_others("ListTrainingJobs", {k: v for k, v in call.params.items() if k.startswith(("Warm", "Train"))}, ())
        described = [self._describe_training(job) for job in self.jobs.all("training")]
        members = (
            "TrainingJobName", "TrainingJobArn", "CreationTime", "TrainingEndTime", "LastModifiedTime",
            "TrainingJobStatus", "SecondaryStatus",
        )  # fmt: skip
        summaries = [{m: found[m] for m in members if m in found} for found in described]
        return page(
            summaries,
            call.params,
            name="TrainingJobName",
            status="TrainingJobStatus",
            result="TrainingJobSummaries",
        )

    def _training_job(self, name: str) -> Job:
        job = self.jobs.find("training", name)
        if job is None:
            raise invalid("Requested resource not found.")
        return job

    def _describe_training(self, job: Job) -> Params:
        seconds = max(1, round((job.ended - job.started).total_seconds())) if job.ended and job.started else None
        return {
            "TrainingJobName": job.name,
            "TrainingJobArn": job.arn,
            "ModelArtifacts": {"S3ModelArtifacts": _artifact(job, "model.tar.gz")},
            "TrainingJobStatus": job.status,
            "SecondaryStatus": job.transitions[-1]["Status"],
            "SecondaryStatusTransitions": [dict(step) for step in job.transitions],
            "CreationTime": job.created,
            "EnableNetworkIsolation": False,
            "EnableInterContainerTrafficEncryption": False,
            "EnableManagedSpotTraining": False,
            **{member: job.params[member] for member in ECHOED if member in job.params},
            **present(
                FailureReason=job.failure,
                TrainingStartTime=job.started,
                TrainingEndTime=job.ended,
                LastModifiedTime=job.modified,
                TrainingTimeInSeconds=seconds,
                BillableTimeInSeconds=seconds,
            ),
        }

    def _training_event(self, job: Job) -> Params:
        return {**self._describe_training(job), "Tags": self.tags.get(job.arn, {})}

    def _step(self, job: Job, status: str, *, end: bool = False) -> None:
        """Enter a secondary status."""
        now = self.world.clock.now()
        with self.lock:
            job.transitions[-1].setdefault("EndTime", now)
            job.transitions.append(_transition(status, now))
            if end:
                job.transitions[-1]["EndTime"] = now

    def _train(self, job: Job) -> None:
        try:
            self._enter(job, "Starting")
            lay_out(job)
            job.started = self.world.clock.now()
            self._enter(job, "Downloading")
            self._download(job)
            code = None if job.stop.is_set() else self._run_toolkit(job)
            if not job.stop.is_set():
                self._enter(job, "Uploading")
            self._upload(job)
        except TransferError as error:
            self._end(job, "Failed", f"ClientError: {error}")
        except JobError as error:
            self._end(job, "Failed", str(error))
        else:
            if job.timed_out:
                self._end(job, "MaxRuntimeExceeded")
            elif job.stop.is_set():
                self._end(job, "Stopped")
            elif code:
                self._end(job, "Failed", failure_reason(job.folder / "ml/output/failure", code))
            else:
                self._end(job, "Completed")

    def _enter(self, job: Job, status: str) -> None:
        self._step(job, status)
        self.jobs.change(job)

    def _end(self, job: Job, secondary: str, failure: str | None = None) -> None:
        self._step(job, secondary, end=True)
        self.jobs.finish(job, "Stopped" if secondary == "MaxRuntimeExceeded" else secondary, failure)

    def _download(self, job: Job) -> None:
        transfer = self.jobs.transfer(job)
        for channel in job.params.get("InputDataConfig", []):
            source = channel["DataSource"]["S3DataSource"]
            folder = job.folder / "ml/input/data" / channel["ChannelName"]
            fetch = transfer.fetch_manifest if source["S3DataType"] == "ManifestFile" else transfer.fetch_prefix
            fetch(source["S3Uri"], folder)

    def _run_toolkit(self, job: Job) -> int:
        self._enter(job, "Training")
        settings = self.world.settings
        environment = {
            **container_environment(settings.jobs_python, job.folder),
            **job.params.get("Environment", {}),
            "TRAINING_JOB_NAME": job.name,
            "TRAINING_JOB_ARN": job.arn,
            "SAGEMAKER_REGION": settings.region,
            "SAGEMAKER_BASE_DIR": str(job.folder / "ml"),
            "SM_STUDIO_LOCAL_MODE": "true",  # or else the toolkit looks up the host `algo-1` for 15 minutes
            **self.world.process_environment(job.role, SESSION),
        }
        train = str(settings.jobs_python.parent / "train")
        return self.jobs.run_process(job, [train], environment, LOG_GROUP)

    def _upload(self, job: Job) -> None:
        """Artifacts go to S3 whatever the exit code was, as on AWS; empty folders don't."""
        transfer = self.jobs.transfer(job)
        key = job.params["OutputDataConfig"].get("KmsKeyId", "")
        for folder, name in (("ml/model", "model.tar.gz"), ("ml/output/data", "output.tar.gz")):
            if any((job.folder / folder).iterdir()):
                archive = pack(job.folder / folder, job.folder / name)
                transfer.send(archive, _artifact(job, name), key)


def _artifact(job: Job, name: str) -> str:
    return f"{job.params['OutputDataConfig']['S3OutputPath'].rstrip('/')}/{job.name}/output/{name}"


def _transition(status: str, at: datetime) -> Params:
    return {"Status": status, "StartTime": at, "StatusMessage": MESSAGES[status]}
