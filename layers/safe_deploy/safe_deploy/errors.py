"""What can go wrong, for whom. Raised everywhere; Step Functions sees the class names.

SafeDeployError
├── InvalidRequestError        the caller's mistake, never retried
│   ├── ConfigurationError     a function lacks a setting
│   ├── NotFoundError          what the request names doesn't exist
│   └── TooLargeError          a file is larger than it may be
├── TransientError             AWS was busy or away; the same call may succeed later
└── RefusedError               a rule said no
    ├── AccessDeniedError      the function's role isn't allowed to do it
    ├── ConditionFailedError   somebody else was first: a conditional write did not hold
    ├── IllegalTransitionError the release is in a state from which this can't follow
    ├── LiveEndpointError      production serves from what was to be removed
    ├── ModelAnswerError       the endpoint was reached, and failed or answered nonsense
    └── NoWayBackError         production can't go back to the release that was asked for

`TransientError` has no children on purpose: an `ErrorEquals` matches a class's own name only. Of the others,
`LiveEndpointError` alone reaches a state machine under its own name: it is no failure there.
"""

from __future__ import annotations


class SafeDeployError(Exception):
    """Anything that this package raises on purpose."""


class InvalidRequestError(SafeDeployError):
    """The caller's mistake. The text says what was wrong, where, and what to do."""


class ConfigurationError(InvalidRequestError):
    """A function lacks a setting, or has one that can't be."""


class NotFoundError(InvalidRequestError):
    """What the request names doesn't exist."""


class TooLargeError(InvalidRequestError):
    """A file is larger than it may be."""


class TransientError(SafeDeployError):
    """AWS was busy or away; the same call may succeed later."""


class RefusedError(SafeDeployError):
    """A rule said no."""


class AccessDeniedError(RefusedError):
    """The function's role isn't allowed to do it."""


class ConditionFailedError(RefusedError):
    """A conditional write did not hold: somebody else was first."""


class IllegalTransitionError(RefusedError):
    """The release is in a state from which this can't follow."""


class LiveEndpointError(RefusedError):
    """Production serves from what was to be removed."""


class ModelAnswerError(RefusedError):
    """The endpoint was reached, and failed or answered nonsense."""


class NoWayBackError(RefusedError):
    """Production can't go back to the release that was asked for. The text says why, and what one can do."""
