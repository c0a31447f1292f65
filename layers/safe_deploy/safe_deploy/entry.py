"""How an exception leaves a function that Step Functions calls. Wraps the handlers of tasks."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from safe_deploy.errors import InvalidRequestError, LiveEndpointError, RefusedError, SafeDeployError, TransientError

P = ParamSpec("P")
R = TypeVar("R")

NAMED_IN_STATE_MACHINES = (InvalidRequestError, TransientError, LiveEndpointError, RefusedError)
"""A branch comes after those of its children that a machine has to tell from the rest."""


def task(handler: Callable[P, R]) -> Callable[P, R]:
    """Raise every error of ours under a name that machines know: an `ErrorEquals` knows no subclasses."""

    @wraps(handler)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return handler(*args, **kwargs)
        except SafeDeployError as error:
            kind = next((kind for kind in NAMED_IN_STATE_MACHINES if isinstance(error, kind)), type(error))
            if kind is type(error):
                raise
            raise kind(str(error)) from error

    return run
