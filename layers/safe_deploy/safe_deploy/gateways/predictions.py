"""SageMaker's runtime: ask an endpoint for scores. Used by test_endpoint."""

from __future__ import annotations

from botocore.exceptions import ClientError

from safe_deploy.errors import ModelAnswerError
from safe_deploy.gateways.clients import client, error_code, error_message, translating


class SageMakerPredictions:
    """Endpoints, asked for scores."""

    def invoke(self, endpoint_name: str, rows: str) -> bytes:
        """Send CSV rows and return the CSV answer.

        Raises ModelAnswerError when the model itself fails, NotFoundError, TransientError.
        """
        with translating(f"invoke the endpoint {endpoint_name}"):
            try:
                found = client("sagemaker-runtime").invoke_endpoint(
                    EndpointName=endpoint_name, ContentType="text/csv", Accept="text/csv", Body=rows.encode()
                )
            except ClientError as error:
                if error_code(error) != "ModelError":
                    raise
                said = error.response.get("OriginalMessage") or error_message(error)
                raise ModelAnswerError(f"the endpoint {endpoint_name} failed: {said}") from error
            answer: bytes = found["Body"].read()
        return answer
