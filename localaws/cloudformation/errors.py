"""CloudFormation's errors, and those of its resources. Raised throughout the package.

AwsError
└── what `invalid(…)` makes        the caller's mistake: a `ValidationError` over the wire
Exception
└── ResourceFailedError            a resource could not be made as asked: the stack fails and rolls back
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from localaws.errors import AwsError

if TYPE_CHECKING:
    from localaws.cloudformation.stacks import Resource


def invalid(message: str) -> AwsError:
    """A `ValidationError`, the code that CloudFormation uses for nearly everything."""
    return AwsError("ValidationError", message)


class ResourceFailedError(Exception):
    """A resource can't be made, changed or removed; the message becomes its status reason."""

    resource: Resource | None = None
    """What exists all the same, when its making failed half-way."""
