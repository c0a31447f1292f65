"""What can go wrong with a prediction. Raised by this folder's modules, turned into an answer by `service`.

    PredictError
    ├── RefusedError            the caller's mistake: answered with its 4xx
    ├── NoReleaseError          this version has no model yet: answered with 503
    ├── ThrottledError          the endpoint has no room, retries included: answered with 503
    └── ModelFailedError        leaves the handler, so that the version's Lambda `Errors` metric counts it
        ├── ModelContainerError     the model's container answered with an error (424 ModelError)
        ├── ModelServiceError       SageMaker answered 5xx, retries included
        ├── ModelTimedOutError      no answer in time
        ├── ModelUnreachableError   no connection
        ├── ModelAnswerError        an answer that is not one finite number for each row
        ├── EndpointMissingError    there is no such endpoint
        ├── EndpointRefusedError    SageMaker refused the call (permissions, validation)
        └── UnexpectedError         a defect of this function

Lambda writes the message of an error that leaves the handler into the log and into a direct caller's answer.
So the messages of a `ModelFailedError` hold names and figures of ours only: nothing of the request, nothing
the container said, no credentials.
"""

from __future__ import annotations


class PredictError(Exception):
    """Any reason why a request gets no prediction."""


class RefusedError(PredictError):
    """The request can't be served as it is. `row` counts from 1; `column` is one of the contract's names."""

    def __init__(
        self, status: int, code: str, message: str, *, row: int | None = None, column: str | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.row = row
        self.column = column


class NoReleaseError(PredictError):
    """The first, static version of the function serves no model."""


class ThrottledError(PredictError):
    """SageMaker throttled the call, or the model is still loading, in every attempt."""


class ModelFailedError(PredictError):
    """The model gave no usable answer to a valid request."""


class ModelContainerError(ModelFailedError):
    """The model's container answered with an error of its own."""


class ModelServiceError(ModelFailedError):
    """SageMaker answered with a 5xx."""


class ModelTimedOutError(ModelFailedError):
    """The answer did not come in time."""


class ModelUnreachableError(ModelFailedError):
    """No connection, or it broke before the answer was whole."""


class ModelAnswerError(ModelFailedError):
    """The answer is not one finite number for each row."""


class EndpointMissingError(ModelFailedError):
    """The endpoint of this version's release does not exist."""


class EndpointRefusedError(ModelFailedError):
    """SageMaker refused the call and would refuse it again."""


class UnexpectedError(ModelFailedError):
    """A defect of this function: names the kind of error and the line, not its message."""
