"""SageMaker's model registry. Used by plan_rollback."""

from __future__ import annotations

from safe_deploy.domain.ports import ModelPackage
from safe_deploy.errors import NotFoundError
from safe_deploy.gateways.clients import client, translating


class RegisteredPackages:
    """The model packages that releases registered."""

    def find(self, arn: str) -> ModelPackage | None:
        """Return a model package, or None."""
        try:
            with translating(f"read the model package {arn}"):
                found = client("sagemaker").describe_model_package(ModelPackageName=arn)
        except NotFoundError:
            return None
        container = found["InferenceSpecification"]["Containers"][0]
        return ModelPackage(found["ModelApprovalStatus"], container["Image"], container["ModelDataUrl"])
