"""SageMaker's control plane, put together from its groups of operations. Built by the world."""

from __future__ import annotations

from localaws.sagemaker.endpoints import Endpoints
from localaws.sagemaker.processing import ProcessingJobs
from localaws.sagemaker.tagging import Tagging


class SageMaker(ProcessingJobs, Endpoints, Tagging):
    """Jobs, hosting, model packages and tags."""
