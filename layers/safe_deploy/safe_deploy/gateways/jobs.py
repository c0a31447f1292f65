"""SageMaker's training and processing jobs, to be stopped. Used when a release is abandoned."""

from __future__ import annotations

from botocore.exceptions import ClientError

from safe_deploy.errors import NotFoundError
from safe_deploy.gateways.clients import client, error_code, translating

GOES_ON = ("InProgress", "Stopping")
ENDED_MEANWHILE = ("ValidationException",)
"""What SageMaker answers when a job to be stopped has just ended."""


class SageMakerJobs:
    """Jobs by kind, `training` or `processing`, and name."""

    def stop(self, kind: str, name: str) -> bool:
        """Ask a job to stop if it runs; return whether it has not ended yet. One that isn't there has."""
        sagemaker, named = client("sagemaker"), {f"{kind.capitalize()}JobName": name}
        try:
            with translating(f"describe the {kind} job {name}"):
                found = getattr(sagemaker, f"describe_{kind}_job")(**named)
        except NotFoundError:
            return False
        status = str(found[f"{kind.capitalize()}JobStatus"])
        if status == "InProgress":
            with translating(f"stop the {kind} job {name}"):
                try:
                    getattr(sagemaker, f"stop_{kind}_job")(**named)
                except ClientError as error:
                    if error_code(error) not in ENDED_MEANWHILE:
                        raise
        return status in GOES_ON
