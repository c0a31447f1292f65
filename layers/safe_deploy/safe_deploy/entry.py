"""How an exception leaves a function that Step Functions calls. Wraps the handlers of tasks."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from safe_deploy.errors import InvalidRequestError, RefusedError, SafeDeployError, TransientError

P = ParamSpec("P")
R = TypeVar("R")

NAMED_IN_STATE_MACHINES = (InvalidRequestError, TransientError, RefusedError)


def task(handler: Callable[P, R]) -> Callable[P, R]:
    """Raise every error of ours under the name of its branch: an `ErrorEquals` knows no subclasses."""

    @wraps(handler)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return handler(*args, **kwargs)
        except SafeDeployError as error:
            for kind in NAMED_IN_STATE_MACHINES:
                if isinstance(error, kind) and type(error) is not kind:
                    raise kind(str(error)) from error
            raise

    return run
