"""Names, ids and S3 places of a release: the only module that spells them. Used by every function."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from safe_deploy.errors import InvalidRequestError

MODEL_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z][a-z0-9]*)*")
RELEASE_ID = re.compile(r"[0-9]{8}-[0-9]{6}-[0-9a-f]{4}")
MODEL_NAME_LIMIT = 24
VARIANT = "AllTraffic"
NO_ENDPOINT = "none"
"""ENDPOINT_NAME of the static first version, which serves nothing."""


def check_model_name(name: str) -> str:
    """Return the name. Raises InvalidRequestError unless it is lower-case words joined by hyphens."""
    if len(name) > MODEL_NAME_LIMIT or not MODEL_NAME.fullmatch(name):
        raise InvalidRequestError(
            f"model name {name!r} must be lower-case words joined by hyphens, beginning with a letter, "
            f"{MODEL_NAME_LIMIT} characters at most"
        )
    return name


def check_release_id(given: object) -> str:
    """Return the id. Raises InvalidRequestError unless it is like 20260131-120000-0a1b."""
    if not isinstance(given, str) or not RELEASE_ID.fullmatch(given):
        raise InvalidRequestError(f"releaseId must be like 20260131-120000-0a1b, not {given!r:.60}")
    return given


def release_id_of(execution_arn: str, started: datetime) -> str:
    """Return the id of the release that an execution runs, as the state `Name Release` derives it."""
    return f"{started:%Y%m%d-%H%M%S}-{sha256(execution_arn.encode()).hexdigest()[:4]}"


@dataclass(frozen=True, slots=True)
class Names:
    """The AWS resources of one release. They begin with `{model}-2`, by which IAM tells them from others."""

    base: str

    @classmethod
    def of(cls, model_name: str, release_id: str) -> Names:
        """Return the names of a model's release."""
        return cls(f"{check_model_name(model_name)}-{check_release_id(release_id)}")

    @property
    def prepare_job(self) -> str:
        """Return the processing job that prepares the drop."""
        return f"{self.base}-prepare"

    @property
    def training_job(self) -> str:
        """Return the training job."""
        return f"{self.base}-train"

    @property
    def baseline_job(self) -> str:
        """Return the processing job that computes the monitoring baseline."""
        return f"{self.base}-baseline"

    @property
    def evaluation_job(self) -> str:
        """Return the processing job that compares candidate and champion."""
        return f"{self.base}-evaluate"

    @property
    def model(self) -> str:
        """Return the SageMaker model, which both endpoints serve."""
        return self.base

    @property
    def dev_endpoint(self) -> str:
        """Return the dev endpoint, and its endpoint config."""
        return f"{self.base}-dev"

    @property
    def production_endpoint(self) -> str:
        """Return the production endpoint, and its endpoint config."""
        return f"{self.base}-prod"

    @property
    def schedule(self) -> str:
        """Return the hourly monitoring schedule."""
        return f"{self.base}-monitor"

    @property
    def jobs(self) -> tuple[tuple[str, str], ...]:
        """Return the jobs that the release machine starts: kind and name."""
        processing = (self.prepare_job, self.baseline_job, self.evaluation_job)
        return (("training", self.training_job), *(("processing", name) for name in processing))

    def alarm(self, kind: str) -> str:
        """Return the alarm that watches the release's version alone: `errors` or `latency`."""
        return f"{self.base}-{kind}"

    @property
    def reminder(self) -> str:
        """Return the schedule that reminds of the approval."""
        return f"{self.base}-reminder"

    def monitoring_job(self, run: str) -> str:
        """Return the processing job of a monitoring run, which `monitoring.run_name` names."""
        return f"{self.base}-m-{run}"

    def to_output(self) -> dict[str, str]:
        """Return the names as the state machine reads them."""
        return {
            "base": self.base,
            "prepareJob": self.prepare_job,
            "trainingJob": self.training_job,
            "baselineJob": self.baseline_job,
            "evaluationJob": self.evaluation_job,
            "model": self.model,
            "devEndpoint": self.dev_endpoint,
            "productionEndpoint": self.production_endpoint,
            "schedule": self.schedule,
        }


@dataclass(frozen=True, slots=True)
class Places:
    """Where a release's files lie in the artifact bucket."""

    bucket: str
    release_id: str
    code_digest: str

    @property
    def folder(self) -> str:
        """Return the key prefix of everything of this release, ending in a slash."""
        return f"releases/{self.release_id}/"

    @property
    def source_key(self) -> str:
        """Return the key prefix of the code as files, ending in a slash."""
        return f"code/{self.code_digest}/src/"

    @property
    def source_archive_key(self) -> str:
        """Return the key of the code as SageMaker's training toolkit unpacks it."""
        return f"code/{self.code_digest}/sourcedir.tar.gz"

    @property
    def drop_manifest_key(self) -> str:
        """Return the key of SageMaker's list of the drop's files."""
        return f"{self.folder}drop.manifest"

    def model_data_url(self, training_job: str) -> str:
        """Return where SageMaker leaves the trained model."""
        return f"s3://{self.bucket}/{self.folder}model/{training_job}/output/model.tar.gz"

    def to_output(self) -> dict[str, str]:
        """Return the places as S3 URIs; only `source` ends in a slash."""
        release = f"s3://{self.bucket}/releases/{self.release_id}"
        return {
            "source": f"s3://{self.bucket}/{self.source_key}",
            "sourceArchive": f"s3://{self.bucket}/{self.source_archive_key}",
            "dropManifest": f"{release}/drop.manifest",
            "data": f"{release}/data",
            "model": f"{release}/model",
            "baseline": f"{release}/baseline",
            "evaluation": f"{release}/evaluation",
            "capture": f"s3://{self.bucket}/capture",
            "monitoring": f"s3://{self.bucket}/monitoring/{self.release_id}",
        }


def split_uri(uri: str) -> tuple[str, str]:
    """Return bucket and key of an S3 URI. Raises InvalidRequestError when it isn't one."""
    scheme, _, rest = uri.partition("://")
    bucket, _, key = rest.partition("/")
    if scheme != "s3" or not bucket:
        raise InvalidRequestError(f"{uri!r:.200} is not an S3 URI")
    return bucket, key
